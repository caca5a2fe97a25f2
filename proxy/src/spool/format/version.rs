//! Which versions of what frames hold there are, and who reads and writes each.

use super::{slice::SliceRef, v1, v2};
use crate::queue::EventBatch;

/// A version of what frames hold, the older the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Version {
    /// Routing keys and records.
    V1,
    /// Sources and identities too.
    V2,
}

/// Written by a newer program, which may mean anything by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spool) struct Newer(pub(in crate::spool) u32);

impl Version {
    /// All that this program reads and writes, the newest last.
    pub(crate) const ALL: [Self; 2] = [Self::V1, Self::V2];

    /// The version behind the number in a segment's header.
    ///
    /// # Errors
    ///
    /// When this program does not know it.
    pub(in crate::spool) fn decode(number: u32) -> Result<Self, Newer> {
        match number {
            0..=1 => Ok(Self::V1),
            2 => Ok(Self::V2),
            newer => Err(Newer(newer)),
        }
    }

    /// The newest that this program knows up to a number: what is written when the configuration names that.
    pub(in crate::spool) fn up_to(number: u32) -> Self {
        Self::decode(number).unwrap_or(Self::V2)
    }

    /// The number in a segment's header.
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::V1 => 1,
            Self::V2 => 2,
        }
    }

    /// The slices of a frame's body, or `None` when it is not one. Its checksum was right, so that means a defect or a
    /// forgery.
    pub(in crate::spool) fn slices(self, body: &[u8], count: u32) -> Option<Vec<SliceRef<'_>>> {
        match self {
            Self::V1 => v1::decode(body, count),
            Self::V2 => v2::decode(body, count),
        }
    }

    /// Bytes that a slice of these events is charged on the disk's byte limit.
    pub(in crate::spool) fn charge(self, batch: &EventBatch) -> usize {
        match self {
            Self::V1 => v1::charge(batch),
            Self::V2 => v2::charge(batch),
        }
    }

    /// Bytes that [`Self::encode`] will append.
    pub(in crate::spool) fn encoded_length(self, stream: &str, batch: &EventBatch) -> usize {
        match self {
            Self::V1 => v1::encoded_length(stream, batch),
            Self::V2 => v2::encoded_length(stream, batch),
        }
    }

    /// Appends a new slice of a batch whose events all go to `stream`.
    pub(in crate::spool) fn encode(self, accepted_ms: u64, stream: &str, batch: &EventBatch, body: &mut Vec<u8>) {
        match self {
            Self::V1 => v1::encode(accepted_ms, stream, batch, body),
            Self::V2 => v2::encode(accepted_ms, stream, batch, body),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_known_by_its_number_and_a_newer_one_is_told() {
        for version in Version::ALL {
            assert_eq!(Version::decode(version.number()), Ok(version));
            assert_eq!(Version::up_to(version.number()), version);
        }
        assert_eq!(Version::decode(3), Err(Newer(3)));
        assert_eq!(Version::up_to(3), Version::V2);
    }
}
