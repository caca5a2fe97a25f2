//! One slice in a body, whatever its layout. Pure: no file, no clock.

use super::numbers::{u32_at, u64_at};
use crate::{
    queue::{EventBatch, Identity, Position, StoredEntry},
    source::SourceName,
    stream::StreamId,
};

/// One slice in a body, borrowed.
#[derive(Debug, Clone, Copy)]
pub(in crate::spool) struct SliceRef<'body> {
    pub(in crate::spool) accepted_ms: u64,
    pub(in crate::spool) moved_from: Option<Position>,
    pub(in crate::spool) stream: &'body str,
    layout: Layout,
    /// The list of sources as it is stored; empty where the layout has none.
    sources: &'body [u8],
    table: &'body [u8],
    events: &'body [u8],
    /// All of its bytes, to be copied when it is moved.
    whole: &'body [u8],
}

/// What the table says of an event. A slice keeps its layout when it is moved, and so what it is charged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// The lengths of its parts.
    Lengths,
    /// Its source and identity too.
    Whole,
}

/// Bytes a slice is charged beside its events' bytes and their table: its own header and its part of the frame's.
const OVERHEAD: usize = 128;
/// Bytes of a slice before the stream's name.
pub(super) const FIXED: usize = 8 + 8 + 4 + 4 + 4 + 1;

impl Layout {
    /// Bytes in the table of one event.
    pub(super) const fn entry(self) -> usize {
        match self {
            Self::Lengths => 12,
            Self::Whole => 36,
        }
    }

    /// Bytes that a slice of these events is charged on the disk's byte limit, with `beside` bytes of sources.
    pub(super) const fn charge(self, entries: usize, beside: usize, event_bytes: usize) -> usize {
        OVERHEAD + entries * self.entry() + beside + event_bytes
    }
}

/// What stands in front of a new slice's tables, in every version.
pub(super) fn encode_header(accepted_ms: u64, name_length: u8, stream: &str, batch: &EventBatch, body: &mut Vec<u8>) {
    let length = |count: usize| u32::try_from(count).expect("a frame is smaller than 4 GiB");
    body.extend_from_slice(&accepted_ms.to_le_bytes());
    body.extend_from_slice(&[0; 12]);
    body.extend_from_slice(&length(batch.len()).to_le_bytes());
    body.extend_from_slice(&length(batch.size()).to_le_bytes());
    body.push(name_length);
    body.extend_from_slice(stream.as_bytes());
}

impl<'body> SliceRef<'body> {
    /// The slice at the beginning of `rest`, whose stream has a name of so many bytes, with `beside` bytes of sources
    /// behind it. `None` when there is none.
    pub(super) fn decode(rest: &'body [u8], name: usize, layout: Layout, beside: usize) -> Option<Self> {
        let fixed = rest.get(..FIXED)?;
        let segment = u64_at(fixed, 8);
        let (entries, size) = (u32_at(fixed, 20) as usize, u32_at(fixed, 24) as usize);
        let name_end = FIXED.checked_add(name)?;
        let sources_end = name_end.checked_add(beside)?;
        let table_end = sources_end.checked_add(entries.checked_mul(layout.entry())?)?;
        let end = table_end.checked_add(size)?;
        let whole = rest.get(..end)?;
        Some(Self {
            accepted_ms: u64_at(fixed, 0),
            moved_from: (segment != 0).then(|| Position {
                segment,
                ordinal: u32_at(fixed, 16),
            }),
            stream: std::str::from_utf8(&whole[FIXED..name_end]).ok()?,
            layout,
            sources: &whole[name_end..sources_end],
            table: &whole[sources_end..table_end],
            events: &whole[table_end..],
            whole,
        })
    }
}

impl SliceRef<'_> {
    /// Bytes it is charged.
    pub(in crate::spool) fn charge(&self) -> usize {
        let entries = self.table.len() / self.layout.entry();
        self.layout.charge(entries, self.sources.len(), self.events.len())
    }

    /// Its bytes in a body.
    pub(in crate::spool) fn length(&self) -> usize {
        self.whole.len()
    }

    /// Its events, all for `stream`, or `None` when the table does not fit the bytes.
    pub(in crate::spool) fn batch(&self, stream: StreamId) -> Option<EventBatch> {
        EventBatch::from_stored(stream, self.source_names()?, self.entries(), self.events)
    }

    /// What its events are known by when they come again; those that are known by nothing are left out.
    #[cfg(test)]
    pub(in crate::spool) fn identities(&self) -> impl Iterator<Item = Identity> {
        self.entries().filter_map(|entry| entry.identity)
    }

    /// Appends it as it is, with the place it comes from.
    pub(in crate::spool) fn encode_moved(&self, from: Position, body: &mut Vec<u8>) {
        body.extend_from_slice(&self.whole[..8]);
        body.extend_from_slice(&from.segment.to_le_bytes());
        body.extend_from_slice(&from.ordinal.to_le_bytes());
        body.extend_from_slice(&self.whole[20..]);
    }

    fn entries(&self) -> impl ExactSizeIterator<Item = StoredEntry> {
        self.table.chunks_exact(self.layout.entry()).map(|entry| StoredEntry {
            event_length: u32_at(entry, 0),
            type_length: u32_at(entry, 4),
            record_length: u32_at(entry, 8),
            source: match self.layout {
                Layout::Lengths => 0,
                Layout::Whole => u32_at(entry, 12),
            },
            identity: match self.layout {
                Layout::Lengths => None,
                Layout::Whole => u64_at(entry, 20)
                    .try_into()
                    .ok()
                    .map(|id| Identity::new(id, u64_at(entry, 28))),
            },
        })
    }

    /// `None` when it is no list of names.
    fn source_names(&self) -> Option<Vec<SourceName>> {
        let Some((count, mut rest)) = self.sources.split_first_chunk() else {
            return Some(Vec::new());
        };
        let mut names = Vec::new();
        for _ in 0..u16::from_le_bytes(*count) {
            let (length, behind) = rest.split_first()?;
            let (name, behind) = behind.split_at_checked(usize::from(*length))?;
            names.push(SourceName::try_from(std::str::from_utf8(name).ok()?).ok()?);
            rest = behind;
        }
        rest.is_empty().then_some(names)
    }
}
