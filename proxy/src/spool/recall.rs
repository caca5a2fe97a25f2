//! What an earlier process has stored and clients may send again: the identities come back with the events, by the
//! tables in front of them and not by reading records.

use std::time::Duration;

use super::{
    disk::{Disk, File},
    format::{
        Version,
        frame::{DATA_START, FrameHeader, SegmentHeader},
        scan,
    },
    index::Readable,
    log::{Fatal, Log, fatal, unless_full},
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
    /// The events on the disk that a window of these settings would still hold, the oldest first. Segments are read
    /// from the newest on, one at a time, until one is too old or the window would be full. A segment of another
    /// salt says nothing; neither does one that cannot be read now.
    ///
    /// The repeat of an event that is recalled is confirmed, so it must be on the disk. What was read may be in memory
    /// only: the last write of an earlier process, which had not ended, or whose sync had failed. It is written
    /// once more and synced.
    ///
    /// # Errors
    ///
    /// When that fails: nothing is known of what is on the disk then.
    pub(crate) fn recall(&self, settings: WindowSettings) -> Result<Vec<Recalled>, Fatal> {
        let Some(salt) = self.salt() else {
            return Ok(Vec::new());
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
            let frames = scan::scan(&bytes, epoch).frames;
            let synced = self.sync_last_write(number, &frames, &bytes, salvaged.is_whole)?;
            for (offset, frame) in frames.into_iter().filter(|(offset, _)| *offset < synced) {
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
        Ok(recalled)
    }

    /// Has the last write of a segment on the disk, and says up to where it is. What a later write says was synced
    /// needs nothing.
    fn sync_last_write(
        &self,
        number: u64,
        frames: &[(usize, FrameHeader)],
        bytes: &[u8],
        is_whole: bool,
    ) -> Result<usize, Fatal> {
        let said = frames.iter().map(|(_, frame)| frame.synced).max().unwrap_or(0);
        let said = usize::try_from(said).unwrap_or(usize::MAX);
        if !is_whole || said >= bytes.len() {
            return Ok(said);
        }
        let name = Self::segment_name(number);
        let file = self.disk.open(&name).map_err(fatal("open", &name))?;
        if !unless_full(file.write_at(&bytes[said..], said as u64), "write", &name)? {
            return Ok(said);
        }
        file.sync().map_err(fatal("sync", name))?;
        Ok(bytes.len())
    }
}
