//! When a destination that is being deleted may go.

use std::time::Duration;

use firehose_operator_api::DeletionType;

use super::scale::{Scale, Surplus, Wait, scale};

/// A destination that is being deleted, as it is seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Deleted<'a> {
    /// What the spec asks for now; it may have been changed after the deletion.
    pub kind: DeletionType,
    /// How long the deletion may wait.
    pub timeout: Duration,
    /// How long ago it was asked for.
    pub age: Duration,
    /// Generation of the destination. The deletion is one.
    pub generation: i64,
    /// Whether the namespace goes, and everything in it whatever it holds.
    pub is_namespace_terminating: bool,
    /// The pods; `None` when their workload is gone, and so nobody makes one again that could deliver.
    pub pods: Option<&'a [Surplus]>,
    /// Whether claims outlive the destination.
    pub keeps_claims: bool,
}

/// What becomes of it now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It waits for its pods, this long at most.
    Wait {
        /// The pods, none of which is to take events.
        scale: Scale,
        /// When it goes in any case.
        left: Duration,
    },
    /// It goes, and with it the claims of the pods with these ordinals: they are empty.
    Go {
        /// Why it does.
        because: Because,
        /// Pods whose claims are deleted.
        emptied: Vec<u32>,
    },
}

/// Why a destination goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// Nothing is left in its pods.
    Empty,
    /// It does not ask for a drain any more.
    NotAsked,
    /// Its namespace goes.
    Namespace,
    /// Its pods were taken away.
    NoPods,
    /// It has waited long enough; what is left stays in claims, or is gone.
    TimedOut,
}

/// Whether an object is to have the finalizer that holds it while its pods deliver.
pub fn is_held(kind: DeletionType) -> bool {
    kind == DeletionType::Drain
}

/// What becomes of a destination that is being deleted.
pub fn ending(deleted: &Deleted<'_>) -> Ending {
    let go = |because| Ending::Go {
        because,
        emptied: Vec::new(),
    };
    if !is_held(deleted.kind) {
        return go(Because::NotAsked);
    }
    if deleted.is_namespace_terminating {
        return go(Because::Namespace);
    }
    let Some(pods) = deleted.pods else {
        return go(Because::NoPods);
    };
    let scale = scale(0, deleted.generation, pods, deleted.keeps_claims);
    if scale.pods == 0 {
        // Those that are kept are none of ours to delete; nor is one of a pod that was never made.
        let is_emptied = |one: &&Surplus| !deleted.keeps_claims && one.wait(deleted.generation, false) == Wait::Done;
        return Ending::Go {
            because: Because::Empty,
            emptied: pods.iter().filter(is_emptied).map(|one| one.ordinal).collect(),
        };
    }
    let left = deleted.timeout.saturating_sub(deleted.age);
    if left.is_zero() {
        return go(Because::TimedOut);
    }
    Ending::Wait { scale, left }
}

#[cfg(test)]
mod tests {
    use firehose_proxy_config::report::{Backlog, DeadLetters, ForeignSpool, IntakeState, Report};
    use serde_json::json;

    use super::*;
    use crate::lifecycle::{Claim, Pod};

    fn pod(ordinal: u32, backlog: Backlog, dead_letters: DeadLetters) -> Surplus {
        let report = Report {
            intake: IntakeState::Closed,
            drain_generation: Some(4),
            backlog,
            dead_letters,
            foreign_spool: ForeignSpool::None,
            ..serde_json::from_value(json!({})).unwrap()
        };
        Surplus {
            ordinal,
            pod: Pod::There(Some(Box::new(report))),
            claim: Claim::Bound,
            is_listed: false,
        }
    }

    fn deleted(pods: &[Surplus]) -> Deleted<'_> {
        Deleted {
            kind: DeletionType::Drain,
            timeout: Duration::from_secs(300),
            age: Duration::from_secs(10),
            generation: 4,
            is_namespace_terminating: false,
            pods: Some(pods),
            keeps_claims: false,
        }
    }

    fn because(ending: Ending) -> Because {
        match ending {
            Ending::Go { because, emptied } => {
                assert_eq!(emptied, [0; 0]);
                because
            }
            Ending::Wait { .. } => panic!("it waits"),
        }
    }

    #[test]
    fn it_waits_for_its_pods_and_goes_with_their_claims_when_all_are_empty() {
        let empty = || pod(0, Backlog::Empty, DeadLetters::Empty);
        let busy = [empty(), pod(1, Backlog::Waiting, DeadLetters::Empty)];
        let Ending::Wait { scale, left } = ending(&deleted(&busy)) else {
            panic!("it goes");
        };
        assert_eq!((scale.active, scale.pods, left), (0, 2, Duration::from_secs(290)));
        let done = [empty(), pod(1, Backlog::Empty, DeadLetters::Empty)];
        let gone = ending(&deleted(&done));
        let emptied = vec![0, 1];
        assert_eq!(
            gone,
            Ending::Go {
                because: Because::Empty,
                emptied
            }
        );
        let kept = Deleted {
            keeps_claims: true,
            ..deleted(&done)
        };
        assert_eq!(because(ending(&kept)), Because::Empty, "and no claim with it");
    }

    #[test]
    fn dead_letters_hold_it_until_its_time_has_passed_and_keep_their_claim() {
        let letters = [pod(0, Backlog::Empty, DeadLetters::Waiting)];
        assert!(matches!(ending(&deleted(&letters)), Ending::Wait { .. }));
        let late = Deleted {
            age: Duration::from_secs(300),
            ..deleted(&letters)
        };
        assert_eq!(because(ending(&late)), Because::TimedOut);
    }

    #[test]
    fn it_goes_at_once_where_waiting_is_not_asked_for_or_helps_nobody() {
        let busy = [pod(0, Backlog::Waiting, DeadLetters::Empty)];
        let immediate = Deleted {
            kind: DeletionType::Immediate,
            ..deleted(&busy)
        };
        assert_eq!(because(ending(&immediate)), Because::NotAsked);
        let terminating = Deleted {
            is_namespace_terminating: true,
            ..deleted(&busy)
        };
        assert_eq!(because(ending(&terminating)), Because::Namespace);
        let without = Deleted {
            pods: None,
            ..deleted(&[])
        };
        assert_eq!(because(ending(&without)), Because::NoPods);
    }
}
