//! What there is to call with at the moment: handed from the supplier to delivery at every change.

use super::{Reason, Target};

/// A client and where it calls. Generic so that a test of what is done with one needs no AWS.
#[derive(Debug, Clone)]
pub struct CurrentClient<C = aws_sdk_firehose::Client> {
    /// Where calls go. `None` before the first configuration.
    pub target: Option<Target>,
    /// The client, or why there is none. With [`CurrentClient::target`] unchanged, another client has other keys.
    pub client: Result<C, Problem>,
    /// Hash of the files that the client's key was read from; `None` where it is not from files.
    pub revision: Option<String>,
    /// What is wrong with the files while an earlier key stays in use.
    pub stale: Option<Problem>,
    /// Counts changes of `client`, from 0 before the first configuration.
    pub generation: u64,
}

/// Why there is no client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No configuration was read yet.
    #[error("no configuration yet")]
    NotConfigured,
    /// The configuration names static credentials, and their Secret is not there.
    #[error("static credentials cannot be read: {0}")]
    SecretMissing(String),
    /// The configuration names static credentials, and they cannot be used.
    #[error("static credentials cannot be read: {0}")]
    SecretIncomplete(String),
}

impl Problem {
    /// Its word in the vocabulary of calls.
    pub fn reason(&self) -> Reason {
        match self {
            Self::NotConfigured | Self::SecretMissing(_) => Reason::SecretMissing,
            Self::SecretIncomplete(_) => Reason::SecretIncomplete,
        }
    }
}
