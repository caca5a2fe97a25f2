//! The body of a frame in version 2: slices as in version 1, and such that keep the source and the identity of each
//! event. Pure: no file, no clock.
//!
//! ```text
//! slice   as in version 1 up to the stream's name, whose length has its highest bit set
//!         | sources 2, of each: length 1, name
//!         | event name length 4, type length 4, record length 4, source 4, reserved 4, identity 16, of each event
//!         | the events
//! ```
//!
//! A slice whose events have neither source nor identity is one of version 1, byte by byte; so is one that was moved
//! here from a segment of version 1. `source` is 0 for none, or the place, counted from 1, in the list of sources; the
//! identity is 64 keyed bits of source and `messageId` and 64 of stream and content, all zeros for none.

use super::{
    slice::{FIXED, Layout, SliceRef, encode_header},
    v1,
};
use crate::queue::EventBatch;

/// Set in the length of a stream's name, which is 64 at most.
const WHOLE: u8 = 0x80;

/// Whether there is more to keep of these events than version 1 has room for.
fn needs_more(batch: &EventBatch) -> bool {
    !batch.sources().is_empty() || batch.has_identities()
}

/// Bytes of the list of sources.
fn sources_length(batch: &EventBatch) -> usize {
    2 + batch
        .sources()
        .iter()
        .map(|source| 1 + source.as_str().len())
        .sum::<usize>()
}

/// Bytes that a slice of these events is charged on the disk's byte limit.
pub(super) fn charge(batch: &EventBatch) -> usize {
    match needs_more(batch) {
        true => Layout::Whole.charge(batch.len(), sources_length(batch), batch.size()),
        false => v1::charge(batch),
    }
}

/// Bytes of a new slice of these events.
pub(super) fn encoded_length(stream: &str, batch: &EventBatch) -> usize {
    match needs_more(batch) {
        true => {
            let table = batch.len() * Layout::Whole.entry();
            FIXED + stream.len() + sources_length(batch) + table + batch.size()
        }
        false => v1::encoded_length(stream, batch),
    }
}

/// Appends a new slice of a frame whose events all go to `stream`.
pub(super) fn encode(accepted_ms: u64, stream: &str, batch: &EventBatch, body: &mut Vec<u8>) {
    if !needs_more(batch) {
        return v1::encode(accepted_ms, stream, batch, body);
    }
    let name_length = u8::try_from(stream.len()).expect("a stream's name has at most 64 bytes");
    encode_header(accepted_ms, name_length | WHOLE, stream, batch, body);
    let sources = u16::try_from(batch.sources().len()).expect("a batch has fewer than 2^16 sources");
    body.extend_from_slice(&sources.to_le_bytes());
    for source in batch.sources() {
        let name = source.as_str();
        body.push(u8::try_from(name.len()).expect("a source's name has at most 63 bytes"));
        body.extend_from_slice(name.as_bytes());
    }
    for entry in batch.stored_entries() {
        for number in [
            entry.event_length,
            entry.type_length,
            entry.record_length,
            entry.source,
            0,
        ] {
            body.extend_from_slice(&number.to_le_bytes());
        }
        let identity = entry
            .identity
            .map_or([0, 0], |identity| [identity.id().get(), identity.content()]);
        for number in identity {
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
        let length = *rest.get(FIXED - 1)?;
        let name = usize::from(length & !WHOLE);
        let slice = match length & WHOLE {
            0 => SliceRef::decode(rest, name, Layout::Lengths, 0)?,
            _ => SliceRef::decode(rest, name, Layout::Whole, sources_at(rest.get(FIXED + name..)?)?)?,
        };
        rest = &rest[slice.length()..];
        slices.push(slice);
    }
    rest.is_empty().then_some(slices)
}

/// Bytes of the list of sources at the beginning of `bytes`, or `None` when it does not end there.
fn sources_at(bytes: &[u8]) -> Option<usize> {
    let (count, _) = bytes.split_first_chunk()?;
    let mut end = 2;
    for _ in 0..u16::from_le_bytes(*count) {
        end += 1 + usize::from(*bytes.get(end)?);
    }
    (end <= bytes.len()).then_some(end)
}
