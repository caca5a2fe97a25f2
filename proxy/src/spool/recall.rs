//! What an earlier process has stored and clients may send again: the identities come back with the events, by the
//! tables in front of them and not by reading records.

use std::time::Duration;

use super::{
    disk::Disk,
    format::{
        Version,
        frame::{DATA_START, SegmentHeader},
        scan,
    },
    index::Readable,
    log::Log,
};
use crate::queue::{Identity, WindowSettings};

/// An event that was stored, delivered since or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Recalled {
    pub(crate) identity: Identity,
    /// How long ago it was accepted.
    pub(crate) age: Duration,
}

impl<D: Disk> Log<D> {
    /// The events on the disk that a window of these settings would still hold, the oldest first. Segments are read from
    /// the newest on, one at a time, until one is too old or the window would be full. A segment of another salt says
    /// nothing; neither does one that cannot be read now.
    pub(crate) fn recall(&self, settings: WindowSettings) -> Vec<Recalled> {
        let Some(salt) = self.salt() else {
            return Vec::new();
        };
        let now = self.environment.unix_milliseconds();
        let (mut recalled, mut behind) = (Vec::new(), u64::MAX);
        while recalled.len() < settings.most_events() {
            let Some(readable) = self.lock().index.before(behind) else {
                break;
            };
            behind = readable.number;
            if readable.version < Version::V2 {
                continue;
            }
            let Readable {
                number,
                version,
                epoch,
                end,
                file,
                ..
            } = readable;
            let _memory = self.reading(end);
            let Ok(salvaged) = self.salvage_segment(number, file, end) else {
                tracing::warn!(
                    file = Self::segment_name(number),
                    "events of this file will not be recognized when they are sent again"
                );
                continue;
            };
            let bytes = salvaged.bytes;
            let header = bytes.get(..DATA_START).map(SegmentHeader::from_preamble);
            if !header.is_some_and(|header| header.is_ok_and(|header| header.salt == Some(salt))) {
                continue;
            }
            // Of what was written here first: what was moved here may be of any age.
            let mut newest = None;
            for (offset, frame) in scan::scan(&bytes, epoch).frames {
                let slices = frame
                    .body(&bytes[offset..])
                    .and_then(|body| version.slices(body, frame.slices));
                for slice in slices.into_iter().flatten() {
                    let age = Duration::from_millis(now.saturating_sub(slice.accepted_ms));
                    if slice.moved_from.is_none() {
                        newest = Some(newest.map_or(age, |newest: Duration| newest.min(age)));
                    }
                    if age < settings.duration {
                        recalled.extend(slice.identities().map(|identity| Recalled { identity, age }));
                    }
                }
            }
            if newest.is_some_and(|newest| newest >= settings.duration) {
                break;
            }
        }
        recalled.sort_by_key(|event| std::cmp::Reverse(event.age));
        let excess = recalled.len().saturating_sub(settings.most_events());
        recalled.drain(..excess);
        recalled
    }
}
