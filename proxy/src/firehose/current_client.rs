//! What there is to call with at the moment: handed from the supplier to delivery at every change.

use super::{Reason, Target};

/// A client and where it calls. Generic so that a test of what is done with one needs no AWS.
#[derive(Debug, Clone)]
pub struct CurrentClient<C = aws_sdk_firehose::Client> {
    /// Where calls go. `None` before the first configuration.
    pub target: Option<Target>,
    /// The client, or why there is none. With [`CurrentClient::target`] unchanged, another client has other keys.
    pub client: Result<C, Problem>,
    /// Counts changes of `client`, from 0 before the first configuration.
    pub generation: u64,
}

/// Why there is no client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No configuration was read yet.
    #[error("no configuration yet")]
    NotConfigured,
    /// The configuration names static credentials and they cannot be had.
    #[error("static credentials cannot be read: {message}")]
    StaticCredentials {
        /// [`Reason::SecretMissing`] or [`Reason::SecretIncomplete`].
        reason: Reason,
        /// Which file, and what is wrong with it.
        message: String,
    },
}

impl Problem {
    /// In the one word of all.
    pub fn reason(&self) -> Reason {
        match self {
            Self::NotConfigured => Reason::SourceUnavailable,
            Self::StaticCredentials { reason, .. } => *reason,
        }
    }
}
