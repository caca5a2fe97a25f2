//! Shutdown in phases, so that a rollout costs no client an error.
//!
//! SIGTERM → `Draining`: unready, still serving, until the Service has taken the pod out of its endpoints → `Stopping`:
//! no new connections, open requests finish, delivery flushes → the process ends.

use tokio::sync::watch;

/// How far the process is on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Serving.
    Running,
    /// Unready, still serving.
    Draining,
    /// Finishing what is open.
    Stopping,
}

/// Tells the phase; held by the one who decides it.
#[derive(Debug)]
pub struct Controller(watch::Sender<Phase>);

/// Learns the phase; cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<Phase>);

/// A controller in [`Phase::Running`] and its listener.
pub fn shutdown() -> (Controller, Shutdown) {
    let (sender, receiver) = watch::channel(Phase::Running);
    (Controller(sender), Shutdown(receiver))
}

impl Controller {
    /// Moves on to a later phase; never back.
    pub fn advance(&self, to: Phase) {
        self.0.send_if_modified(|phase| {
            let later = to > *phase;
            if later {
                *phase = to;
            }
            later
        });
    }
}

impl Shutdown {
    /// The phase now.
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Resolves once the phase is at least `phase`, or the controller is gone.
    pub async fn reached(&mut self, phase: Phase) {
        // An error means that the controller is gone, which is as final as any phase.
        let _ = self.0.wait_for(|now| *now >= phase).await;
    }
}
