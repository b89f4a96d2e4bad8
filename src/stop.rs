//! The word that all parts of the daemon wait for.

use tokio::sync::watch;

/// Says stop; dropping it says so too.
#[derive(Debug)]
pub(crate) struct Stopper(watch::Sender<bool>);

/// Hears it. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

/// The two ends.
pub(crate) fn pair() -> (Stopper, Stop) {
    let (sender, receiver) = watch::channel(false);
    (Stopper(sender), Stop(receiver))
}

impl Stopper {
    /// Says stop, once and for all.
    pub(crate) fn stop(&self) {
        self.0.send_replace(true);
    }
}

impl Stop {
    /// Returns when stop was said.
    pub(crate) async fn cancelled(&self) {
        // An error means that the other end is gone, which says the same.
        let _ = self.0.clone().wait_for(|stop| *stop).await;
    }

    /// The same, for who keeps nothing of this one.
    pub(crate) async fn said(self) {
        self.cancelled().await;
    }

    /// Does `work` until stop is said.
    pub(crate) async fn ends(self, work: impl Future<Output = ()>) {
        tokio::select! {
            () = work => {}
            () = self.cancelled() => {}
        }
    }
}
