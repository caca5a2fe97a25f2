//! Which client signs the next call while keys change: new ones are tried, the old ones stay until the new ones work.
//!
//! Pure: it hears of offers and outcomes and talks to nobody.

use std::{sync::Arc, time::Duration};

use tokio::time::Instant;

use super::{CurrentClient, Problem, Reason, Target};

/// A client in use, or on trial. Generic so that a test needs no AWS.
#[derive(Debug)]
pub(crate) struct Rotation<C> {
    target: Option<Target>,
    generation: u64,
    current: Result<C, Problem>,
    candidate: Option<Candidate<C>>,
}

#[derive(Debug)]
struct Candidate<C> {
    client: C,
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

/// What an offer changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// Nothing that matters to calls.
    Nothing,
    /// Calls go elsewhere or are signed by others from now on.
    Replaced,
    /// New keys for the same place wait for their trial.
    Candidate,
}

const FIRST_RETRIAL: Duration = Duration::from_secs(2);
const LONGEST_RETRIAL: Duration = Duration::from_secs(60);

impl<C: Clone> Rotation<C> {
    pub(crate) fn new() -> Self {
        Self {
            target: None,
            generation: 0,
            current: Err(Problem::NotConfigured),
            candidate: None,
        }
    }

    /// Takes an offer; `client` is its client.
    pub(crate) fn offered(&mut self, offer: &CurrentClient, client: Result<C, Problem>, now: Instant) -> Change {
        if offer.generation == self.generation {
            return Change::Nothing;
        }
        let same_target = offer.target == self.target;
        self.generation = offer.generation;
        self.target.clone_from(&offer.target);
        match client {
            Ok(client) if same_target && self.current.is_ok() => {
                self.candidate = Some(Candidate {
                    client,
                    on_trial: false,
                    not_before: now,
                    refused: 0,
                });
                Change::Candidate
            }
            client => {
                self.current = client;
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

    /// Hears how a call ended. True when the candidate has just taken over.
    pub(crate) fn ended(&mut self, signer: Signer, reason: Reason, now: Instant) -> bool {
        if signer.generation != self.generation || !signer.is_trial {
            return false;
        }
        let Some(mut candidate) = self.candidate.take() else {
            return false;
        };
        if works(reason) {
            self.current = Ok(candidate.client);
            return true;
        }
        candidate.on_trial = false;
        candidate.not_before = now
            + FIRST_RETRIAL
                .saturating_mul(1 << candidate.refused.min(8))
                .min(LONGEST_RETRIAL);
        candidate.refused += 1;
        self.candidate = Some(candidate);
        false
    }

    /// Whether the candidate was refused at least once.
    pub(crate) fn is_candidate_refused(&self) -> bool {
        self.candidate.as_ref().is_some_and(|candidate| candidate.refused > 0)
    }

    pub(crate) fn problem(&self) -> Option<&Problem> {
        self.current.as_ref().err()
    }
}

/// Whether an outcome shows that AWS took the signature. What never reached AWS shows nothing.
fn works(reason: Reason) -> bool {
    !matches!(
        reason,
        Reason::CredentialsRejected
            | Reason::CredentialsMissing
            | Reason::CredentialsUnavailable
            | Reason::AccessDenied
            | Reason::Unreachable
            | Reason::Unanswered
    )
}

/// The offer's client, to hand to [`Rotation::offered`].
pub(crate) fn client(offer: &Arc<CurrentClient>) -> Result<aws_sdk_firehose::Client, Problem> {
    offer.client.clone()
}
