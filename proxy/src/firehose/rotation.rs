//! Which client signs the next call while keys change: new ones are tried, the old ones stay until the new ones work.
//!
//! Pure: it hears of clients and outcomes and talks to nobody.

use std::time::Duration;

use tokio::time::Instant;

use super::{CurrentClient, Problem, Reason, Target};

/// A client in use, or on trial. Generic so that a test needs no AWS.
#[derive(Debug)]
pub(crate) struct Rotation<C> {
    target: Option<Target>,
    generation: u64,
    current: Result<C, Problem>,
    /// AWS has refused the identity of `current`, and taken nothing that it signed since.
    is_current_rejected: bool,
    /// Revision of the key of `current`.
    revision: Option<String>,
    candidate: Option<Candidate<C>>,
}

#[derive(Debug)]
struct Candidate<C> {
    client: C,
    revision: Option<String>,
    on_trial: bool,
    not_before: Instant,
    refused: u32,
}

/// Which client a call went out with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Signer {
    generation: u64,
    is_trial: bool,
}

/// What another client changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing that matters to calls.
    Nothing,
    /// Calls go elsewhere or are signed by others from now on.
    Replaced,
    /// New keys for the same place wait for their trial.
    Candidate,
}

/// What the end of a call says about identities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// Nothing new.
    Nothing,
    /// The candidate has just taken over.
    TookOver,
    /// AWS does not take the newest identity, of this generation.
    Rejected(u64),
}

const FIRST_RETRIAL: Duration = Duration::from_secs(2);
const LONGEST_RETRIAL: Duration = Duration::from_secs(60);

impl<C: Clone> Rotation<C> {
    pub(crate) fn new() -> Self {
        Self {
            target: None,
            generation: 0,
            current: Err(Problem::NotConfigured),
            is_current_rejected: false,
            revision: None,
            candidate: None,
        }
    }

    /// Takes what the supplier has now.
    pub(crate) fn update(&mut self, newest: &CurrentClient<C>, now: Instant) -> Change {
        if newest.generation == self.generation {
            return Change::Nothing;
        }
        let same_target = newest.target == self.target;
        self.generation = newest.generation;
        self.target.clone_from(&newest.target);
        match newest.client.clone() {
            Ok(client) if same_target && self.current.is_ok() && !self.is_current_rejected => {
                self.candidate = Some(Candidate {
                    client,
                    revision: newest.revision.clone(),
                    on_trial: false,
                    not_before: now,
                    refused: 0,
                });
                Change::Candidate
            }
            client => {
                self.current = client;
                self.is_current_rejected = false;
                self.revision.clone_from(&newest.revision);
                self.candidate = None;
                Change::Replaced
            }
        }
    }

    /// The client for the next call.
    pub(crate) fn pick(&mut self, now: Instant) -> Result<(C, Signer), Problem> {
        let generation = self.generation;
        if let Some(candidate) = &mut self.candidate
            && !candidate.on_trial
            && candidate.not_before <= now
        {
            candidate.on_trial = true;
            let signer = Signer {
                generation,
                is_trial: true,
            };
            return Ok((candidate.client.clone(), signer));
        }
        let signer = Signer {
            generation,
            is_trial: false,
        };
        self.current.clone().map(|client| (client, signer))
    }

    /// Hears how a call ended.
    pub(crate) fn ended(&mut self, signer: Signer, reason: Reason, now: Instant) -> Heard {
        if signer.generation != self.generation {
            return Heard::Nothing;
        }
        let rejected = match reason.asks_for_another_identity() {
            true => Heard::Rejected(signer.generation),
            false => Heard::Nothing,
        };
        if !signer.is_trial {
            if reason.is_rejection() {
                self.is_current_rejected = true;
            } else if works(reason) {
                self.is_current_rejected = false;
            }
            // A newer identity is there already and has its own trial.
            return if self.candidate.is_none() {
                rejected
            } else {
                Heard::Nothing
            };
        }
        let Some(mut candidate) = self.candidate.take() else {
            return Heard::Nothing;
        };
        if works(reason) {
            self.current = Ok(candidate.client);
            self.is_current_rejected = false;
            self.revision = candidate.revision;
            return Heard::TookOver;
        }
        candidate.on_trial = false;
        candidate.not_before = now
            + FIRST_RETRIAL
                .saturating_mul(1 << candidate.refused.min(8))
                .min(LONGEST_RETRIAL);
        candidate.refused += 1;
        self.candidate = Some(candidate);
        rejected
    }

    /// Whether the candidate was refused at least once.
    pub(crate) fn is_candidate_refused(&self) -> bool {
        self.candidate.as_ref().is_some_and(|candidate| candidate.refused > 0)
    }

    /// Revision of the key that signs calls, a trial apart.
    pub(crate) fn revision(&self) -> Option<&str> {
        self.revision.as_deref().filter(|_| self.current.is_ok())
    }

    pub(crate) fn problem(&self) -> Option<&Problem> {
        self.current.as_ref().err()
    }
}

/// Whether an outcome shows that AWS took the signature. What never reached AWS shows nothing.
fn works(reason: Reason) -> bool {
    !matches!(reason, Reason::AccessDenied | Reason::Unreachable | Reason::Unanswered) && !reason.is_about_credentials()
}

#[cfg(test)]
mod tests {
    use firehose_tests::document::DocumentText;

    use super::*;

    /// What the supplier hands out: a client that is a number, for a region.
    fn supplied(generation: u64, region: &str, client: Result<u8, Problem>) -> CurrentClient<u8> {
        let document = DocumentText::default().region(region).to_string();
        CurrentClient {
            target: Some(Target::of(&firehose_proxy_config::parse(&document).unwrap())),
            client,
            revision: Some(format!("revision-{generation}")),
            stale: None,
            generation,
        }
    }

    fn unreadable() -> Problem {
        Problem::SecretIncomplete("the file \"accessKeyID\" is missing".to_owned())
    }

    /// A rotation whose first client, 1, is in use.
    fn in_use(now: Instant) -> Rotation<u8> {
        let mut rotation = Rotation::new();
        let change = rotation.update(&supplied(1, "eu-west-1", Ok(1)), now);
        assert_eq!(change, Change::Replaced);
        rotation
    }

    fn picked(rotation: &mut Rotation<u8>, now: Instant) -> u8 {
        rotation.pick(now).unwrap().0
    }

    #[test]
    fn before_the_first_configuration_there_is_no_client() {
        let mut rotation = Rotation::<u8>::new();
        assert_eq!(rotation.pick(Instant::now()), Err(Problem::NotConfigured));
        assert_eq!(rotation.problem(), Some(&Problem::NotConfigured));
    }

    #[test]
    fn the_same_generation_again_changes_nothing() {
        let now = Instant::now();
        let mut rotation = in_use(now);
        let change = rotation.update(&supplied(1, "eu-west-1", Ok(9)), now);
        assert_eq!((change, picked(&mut rotation, now)), (Change::Nothing, 1));
    }

    #[test]
    fn new_keys_sign_one_call_and_take_over_when_it_works() {
        let now = Instant::now();
        let mut rotation = in_use(now);
        assert_eq!(
            rotation.update(&supplied(2, "eu-west-1", Ok(2)), now),
            Change::Candidate
        );
        let (client, trial) = rotation.pick(now).unwrap();
        assert_eq!(client, 2);
        // Until it is answered, the others go on with what works.
        let (client, signer) = rotation.pick(now).unwrap();
        assert_eq!(client, 1);
        assert_eq!(rotation.ended(signer, Reason::Succeeded, now), Heard::Nothing);
        assert_eq!(rotation.revision(), Some("revision-1"));
        assert_eq!(rotation.ended(trial, Reason::Throttled, now), Heard::TookOver);
        assert_eq!(rotation.revision(), Some("revision-2"));
        assert_eq!(picked(&mut rotation, now), 2);
    }

    #[test]
    fn refused_keys_are_tried_again_ever_later_and_the_old_ones_stay() {
        let mut now = Instant::now();
        let mut rotation = in_use(now);
        rotation.update(&supplied(2, "eu-west-1", Ok(2)), now);
        for seconds in [2, 4, 8, 16, 32, 60, 60] {
            let (client, trial) = rotation.pick(now).unwrap();
            assert_eq!(client, 2);
            assert_eq!(
                rotation.ended(trial, Reason::CredentialsRejected, now),
                Heard::Rejected(2)
            );
            assert!(rotation.is_candidate_refused());
            let due = now + Duration::from_secs(seconds);
            assert_eq!(picked(&mut rotation, due - Duration::from_millis(1)), 1);
            now = due;
        }
    }

    /// A call that never reached AWS says nothing about its signature.
    #[test]
    fn only_an_answer_of_aws_makes_a_candidate_take_over() {
        for (reason, takes_over) in [
            (Reason::Succeeded, true),
            (Reason::Throttled, true),
            (Reason::StreamNotFound, true),
            (Reason::ServiceFailure, true),
            (Reason::Unreachable, false),
            (Reason::Unanswered, false),
            (Reason::AccessDenied, false),
            (Reason::SecretMissing, false),
            (Reason::SourceUnavailable, false),
            (Reason::CredentialsRejected, false),
        ] {
            let now = Instant::now();
            let mut rotation = in_use(now);
            rotation.update(&supplied(2, "eu-west-1", Ok(2)), now);
            let (_, trial) = rotation.pick(now).unwrap();
            let took_over = rotation.ended(trial, reason, now) == Heard::TookOver;
            assert_eq!(took_over, takes_over, "{reason:?}");
        }
    }

    #[test]
    fn the_trial_of_keys_that_were_replaced_meanwhile_counts_for_nothing() {
        let now = Instant::now();
        let mut rotation = in_use(now);
        rotation.update(&supplied(2, "eu-west-1", Ok(2)), now);
        let (_, trial) = rotation.pick(now).unwrap();
        rotation.update(&supplied(3, "eu-west-1", Ok(3)), now);
        assert_eq!(rotation.ended(trial, Reason::Succeeded, now), Heard::Nothing);
        assert_eq!(
            picked(&mut rotation, now),
            3,
            "the newest keys have a trial of their own"
        );
        assert_eq!(picked(&mut rotation, now), 1);
    }

    /// There is nothing to keep of it, and two identities that fail in turn would be two causes in the status.
    #[test]
    fn an_identity_that_is_rejected_makes_room_for_the_next_without_a_trial() {
        for reason in [Reason::CredentialsRejected, Reason::CredentialsExpired] {
            let now = Instant::now();
            let mut rotation = in_use(now);
            let (_, signer) = rotation.pick(now).unwrap();
            assert_eq!(rotation.ended(signer, reason, now), Heard::Rejected(1));
            let change = rotation.update(&supplied(2, "eu-west-1", Ok(2)), now);
            assert_eq!(change, Change::Replaced);
            assert_eq!([(); 2].map(|()| picked(&mut rotation, now)), [2, 2]);
        }
    }

    /// The older one may be all there is, for what it may do.
    #[test]
    fn an_identity_that_may_not_do_something_stays_until_the_next_one_works() {
        let now = Instant::now();
        let mut rotation = in_use(now);
        let (_, signer) = rotation.pick(now).unwrap();
        assert_eq!(rotation.ended(signer, Reason::AccessDenied, now), Heard::Rejected(1));
        let change = rotation.update(&supplied(2, "eu-west-1", Ok(2)), now);
        assert_eq!(change, Change::Candidate);
        // While the newer one waits for its trial, the older one says nothing new.
        let (_, trial) = rotation.pick(now).unwrap();
        let (_, signer) = rotation.pick(now).unwrap();
        assert_eq!(rotation.ended(signer, Reason::AccessDenied, now), Heard::Nothing);
        assert_eq!(rotation.ended(trial, Reason::AccessDenied, now), Heard::Rejected(2));
    }

    #[test]
    fn another_target_replaces_the_client_without_a_trial() {
        let now = Instant::now();
        let mut rotation = in_use(now);
        rotation.update(&supplied(2, "eu-west-1", Ok(2)), now);
        assert_eq!(rotation.update(&supplied(3, "us-east-1", Ok(3)), now), Change::Replaced);
        assert_eq!([(); 2].map(|()| picked(&mut rotation, now)), [3, 3]);
    }

    #[test]
    fn credentials_that_are_gone_for_good_leave_no_client() {
        let now = Instant::now();
        let mut rotation = in_use(now);
        let change = rotation.update(&supplied(2, "eu-west-1", Err(unreadable())), now);
        assert_eq!(change, Change::Replaced);
        assert_eq!(rotation.pick(now), Err(unreadable()));
        assert_eq!(rotation.update(&supplied(3, "eu-west-1", Ok(3)), now), Change::Replaced);
        assert_eq!((picked(&mut rotation, now), rotation.problem()), (3, None));
    }
}
