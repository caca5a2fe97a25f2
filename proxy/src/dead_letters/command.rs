//! What can be asked about dead letters over the socket, and how it is answered: one line of JSON each way, then the
//! content.

use std::collections::BTreeSet;

use firehose_proxy_config::letters::Summary;
use serde::{Deserialize, Serialize};

/// What can be done with dead letters.
#[derive(Debug, Clone, clap::Subcommand, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "command")]
pub enum Command {
    /// Show them, oldest first
    List(Selection),
    /// Write the exact bytes of one to standard output
    Show {
        /// Which
        id: String,
    },
    /// Put them back to be delivered, and drop each once it is safe again
    Redrive(Selection),
    /// Drop them for good
    Drop(Selection),
}

/// Which letters.
#[derive(Debug, Clone, Default, clap::Args, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Selection {
    /// These only
    pub ids: Vec<String>,
    /// All of them, unless narrowed down by --stream and --reason
    #[arg(long, conflicts_with = "ids")]
    pub all: bool,
    /// Only those for this delivery stream
    #[arg(long)]
    pub stream: Option<String>,
    /// Only those with this reason
    #[arg(long)]
    pub reason: Option<String>,
    /// Only those with one of these reasons; none stands for every reason
    #[arg(skip)]
    #[serde(skip)]
    pub reasons: Vec<String>,
    /// Show at most so many
    #[arg(long)]
    pub limit: Option<usize>,
}

/// The first line of an answer; what was asked for follows it.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// JSON lines, one a letter.
    Letters,
    /// The bytes of an event.
    Bytes,
    /// Lines of [`Told`](firehose_proxy_config::letters::Told), as it goes on.
    Told,
    /// Why not.
    Failed(String),
}

/// Letters that a list shows when nobody says how many.
const DEFAULT_LIMIT: usize = 100;

impl Selection {
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(DEFAULT_LIMIT).max(1)
    }

    pub(super) fn contains(&self, ids: &BTreeSet<&str>, letter: &Summary) -> bool {
        (ids.is_empty() || ids.contains(letter.id.as_str()))
            && self
                .stream
                .as_ref()
                .is_none_or(|stream| letter.stream.as_ref() == Some(stream))
            && self.reason.as_ref().is_none_or(|reason| *reason == letter.reason)
            && (self.reasons.is_empty() || self.reasons.contains(&letter.reason))
    }

    /// Whether somebody has said which letters, so that none is dropped by accident.
    pub fn is_deliberate(&self) -> bool {
        self.all || !self.ids.is_empty() || self.stream.is_some() || self.reason.is_some()
    }
}
