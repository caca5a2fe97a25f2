//! How many pods there must be while there are to be fewer.

use firehose_operator_api::Reason;
use firehose_proxy_config::report::{Backlog, DeadLetters, ForeignSpool, IntakeState, Report};

/// A pod above the number that the spec asks for, as it is seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Surplus {
    /// Its number within the StatefulSet.
    pub ordinal: u32,
    /// The pod.
    pub pod: Pod,
    /// Its claim.
    pub claim: Claim,
    /// Whether the status names the claim among those that are kept with what is in them.
    pub is_listed: bool,
}

/// What is seen of a pod.
#[derive(Debug, Clone, PartialEq)]
pub enum Pod {
    /// There is none.
    Absent,
    /// It was never given to a node, so it never ran.
    Unscheduled,
    /// It is on its way out, to be made anew.
    Leaving,
    /// It runs; `None` when it could not be asked.
    There(Option<Box<Report>>),
}

/// What is seen of a pod's claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Claim {
    /// There is none: the spool went with its pod, or was never made.
    Absent,
    /// It has never had a volume.
    Unbound,
    /// It has, or had, a volume.
    Bound,
}

/// How many pods there must be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scale {
    /// How many pods take events: as many as the spec asks for.
    pub active: u32,
    /// How many pods there must be.
    pub pods: u32,
    /// Why those above the number are still there, by ordinal. A pod that is done waits for those with a higher
    /// number.
    pub waits: Vec<(u32, Wait)>,
    /// Ordinals of pods whose claims stay with something in them.
    pub retained: Vec<u32>,
}

/// Why a pod has not gone yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wait {
    /// It does not know yet that it is to go, or requests are still open.
    Closing,
    /// It has events that Firehose has not taken.
    Delivering,
    /// It has dead letters, and its volume goes with it.
    DeadLetters,
    /// Its volume has what another destination has left, and goes with it.
    ForeignSpool,
    /// It does not say what it has.
    Unreachable,
    /// It is being replaced.
    Leaving,
    /// It is not there, and its claim may hold events.
    Absent,
    /// It keeps its claim with what is in it, which the status must name first.
    Listing,
    /// It is empty.
    Done,
}

impl Wait {
    /// In one word.
    pub fn reason(self) -> Reason {
        match self {
            Self::Closing | Self::Delivering | Self::Leaving | Self::Listing | Self::Done => Reason::Draining,
            Self::DeadLetters => Reason::DeadLettersWaiting,
            Self::ForeignSpool => Reason::ForeignSpool,
            Self::Unreachable => Reason::ProxiesUnreachable,
            Self::Absent => Reason::ProxyNotReady,
        }
    }

    /// For a person.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Closing => "takes its last requests",
            Self::Delivering => "has events that are not delivered yet",
            Self::DeadLetters => {
                "has dead letters, which would go with its volume: send them again or drop them with firehose-proxy \
                 dead-letters"
            }
            Self::ForeignSpool => {
                "has the spool of another destination, which would go with its volume: adopt it or drop it"
            }
            Self::Unreachable => "does not say what it has: the operator cannot ask it, or its image is an older one",
            Self::Leaving => "is being replaced",
            Self::Absent => "is not there, and its claim may hold events",
            Self::Listing | Self::Done => "has nothing left to deliver",
        }
    }
}

/// How many pods there must be where the spec, in its `generation`, asks for `active` and there are those of `surplus`
/// above. `retains` says that their claims outlive them.
pub fn scale(active: u32, generation: i64, surplus: &[Surplus], retains: bool) -> Scale {
    let mut waits = Vec::new();
    let mut retained = Vec::new();
    let mut pods = active;
    for one in surplus.iter().filter(|one| one.ordinal >= active) {
        let wait = wait(one, generation, retains);
        let keeps = one.pod != Pod::Absent && one.claim == Claim::Bound && wait == Wait::Listing;
        if keeps {
            retained.push(one.ordinal);
        }
        // Listed in a status that is stored, it may go.
        let may_go = wait == Wait::Done || (wait == Wait::Listing && one.is_listed);
        if !may_go {
            pods = pods.max(one.ordinal + 1);
        }
        waits.push((one.ordinal, wait));
    }
    waits.retain(|(ordinal, _)| *ordinal < pods);
    waits.sort_unstable_by_key(|(ordinal, _)| *ordinal);
    Scale {
        active,
        pods,
        waits,
        retained,
    }
}

fn wait(one: &Surplus, generation: i64, retains: bool) -> Wait {
    let report = match (&one.pod, one.claim) {
        // What never ran on a volume of its own has nothing.
        (Pod::Absent | Pod::Unscheduled, Claim::Absent | Claim::Unbound) => return Wait::Done,
        (Pod::Absent | Pod::Unscheduled, Claim::Bound) => return Wait::Absent,
        (Pod::Leaving, _) => return Wait::Leaving,
        (Pod::There(None), _) => return Wait::Unreachable,
        (Pod::There(Some(report)), _) => report,
    };
    match report.intake {
        IntakeState::Unknown => return Wait::Unreachable,
        IntakeState::Open | IntakeState::Closing => return Wait::Closing,
        // Said of an earlier change of the number; in between it may have taken events.
        IntakeState::Closed if report.drain_generation != Some(generation) => return Wait::Closing,
        IntakeState::Closed => {}
    }
    match report.backlog {
        Backlog::Empty => {}
        Backlog::Waiting => return Wait::Delivering,
        Backlog::Unknown => return Wait::Unreachable,
    }
    let is_kept = retains && one.claim == Claim::Bound;
    let letters = match report.dead_letters {
        // Where there is no place for any, none can be left.
        DeadLetters::Empty | DeadLetters::Unavailable => Wait::Done,
        DeadLetters::Waiting | DeadLetters::Full if is_kept => Wait::Listing,
        DeadLetters::Waiting | DeadLetters::Full => Wait::DeadLetters,
        DeadLetters::Unknown => Wait::Unreachable,
    };
    let foreign = match report.foreign_spool {
        ForeignSpool::None => Wait::Done,
        ForeignSpool::Present if is_kept => Wait::Listing,
        ForeignSpool::Present => Wait::ForeignSpool,
        ForeignSpool::Unknown => Wait::Unreachable,
    };
    letters.min(foreign)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn report(change: &[(&str, &str)]) -> Pod {
        let mut report = json!({
            "intake": "Closed", "drainGeneration": 7, "backlog": "Empty", "deadLetters": "Empty", "foreignSpool": "None",
        });
        for (field, word) in change {
            report[field] = match word.parse::<i64>() {
                Ok(number) => json!(number),
                Err(_) => json!(word),
            };
        }
        Pod::There(Some(Box::new(serde_json::from_value(report).unwrap())))
    }

    fn surplus(ordinal: u32, pod: Pod, claim: Claim) -> Surplus {
        Surplus {
            ordinal,
            pod,
            claim,
            is_listed: false,
        }
    }

    fn waits_for(pod: Pod, claim: Claim, retains: bool) -> Wait {
        wait(&surplus(1, pod, claim), 7, retains)
    }

    #[test]
    fn a_pod_is_empty_only_when_it_says_so_of_this_change_of_the_number() {
        for (change, expected) in [
            (&[][..], Wait::Done),
            (&[("intake", "Open")], Wait::Closing),
            (&[("intake", "Closing")], Wait::Closing),
            (&[("intake", "FromTheFuture")], Wait::Unreachable),
            (&[("drainGeneration", "5")], Wait::Closing),
            (&[("backlog", "Waiting")], Wait::Delivering),
            (&[("backlog", "Unknown")], Wait::Unreachable),
            (&[("deadLetters", "Waiting")], Wait::DeadLetters),
            (&[("deadLetters", "Full")], Wait::DeadLetters),
            (&[("deadLetters", "Unavailable")], Wait::Done),
            (&[("deadLetters", "Unknown")], Wait::Unreachable),
            (&[("foreignSpool", "Present")], Wait::ForeignSpool),
            (&[("foreignSpool", "Unknown")], Wait::Unreachable),
        ] {
            for claim in [Claim::Absent, Claim::Bound] {
                assert_eq!(waits_for(report(change), claim, false), expected, "{change:?}");
            }
        }
        assert_eq!(waits_for(Pod::There(None), Claim::Absent, true), Wait::Unreachable);
        assert_eq!(waits_for(Pod::Leaving, Claim::Bound, true), Wait::Leaving);
    }

    #[test]
    fn a_pod_that_never_ran_is_empty_and_one_whose_claim_has_a_volume_is_not() {
        for pod in [Pod::Absent, Pod::Unscheduled] {
            assert_eq!(waits_for(pod.clone(), Claim::Absent, false), Wait::Done);
            assert_eq!(waits_for(pod.clone(), Claim::Unbound, true), Wait::Done);
            assert_eq!(waits_for(pod, Claim::Bound, true), Wait::Absent);
        }
    }

    #[test]
    fn the_number_goes_down_as_far_as_the_highest_pod_that_is_not_empty() {
        let busy = report(&[("backlog", "Waiting")]);
        for (first, second, third, pods) in [
            (report(&[]), report(&[]), report(&[]), 1),
            (busy.clone(), report(&[]), report(&[]), 2),
            (report(&[]), busy.clone(), report(&[]), 3),
            (report(&[]), report(&[]), busy, 4),
        ] {
            let seen: Vec<Surplus> = [first, second, third]
                .into_iter()
                .zip(1..)
                .map(|(pod, ordinal)| surplus(ordinal, pod, Claim::Bound))
                .collect();
            let scale = scale(1, 7, &seen, true);
            assert_eq!((scale.active, scale.pods), (1, pods));
            assert!(scale.waits.iter().all(|(ordinal, _)| *ordinal < pods), "{scale:?}");
        }
    }

    #[test]
    fn dead_letters_stay_with_a_claim_that_the_status_has_named() {
        let letters = || surplus(1, report(&[("deadLetters", "Waiting")]), Claim::Bound);
        let held = scale(1, 7, &[letters()], true);
        assert_eq!(
            (held.pods, held.retained),
            (2, vec![1]),
            "the status does not name it yet"
        );
        let listed = Surplus {
            is_listed: true,
            ..letters()
        };
        let gone = scale(1, 7, std::slice::from_ref(&listed), true);
        assert_eq!((gone.pods, gone.retained), (1, vec![1]));
        let deleted = scale(1, 7, &[listed], false);
        assert_eq!(
            (deleted.pods, deleted.retained),
            (2, vec![]),
            "its claim would be deleted"
        );
        assert_eq!(deleted.waits, [(1, Wait::DeadLetters)]);
        let ephemeral = surplus(1, report(&[("deadLetters", "Waiting")]), Claim::Absent);
        assert_eq!(scale(1, 7, &[ephemeral], true).waits, [(1, Wait::DeadLetters)]);
    }

    #[test]
    fn a_higher_number_waits_for_nobody() {
        let busy = surplus(1, report(&[("backlog", "Waiting")]), Claim::Bound);
        let raised = scale(2, 7, &[busy], true);
        assert_eq!((raised.active, raised.pods, raised.waits), (2, 2, vec![]));
    }
}
