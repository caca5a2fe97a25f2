//! How long a connection lives, as the configuration in force says: an edit applies to those that are open.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::sync::watch;

use super::limits::Connections;

/// The times of one connection. One task reads and writes them.
#[derive(Debug)]
pub(super) struct Lifetime {
    changes: watch::Receiver<Connections>,
    /// Where within a fifth of the age this connection's is, in thousandths.
    spread: u32,
    max_age_ms: AtomicU64,
    idle_timeout_ms: AtomicU64,
}

impl Lifetime {
    pub(super) fn new(changes: watch::Receiver<Connections>) -> Self {
        let random = uuid::Uuid::new_v4().as_u128() % 401;
        let mut lifetime = Self {
            changes,
            spread: 800 + u32::try_from(random).expect("a number below 401"),
            max_age_ms: AtomicU64::new(0),
            idle_timeout_ms: AtomicU64::new(0),
        };
        let now = *lifetime.changes.borrow_and_update();
        lifetime.set(now);
        lifetime
    }

    /// Age at which the connection is told to close with its next answer.
    pub(super) fn max_age(&self) -> Duration {
        Duration::from_millis(self.max_age_ms.load(Ordering::Relaxed))
    }

    /// How long it may be idle.
    pub(super) fn idle_timeout(&self) -> Duration {
        Duration::from_millis(self.idle_timeout_ms.load(Ordering::Relaxed))
    }

    /// What tells of edits. [`Self::set`] what it says.
    pub(super) fn changes(&self) -> watch::Receiver<Connections> {
        self.changes.clone()
    }

    pub(super) fn set(&self, to: Connections) {
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let max_age = to.max_age.saturating_mul(self.spread) / 1000;
        self.max_age_ms.store(milliseconds(max_age), Ordering::Relaxed);
        self.idle_timeout_ms
            .store(milliseconds(to.idle_timeout), Ordering::Relaxed);
    }
}

/// Resolves with the next edit; never when there will be none.
pub(super) async fn edited(changes: &mut watch::Receiver<Connections>) -> Connections {
    match changes.changed().await {
        Ok(()) => *changes.borrow_and_update(),
        Err(_) => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_within_a_fifth_and_differ() {
        let (_changes, receiver) = watch::channel(Connections::default());
        let ages: Vec<u64> = (0..50)
            .map(|_| Lifetime::new(receiver.clone()).max_age().as_secs())
            .collect();
        assert!(ages.iter().all(|age| (480..=720).contains(age)), "{ages:?}");
        assert!(ages.iter().any(|age| *age != ages[0]));
        assert_eq!(Lifetime::new(receiver).idle_timeout().as_secs(), 620);
    }
}
