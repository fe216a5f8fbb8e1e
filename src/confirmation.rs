//! A yes that is awaited: what was begun on trust in something remembered waits for it before it does what cannot be undone.

use tokio::sync::watch;

/// Waits for the yes. Clones wait for the same.
#[derive(Clone, Debug)]
pub struct Confirmation(Option<watch::Receiver<bool>>);

/// Who can give it.
#[derive(Debug)]
pub struct Confirmer(watch::Sender<bool>);

impl Confirmation {
    /// Nothing is awaited.
    pub fn given() -> Self {
        Self(None)
    }

    /// One that is still to be given.
    pub fn awaited() -> (Confirmer, Self) {
        let (sender, receiver) = watch::channel(false);
        (Confirmer(sender), Self(Some(receiver)))
    }

    /// Returns once it is given; never, where it will not be: for work that is dropped then.
    pub async fn wait(&self) {
        if !self.decided().await {
            std::future::pending().await
        }
    }

    /// Returns whether it is given, once that is known: for work that nobody drops.
    pub async fn decided(&self) -> bool {
        match &self.0 {
            Some(receiver) => receiver.clone().wait_for(|is_given| *is_given).await.is_ok(),
            None => true,
        }
    }
}

impl Confirmer {
    /// Gives it.
    pub fn confirm(self) {
        // `wait_for` looks at the value first: whoever begins to wait after this drop has his yes all the same.
        let _ = self.0.send(true);
    }
}
