//! Finds the frames in a segment's bytes, and tells what was never finished from what was damaged. Pure: no file, no
//! clock.

use super::frame::{DATA_START, FrameHeader};

/// What a segment's bytes hold.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::spool) struct Scan {
    /// Offset and header of every sound frame.
    pub(in crate::spool) frames: Vec<(usize, FrameHeader)>,
    /// Where the last of them ends.
    pub(in crate::spool) end: usize,
    /// Bytes in front of a later frame that were on the disk once and are no frame now.
    pub(in crate::spool) damaged: usize,
    /// Whether a write was under way behind the last frame that is known to have been on the disk.
    pub(in crate::spool) torn: bool,
}

/// Reads a segment from its first frame on. Frames of a write that was under way are kept when they are whole: nobody
/// was told that they are not.
pub(in crate::spool) fn scan(bytes: &[u8], epoch: u64) -> Scan {
    let mut scan = Scan {
        end: DATA_START,
        ..Scan::default()
    };
    let mut last_sequence = None;
    let mut offset = DATA_START;
    // Where something that is no frame begins, and its length.
    let mut gaps: Vec<(usize, usize)> = Vec::new();
    while let Some((start, header)) = next_frame(bytes, epoch, offset, last_sequence) {
        if start > scan.end {
            gaps.push((scan.end, start - scan.end));
        }
        // What was synced when a later write began was sound then.
        gaps.retain(|(begin, length)| {
            let was_sound = usize::try_from(header.synced).is_ok_and(|synced| synced > *begin);
            scan.damaged += if was_sound { *length } else { 0 };
            !was_sound
        });
        last_sequence = Some(header.sequence);
        offset = start + header.stride();
        scan.end = offset.min(bytes.len());
        scan.frames.push((start, header));
    }
    let rest = bytes.get(scan.end..).unwrap_or_default();
    scan.torn = !gaps.is_empty() || rest.iter().any(|byte| *byte != 0);
    scan
}

/// The first sound frame at or behind `offset` with a sequence above `above`.
pub(in crate::spool) fn next_frame(
    bytes: &[u8],
    epoch: u64,
    mut offset: usize,
    above: Option<u64>,
) -> Option<(usize, FrameHeader)> {
    while let Some(rest) = bytes.get(offset..).filter(|rest| !rest.is_empty()) {
        if let Some(header) = FrameHeader::decode(epoch, rest)
            && above.is_none_or(|above| header.sequence > above)
            && header.body(rest).is_some()
        {
            return Some((offset, header));
        }
        offset += 8;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const EPOCH: u64 = 42;

    /// A segment of frames with these sequences and bodies; each says that everything before it was synced, unless it
    /// is of the same write as the one before.
    fn segment(frames: &[(u64, &[u8], bool)]) -> Vec<u8> {
        let mut bytes = vec![0; DATA_START];
        let mut synced = DATA_START;
        for (sequence, body, same_write) in frames {
            if !same_write {
                synced = bytes.len();
            }
            let header = FrameHeader {
                sequence: *sequence,
                synced: synced as u64,
                length: u32::try_from(body.len()).unwrap(),
                body_checksum: crc32c::crc32c(body),
                first: 0,
                slices: 0,
            };
            bytes.extend_from_slice(&header.encode(EPOCH));
            bytes.extend_from_slice(body);
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        }
        bytes
    }

    fn sequences(scan: &Scan) -> Vec<u64> {
        scan.frames.iter().map(|(_, header)| header.sequence).collect()
    }

    #[test]
    fn frames_are_found_up_to_the_zeros() {
        let mut bytes = segment(&[(1, b"one", false), (2, b"two", true), (3, b"three", false)]);
        let end = bytes.len();
        bytes.resize(end + 999, 0);
        let scan = scan(&bytes, EPOCH);
        assert_eq!(
            (sequences(&scan), scan.end, scan.damaged, scan.torn),
            (vec![1, 2, 3], end, 0, false)
        );
    }

    #[test]
    fn an_unfinished_write_is_torn_and_what_came_before_it_stays() {
        let bytes = segment(&[(1, b"one", false), (2, b"two", false), (3, b"three", true)]);
        let cut = scan(&bytes[..bytes.len() - 5], EPOCH);
        assert_eq!((sequences(&cut), cut.damaged, cut.torn), (vec![1, 2], 0, true));
        let mut hole = bytes.clone();
        hole[bytes.len() - 8 - 2 * 48] ^= 1; // in the second frame's body
        let hole = scan(&hole, EPOCH);
        assert_eq!((hole.damaged, hole.torn), (0, true));
    }

    #[test]
    fn a_gap_within_a_write_is_damage_as_soon_as_any_later_write_is_there() {
        let mut bytes = segment(&[
            (1, b"one", false),
            (2, b"two", false),
            (3, b"three", true),
            (4, b"four", false),
        ]);
        bytes[DATA_START + 56] ^= 1;
        let scan = scan(&bytes, EPOCH);
        assert_eq!((sequences(&scan), scan.damaged, scan.torn), (vec![1, 3, 4], 56, false));
    }

    #[test]
    fn damage_before_a_later_write_loses_one_frame_and_is_reported() {
        let sound = segment(&[(1, b"one", false), (2, b"two", false), (3, b"three", false)]);
        for byte in DATA_START + 56..DATA_START + 56 + 48 + 3 {
            let mut bytes = sound.clone();
            bytes[byte] ^= 4;
            let scan = scan(&bytes, EPOCH);
            assert_eq!(
                (sequences(&scan), scan.damaged, scan.torn),
                (vec![1, 3], 56, false),
                "byte {byte}"
            );
        }
    }

    #[test]
    fn what_an_earlier_write_left_behind_the_end_is_not_taken_for_new() {
        let mut bytes = segment(&[(7, b"seven", false)]);
        bytes.extend_from_slice(&segment(&[(5, b"five", false), (6, b"six", false)])[DATA_START..]);
        assert_eq!(sequences(&scan(&bytes, EPOCH)), [7]);
    }
}
