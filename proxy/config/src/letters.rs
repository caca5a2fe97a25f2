//! The words in which a proxy answers about its dead letters: what `firehose-proxy dead-letters -o json` prints, a line
//! each, and the operator's command reads in every pod.
//!
//! Plain data, the third contract between the two programs. A reader of another version ignores fields that it does not
//! know.

use serde::{Deserialize, Serialize};

/// A letter as a list shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// What to name it by, in its pod.
    pub id: String,
    /// When it was given up, RFC 3339.
    pub time: String,
    /// Where it should have gone.
    pub stream: Option<String>,
    /// Its event name, lower-cased.
    pub event: String,
    /// The source that sent it, empty without one.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Why.
    pub reason: String,
    /// More about why.
    pub detail: String,
    /// Bytes of the event.
    pub bytes: usize,
}

/// A line about an order that makes letters go. The last line is never [`Told::Progress`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Told {
    /// It goes on.
    Progress(Progress),
    /// It is over.
    Gone(Gone),
}

/// How far an order is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Letters that are gone.
    pub done: u64,
    /// Letters that the order is about and that can go.
    pub of: u64,
}

/// What an order came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Gone {
    /// Letters that were sent again, and are safe where they wait.
    pub sent: u64,
    /// Letters that were dropped.
    pub dropped: u64,
    /// Letters that cannot be sent again, the first [`MAX_STUCK`] of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stuck: Vec<Stuck>,
    /// How many there are.
    pub stuck_count: u64,
    /// Ids that no letter has: it was sent or dropped before, or never was.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown: Vec<String>,
    /// Why it ended before its end. What is counted above is done all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// A letter that cannot be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stuck {
    /// Which.
    pub id: String,
    /// Why it is a dead letter.
    pub reason: String,
    /// Why it cannot be sent again, for a person.
    pub why: String,
}

/// Most letters that are named because they cannot be sent again; the others are counted.
pub const MAX_STUCK: usize = 100;

impl Gone {
    /// Whether all was done that was asked for.
    pub fn is_all(&self) -> bool {
        self.stuck_count == 0 && self.unknown.is_empty() && self.failed.is_none()
    }
}
