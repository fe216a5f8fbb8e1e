//! The caller's own public key, which `proxy` pushes: ssh has the private half. Connections one after another leave the push out for
//! as long as the instance knows the key.

use std::sync::Arc;

use tokio::sync::OnceCell;

use super::error::Error;
use super::public_key::PublicKeyLine;
use super::pushed_key::{Admission, PushedKey};
use crate::aws::Aws;
use crate::event::Events;
use crate::key_holder::{HeldKey, KeyKind, KeyName};
use crate::plan::RoutePlan;

/// The public key, and its pushes to an instance.
pub(super) struct CallerKey<'a> {
    aws: Aws,
    plan: RoutePlan,
    key: &'a PublicKeyLine,
    shares: bool,
    /// The pushes that other connections know of; `None` where they cannot be told.
    shared: OnceCell<Option<PushedKey>>,
    own: PushedKey,
}

impl<'a> CallerKey<'a> {
    /// Pushes nothing yet. `shares` says whether other connections are asked whether they have pushed the key.
    pub(super) fn new(aws: Aws, plan: RoutePlan, key: &'a PublicKeyLine, shares: bool) -> Self {
        let own = pushed(&aws, &plan, key, None);
        Self { aws, plan, key, shares, shared: OnceCell::new(), own }
    }

    /// Returns once the instance knows the key for long enough to log in with it; pushes it if necessary.
    ///
    /// # Errors
    /// The error of the push.
    pub(super) async fn ensure_fresh(&self, user: &str, events: &Events) -> Result<(), Error> {
        if let Some(shared) = self.shared.get_or_init(|| self.find_shared(user)).await
            && shared.ensure_fresh(user, events).await? == Admission::Fresh
        {
            return Ok(());
        }
        self.own.ensure_fresh(user, events).await?;
        Ok(())
    }

    async fn find_shared(&self, user: &str) -> Option<PushedKey> {
        if !self.shares {
            return None;
        }
        let account = &self.plan.account;
        let name = KeyName {
            instance: account.cache_key(&self.plan.instance.id),
            profile: account.profile.clone(),
            user: user.to_owned(),
            kind: KeyKind::None,
            public_key: Some(self.key.line.clone()),
        };
        let holder = HeldKey::find(&name).await.ok()?;
        Some(pushed(&self.aws, &self.plan, self.key, Some(Arc::new(holder))))
    }
}

fn pushed(aws: &Aws, plan: &RoutePlan, key: &PublicKeyLine, holder: Option<Arc<HeldKey>>) -> PushedKey {
    PushedKey::new(aws.clone(), &plan.instance.id, key.line.clone(), &key.path.display().to_string(), holder)
}
