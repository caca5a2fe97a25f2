//! A batch: the events of one request, accepted together or not at all.
//!
//! Laid out so that delivery reads records without copying them and a disk can take the whole in one write: for each
//! entry its event name, its type (both lower-cased, the routing key) and its record stand one behind the other.

use std::ops::Range;

use crate::{
    identity::Identity,
    stream::{RoutingKey, StreamId},
};

/// The events of one request in the order of the request.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct EventBatch {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// What the first of the entries are known by; the others by nothing.
    identities: Vec<Option<Identity>>,
}

/// Where one event's parts stand inside [`EventBatch::bytes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    stream: StreamId,
    start: u32,
    event_length: u32,
    type_length: u32,
    record_length: u32,
}

/// Bytes that a queue of delivery takes for an event, and as much again while the queue grows.
const QUEUED: usize = 48;

/// The lengths of one event's parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredEntry {
    /// Bytes of the event's name.
    pub event_length: u32,
    /// Bytes of the event's type.
    pub type_length: u32,
    /// Bytes of its record.
    pub record_length: u32,
}

/// One event of a batch, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntryRef<'batch> {
    /// Where the event goes.
    pub stream: StreamId,
    /// What it was routed by.
    pub key: RoutingKey<'batch>,
    /// The bytes that Firehose gets, delimiter included.
    pub record: &'batch [u8],
}

/// A batch would pass 4 GiB.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the events of one request take more than 4 GiB")]
pub struct BatchTooLarge;

impl EntryRef<'_> {
    /// Bytes that the event takes in its batch.
    pub fn size(&self) -> usize {
        self.key.event.len() + self.key.r#type.len() + self.record.len()
    }
}

impl EventBatch {
    /// An empty batch with room for `bytes` bytes and `entries` events.
    pub fn with_capacity(bytes: usize, entries: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            entries: Vec::with_capacity(entries),
            identities: Vec::new(),
        }
    }

    /// Adds one event. `write_record` appends the record's bytes to the buffer it is given and must not shorten it.
    ///
    /// # Errors
    ///
    /// [`BatchTooLarge`] when offsets would no longer fit 32 bits, or whatever `write_record` returns. Either way the
    /// batch is as before.
    pub fn push<E: From<BatchTooLarge>>(
        &mut self,
        stream: StreamId,
        key: RoutingKey<'_>,
        write_record: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key.event.as_bytes());
        self.bytes.extend_from_slice(key.r#type.as_bytes());
        let record_start = self.bytes.len();
        let pushed = write_record(&mut self.bytes).and_then(|()| {
            let length = |bytes: usize| u32::try_from(bytes).map_err(|_| BatchTooLarge);
            length(self.bytes.len())?;
            self.entries.push(Entry {
                stream,
                start: length(start)?,
                event_length: length(key.event.len())?,
                type_length: length(key.r#type.len())?,
                record_length: length(self.bytes.len() - record_start)?,
            });
            Ok(())
        });
        if pushed.is_err() {
            self.bytes.truncate(start);
        }
        pushed
    }

    /// Says what the event that was added last is known by when it comes again.
    pub fn identify(&mut self, identity: Identity) {
        let last = self.entries.len().saturating_sub(1);
        self.identities.resize(last, None);
        self.identities.push(Some(identity));
    }

    /// What the events are known by, in order; shorter than the batch when the last are known by nothing.
    pub fn take_identities(&mut self) -> Vec<Option<Identity>> {
        std::mem::take(&mut self.identities)
    }

    /// Takes out the events at `indices`, which ascend.
    pub fn remove(&mut self, indices: &[u32]) {
        let mut removed = indices.iter().copied().peekable();
        let (mut index, mut end) = (0_u32, 0_u32);
        self.entries.retain_mut(|entry| {
            let is_removed = removed.next_if_eq(&index).is_some();
            index += 1;
            if is_removed {
                return false;
            }
            let length = entry.event_length + entry.type_length + entry.record_length;
            let bytes = entry.start as usize..(entry.start + length) as usize;
            self.bytes.copy_within(bytes, end as usize);
            entry.start = end;
            end += length;
            true
        });
        self.bytes.truncate(end as usize);
    }

    /// Drops every event and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
        self.identities.clear();
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no event.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Bytes that the batch holds in memory for its events' content.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes that the batch takes of the process's memory, those that it has allocated and does not use too, and what
    /// the queues hold for each event.
    pub fn memory_bytes(&self) -> usize {
        self.bytes.capacity() + self.entries.capacity() * size_of::<Entry>() + self.entries.len() * QUEUED
    }

    /// The events in order.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = EntryRef<'_>> {
        self.entries.iter().map(|entry| self.view(*entry))
    }

    /// The event at `index`.
    pub fn entry(&self, index: usize) -> Option<EntryRef<'_>> {
        self.entries.get(index).map(|entry| self.view(*entry))
    }

    /// The events' lengths as a disk keeps them; each event stands right behind the one before it.
    pub fn stored_entries(&self) -> impl ExactSizeIterator<Item = StoredEntry> {
        self.entries.iter().map(|entry| StoredEntry {
            event_length: entry.event_length,
            type_length: entry.type_length,
            record_length: entry.record_length,
        })
    }

    /// The events' bytes as a disk keeps them.
    pub fn stored_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A batch whose events all go to `stream`, or `None` when the lengths do not fit the bytes or a key is no text.
    pub fn from_stored(
        stream: StreamId,
        entries: impl ExactSizeIterator<Item = StoredEntry>,
        bytes: &[u8],
    ) -> Option<Self> {
        let mut events = Self::with_capacity(bytes.len(), entries.len());
        let mut start = 0_u32;
        for stored in entries {
            let keys = stored.event_length.checked_add(stored.type_length)?;
            let end = start.checked_add(keys)?.checked_add(stored.record_length)?;
            let key = bytes.get(start as usize..(start + keys) as usize)?;
            std::str::from_utf8(key.get(..stored.event_length as usize)?).ok()?;
            std::str::from_utf8(key.get(stored.event_length as usize..)?).ok()?;
            events.entries.push(Entry {
                stream,
                start,
                event_length: stored.event_length,
                type_length: stored.type_length,
                record_length: stored.record_length,
            });
            start = end;
        }
        events.bytes.extend_from_slice(bytes);
        (start as usize == bytes.len()).then_some(events)
    }

    /// Sends every event to the stream that `route` says.
    pub fn reroute(&mut self, route: impl Fn(EntryRef<'_>) -> StreamId) {
        for index in 0..self.entries.len() {
            self.entries[index].stream = route(self.view(self.entries[index]));
        }
    }

    /// The events sorted into one batch a stream, in the order of the streams' first events.
    pub fn split(self) -> Vec<Self> {
        let single = self.entries.windows(2).all(|pair| pair[0].stream == pair[1].stream);
        if single {
            return vec![self];
        }
        let mut batches: Vec<(StreamId, Self)> = Vec::new();
        for entry in &self.entries {
            let known = batches.iter().position(|(stream, _)| *stream == entry.stream);
            let index = known.unwrap_or_else(|| {
                batches.push((entry.stream, Self::default()));
                batches.len() - 1
            });
            let events = &mut batches[index].1;
            let start = u32::try_from(events.bytes.len()).expect("a part of a batch is smaller than the batch");
            let length = entry.event_length + entry.type_length + entry.record_length;
            let bytes = &self.bytes[entry.start as usize..(entry.start + length) as usize];
            events.bytes.extend_from_slice(bytes);
            events.entries.push(Entry { start, ..*entry });
        }
        batches.into_iter().map(|(_, events)| events).collect()
    }

    fn view(&self, entry: Entry) -> EntryRef<'_> {
        let part = |start: u32, length: u32| -> Range<usize> { start as usize..(start + length) as usize };
        let text = |range: Range<usize>| {
            std::str::from_utf8(&self.bytes[range]).expect("routing keys were written from strings")
        };
        let type_start = entry.start + entry.event_length;
        let record_start = type_start + entry.type_length;
        EntryRef {
            stream: entry.stream,
            key: RoutingKey {
                event: text(part(entry.start, entry.event_length)),
                r#type: text(part(type_start, entry.type_length)),
            },
            record: &self.bytes[part(record_start, entry.record_length)],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{StreamName, Streams};

    fn orders() -> StreamId {
        Streams::default().intern(&StreamName::try_from("orders").unwrap())
    }

    fn write(bytes: &'static [u8]) -> impl FnOnce(&mut Vec<u8>) -> Result<(), BatchTooLarge> {
        move |out| {
            out.extend_from_slice(bytes);
            Ok(())
        }
    }

    #[test]
    fn entries_come_back_as_they_were_pushed() {
        let key = RoutingKey {
            event: "product added",
            r#type: "track",
        };
        let mut events = EventBatch::default();
        events.push(orders(), key, write(b"{\"a\":1}\n")).unwrap();
        events.push(orders(), RoutingKey::default(), write(b"{}\n")).unwrap();
        let entries: Vec<_> = events.entries().collect();
        assert_eq!(entries[0].key, key);
        assert_eq!(entries[0].record, b"{\"a\":1}\n");
        assert_eq!(entries[1].key, RoutingKey::default());
        assert_eq!(entries[1].record, b"{}\n");
        assert_eq!(events.entry(1), Some(entries[1]));
    }

    #[test]
    fn what_is_taken_out_leaves_the_others_as_they_were_one_behind_the_other() {
        let key = RoutingKey {
            event: "e",
            r#type: "track",
        };
        let records: [&'static [u8]; 4] = [b"one\n", b"two, longer\n", b"3\n", b"four\n"];
        let all = |wanted: &[usize]| {
            let mut events = EventBatch::default();
            for index in wanted {
                events.push(orders(), key, write(records[*index])).unwrap();
            }
            events
        };
        for (removed, left) in [
            (&[][..], &[0, 1, 2, 3][..]),
            (&[0], &[1, 2, 3]),
            (&[1, 3], &[0, 2]),
            (&[0, 1, 2], &[3]),
            (&[0, 1, 2, 3], &[]),
        ] {
            let mut events = all(&[0, 1, 2, 3]);
            events.remove(removed);
            assert_eq!(events, all(left), "without {removed:?}");
        }
    }

    #[test]
    fn a_record_that_fails_half_way_leaves_no_trace() {
        let mut events = EventBatch::default();
        events.push(orders(), RoutingKey::default(), write(b"{}\n")).unwrap();
        let before = events.clone();
        let failed = events.push(orders(), RoutingKey::default(), |out| {
            out.extend_from_slice(b"{\"half");
            Err(BatchTooLarge)
        });
        assert_eq!(failed, Err(BatchTooLarge));
        assert_eq!(events, before);
    }
}
