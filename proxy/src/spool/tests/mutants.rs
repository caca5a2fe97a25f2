//! Defects that the simulation must notice, made by changing bytes on their way to and from the disk.

use crate::spool::format::{
    acks::{self, Record},
    frame::{DATA_START, SegmentHeader},
    numbers::u64_at,
    scan::scan,
};

/// What a recovery would see that stops at the first batch that is not sound.
pub(crate) fn drop_behind_first_gap(bytes: &mut [u8]) {
    let Ok(header) = SegmentHeader::from_preamble(bytes.get(..DATA_START).unwrap_or_default()) else {
        return;
    };
    let mut end = DATA_START;
    for (offset, frame) in scan(bytes, header.epoch).frames {
        if offset != end {
            break;
        }
        end = offset + frame.stride();
    }
    if let Some(rest) = bytes.get_mut(end..) {
        rest.fill(0);
    }
}

/// Turns a record of settled slices into one that says the same of all slices before them.
pub(crate) fn settle_everything_before(bytes: &mut Vec<u8>) {
    if bytes.len() < 36 || &bytes[..4] != b"ACKS" {
        return;
    }
    let (epoch, index) = (u64_at(bytes, 16), u64_at(bytes, 24));
    let Some(Record::Settled(mut streams)) = acks::decode_one(bytes, epoch, index)
        .ok()
        .flatten()
        .map(|(record, _)| record)
    else {
        return;
    };
    for settled in &mut streams {
        let end = settled.runs.iter().map(|(first, count)| first + count).max();
        settled.runs = vec![(0, end.unwrap_or(0))];
    }
    bytes.clear();
    Record::Settled(streams).encode(epoch, index, bytes);
}
