//! A batch: the events of one request, accepted together or not at all.
//!
//! Laid out so that delivery reads records without copying them and a disk can take the whole in one write: for each
//! entry its event name, its type (both lower-cased, the routing key) and its record stand one behind the other.

use std::ops::Range;

use crate::{
    identity::Identity,
    source::SourceName,
    stream::{RoutingKey, StreamId},
};

/// The events of one request in the order of the request.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct EventBatch {
    bytes: Vec<u8>,
    entries: Vec<Entry>,
    /// What the first of the entries are known by; the others by nothing.
    identities: Vec<Option<Identity>>,
    /// Those that its events name. A request has one.
    sources: Vec<SourceName>,
}

/// Where one event's parts stand inside [`EventBatch::bytes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    stream: StreamId,
    start: u32,
    event_length: u32,
    type_length: u32,
    record_length: u32,
    /// Place of its source in [`EventBatch::sources`], counted from 1; 0 without one.
    source: u32,
}

/// Bytes that a queue of delivery takes for an event, and as much again while the queue grows.
const QUEUED: usize = 48;

/// What is stored of an event beside its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredEntry {
    /// Bytes of the event's name.
    pub event_length: u32,
    /// Bytes of the event's type.
    pub type_length: u32,
    /// Bytes of its record.
    pub record_length: u32,
    /// Place of its source in [`EventBatch::sources`], counted from 1; 0 without one.
    pub source: u32,
    /// What it is known by when it comes again.
    pub identity: Option<Identity>,
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
            sources: Vec::new(),
        }
    }

    /// Adds one event. `write_record` appends the record's bytes to the buffer it is given and must not shorten it.
    /// A source that no [`SourceName`] could be is none.
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
            let entry = Entry {
                stream,
                start: length(start)?,
                event_length: length(key.event.len())?,
                type_length: length(key.r#type.len())?,
                record_length: length(self.bytes.len() - record_start)?,
                source: self.place_of(key.source),
            };
            self.entries.push(entry);
            Ok(())
        });
        if pushed.is_err() {
            self.bytes.truncate(start);
        }
        pushed
    }

    /// The place of a source, which is added when it is new.
    fn place_of(&mut self, source: &str) -> u32 {
        if source.is_empty() {
            return 0;
        }
        let known = self.sources.iter().rposition(|known| known.as_str() == source);
        let index = match (known, SourceName::try_from(source)) {
            (Some(index), _) => index,
            (None, Ok(name)) => {
                self.sources.push(name);
                self.sources.len() - 1
            }
            (None, Err(_)) => return 0,
        };
        u32::try_from(index + 1).expect("there are no more sources than entries, whose offsets have 32 bits")
    }

    /// The sources that its events name by their place.
    pub fn sources(&self) -> &[SourceName] {
        &self.sources
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

    /// Whether any of its events is known by something.
    pub fn has_identities(&self) -> bool {
        self.identities.iter().any(Option::is_some)
    }

    /// Says what the events are known by, in order; those behind the last by nothing.
    pub fn identify_all(&mut self, identities: Vec<Option<Identity>>) {
        self.identities = identities;
        self.identities.truncate(self.entries.len());
    }

    /// Takes out the events at `indices`, which ascend. What the others are known by was taken or is said anew.
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
        self.identities.clear();
    }

    /// Drops every event and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
        self.identities.clear();
        self.sources.clear();
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
        self.bytes.capacity()
            + self.entries.capacity() * size_of::<Entry>()
            + self.identities.capacity() * size_of::<Option<Identity>>()
            + self.entries.len() * QUEUED
    }

    /// The events in order.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = EntryRef<'_>> {
        self.entries.iter().map(|entry| self.view(*entry))
    }

    /// The event at `index`.
    pub fn entry(&self, index: usize) -> Option<EntryRef<'_>> {
        self.entries.get(index).map(|entry| self.view(*entry))
    }

    /// What a disk keeps of the events beside their bytes; each event stands right behind the one before it.
    pub fn stored_entries(&self) -> impl ExactSizeIterator<Item = StoredEntry> {
        self.entries.iter().enumerate().map(|(index, entry)| StoredEntry {
            event_length: entry.event_length,
            type_length: entry.type_length,
            record_length: entry.record_length,
            source: entry.source,
            identity: self.identities.get(index).copied().flatten(),
        })
    }

    /// The events' bytes as a disk keeps them.
    pub fn stored_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// A batch whose events all go to `stream`, or `None` when the lengths do not fit the bytes, a key is no text, or
    /// there is no such source. Identities are left out: what was stored is not looked up again.
    pub fn from_stored(
        stream: StreamId,
        sources: Vec<SourceName>,
        entries: impl ExactSizeIterator<Item = StoredEntry>,
        bytes: &[u8],
    ) -> Option<Self> {
        let mut events = Self::with_capacity(bytes.len(), entries.len());
        let most_sources = u32::try_from(sources.len()).ok()?;
        events.sources = sources;
        let mut start = 0_u32;
        for stored in entries {
            let keys = stored.event_length.checked_add(stored.type_length)?;
            let end = start.checked_add(keys)?.checked_add(stored.record_length)?;
            if stored.source > most_sources {
                return None;
            }
            let key = bytes.get(start as usize..(start + keys) as usize)?;
            std::str::from_utf8(key.get(..stored.event_length as usize)?).ok()?;
            std::str::from_utf8(key.get(stored.event_length as usize..)?).ok()?;
            events.entries.push(Entry {
                stream,
                start,
                event_length: stored.event_length,
                type_length: stored.type_length,
                record_length: stored.record_length,
                source: stored.source,
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

    /// The events sorted into one batch a stream, in the order of the streams' first events. Each keeps its source and
    /// its identity.
    pub fn split(self) -> Vec<Self> {
        let single = self.entries.windows(2).all(|pair| pair[0].stream == pair[1].stream);
        if single {
            return vec![self];
        }
        let mut batches: Vec<(StreamId, Self)> = Vec::new();
        for (place, entry) in self.entries.iter().enumerate() {
            let known = batches.iter().position(|(stream, _)| *stream == entry.stream);
            let index = known.unwrap_or_else(|| {
                let part = Self {
                    sources: self.sources.clone(),
                    ..Self::default()
                };
                batches.push((entry.stream, part));
                batches.len() - 1
            });
            let events = &mut batches[index].1;
            let start = u32::try_from(events.bytes.len()).expect("a part of a batch is smaller than the batch");
            let length = entry.event_length + entry.type_length + entry.record_length;
            let bytes = &self.bytes[entry.start as usize..(entry.start + length) as usize];
            events.bytes.extend_from_slice(bytes);
            events.entries.push(Entry { start, ..*entry });
            if let Some(identity) = self.identities.get(place).copied().flatten() {
                events.identify(identity);
            }
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
                source: match entry.source {
                    0 => "",
                    place => self.sources[place as usize - 1].as_str(),
                },
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
            source: "web",
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
            source: "",
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
    fn the_parts_of_a_batch_keep_sources_and_identities() {
        let streams = Streams::default();
        let stream = |name| streams.intern(&StreamName::try_from(name).unwrap());
        let identity = |id| Identity::new(std::num::NonZeroU64::new(id).unwrap(), 7);
        let mut events = EventBatch::default();
        for (to, source, id) in [
            ("orders", "web", 1),
            ("pages", "", 0),
            ("orders", "shop", 0),
            ("pages", "shop", 4),
        ] {
            let key = RoutingKey {
                event: "e",
                r#type: "track",
                source,
            };
            events.push(stream(to), key, write(b"{}\n")).unwrap();
            if id > 0 {
                events.identify(identity(id));
            }
        }
        let parts: Vec<Vec<(String, Option<Identity>)>> = events
            .split()
            .iter()
            .map(|part| {
                let sources = part.entries().map(|entry| entry.key.source.to_owned());
                sources.zip(part.stored_entries().map(|entry| entry.identity)).collect()
            })
            .collect();
        let one = |source: &str, id| (source.to_owned(), (id > 0).then(|| identity(id)));
        assert_eq!(parts, [[one("web", 1), one("shop", 0)], [one("", 0), one("shop", 4)]]);
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
