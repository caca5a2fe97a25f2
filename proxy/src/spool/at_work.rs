//! Since when the writer waits for the disk: a disk that does not answer blocks a thread, and others must be able to
//! say so.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// A wait of the writer's, if there is one.
#[derive(Debug, Default)]
pub(super) struct AtWork(Mutex<Option<Wait>>);

#[derive(Debug, Clone, Copy)]
struct Wait {
    since: Instant,
    /// Somebody has said that it is long.
    is_reported: bool,
}

impl AtWork {
    /// The disk has work to do from now on.
    pub(super) fn begin(&self, now: Instant) {
        self.set(Some(Wait {
            since: now,
            is_reported: false,
        }));
    }

    /// The disk has answered. Says after how long, if somebody has said that it is long.
    pub(super) fn end(&self, now: Instant) -> Option<Duration> {
        let wait = self.set(None)?;
        wait.is_reported.then(|| now.saturating_duration_since(wait.since))
    }

    /// How long the disk has not answered. `None` while it has nothing to do.
    pub(super) fn since(&self, now: Instant) -> Option<Duration> {
        let wait = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wait.map(|wait| now.saturating_duration_since(wait.since))
    }

    /// True for the first who asks during this wait.
    pub(super) fn report(&self) -> bool {
        let mut wait = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wait.as_mut()
            .is_some_and(|wait| !std::mem::replace(&mut wait.is_reported, true))
    }

    fn set(&self, wait: Option<Wait>) -> Option<Wait> {
        std::mem::replace(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner), wait)
    }
}
