//! Which versions of what frames hold there are, and who reads and writes each.

use super::v1::{self, SliceRef};
use crate::queue::{EventBatch, Position};

/// A version of what frames hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spool) enum Version {
    /// Routing keys and records.
    V1,
}

/// Written by a newer program, which may mean anything by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spool) struct Newer(pub(in crate::spool) u32);

impl Version {
    /// What new segments are written in.
    pub(in crate::spool) const WRITTEN: Self = Self::V1;

    /// The version behind the number in a segment's header.
    ///
    /// # Errors
    ///
    /// When this program does not know it.
    pub(in crate::spool) fn decode(number: u32) -> Result<Self, Newer> {
        match number {
            0..=1 => Ok(Self::V1),
            newer => Err(Newer(newer)),
        }
    }

    /// The number in a segment's header.
    pub(in crate::spool) fn number(self) -> u32 {
        match self {
            Self::V1 => 1,
        }
    }

    /// The slices of a frame's body, or `None` when it is not one. Its checksum was right, so that means a defect or a
    /// forgery.
    pub(in crate::spool) fn slices(self, body: &[u8], count: u32) -> Option<Vec<SliceRef<'_>>> {
        match self {
            Self::V1 => v1::decode(body, count),
        }
    }

    /// Bytes that [`Self::encode`] will append.
    pub(in crate::spool) fn encoded_length(self, stream: &str, batch: &EventBatch) -> usize {
        match self {
            Self::V1 => v1::encoded_length(stream, batch),
        }
    }

    /// Appends a new slice of a batch whose events all go to `stream`.
    pub(in crate::spool) fn encode(self, accepted_ms: u64, stream: &str, batch: &EventBatch, body: &mut Vec<u8>) {
        match self {
            Self::V1 => v1::encode(accepted_ms, stream, batch, body),
        }
    }

    /// Appends a slice that is moved, with the place it comes from.
    pub(in crate::spool) fn encode_moved(self, slice: &SliceRef<'_>, from: Position, body: &mut Vec<u8>) {
        match self {
            Self::V1 => v1::encode_moved(slice, from, body),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_known_by_its_number_and_a_newer_one_is_told() {
        assert_eq!(Version::decode(Version::WRITTEN.number()), Ok(Version::WRITTEN));
        assert_eq!(Version::decode(2), Err(Newer(2)));
    }
}
