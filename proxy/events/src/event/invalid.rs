//! Events that are not valid: why, and as far as they are remembered.

use std::ops::Range;

use super::redaction::Leaves;
use crate::batch::BatchTooLarge;

/// Why one event is not valid. The others of its batch are not concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Invalid {
    /// Not JSON, while the rest of its batch is: not even one byte of it is taken for another event.
    NotJson,
    /// Not a JSON object.
    NotAnObject,
    /// Neither `userId` nor `anonymousId`.
    NoIdentity,
    /// The record would take more than [`crate::stream::MAX_RECORD_BYTES`].
    TooLarge,
}

/// An event that is not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Why.
    pub reason: Invalid,
    /// What may be kept of it.
    pub kept: Kept,
}

/// What may be kept of an event that is not valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// All of it: its place in the request's body.
    At(Range<usize>),
    /// What privacy rules leave of it.
    Redacted(String),
    /// Nothing: privacy rules are in force, and cannot be applied to what is not an event.
    Nothing,
}

/// How many events of one batch are remembered that are not valid; the rest is counted. A batch may have a million.
pub const MAX_REFUSED: usize = 1000;

/// The first [`MAX_REFUSED`] of a batch.
#[derive(Debug, Default)]
pub(super) struct Remembered {
    pub(super) events: Vec<Refused>,
    /// Bytes of [`Kept::Redacted`].
    redacted_bytes: usize,
}

impl Remembered {
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Remembers one more. At most `most_bytes` of what privacy rules leave are kept in all.
    pub(super) fn push(&mut self, refused: impl FnOnce() -> Refused, most_bytes: usize) {
        if self.events.len() == MAX_REFUSED {
            return;
        }
        let mut refused = refused();
        if let Kept::Redacted(text) = &refused.kept {
            self.redacted_bytes += text.len();
            if self.redacted_bytes > most_bytes {
                refused.kept = Kept::Nothing;
            }
        }
        self.events.push(refused);
    }
}

impl Refused {
    /// An event at a place in the body, of which privacy rules left this.
    pub(super) fn new(reason: Invalid, leaves: Leaves, place: Range<usize>, redacted: &str) -> Self {
        let kept = match leaves {
            Leaves::All => Kept::At(place),
            Leaves::Some => Kept::Redacted(redacted.to_owned()),
            Leaves::Nothing => Kept::Nothing,
        };
        Self { reason, kept }
    }

    /// What may be kept of it, of this body.
    pub fn bytes<'a>(&'a self, body: &'a [u8]) -> &'a [u8] {
        match &self.kept {
            Kept::At(place) => &body[place.clone()],
            Kept::Redacted(text) => text.as_bytes(),
            Kept::Nothing => b"",
        }
    }
}

impl Invalid {
    /// Every reason, in the order of [`super::Counts::invalid`].
    pub const ALL: [Self; 4] = [Self::NotJson, Self::NotAnObject, Self::NoIdentity, Self::TooLarge];

    /// The word that metrics and dead letters show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotJson => "NotJson",
            Self::NotAnObject => "NotAnObject",
            Self::NoIdentity => "NoIdentity",
            Self::TooLarge => "TooLarge",
        }
    }
}

impl From<BatchTooLarge> for Invalid {
    fn from(_: BatchTooLarge) -> Self {
        Self::TooLarge
    }
}
