//! Whose round begins: no namespace has all workers, so that a tenant who creates two thousand destinations at once, or
//! whose calls all stall, delays his own.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// What a round takes, roughly: after how long it is worth to ask again.
const ROUND: Duration = Duration::from_millis(25);

/// The rounds of all namespaces.
#[derive(Debug)]
pub(super) struct Turns {
    /// Most rounds of one namespace at a time.
    most: usize,
    namespaces: Mutex<HashMap<String, Namespace>>,
}

#[derive(Debug, Default)]
struct Namespace {
    open: usize,
    /// Destinations that were told to come later, by UID.
    waiting: HashSet<String>,
}

/// A round that may begin. The turn ends when this is dropped.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    turns: &'a Turns,
    namespace: String,
}

impl Turns {
    /// For so many workers, of which a namespace may have half.
    pub(super) fn of(workers: u16) -> Self {
        Self {
            most: usize::from(workers.div_ceil(2)),
            namespaces: Mutex::default(),
        }
    }

    /// Begins a round of a destination, or says after how long it is worth to ask again.
    pub(super) fn begin(&self, namespace: &str, uid: &str) -> Result<Turn<'_>, Duration> {
        let mut namespaces = self.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        let one = namespaces.entry(namespace.to_owned()).or_default();
        if one.open < self.most {
            one.open += 1;
            one.waiting.remove(uid);
            return Ok(Turn {
                turns: self,
                namespace: namespace.to_owned(),
            });
        }
        one.waiting.insert(uid.to_owned());
        let rounds = one.waiting.len().div_ceil(self.most);
        Err(ROUND * u32::try_from(rounds).unwrap_or(u32::MAX))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut namespaces = self.turns.namespaces.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(one) = namespaces.get_mut(&self.namespace) {
            one.open -= 1;
            // Whoever is still in the list of a namespace without work is gone, and its name with it.
            if one.open == 0 {
                namespaces.remove(&self.namespace);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_has_half_of_the_workers_and_another_has_its_own() {
        let turns = Turns::of(4);
        let first = turns.begin("flood", "a").unwrap();
        let _second = turns.begin("flood", "b").unwrap();
        assert_eq!(turns.begin("flood", "c").unwrap_err(), ROUND);
        let _other = turns.begin("shop", "d").unwrap();
        drop(first);
        let _third = turns.begin("flood", "c").unwrap();
    }

    #[test]
    fn the_more_wait_the_later_they_come_again_and_none_is_counted_twice() {
        let turns = Turns::of(4);
        let open = [turns.begin("flood", "a").unwrap(), turns.begin("flood", "b").unwrap()];
        for uid in ["c", "d", "d", "d"] {
            assert_eq!(turns.begin("flood", uid).unwrap_err(), ROUND, "{uid}");
        }
        assert_eq!(turns.begin("flood", "e").unwrap_err(), 2 * ROUND);
        drop(open);
        assert!(
            turns.namespaces.lock().unwrap().is_empty(),
            "nothing is kept of who has left"
        );
    }
}
