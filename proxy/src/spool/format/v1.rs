//! The body of a frame in version 1: slices, each the events of one request for one stream. Pure: no file, no clock.
//!
//! A slice is what is handed out, settled and moved; the frame around it is what is written or not written as a whole.
//!
//! ```text
//! slice   accepted at, Unix milliseconds 8 | moved from segment 8 (0: not moved), slice 4 | events 4
//!         | bytes of the events 4 | stream's name length 1, name
//!         | event name length 4, type length 4, record length 4, of each event | the events
//! ```
//!
//! Sources and identities of events are not kept.

use super::slice::{FIXED, Layout, SliceRef, encode_header};
use crate::queue::EventBatch;

/// Bytes that a slice of these events is charged on the disk's byte limit.
pub(super) fn charge(batch: &EventBatch) -> usize {
    Layout::Lengths.charge(batch.len(), 0, batch.size())
}

/// Bytes of a new slice of these events.
pub(super) fn encoded_length(stream: &str, batch: &EventBatch) -> usize {
    FIXED + stream.len() + batch.len() * Layout::Lengths.entry() + batch.size()
}

/// Appends a new slice of a frame whose events all go to `stream`.
pub(super) fn encode(accepted_ms: u64, stream: &str, batch: &EventBatch, body: &mut Vec<u8>) {
    let name_length = u8::try_from(stream.len()).expect("a stream's name has at most 64 bytes");
    encode_header(accepted_ms, name_length, stream, batch, body);
    for entry in batch.stored_entries() {
        for number in [entry.event_length, entry.type_length, entry.record_length] {
            body.extend_from_slice(&number.to_le_bytes());
        }
    }
    body.extend_from_slice(batch.stored_bytes());
}

/// The slices of a body, or `None` when it is not one. Its checksum was right, so that means a defect or a forgery.
pub(super) fn decode(body: &[u8], count: u32) -> Option<Vec<SliceRef<'_>>> {
    let mut rest = body;
    let mut slices = Vec::new();
    for _ in 0..count {
        let name = usize::from(*rest.get(FIXED - 1)?);
        let slice = SliceRef::decode(rest, name, Layout::Lengths, 0)?;
        rest = &rest[slice.length()..];
        slices.push(slice);
    }
    rest.is_empty().then_some(slices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_is_none_is_refused_and_never_panics() {
        for (body, count) in [
            (&[][..], 1),
            (&[0; 28], 1),
            (&[255; 40], 1),
            (&[0; 30], 1),
            (&[0; 29], 2),
        ] {
            assert!(decode(body, count).is_none(), "{body:?}");
        }
        assert!(decode(&[0; 29], 1).is_some());
    }
}
