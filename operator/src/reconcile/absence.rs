//! Pods that are not there, as one destination remembers them, and what was found in the way of all of them.

use std::time::Duration;

use crate::{observe::ClaimPhase, verify::PodTrouble};

/// How long a pod may be absent before the API server is asked why: its controller makes it within that, or says so.
const ASK_AFTER: Duration = Duration::from_secs(2);

/// How often it is asked while one is absent.
const ASK_EVERY: Duration = Duration::from_secs(15);

/// Pods that are not there. Times are on the process's clock.
#[derive(Debug, Clone, Default)]
pub(super) struct Absence {
    /// Since when one is absent.
    since: Option<Duration>,
    /// When the API server was asked last.
    asked: Option<Duration>,
    /// What it said.
    pub(super) troubles: Vec<PodTrouble>,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// What keeps pods from being there or ready, by name.
    pub(super) troubles: Vec<PodTrouble>,
    /// The claims of wanted pods that have no volume, by name.
    pub(super) unbound_claims: Vec<(String, ClaimPhase)>,
    /// When to look again, if that is sooner than otherwise.
    pub(super) due: Option<Duration>,
}

impl Absence {
    /// Whether the API server is to be asked now, and how long until it is to be asked the next time.
    pub(super) fn is_due(&mut self, now: Duration) -> (bool, Duration) {
        let since = *self.since.get_or_insert(now);
        let due = self.asked.map_or(since + ASK_AFTER, |asked| asked + ASK_EVERY);
        if now < due {
            return (false, due - now);
        }
        self.asked = Some(now);
        (true, ASK_EVERY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_after_two_seconds_and_then_every_fifteen() {
        let mut absence = Absence::default();
        let asked: Vec<u64> = (10..60)
            .filter(|now| absence.is_due(Duration::from_secs(*now)).0)
            .collect();
        assert_eq!(asked, [12, 27, 42, 57]);
    }
}
