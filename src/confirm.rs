//! A one-shot gate for speculative work: irreversible steps wait here until the cached look-up has been confirmed.

use tokio::sync::watch;

/// Waits for the confirmation. Clones wait for the same one.
#[derive(Clone, Debug)]
pub(crate) struct ConfirmGate(Option<watch::Receiver<bool>>);

/// Opens the gate. Dropping it instead means that the confirmation never comes.
#[derive(Debug)]
pub(crate) struct Confirmer(watch::Sender<bool>);

impl ConfirmGate {
    /// A gate that is open from the start.
    pub(crate) fn open() -> Self {
        Self(None)
    }

    /// A closed gate and the confirmer that opens it.
    pub(crate) fn closed() -> (Confirmer, Self) {
        let (sender, receiver) = watch::channel(false);
        (Confirmer(sender), Self(Some(receiver)))
    }

    /// Resolves when confirmed. Never resolves if the confirmer is dropped, so use it only in futures that are cancelled in
    /// that case.
    pub(crate) async fn wait(&self) {
        if !self.decided().await {
            std::future::pending().await
        }
    }

    /// Resolves to whether the gate was opened, once that is decided: for tasks that are not cancelled.
    pub(crate) async fn decided(&self) -> bool {
        match &self.0 {
            Some(receiver) => receiver.clone().wait_for(|confirmed| *confirmed).await.is_ok(),
            None => true,
        }
    }
}

impl Confirmer {
    /// Opens the gate for everybody who waits.
    pub(crate) fn confirm(self) {
        // `wait_for` looks at the value first, so later waiters see it although the sender is dropped here.
        let _ = self.0.send(true);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn gate_opens_for_early_and_late_waiters() {
        let (confirmer, gate) = ConfirmGate::closed();
        let early = tokio::spawn({
            let gate = gate.clone();
            async move { gate.decided().await }
        });
        tokio::task::yield_now().await;
        assert!(!early.is_finished() && gate.wait().now_or_never().is_none(), "the gate is closed");
        confirmer.confirm();
        assert!(early.await.unwrap());
        assert!(gate.decided().await);
        gate.wait().await;
    }

    #[tokio::test]
    async fn dropped_confirmer_decides_against() {
        let (confirmer, gate) = ConfirmGate::closed();
        drop(confirmer);
        assert!(gate.wait().now_or_never().is_none(), "it never opens");
        assert!(!gate.decided().await);
        assert!(ConfirmGate::open().decided().await);
    }
}
