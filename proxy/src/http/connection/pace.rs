//! How slowly a body may arrive.

use std::time::Duration;

use tokio::time::Instant;

/// How slowly a body may arrive: steadily is fine, whatever its size; trickling is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyPace {
    /// Time at the beginning in which nothing is asked of the client, and length of every window afterwards.
    pub window: Duration,
    /// Bytes that have to arrive in any window, as they are sent.
    pub bytes: u32,
    /// Most time that a body may take in all.
    pub most: Duration,
}

impl Default for BodyPace {
    /// 4 KiB/s over any 10 s after the first 10 s, ten minutes in all.
    fn default() -> Self {
        Self {
            window: Duration::from_secs(10),
            bytes: 40 * 1024,
            most: Duration::from_mins(10),
        }
    }
}

/// The pace of one body.
#[derive(Debug)]
pub(super) struct Paced {
    pace: BodyPace,
    began: Instant,
    /// Bytes that arrived in each tenth of a window, by its number modulo their count.
    slots: [u32; SLOTS as usize],
    /// Number of the slot that arrivals go to, counted from the beginning.
    slot: u32,
}

/// Parts of a window in which arrivals are counted together.
const SLOTS: u32 = 10;

impl Paced {
    /// The pace of a body that begins.
    pub(super) fn begin(pace: BodyPace, now: Instant) -> Self {
        Self {
            pace,
            began: now,
            slots: [0; SLOTS as usize],
            slot: 0,
        }
    }

    /// Notes bytes that arrived.
    pub(super) fn arrived(&mut self, bytes: usize, now: Instant) {
        let slot = (now - self.began).as_nanos() / self.slot_time().as_nanos().max(1);
        let slot = u32::try_from(slot).unwrap_or(u32::MAX);
        // Slots that passed without anything hold what came a window earlier.
        for passed in (self.slot + 1..=slot).take(SLOTS as usize) {
            self.slots[(passed % SLOTS) as usize] = 0;
        }
        self.slot = slot;
        let here = &mut self.slots[(slot % SLOTS) as usize];
        *here = here.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
    }

    /// When the body is too slow if nothing more arrives.
    pub(super) fn deadline(&self) -> Instant {
        // The first window behind the beginning in which too little has arrived so far; those that begin later hold
        // even less and end later.
        let mut first = (self.slot + 1).saturating_sub(SLOTS).max(SLOTS);
        let slots = |from: u32| (from..=self.slot).map(|slot| u64::from(self.slots[(slot % SLOTS) as usize]));
        while slots(first).sum::<u64>() >= u64::from(self.pace.bytes.max(1)) {
            first += 1;
        }
        let window_end = self.began + self.slot_time() * first + self.pace.window;
        window_end.min(self.began + self.pace.most)
    }

    fn slot_time(&self) -> Duration {
        self.pace.window / SLOTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds after which a body is cut off that sends so many bytes each second, for at most so many seconds.
    fn cut_off(bytes_a_second: impl Fn(u64) -> usize, seconds: u64) -> Option<u64> {
        let began = Instant::now();
        let mut paced = Paced::begin(BodyPace::default(), began);
        for second in 0..seconds {
            let now = began + Duration::from_secs(second);
            if paced.deadline() <= now {
                return Some((paced.deadline() - began).as_secs());
            }
            if bytes_a_second(second) > 0 {
                paced.arrived(bytes_a_second(second), now);
            }
        }
        None
    }

    #[test]
    fn steady_bodies_arrive_and_trickling_ones_are_cut_off() {
        assert_eq!(cut_off(|_| 40 * 1024, 599), None);
        assert_eq!(cut_off(|_| 4 * 1024, 599), None);
        assert_eq!(cut_off(|_| 4 * 1024, 700), Some(600), "ten minutes in all");
        assert_eq!(
            cut_off(|_| 0, 60),
            Some(20),
            "nothing is asked in the first ten seconds"
        );
        assert_eq!(cut_off(|_| 1, 60), Some(20));
        assert!(cut_off(|_| 4 * 1024 - 1, 60).is_some_and(|at| (20..=22).contains(&at)));
    }

    #[test]
    fn a_body_that_stalls_is_cut_off_a_window_later() {
        let stalls = |second: u64| if second < 30 { 1024 * 1024 } else { 0 };
        assert!(cut_off(stalls, 60).is_some_and(|at| (39..=41).contains(&at)));
        let bursts = |second: u64| if second.is_multiple_of(9) { 100 * 1024 } else { 0 };
        assert_eq!(cut_off(bursts, 599), None);
        let late = |second: u64| if second < 15 { 0 } else { 8 * 1024 };
        assert_eq!(cut_off(late, 599), None, "the window has to end with enough");
    }
}
