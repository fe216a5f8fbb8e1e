//! Decides when a public key is pushed. EC2 Instance Connect offers a key to sshd for 60 seconds, so the key is pushed before the
//! login, and again if too little time is left. Connections that share the key leave that to its holder.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::aws::keys::KEY_LIFETIME;
use crate::aws::{self, Aws};
use crate::event::{Event, Events};
use crate::key_holder::{FRESH_FOR, HeldKey, Turn};

/// The login itself takes a moment, too.
const _: () = assert!(FRESH_FOR.as_secs() + 15 <= KEY_LIFETIME.as_secs());

type Push = Box<dyn Fn(String) -> Pin<Box<dyn Future<Output = Result<(), aws::Error>> + Send>> + Send + Sync>;

/// A public key that is pushed through EC2 Instance Connect.
pub(super) struct PushedKey {
    push: Push,
    /// The key's fingerprint or file, and the instance, for `-v`.
    description: String,
    /// When the key was pushed last.
    last: Mutex<Option<Instant>>,
    /// The holder, which knows when the key was pushed, if connections share it.
    holder: Option<Arc<HeldKey>>,
    /// Set when this connection has pushed the key.
    pushed_here: AtomicBool,
}

/// Whether the instance knows the key for long enough to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admission {
    /// The key may be used.
    Fresh,
    /// The key is too old, and another holder has another one.
    Retired,
    /// The key's holder does not answer.
    Lost,
}

impl PushedKey {
    /// Makes one of a public key line (`algorithm base64`); `name` is its fingerprint or file. Pushes nothing yet.
    pub(super) fn new(aws: Aws, instance_id: &str, line: String, name: &str, holder: Option<Arc<HeldKey>>) -> Self {
        let id = instance_id.to_owned();
        let push = move |user: String| -> Pin<Box<dyn Future<Output = Result<(), aws::Error>> + Send>> {
            let (aws, id, line) = (aws.clone(), id.clone(), line.clone());
            Box::pin(async move { aws.push_key(&id, &user, &line).await })
        };
        let (last, pushed_here) = (Mutex::new(None), AtomicBool::new(false));
        Self { push: Box::new(push), description: format!("{name} to {instance_id}"), last, holder, pushed_here }
    }

    /// Returns once the instance has the key for long enough to log in with it; pushes it if necessary.
    ///
    /// # Errors
    /// The error of the push. The next call pushes again.
    pub(super) async fn ensure_fresh(&self, user: &str, events: &Events) -> Result<Admission, aws::Error> {
        let mut last = self.last.lock().await;
        let Some(holder) = &self.holder else {
            if last.is_none_or(|pushed| pushed.elapsed() > FRESH_FOR) {
                // The minute counts from the request, not from the answer.
                let now = Instant::now();
                self.push(user, events).await?;
                *last = Some(now);
            }
            return Ok(Admission::Fresh);
        };
        match holder.turn().await {
            Turn::Fresh(ago) => {
                if last.replace(Instant::now()).is_none() {
                    let (key, seconds) = (&self.description, ago.as_secs());
                    events(Event::Step(format!(
                        "using the public key that was pushed {seconds} s ago: {key} for {user}"
                    )));
                }
                Ok(Admission::Fresh)
            }
            Turn::Push => {
                let result = self.push(user, events).await;
                holder.pushed(result.is_ok()).await;
                result?;
                *last = Some(Instant::now());
                Ok(Admission::Fresh)
            }
            Turn::Retired => Ok(Admission::Retired),
            Turn::Lost => Ok(Admission::Lost),
        }
    }

    /// Whether the instance knows the key by now, from another connection's push. Pushes nothing.
    pub(super) async fn is_fresh(&self) -> bool {
        let Some(holder) = &self.holder else { return false };
        match holder.turn().await {
            Turn::Fresh(_) => true,
            Turn::Push => {
                holder.pushed(false).await;
                false
            }
            Turn::Retired | Turn::Lost => false,
        }
    }

    /// Whether another connection has pushed the key that this one uses.
    pub(super) fn is_of_another(&self) -> bool {
        self.holder.is_some() && !self.pushed_here.load(Ordering::Relaxed)
    }

    /// Has no other connection use a key that the instance denied.
    pub(super) async fn denied(&self) {
        if let Some(holder) = &self.holder {
            holder.denied().await;
        }
    }

    async fn push(&self, user: &str, events: &Events) -> Result<(), aws::Error> {
        (self.push)(user.to_owned()).await?;
        self.pushed_here.store(true, Ordering::Relaxed);
        events(Event::Step(format!("pushed the public key {} for {user}", self.description)));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::time::Duration;

    use super::*;

    /// A key whose pushes are counted; the first `failures` of them fail.
    fn counted(failures: usize) -> (PushedKey, Arc<AtomicUsize>) {
        let count = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&count);
        let push: Push = Box::new(move |_| {
            let number = counter.fetch_add(1, Ordering::Relaxed);
            let result = if number < failures { Err(aws::Error::NoRegion) } else { Ok(()) };
            Box::pin(async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                result
            })
        });
        let (last, pushed_here) = (Mutex::new(None), AtomicBool::new(false));
        (PushedKey { push, description: String::new(), last, holder: None, pushed_here }, count)
    }

    fn silent() -> Events {
        Arc::new(|_| ())
    }

    #[tokio::test(start_paused = true)]
    async fn key_is_pushed_again_after_45_seconds() {
        let (key, count) = counted(0);
        let pushes = || count.load(Ordering::Relaxed);
        let events = silent();
        let both = tokio::join!(key.ensure_fresh("a", &events), key.ensure_fresh("a", &events));
        assert!(both.0.is_ok() && both.1.is_ok());
        assert_eq!(pushes(), 1, "two that need it at once share one push");
        // 44 seconds after the request, 43 after its answer.
        tokio::time::advance(Duration::from_secs(43)).await;
        key.ensure_fresh("a", &silent()).await.unwrap();
        assert_eq!(pushes(), 1);
        tokio::time::advance(Duration::from_secs(2)).await;
        key.ensure_fresh("a", &silent()).await.unwrap();
        assert_eq!(pushes(), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn failed_push_is_repeated() {
        let (key, count) = counted(1);
        assert!(key.ensure_fresh("a", &silent()).await.is_err());
        key.ensure_fresh("a", &silent()).await.unwrap();
        assert_eq!(count.load(Ordering::Relaxed), 2);
    }
}
