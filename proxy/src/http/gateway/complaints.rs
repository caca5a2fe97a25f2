//! One line in the log now and then about events that are not valid: how many and why, never what is in them.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::event::{Counts, Invalid};

/// At most one line in this time.
const INTERVAL: Duration = Duration::from_secs(10);

/// Events that were not valid since the last line.
#[derive(Debug, Default)]
pub(super) struct Complaints(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    invalid: [u64; Invalid::ALL.len()],
}

impl Complaints {
    /// Notes what was not valid in a request, and writes the line if it is time for one.
    pub(super) fn note(&self, counts: &Counts, now: Instant) {
        if counts.first_invalid.is_none() {
            return;
        }
        if let Some([not_an_object, no_identity, broken_text, too_large]) = self.due(counts, now) {
            tracing::warn!(
                not_an_object,
                no_identity,
                broken_text,
                too_large,
                "events were not accepted because they are not valid"
            );
        }
    }

    /// Adds up, and hands out the sums when a line is due.
    fn due(&self, counts: &Counts, now: Instant) -> Option<[u64; Invalid::ALL.len()]> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (sum, events) in state.invalid.iter_mut().zip(counts.invalid) {
            *sum += u64::from(events);
        }
        if state.last.is_some_and(|last| now - last < INTERVAL) {
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.invalid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_rare_and_forget_nothing() {
        let counts = Counts {
            invalid: [1, 2, 0, 0],
            first_invalid: Some(Invalid::NotAnObject),
            ..Counts::default()
        };
        let (complaints, start) = (Complaints::default(), Instant::now());
        assert_eq!(complaints.due(&counts, start), Some([1, 2, 0, 0]));
        for second in 1..10 {
            assert_eq!(complaints.due(&counts, start + Duration::from_secs(second)), None);
        }
        assert_eq!(complaints.due(&counts, start + INTERVAL), Some([10, 20, 0, 0]));
    }
}
