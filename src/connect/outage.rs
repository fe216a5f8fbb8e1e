//! The way to an instance without AWS: as it was when it was last found, directly, and only if its host key is known, which proves
//! that the address is still the instance's.

use std::sync::Arc;

use super::error::Error;
use super::explained::explained;
use super::speculative::{Attempt, connect_speculatively, search};
use crate::aws::model::Account;
use crate::aws::{Aws, AwsPool};
use crate::config::Via;
use crate::confirm::ConfirmGate;
use crate::event::{Event, Events, ask};
use crate::facts::{HostKey, Reach, look};
use crate::find::{self, LastSeen, Search, last_seen};
use crate::plan::plan_route;
use crate::settings::Settings;
use crate::trust::{
    self,
    known_hosts::{KnownHosts, alias},
};
use crate::when;

/// Does the work with the instance that the settings name. Where AWS cannot be asked, the user is asked whether the instance as it
/// was will do.
///
/// # Errors
/// Any error of the look-up or of the work.
pub(super) async fn connect<T, W>(
    pool: &AwsPool,
    settings: Settings,
    will_push: bool,
    events: &Events,
    work: impl Fn(Attempt, Events) -> W,
) -> Result<T, Error>
where
    W: Future<Output = Result<T, Error>>,
{
    if settings.offline {
        let attempt = attempt(&settings, last_seen(&settings)?).await?;
        return work(attempt, Arc::clone(events)).await;
    }
    let error = match Box::pin(search(pool, settings.clone(), will_push)).await {
        // Before the look-up the credentials are loaded, which may take calls of their own.
        Err(error @ Error::Aws(_)) if is_outage(&error) => error,
        Err(error) => return Err(error),
        Ok(search) => match connect_speculatively(search, events, &work).await {
            Err(error @ Error::Find(_)) if is_outage(&error) => error,
            other => return explained(pool, &settings, other).await,
        },
    };
    let without = settings.without_aws();
    let Some(seen) = proven(&settings, &without) else { return Err(error) };
    let age = when::age(when::now(), seen.at);
    let (reason, instance, shown) = (error.to_string(), Box::new(seen.located.instance.clone()), age.clone());
    let place = place(&seen.located.account);
    let answer = ask(events, |reply| Event::LastSeen { reason, instance, place, age: shown, reply }).await;
    if answer != Some(true) {
        return Err(Error::Outage { source: Box::new(error), target: settings.target.selector.to_string(), age });
    }
    work(attempt(&without, seen).await?, Arc::clone(events)).await
}

fn place(account: &Account) -> String {
    let is_number = account.scope.bytes().all(|byte| byte.is_ascii_digit()) && !account.scope.is_empty();
    if is_number { format!("{}, account {}", account.region, account.scope) } else { account.region.clone() }
}

/// Makes sure that the address is still the instance's, for an ssh that judges host keys by its own rules: on a connection of its own.
pub(super) async fn verify(attempt: &Attempt, events: &Events) -> Result<(), Error> {
    let Attempt { search, plan, confirmed, .. } = attempt;
    let verifier = trust::verifier(&search.aws, plan, &search.settings, confirmed, events);
    match look(plan, verifier).await {
        (_, HostKey::Trusted(_)) => Ok(()),
        (reach, key) => Err(Error::NotProven { instance_id: plan.instance.id.clone(), detail: describe(&reach, &key) }),
    }
}

fn describe(reach: &Reach, key: &HostKey) -> String {
    match (reach, key) {
        (_, HostKey::Refused(why, _) | HostKey::NoExchange(why)) => why.clone(),
        (Reach::Ssh { peer }, _) => format!("the host key at {peer} is not known"),
        (reach, _) => reach
            .address()
            .map_or("it has no address".to_owned(), |address| format!("no SSH server answers at {address}")),
    }
}

/// Whether AWS could not be asked. An answer that says no is never overridden.
fn is_outage(error: &Error) -> bool {
    matches!(error, Error::Find(find::Error::Aws(error)) | Error::Aws(error) if error.is_outage())
}

/// Returns the instance as it was, if it can be reached without AWS and its host key is known.
fn proven(settings: &Settings, without: &Settings) -> Option<LastSeen> {
    let seen = last_seen(without).ok()?;
    let instance = &seen.located.instance;
    let needs_aws = matches!(settings.for_instance(instance).via, Via::Eice | Via::Ssm)
        || settings.start
        || settings.wait.is_some();
    let port = without.for_instance(instance).port_of(instance);
    let known = KnownHosts::of_the_user()?.keys(&alias(&instance.id, port)).ok()?;
    (!needs_aws && !known.is_empty()).then_some(seen)
}

/// Makes an attempt that asks AWS nothing.
pub(super) async fn attempt(settings: &Settings, seen: LastSeen) -> Result<Attempt, Error> {
    let LastSeen { located, .. } = seen;
    let settings = settings.for_instance(&located.instance);
    let plan = plan_route(&settings, located.account.clone(), located.instance.clone())?;
    let aws = Aws::without_calls(&located.account).await;
    let search = Search { aws, settings: Arc::new(settings) };
    Ok(Attempt { search, located, plan, confirmed: ConfirmGate::open() })
}
