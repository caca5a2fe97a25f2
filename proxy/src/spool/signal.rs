//! Wakes a thread that has run out of work.

use std::{
    sync::{Condvar, Mutex, PoisonError},
    time::Duration,
};

/// A flag that a thread sleeps on. Raised twice before anybody looks, it is raised once.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    raised: Mutex<bool>,
    changed: Condvar,
}

impl Signal {
    /// Raises the flag.
    pub(crate) fn notify(&self) {
        let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        let was = std::mem::replace(&mut *raised, true);
        drop(raised);
        if !was {
            self.changed.notify_one();
        }
    }

    /// Sleeps until the flag is raised, or for `at_most`, and lowers it.
    pub(crate) fn wait(&self, at_most: Option<Duration>) {
        let mut raised = self.raised.lock().unwrap_or_else(PoisonError::into_inner);
        match at_most {
            Some(at_most) if !*raised => {
                raised = self
                    .changed
                    .wait_timeout(raised, at_most)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
            }
            Some(_) => {}
            None => {
                while !*raised {
                    raised = self.changed.wait(raised).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
        *raised = false;
    }
}
