//! The login on a connection whose host key is trusted: which key is offered, and what is tried after a denial.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::ephemeral_keys::{EphemeralKey, EphemeralKeys};
use super::error::Error;
use super::key_file::LazyKey;
use crate::event::{Event, Events, challenge_asker};
use crate::login::is_key_lookup_timeout;
use crate::ssh;
#[cfg(unix)]
use crate::ssh::agent_keys::agent_keys;
use crate::ssh::client::Connection;
use crate::ssh::keys::{Key, LoginKey};

/// The number of times that a login is tried again which the instance denied because it had too many keys to look up.
const MAX_LOOKUP_RETRIES: u32 = 3;

/// Where the key for the login is from.
pub(super) enum KeySource {
    /// A key file, unlocked when it is first needed.
    File(Arc<LazyKey>),
    /// Keys in memory, which are pushed.
    Pushed(Box<EphemeralKeys>),
    /// Keys that the instance knows already, where AWS is not asked: one that was pushed before, and those of the caller's agent.
    Known(Box<EphemeralKeys>),
}

/// A key that the instance is to admit.
pub(super) enum AuthorizedKey<'a> {
    /// The key of the key file.
    File(&'a Key),
    /// A key that is pushed.
    Pushed(Arc<EphemeralKey>),
}

impl AuthorizedKey<'_> {
    fn login_key(&self) -> LoginKey<'_> {
        match self {
            Self::File(key) => LoginKey::Local(key),
            Self::Pushed(key) => key.login_key(),
        }
    }
}

impl KeySource {
    /// Returns the key, once the instance admits it.
    ///
    /// # Errors
    /// The key file cannot be read, or the key cannot be pushed.
    pub(super) async fn authorized(&self, user: &str, events: &Events) -> Result<AuthorizedKey<'_>, Error> {
        match self {
            Self::File(file) => Ok(AuthorizedKey::File(file.key(events).await?)),
            Self::Pushed(keys) => Ok(AuthorizedKey::Pushed(keys.authorized(user, events).await?)),
            Self::Known(keys) => keys.still_good(user).await.map(AuthorizedKey::Pushed).ok_or(Error::NoKnownKey),
        }
    }
}

/// Why nobody is logged in.
pub(super) enum LoginError {
    /// The instance denied the login, this long after it was offered the key.
    Denied { methods: Vec<String>, took: Duration },
    /// Another error of the SSH layer.
    Ssh(ssh::Error),
    /// There is no key.
    NoKey(Error),
}

/// Logs in as `user` with a key that the instance knows already.
async fn log_in_with_known(
    connection: &mut Connection,
    keys: &EphemeralKeys,
    user: &str,
    events: &Events,
) -> Result<(), LoginError> {
    let mut denied = None;
    let pushed = keys.still_good(user).await;
    #[cfg(unix)]
    let agent = agent_keys().await;
    #[cfg(unix)]
    let of_agent = agent.iter().map(|key| LoginKey::Remote(key));
    #[cfg(not(unix))]
    let of_agent = std::iter::empty();
    for key in pushed.iter().map(|key| key.login_key()).chain(of_agent) {
        let begun = Instant::now();
        match connection.authenticate(user, key, &challenge_asker(events)).await {
            Ok(()) => return Ok(()),
            // A key that cannot sign (its holder has ended, nobody touched it) leaves the others.
            Err(error @ (ssh::Error::Denied { .. } | ssh::Error::Unsigned)) => {
                denied = Some(LoginError::of(error, begun.elapsed()));
            }
            Err(error) => return Err(denied.unwrap_or(LoginError::Ssh(error))),
        }
    }
    Err(denied.unwrap_or(LoginError::NoKey(Error::NoKnownKey)))
}

/// Logs in as `user`. After a denial it tries again where another key or a later moment may help.
pub(super) async fn log_in(
    connection: &mut Connection,
    source: &KeySource,
    user: &str,
    events: &Events,
) -> Result<(), LoginError> {
    if let KeySource::Known(keys) = source {
        return log_in_with_known(connection, keys, user, events).await;
    }
    let mut denials = Denials::default();
    let mut denied = None;
    loop {
        let key = source.authorized(user, events).await.map_err(LoginError::NoKey)?;
        let begun = Instant::now();
        let error = match connection.authenticate(user, key.login_key(), &challenge_asker(events)).await {
            Ok(()) => return Ok(()),
            Err(error) => error,
        };
        let took = begun.elapsed();
        let (AuthorizedKey::Pushed(key), KeySource::Pushed(keys)) = (key, source) else {
            return Err(LoginError::of(error, took));
        };
        match error {
            ssh::Error::Unsigned if denials.first_unsigned() => {
                events(Event::Step("the key's holder has gone: making a key for this connection".to_owned()));
                keys.stop_sharing().await;
            }
            ssh::Error::Denied { .. } => {
                // A key that was not looked up to the end may be as good as any.
                let is_of_another = !is_key_lookup_timeout(took) && key.denied().await;
                let denial = LoginError::of(error, took);
                let Some(retry) = denials.next(took, is_of_another, keys.has_other_kind()) else { return Err(denial) };
                prepare(retry, keys, &key, events).await;
                denied = Some(denial);
            }
            // A server that counts attempts may have closed the connection: the first denial says more.
            ssh::Error::Lost(_) if denied.is_some() => return Err(denied.expect("it is there")),
            other => return Err(LoginError::Ssh(other)),
        }
    }
}

/// Prepares the next attempt.
async fn prepare(retry: Retry, keys: &EphemeralKeys, key: &Arc<EphemeralKey>, events: &Events) {
    match retry {
        Retry::Later { up_to } => {
            let wait = Duration::from_millis(fastrand::u64(1_000..=1_000 * up_to));
            let seconds = wait.as_secs_f32();
            events(Event::Progress(format!(
                "the instance did not finish looking up its keys: trying again in {seconds:.0} s"
            )));
            tokio::time::sleep(wait).await;
        }
        Retry::FreshKey => {
            events(Event::Step(
                "permission denied with a key that another connection pushed: using another key".to_owned(),
            ));
            keys.discard(key).await;
        }
        Retry::OtherKind => {
            let kind =
                if keys.use_other_kind() { "an RSA key, in case sshd takes no ed25519" } else { "an ed25519 key" };
            events(Event::Step(format!("permission denied: trying {kind}")));
        }
    }
}

impl LoginError {
    fn of(error: ssh::Error, took: Duration) -> Self {
        match error {
            ssh::Error::Denied { methods, .. } => Self::Denied { methods, took },
            other => Self::Ssh(other),
        }
    }
}

/// An attempt that may help after a denial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Retry {
    /// Offer a key again after a random wait: the instance was busy with too many keys.
    Later {
        /// The longest wait, in seconds.
        up_to: u64,
    },
    /// Offer a key that this connection has pushed itself.
    FreshKey,
    /// Offer a key of the other kind.
    OtherKind,
}

/// The denials of one connection.
#[derive(Default)]
struct Denials {
    lookup_retries: u32,
    renewed: bool,
    unsigned: bool,
}

impl Denials {
    /// Returns what is to be tried after a denial that took this long; `None` if it is final.
    fn next(&mut self, took: Duration, is_of_another: bool, has_other_kind: bool) -> Option<Retry> {
        if is_key_lookup_timeout(took) {
            self.lookup_retries += 1;
            // Those that were refused together are spread over a time that grows.
            let up_to = 1 + (2 << self.lookup_retries);
            return (self.lookup_retries <= MAX_LOOKUP_RETRIES).then_some(Retry::Later { up_to });
        }
        if is_of_another && !self.renewed {
            self.renewed = true;
            return Some(Retry::FreshKey);
        }
        has_other_kind.then_some(Retry::OtherKind)
    }

    /// Whether this is the first time that a key could not sign.
    fn first_unsigned(&mut self) -> bool {
        !std::mem::replace(&mut self.unsigned, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(400);
    const SLOW: Duration = Duration::from_millis(5_050);

    #[test]
    fn denials_lead_to_other_keys_once_each() {
        let mut denials = Denials::default();
        assert_eq!(denials.next(SHORT, true, true), Some(Retry::FreshKey));
        assert_eq!(denials.next(SHORT, true, true), Some(Retry::OtherKind));
        assert_eq!(denials.next(SHORT, true, false), None);
        assert_eq!(Denials::default().next(SHORT, false, false), None);
    }

    #[test]
    fn busy_instances_are_asked_three_times_more() {
        let mut denials = Denials::default();
        let waits = [(); 4].map(|()| denials.next(SLOW, false, true));
        let later = |up_to| Some(Retry::Later { up_to });
        assert_eq!(waits, [later(5), later(9), later(17), None]);
    }
}
