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

    /// Returns once it is given; never, where it will not be.
    pub async fn wait(&self) {
        let Some(receiver) = &self.0 else { return };
        if receiver.clone().wait_for(|is_given| *is_given).await.is_err() {
            std::future::pending().await
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
