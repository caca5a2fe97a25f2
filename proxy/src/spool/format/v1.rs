//! The body of a frame in version 1: slices, each the events of one request for one stream. Pure: no file, no clock.
//!
//! A slice is what is handed out, settled and moved; the frame around it is what is written or not written as a whole.
//!
//! ```text
//! slice   accepted at, Unix milliseconds 8 | moved from segment 8 (0: not moved), slice 4 | events 4
//!         | bytes of the events 4 | stream's name length 1, name
//!         | event name length 4, type length 4, record length 4, of each event | the events
//! ```

use super::numbers::{u32_at, u64_at};
use crate::queue::{EventBatch, Position, StoredEntry};

/// Bytes of a slice before the stream's name.
const FIXED: usize = 8 + 8 + 4 + 4 + 4 + 1;
/// Bytes a slice is charged beside its events' bytes and their table: its own header and its part of the frame's.
const OVERHEAD: usize = 128;
/// Bytes in the table of one event.
pub(in crate::spool) const ENTRY: usize = 12;

/// One slice in a body, borrowed.
#[derive(Debug, Clone, Copy)]
pub(in crate::spool) struct SliceRef<'body> {
    pub(in crate::spool) accepted_ms: u64,
    pub(in crate::spool) moved_from: Option<Position>,
    pub(in crate::spool) stream: &'body str,
    table: &'body [u8],
    events: &'body [u8],
    /// All of its bytes, to be copied when it is moved.
    whole: &'body [u8],
}

/// Bytes that a slice of these events is charged on the disk's byte limit.
pub(crate) fn charge(entries: usize, event_bytes: usize) -> usize {
    OVERHEAD + entries * ENTRY + event_bytes
}

/// Bytes of a new slice of these events.
pub(super) fn encoded_length(stream: &str, batch: &EventBatch) -> usize {
    FIXED + stream.len() + batch.len() * ENTRY + batch.size()
}

/// Appends a new slice of a frame whose events all go to `stream`.
pub(crate) fn encode(accepted_ms: u64, stream: &str, frame: &EventBatch, body: &mut Vec<u8>) {
    let entries = frame.stored_entries();
    let length = |count: usize| u32::try_from(count).expect("a frame is smaller than 4 GiB");
    body.extend_from_slice(&accepted_ms.to_le_bytes());
    body.extend_from_slice(&[0; 12]);
    body.extend_from_slice(&length(entries.len()).to_le_bytes());
    body.extend_from_slice(&length(frame.size()).to_le_bytes());
    body.push(u8::try_from(stream.len()).expect("a stream's name has at most 64 bytes"));
    body.extend_from_slice(stream.as_bytes());
    for entry in entries {
        for number in [entry.event_length, entry.type_length, entry.record_length] {
            body.extend_from_slice(&number.to_le_bytes());
        }
    }
    body.extend_from_slice(frame.stored_bytes());
}

/// Appends a slice as it is, with the place it comes from.
pub(in crate::spool) fn encode_moved(slice: &SliceRef<'_>, from: Position, body: &mut Vec<u8>) {
    body.extend_from_slice(&slice.whole[..8]);
    body.extend_from_slice(&from.segment.to_le_bytes());
    body.extend_from_slice(&from.ordinal.to_le_bytes());
    body.extend_from_slice(&slice.whole[20..]);
}

/// The slices of a body, or `None` when it is not one. Its checksum was right, so that means a defect or a forgery.
pub(in crate::spool) fn decode(body: &[u8], count: u32) -> Option<Vec<SliceRef<'_>>> {
    let mut rest = body;
    let mut slices = Vec::new();
    for _ in 0..count {
        let fixed = rest.get(..FIXED)?;
        let segment = u64_at(fixed, 8);
        let (entries, size) = (u32_at(fixed, 20) as usize, u32_at(fixed, 24) as usize);
        let name_end = FIXED + usize::from(fixed[28]);
        let table_end = name_end.checked_add(entries.checked_mul(ENTRY)?)?;
        let end = table_end.checked_add(size)?;
        let whole = rest.get(..end)?;
        slices.push(SliceRef {
            accepted_ms: u64_at(fixed, 0),
            moved_from: (segment != 0).then(|| Position {
                segment,
                ordinal: u32_at(fixed, 16),
            }),
            stream: std::str::from_utf8(&whole[FIXED..name_end]).ok()?,
            table: &whole[name_end..table_end],
            events: &whole[table_end..],
            whole,
        });
        rest = &rest[end..];
    }
    rest.is_empty().then_some(slices)
}

impl SliceRef<'_> {
    /// Bytes it is charged.
    pub(in crate::spool) fn charge(&self) -> usize {
        charge(self.table.len() / ENTRY, self.events.len())
    }

    /// Its bytes in a body.
    pub(in crate::spool) fn length(&self) -> usize {
        self.whole.len()
    }

    /// Its events, all for `stream`, or `None` when the table does not fit the bytes.
    pub(in crate::spool) fn batch(&self, stream: crate::stream::StreamId) -> Option<EventBatch> {
        let entries = self.table.chunks_exact(ENTRY).map(|entry| StoredEntry {
            event_length: u32_at(entry, 0),
            type_length: u32_at(entry, 4),
            record_length: u32_at(entry, 8),
        });
        EventBatch::from_stored(stream, entries, self.events)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        queue::BatchTooLarge,
        stream::{RoutingKey, StreamName, Streams},
    };

    #[test]
    fn slices_come_back_as_they_were_written_and_moved() {
        let orders = Streams::default().intern(&StreamName::try_from("orders").unwrap());
        let mut frame = EventBatch::default();
        for record in ["{}\n", "{\"a\":1}\n"] {
            let key = RoutingKey {
                event: "ä",
                r#type: "track",
            };
            let write = |out: &mut Vec<u8>| {
                out.extend_from_slice(record.as_bytes());
                Ok::<(), BatchTooLarge>(())
            };
            frame.push(orders, key, write).unwrap();
        }
        let mut body = Vec::new();
        encode(1234, "orders", &frame, &mut body);
        let from = Position { segment: 3, ordinal: 4 };
        let mut moved = Vec::new();
        encode_moved(&decode(&body, 1).unwrap()[0], from, &mut moved);
        for (body, moved_from) in [(body, None), (moved, Some(from))] {
            let slices = decode(&body, 1).unwrap();
            assert_eq!((slices[0].accepted_ms, slices[0].stream), (1234, "orders"));
            assert_eq!(slices[0].moved_from, moved_from);
            assert_eq!(slices[0].batch(orders).unwrap(), frame);
            assert_eq!(slices[0].charge(), charge(2, frame.size()));
        }
    }

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
