//! When to poke pods that do not run the revision yet, and when to ask them again.
//!
//! Kubelet hears of the pod and of the ConfigMap through two watches that race: a poke that comes first finds the old
//! ConfigMap and is lost. So it is repeated, quickly at first.

use std::time::Duration;

/// Between one poke and the next.
const FIRST_POKE_INTERVALS: [Duration; 4] = [
    Duration::from_millis(300),
    Duration::from_millis(600),
    Duration::from_millis(1200),
    Duration::from_millis(2400),
];
const POKE_INTERVAL: Duration = Duration::from_secs(5);

/// How long after an edit pods are poked that often, and how often from then on: kubelet comes by itself once a minute.
const EDIT_IS_NEWS: Duration = Duration::from_secs(600);
const LATE_POKE_INTERVAL: Duration = Duration::from_secs(60);

/// How long pods that run the revision are left alone, without jitter.
const SETTLED_INTERVAL: Duration = Duration::from_secs(20);

/// Pokes of one revision. Times are on the process's monotonic clock.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Schedule {
    revision: String,
    pokes: u32,
    /// Pokes of the same revision before it was written again.
    offset: u32,
    /// When the revision was first to be poked.
    begun: Duration,
    next: Duration,
}

impl Schedule {
    /// Begins anew: the revision was written. Returns the number of this poke.
    pub fn begin(&mut self, revision: &str, now: Duration) -> u32 {
        let before = std::mem::take(self);
        let number = self.due(revision, now).unwrap_or_default();
        // The same revision again is another poke, with a number of its own.
        if before.revision == revision {
            self.offset = before.offset + before.pokes;
        }
        number + self.offset
    }

    /// The number of this poke if one is due for `revision`, counted from zero. A new revision is due at once.
    pub fn due(&mut self, revision: &str, now: Duration) -> Option<u32> {
        if self.revision != revision {
            *self = Self {
                revision: revision.to_owned(),
                pokes: 0,
                offset: 0,
                begun: now,
                next: now,
            };
        }
        if now < self.next {
            return None;
        }
        let number = self.pokes;
        let step = usize::try_from(number)
            .ok()
            .and_then(|number| FIRST_POKE_INTERVALS.get(number));
        let later = if now < self.begun + EDIT_IS_NEWS {
            POKE_INTERVAL
        } else {
            LATE_POKE_INTERVAL
        };
        self.next = now + step.copied().unwrap_or(later);
        self.pokes = number.saturating_add(1);
        Some(number.saturating_add(self.offset))
    }

    /// Whether anything was due yet.
    pub fn is_begun(&self) -> bool {
        self.pokes > 0
    }

    /// Whether the quick pokes are over: a pod that still cannot be asked is not to be poked for ever.
    pub fn is_patient(&self) -> bool {
        usize::try_from(self.pokes).unwrap_or(usize::MAX) > FIRST_POKE_INTERVALS.len()
    }

    /// How long until the next poke is due.
    pub fn wait(&self, now: Duration) -> Duration {
        self.next.saturating_sub(now).max(Duration::from_millis(50))
    }
}

/// How long to leave pods alone that run the revision; `random` spreads the destinations of a cluster over time.
pub fn settled(random: u64) -> Duration {
    SETTLED_INTERVAL + Duration::from_millis(random % 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_poked_at_once_then_quickly_then_every_five_seconds() {
        let mut schedule = Schedule::default();
        let mut pokes = Vec::new();
        for now in 0..20_000_u64 {
            if schedule.due("a", Duration::from_millis(now)).is_some() {
                pokes.push(now);
            }
        }
        assert_eq!(pokes, [0, 300, 900, 2100, 4500, 9500, 14500, 19500]);
    }

    #[test]
    fn pods_are_poked_every_five_seconds_for_ten_minutes_and_then_once_a_minute() {
        let mut schedule = Schedule::default();
        let pokes: Vec<u64> = (0..1000)
            .filter(|now| schedule.due("a", Duration::from_secs(*now)).is_some())
            .collect();
        let gaps: Vec<u64> = pokes.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let (often, seldom) = gaps.split_at(gaps.iter().position(|gap| *gap > 5).unwrap());
        let lasted: u64 = often.iter().sum();
        assert!((596..=605).contains(&lasted), "{lasted}");
        assert_eq!(seldom, [60; 6]);
    }

    #[test]
    fn a_new_revision_does_not_wait_for_the_old_ones_turn() {
        let mut schedule = Schedule::default();
        assert_eq!(schedule.due("a", Duration::from_secs(1)), Some(0));
        assert_eq!(schedule.due("a", Duration::from_secs(1)), None);
        assert_eq!(schedule.due("b", Duration::from_secs(1)), Some(0));
    }
}
