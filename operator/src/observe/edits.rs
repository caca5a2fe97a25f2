//! Destinations that have changed and whose round has not begun: what waits, and since when.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// What waits, by UID. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct Edits {
    seen: Arc<Mutex<HashMap<String, Instant>>>,
}

impl Edits {
    /// Notes that the watch has shown a change. One that waits already goes on waiting since then.
    pub(super) fn saw(&self, uid: &str) {
        self.seen().entry(uid.to_owned()).or_insert_with(Instant::now);
    }

    /// Forgets an object that is gone.
    pub(super) fn forget(&self, uid: &str) {
        self.seen().remove(uid);
    }

    /// Begins a round: how long its destination has waited, if it has changed at all.
    pub fn begin(&self, uid: &str) -> Option<Duration> {
        self.seen().remove(uid).map(|since| since.elapsed())
    }

    /// How many wait, and how long the longest of them does.
    pub fn waiting(&self) -> (usize, Duration) {
        let seen = self.seen();
        let longest = seen.values().map(Instant::elapsed).max();
        (seen.len(), longest.unwrap_or_default())
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_waits_until_its_round_begins_or_its_object_is_gone() {
        let edits = Edits::default();
        assert_eq!(edits.begin("a"), None);
        for uid in ["a", "b", "b"] {
            edits.saw(uid);
        }
        assert_eq!(edits.waiting().0, 2);
        assert!(edits.begin("a").is_some());
        edits.forget("b");
        assert_eq!(edits.waiting(), (0, Duration::ZERO));
    }
}
