//! How often an identity that AWS does not take is asked for again.

use std::time::Duration;

use tokio::time::Instant;

const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(60);
/// An identity that was good for so long is another matter when it is rejected.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(300);

/// At once for the first time, then after a wait that doubles.
#[derive(Debug, Default)]
pub(super) struct Renewal {
    last: Option<Instant>,
    times: u32,
}

impl Renewal {
    /// Whether to ask now; true counts as having asked.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        if self.last.is_some_and(|last| now - last >= FORGOTTEN_AFTER) {
            *self = Self::default();
        }
        let wait = match self.times {
            0 => Duration::ZERO,
            times => FIRST.saturating_mul(1 << (times - 1).min(16)).min(LONGEST),
        };
        let is_due = self.last.is_none_or(|last| now - last >= wait);
        if is_due {
            self.last = Some(now);
            self.times = self.times.saturating_add(1);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_asked_at_once_then_ever_more_rarely_and_at_once_again_after_a_good_while() {
        let start = Instant::now();
        let mut renewal = Renewal::default();
        let asked: Vec<u64> = (0..200)
            .filter(|second| renewal.is_due(start + Duration::from_secs(*second)))
            .collect();
        assert_eq!(asked, [0, 2, 6, 14, 30, 62, 122, 182]);
        let later = start + Duration::from_secs(182) + FORGOTTEN_AFTER;
        assert!(renewal.is_due(later));
        assert!(!renewal.is_due(later + Duration::from_secs(1)));
        assert!(renewal.is_due(later + FIRST));
    }
}
