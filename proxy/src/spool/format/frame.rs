//! What segments of every version share: one header, then frames, each 8-aligned and under its own checksum. Pure: no
//! file, no clock.
//!
//! ```text
//! segment header, 128 bytes   at 0 and again at 512; frames begin at 1024
//!                             magic 8 | version 4 | 0 4 | number 8 | epoch 8 | owner length 1, owner 63 | salt 16
//!                             | 0 12 | CRC32C 4
//! frame header, 48 bytes      magic 4 | CRC32C of the rest 4 | epoch 8 | sequence 8 | synced 8 | length 4
//!                             | CRC32C of the body 4 | first slice 4 | slices 4
//! body, padded to 8           slices, by the version of the segment
//! ```
//!
//! All numbers are little-endian. The epoch is random per segment, so that no byte that a client sends can be taken for
//! a frame. `synced` is the offset up to which the segment was on the disk when the frame was written: a broken frame
//! before it was damaged later, a broken frame behind it was never finished. Sequences only rise and are never used
//! twice.

use super::{
    numbers::{u32_at, u64_at},
    version::{Newer, Version},
};
use crate::queue::IdentitySalt;

/// Bytes of a segment's header.
const SEGMENT_HEADER: usize = 128;
/// Where the second copy of the header stands, in a sector of its own.
const SECOND_HEADER: usize = 512;
/// Where the first frame stands.
pub(in crate::spool) const DATA_START: usize = 1024;
/// Bytes of a frame's header.
pub(in crate::spool) const FRAME_HEADER: usize = 48;

const SEGMENT_MAGIC: &[u8; 8] = b"FHSPOOL\0";
const FRAME_MAGIC: u32 = u32::from_le_bytes(*b"FRAM");
const OWNER: usize = 63;
/// Where the salt stands in a header; all zeros for none.
const SALT: std::ops::Range<usize> = 96..112;

/// Who and which a segment is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::spool) struct SegmentHeader {
    /// Of what its frames hold.
    pub(in crate::spool) version: Version,
    pub(in crate::spool) number: u64,
    pub(in crate::spool) epoch: u64,
    /// UID of the destination whose events these are; at most 63 bytes count.
    pub(in crate::spool) owner: Vec<u8>,
    /// Of the identities of its events; from version 2 on.
    pub(in crate::spool) salt: Option<IdentitySalt>,
}

/// Why a segment's header is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spool) enum BadHeader {
    /// Written by a newer program.
    Newer(Newer),
    /// Damaged.
    Damaged,
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::spool) struct FrameHeader {
    pub(in crate::spool) sequence: u64,
    pub(in crate::spool) synced: u64,
    pub(in crate::spool) length: u32,
    pub(in crate::spool) body_checksum: u32,
    /// Number within the segment of the frame's first slice.
    pub(in crate::spool) first: u32,
    pub(in crate::spool) slices: u32,
}

impl SegmentHeader {
    /// What of an owner's name is kept.
    pub(in crate::spool) fn owner_bytes(owner: &str) -> &[u8] {
        &owner.as_bytes()[..owner.len().min(OWNER)]
    }

    /// What stands in a segment before its first frame.
    pub(in crate::spool) fn preamble(&self) -> [u8; DATA_START] {
        let mut bytes = [0; DATA_START];
        for copy in [0, SECOND_HEADER] {
            bytes[copy..copy + SEGMENT_HEADER].copy_from_slice(&self.encode());
        }
        bytes
    }

    /// The header in what stands before the first frame: either copy will do.
    pub(in crate::spool) fn from_preamble(bytes: &[u8]) -> Result<Self, BadHeader> {
        let copy = |start: usize| Self::decode(bytes.get(start..start + SEGMENT_HEADER).unwrap_or_default());
        copy(0).or_else(|first| match first {
            BadHeader::Newer(_) => Err(first),
            BadHeader::Damaged => copy(SECOND_HEADER),
        })
    }

    fn encode(&self) -> [u8; SEGMENT_HEADER] {
        let mut bytes = [0; SEGMENT_HEADER];
        bytes[..8].copy_from_slice(SEGMENT_MAGIC);
        bytes[8..12].copy_from_slice(&self.version.number().to_le_bytes());
        bytes[16..24].copy_from_slice(&self.number.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.epoch.to_le_bytes());
        let owner = &self.owner[..self.owner.len().min(OWNER)];
        bytes[32] = u8::try_from(owner.len()).expect("cut to 63 bytes");
        bytes[33..33 + owner.len()].copy_from_slice(owner);
        if let Some(salt) = self.salt.filter(|_| self.version >= Version::V2) {
            bytes[SALT].copy_from_slice(&salt.bytes());
        }
        let checksum = crc32c::crc32c(&bytes[..SEGMENT_HEADER - 4]);
        bytes[SEGMENT_HEADER - 4..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8]) -> Result<Self, BadHeader> {
        let bytes: &[u8; SEGMENT_HEADER] = bytes.try_into().map_err(|_| BadHeader::Damaged)?;
        if &bytes[..8] != SEGMENT_MAGIC
            || crc32c::crc32c(&bytes[..SEGMENT_HEADER - 4]) != u32_at(bytes, SEGMENT_HEADER - 4)
        {
            return Err(BadHeader::Damaged);
        }
        let version = Version::decode(u32_at(bytes, 8)).map_err(BadHeader::Newer)?;
        let owner = bytes[33..].get(..usize::from(bytes[32]).min(OWNER)).unwrap_or_default();
        let salt: [u8; 16] = bytes[SALT].try_into().expect("sixteen bytes");
        Ok(Self {
            version,
            salt: (version >= Version::V2 && salt != [0; 16]).then(|| IdentitySalt::new(salt)),
            number: u64_at(bytes, 16),
            epoch: u64_at(bytes, 24),
            owner: owner.to_vec(),
        })
    }
}

impl FrameHeader {
    /// Bytes from this frame's start to the next one's.
    pub(in crate::spool) fn stride(&self) -> usize {
        stride(self.length as usize)
    }

    /// The frame's header for `epoch`; the body comes right behind, then zeros up to [`Self::stride`].
    pub(in crate::spool) fn encode(&self, epoch: u64) -> [u8; FRAME_HEADER] {
        let mut bytes = [0; FRAME_HEADER];
        bytes[..4].copy_from_slice(&FRAME_MAGIC.to_le_bytes());
        for (place, number) in (8..).step_by(8).zip([epoch, self.sequence, self.synced]) {
            bytes[place..place + 8].copy_from_slice(&number.to_le_bytes());
        }
        let numbers = [self.length, self.body_checksum, self.first, self.slices];
        for (place, number) in (32..).step_by(4).zip(numbers) {
            bytes[place..place + 4].copy_from_slice(&number.to_le_bytes());
        }
        let checksum = crc32c::crc32c(&bytes[8..]);
        bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// Writes the header in front of a body that `out` has from `start + FRAME_HEADER` on, and zeros behind it. Length
    /// and checksum of the body are taken from there, whatever they are in `self`.
    pub(in crate::spool) fn enclose(mut self, epoch: u64, start: usize, out: &mut Vec<u8>) {
        let body = &out[start + FRAME_HEADER..];
        self.length = u32::try_from(body.len()).expect("a frame is smaller than 4 GiB");
        self.body_checksum = crc32c::crc32c(body);
        out[start..start + FRAME_HEADER].copy_from_slice(&self.encode(epoch));
        out.resize(out.len().next_multiple_of(8), 0);
    }

    /// The header at the beginning of `bytes`, if there is a sound one of this epoch.
    pub(in crate::spool) fn decode(epoch: u64, bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..FRAME_HEADER)?;
        let sound = u32_at(bytes, 0) == FRAME_MAGIC
            && u64_at(bytes, 8) == epoch
            && crc32c::crc32c(&bytes[8..]) == u32_at(bytes, 4);
        sound.then(|| Self {
            sequence: u64_at(bytes, 16),
            synced: u64_at(bytes, 24),
            length: u32_at(bytes, 32),
            body_checksum: u32_at(bytes, 36),
            first: u32_at(bytes, 40),
            slices: u32_at(bytes, 44),
        })
    }

    /// The body behind the header at the beginning of `bytes`, if all of it is there and sound.
    pub(in crate::spool) fn body<'bytes>(&self, bytes: &'bytes [u8]) -> Option<&'bytes [u8]> {
        let body = bytes.get(FRAME_HEADER..FRAME_HEADER.checked_add(self.length as usize)?)?;
        (crc32c::crc32c(body) == self.body_checksum).then_some(body)
    }
}

/// Bytes that a frame with a body of `length` bytes takes.
pub(in crate::spool) fn stride(length: usize) -> usize {
    (FRAME_HEADER + length).next_multiple_of(8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment() -> SegmentHeader {
        SegmentHeader {
            version: Version::V2,
            number: 7,
            epoch: 99,
            owner: b"0b9d".to_vec(),
            salt: Some(IdentitySalt::new(*b"sixteen bytes, !")),
        }
    }

    #[test]
    fn headers_come_back_as_they_were_written() {
        assert_eq!(SegmentHeader::decode(&segment().encode()), Ok(segment()));
        let mut preamble = segment().preamble();
        preamble[9] ^= 1;
        assert_eq!(SegmentHeader::from_preamble(&preamble), Ok(segment()));
        let frame = FrameHeader {
            sequence: 1,
            synced: 2,
            length: 3,
            body_checksum: crc32c::crc32c(b"abc"),
            first: 5,
            slices: 6,
        };
        let mut bytes = frame.encode(99).to_vec();
        bytes.extend_from_slice(b"abc");
        assert_eq!(FrameHeader::decode(99, &bytes), Some(frame));
        assert_eq!(frame.body(&bytes), Some(&b"abc"[..]));
        assert_eq!(FrameHeader::decode(98, &bytes), None);
        let mut enclosed = vec![0; FRAME_HEADER];
        enclosed.extend_from_slice(b"abc");
        let unmeasured = FrameHeader {
            length: 0,
            body_checksum: 0,
            ..frame
        };
        unmeasured.enclose(99, 0, &mut enclosed);
        bytes.resize(frame.stride(), 0);
        assert_eq!(enclosed, bytes);
    }

    #[test]
    fn a_header_of_version_1_has_no_salt() {
        let older = SegmentHeader {
            version: Version::V1,
            ..segment()
        };
        let bytes = older.encode();
        assert!(bytes[SALT].iter().all(|byte| *byte == 0));
        assert_eq!(SegmentHeader::decode(&bytes), Ok(SegmentHeader { salt: None, ..older }));
    }

    #[test]
    fn one_flipped_bit_anywhere_is_noticed() {
        let header = segment().encode();
        for bit in 0..header.len() * 8 {
            let mut damaged = header;
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::decode(&damaged), Err(BadHeader::Damaged), "bit {bit}");
        }
    }

    #[test]
    fn a_newer_version_is_told_from_damage() {
        let mut header = segment().encode();
        header[8] = 3;
        let checksum = crc32c::crc32c(&header[..SEGMENT_HEADER - 4]);
        header[SEGMENT_HEADER - 4..].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(SegmentHeader::decode(&header), Err(BadHeader::Newer(Newer(3))));
    }
}
