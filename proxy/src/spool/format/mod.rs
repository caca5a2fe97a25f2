//! How the log stands on the disk. Pure: no file, no clock.
//!
//! What every version shares is in [`frame`]: a segment's header, which says its version, and frames, each under its own
//! checksum. What is in a frame, the slices, differs by version: [`Version::decode`] is the one place that knows which there
//! are, and everybody who reads or writes slices asks the [`Version`] of their segment. Acknowledgements, in files beside the
//! segments, have versions of their own ([`acks`]).
//!
//! A version is read for ever once it has been written. A new one is read by one release before it is written by any, and written
//! only when the configuration document says that every pod reads it, so that rolling back by one release starts. What
//! version 2 will be is in docs/adr/0009-spool-format-2.md.

pub(super) mod acks;
pub(super) mod frame;
pub(super) mod scan;
mod v1;

pub(super) use self::v1::{SliceRef, charge};
use crate::queue::{EventBatch, Position};

/// A version of what frames hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// Routing keys and records.
    V1,
}

/// Written by a newer program, which may mean anything by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Newer(pub(super) u32);

impl Version {
    /// What new segments are written in.
    pub(super) const WRITTEN: Self = Self::V1;

    /// The version behind the number in a segment's header.
    ///
    /// # Errors
    ///
    /// When this program does not know it.
    pub(super) fn decode(number: u32) -> Result<Self, Newer> {
        match number {
            0..=1 => Ok(Self::V1),
            newer => Err(Newer(newer)),
        }
    }

    /// The number in a segment's header.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::V1 => 1,
        }
    }

    /// The slices of a frame's body, or `None` when it is not one. Its checksum was right, so that means a defect or a forgery.
    pub(super) fn slices(self, body: &[u8], count: u32) -> Option<Vec<SliceRef<'_>>> {
        match self {
            Self::V1 => v1::decode(body, count),
        }
    }

    /// Appends a new slice of a batch whose events all go to `stream`.
    pub(super) fn encode(self, accepted_ms: u64, stream: &str, batch: &EventBatch, body: &mut Vec<u8>) {
        match self {
            Self::V1 => v1::encode(accepted_ms, stream, batch, body),
        }
    }

    /// Appends a slice that is moved, with the place it comes from.
    pub(super) fn encode_moved(self, slice: &SliceRef<'_>, from: Position, body: &mut Vec<u8>) {
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
