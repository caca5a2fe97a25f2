//! Who leads, as a pure decision: what the API server shows, what this process remembers, and the time on its own
//! clock.
//!
//! Clocks of different machines are never compared. Whether a leader is alive is judged by when *this* process last saw
//! the lease change, the way client-go does it, and every write carries the resource version it was decided on, so of
//! two that decide the same the API server lets one win.

use std::time::Duration;

/// How long this process's lease is good without a renewal, as its observers count. They go by what is written in it,
/// which another version of the operator may have chosen differently.
pub(super) const LEASE_DURATION: Duration = Duration::from_secs(15);

/// How long its holder goes on without a renewal. Shorter than [`LEASE_DURATION`], so that it stops before another
/// starts.
pub(super) const RENEW_DEADLINE: Duration = Duration::from_secs(10);

/// How long to wait between two looks.
pub(super) const RETRY_PERIOD: Duration = Duration::from_secs(2);

/// The lease as the API server shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Observed {
    /// Empty when it was released.
    pub holder: String,
    /// Changes with every write, so with every renewal.
    pub resource_version: String,
    /// How long it is good without a renewal.
    pub duration: Duration,
}

/// What this process remembers between two looks. Times are on its machine's clock since boot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Memory {
    /// The resource version seen last, and when it was seen first.
    pub seen: Option<(String, Duration)>,
    /// When the last renewal that succeeded was begun. `None` while this process does not lead.
    pub renewed: Option<Duration>,
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// There is no lease: create it.
    Create,
    /// It is ours: write it again.
    Renew,
    /// It is free, or its holder is gone: write our name into it.
    TakeOver,
    /// Somebody else leads.
    Wait,
}

impl Memory {
    /// Notes what was seen.
    pub(super) fn see(&mut self, observed: &Observed, now: Duration) {
        let known = self
            .seen
            .as_ref()
            .is_some_and(|(version, _)| *version == observed.resource_version);
        if !known {
            self.seen = Some((observed.resource_version.clone(), now));
        }
    }

    /// Whether this process may act. Needs no answer of the API server, so a leader that is cut off stops by itself.
    pub(super) fn leads(&self, now: Duration) -> bool {
        self.renewed.is_some_and(|renewed| now < renewed + RENEW_DEADLINE)
    }
}

/// Decides by what was seen; [`Memory::see`] has been told of it.
pub(super) fn decide(observed: Option<&Observed>, me: &str, memory: &Memory, now: Duration) -> Decision {
    let Some(observed) = observed else {
        return Decision::Create;
    };
    if observed.holder == me {
        return Decision::Renew;
    }
    let since = memory.seen.as_ref().map_or(now, |(_, since)| *since);
    if observed.holder.is_empty() || now >= since + observed.duration {
        return Decision::TakeOver;
    }
    Decision::Wait
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn held_by(holder: &str, version: u64) -> Observed {
        Observed {
            holder: holder.to_owned(),
            resource_version: version.to_string(),
            duration: LEASE_DURATION,
        }
    }

    #[test]
    fn a_missing_lease_is_created_and_a_released_one_taken() {
        assert_eq!(decide(None, "a", &Memory::default(), seconds(0)), Decision::Create);
        assert_eq!(
            decide(Some(&held_by("", 1)), "a", &Memory::default(), seconds(0)),
            Decision::TakeOver
        );
    }

    #[test]
    fn a_lease_is_taken_only_after_this_process_saw_it_unchanged_for_its_duration() {
        let mut memory = Memory::default();
        let lease = held_by("b", 1);
        memory.see(&lease, seconds(100));
        assert_eq!(decide(Some(&lease), "a", &memory, seconds(114)), Decision::Wait);
        assert_eq!(decide(Some(&lease), "a", &memory, seconds(115)), Decision::TakeOver);
        let renewed = held_by("b", 2);
        memory.see(&renewed, seconds(115));
        assert_eq!(decide(Some(&renewed), "a", &memory, seconds(129)), Decision::Wait);
    }

    #[test]
    fn a_lease_is_good_for_as_long_as_its_holder_wrote_into_it() {
        let mut memory = Memory::default();
        let lease = Observed {
            duration: seconds(60),
            ..held_by("b", 1)
        };
        memory.see(&lease, seconds(0));
        assert_eq!(decide(Some(&lease), "a", &memory, seconds(59)), Decision::Wait);
        assert_eq!(decide(Some(&lease), "a", &memory, seconds(60)), Decision::TakeOver);
    }

    #[test]
    fn a_leader_stops_by_itself_before_another_may_start() {
        let memory = Memory {
            renewed: Some(seconds(50)),
            ..Memory::default()
        };
        assert!(memory.leads(seconds(59)));
        assert!(!memory.leads(seconds(60)));
        const { assert!(RENEW_DEADLINE.as_secs() < LEASE_DURATION.as_secs()) };
    }

    /// Three processes, each with its own clock offset, against one lease with compare-and-swap; answers are lost and
    /// processes stall by a seeded generator. Never do two lead at one moment of true time.
    #[test]
    fn no_two_lead_at_once_whatever_is_lost() {
        for seed in 1..=300_u64 {
            let mut random = seed;
            let mut next = move || {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random
            };
            let mut lease: Option<Observed> = None;
            let mut version = 0_u64;
            let names = ["a", "b", "c"];
            let mut memories = [const {
                Memory {
                    seen: None,
                    renewed: None,
                }
            }; 3];
            let mut led = false;
            for tick in 0..600_u64 {
                for (index, me) in names.iter().enumerate() {
                    let now = seconds(tick + 1000 * index as u64);
                    let stalled = next() % 100 < 20;
                    if stalled {
                        continue;
                    }
                    if let Some(observed) = &lease {
                        memories[index].see(observed, now);
                    }
                    let decision = decide(lease.as_ref(), me, &memories[index], now);
                    if decision != Decision::Wait {
                        version += 1;
                        let written = held_by(me, version);
                        memories[index].see(&written, now);
                        lease = Some(written);
                        let answer_lost = next() % 100 < 30;
                        if !answer_lost {
                            memories[index].renewed = Some(now);
                        }
                    }
                }
                let leaders = (0..3).filter(|index| memories[*index].leads(seconds(tick + 1000 * *index as u64)));
                let leaders = leaders.count();
                assert!(leaders <= 1, "seed {seed}: {leaders} lead at {tick} s");
                led |= leaders == 1;
            }
            assert!(led, "seed {seed}: nobody ever led");
        }
    }
}
