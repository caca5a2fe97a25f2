//! Opens a log: what a crash, a power cut or a clean end has left becomes the state that the log goes on from.
//!
//! A complete segment is known by its seal and not read. The others are read in full: frames that are not sound are dropped, as a write that
//! never ended or as damage, and the segment gets no more frames. Where a slice is both at its old and at its new place, the
//! old one counts: it was synced long ago, of the new one nobody knows.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex},
};

use tokio::sync::mpsc;

use super::{
    disk::{Disk, File},
    format::{
        scan::scan,
        v1::{
            BadHeader, DATA_START, SegmentHeader,
            acks::{self, Held, Record, Seal},
            slices,
        },
    },
    index::segment::Segment,
    log::{Environment, Fatal, Log, Settings, State, fatal},
    reader::salvage::{Salvaged, read, salvage},
    signal::Signal,
};
use crate::{
    queue::{ByteLimit, InFlight, Position},
    stream::{StreamId, StreamName, Streams},
};

/// What a start has found.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// Parts of requests that wait.
    pub(crate) slices: u64,
    /// Segments whose last write had not ended.
    pub(crate) torn: Vec<String>,
    /// Files with damage, now or to be kept under a name that ends in `.damaged`.
    pub(crate) damaged: Vec<String>,
    /// Files of another owner, kept under a name that ends in `.foreign`.
    pub(crate) foreign: Vec<String>,
}

/// Why a log cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// Nothing was touched.
    #[error("\"{file}\" is of format version {version}, which is newer than this program")]
    Newer {
        /// The file.
        file: String,
        /// Its version.
        version: u32,
    },
    /// The disk failed.
    #[error("failed to recover the spool")]
    Disk(#[from] Fatal),
}

/// A slice that says where it was before.
struct Move {
    from: Position,
    to: Position,
    stream: StreamId,
    charge: usize,
}

/// What the frames of a segment say of it.
struct Scanned {
    is_damaged: bool,
    /// Its last write had not ended.
    is_torn: bool,
    /// Stream and charge of each slice; `None` for those of frames that are gone.
    slices: Vec<Option<(StreamId, u64)>>,
}

impl<D: Disk> Log<D> {
    /// Opens the log of a directory. Leases come out of `outlet` when there is one.
    ///
    /// # Errors
    ///
    /// When a file is of a newer version, or the disk fails.
    pub(crate) fn open(
        disk: D,
        settings: Settings,
        streams: Arc<Streams>,
        environment: Arc<dyn Environment>,
        outlet: Option<mpsc::UnboundedSender<Arc<InFlight>>>,
    ) -> Result<(Arc<Self>, Recovered), OpenError> {
        // Three quarters of the disk: what is not settled can always be moved together, and the rest is what that needs.
        let limit =
            usize::try_from(settings.limit.saturating_sub(3 * settings.segment_size) / 4 * 3).unwrap_or(usize::MAX);
        let log = Self {
            byte_limit: ByteLimit::new(limit),
            window: ByteLimit::new(settings.window),
            disk,
            settings,
            streams,
            environment,
            pending: Mutex::default(),
            reports: Mutex::new(Vec::new()),
            state: Mutex::new(State {
                segments: BTreeMap::new(),
                active: None,
                writing: false,
                spare: None,
                next_number: 0,
                next_sequence: 0,
                backlogs: BTreeMap::new(),
                turn: None,
                moves: HashMap::new(),
                moving: 0,
                no_room_to_move: false,
                full: false,
                outlet,
            }),
            preparing: Mutex::default(),
            maintaining: Mutex::default(),
            to_commit: Signal::default(),
            to_maintain: Signal::default(),
        };
        let recovered = log.recover()?;
        Ok((Arc::new(log), recovered))
    }

    fn recover(&self) -> Result<Recovered, OpenError> {
        let mut recovered = Recovered::default();
        // A killed process may have removed what a power cut would bring back.
        self.disk.sync_directory().map_err(fatal("sync", "."))?;
        let mut names = self.disk.names().map_err(fatal("list", "."))?;
        names.sort();
        // A number is never used twice, not even that of a file that was set aside.
        self.lock().next_number = names.iter().filter_map(|name| number_of(name)).max().unwrap_or(0);
        let mut headers = Vec::new();
        for name in names.iter().filter(|name| name.ends_with(".log")) {
            let Some(number) = number_of(name) else {
                continue;
            };
            let file = self.disk.open(name).map_err(fatal("open", name))?;
            let preamble = salvage(&file, DATA_START as u64);
            match SegmentHeader::from_preamble(&preamble.bytes) {
                Err(BadHeader::Newer(version)) => {
                    let file = name.clone();
                    return Err(OpenError::Newer { file, version });
                }
                header => headers.push((number, name, file, header.ok())),
            }
        }
        let mut moves = Vec::new();
        for (number, name, file, header) in headers {
            let owner = SegmentHeader::owner_bytes(&self.settings.owner);
            match header {
                Some(header) if header.owner == owner && header.number == number => {
                    self.open_segment(number, header.epoch, file, &names, &mut moves, &mut recovered)?;
                }
                Some(_) => recovered.foreign.push(self.put_away(name, "foreign")?),
                None => recovered.damaged.push(self.put_away(name, "damaged")?),
            }
        }
        self.remove_leftovers(&names)?;
        self.choose_places(&moves);
        self.count(&mut recovered);
        Ok(recovered)
    }

    /// Gives a file a name that this program does not read.
    fn put_away(&self, name: &str, why: &str) -> Result<String, Fatal> {
        let kept = format!("{}.{why}", name.trim_end_matches(".log"));
        self.disk.rename(name, &kept).map_err(fatal("rename", name))?;
        self.disk
            .sync_directory()
            .map_err(fatal("sync the directory of", name))?;
        Ok(kept)
    }

    fn open_segment(
        &self,
        number: u64,
        epoch: u64,
        file: D::File,
        names: &[String],
        moves: &mut Vec<Move>,
        recovered: &mut Recovered,
    ) -> Result<(), Fatal> {
        let name = Self::segment_name(number);
        let size = file.length().map_err(fatal("measure", &name))?;
        let mut segment = Segment::new(Arc::new(file), epoch, size, DATA_START as u64);
        segment.closed = true;
        let records = self.read_acks(number, names, &mut segment)?;
        let seal = records.iter().find_map(|record| match record {
            Record::Seal(seal) => Some(seal),
            Record::Settled(_) => None,
        });
        match seal {
            Some(seal) => self.trust(seal, &records, &mut segment),
            None => {
                // It was cut off, and perhaps killed before that was synced: a power cut would take back room that is used by then.
                if size < self.settings.segment_size {
                    segment.file.sync().map_err(fatal("sync", &name))?;
                }
                let scanned = self.read_frames(number, &mut segment, moves);
                match (scanned.is_damaged, scanned.is_torn) {
                    (true, _) => recovered.damaged.push(name),
                    (false, true) => recovered.torn.push(name),
                    (false, false) => {}
                }
                segment.settle_scanned(&records, &scanned);
            }
        }
        self.lock().segments.insert(number, segment);
        Ok(())
    }

    fn read_acks(&self, number: u64, names: &[String], segment: &mut Segment<D::File>) -> Result<Vec<Record>, Fatal> {
        let name = Self::acks_name(number);
        if names.binary_search(&name).is_err() {
            return Ok(Vec::new());
        }
        let file = self.disk.open(&name).map_err(fatal("open", &name))?;
        let length = file.length().map_err(fatal("measure", &name))?;
        let Ok(bytes) = read(&file, 0, usize::try_from(length).unwrap_or(usize::MAX)) else {
            // Costs duplicates and a longer start. It must stay unread: places are chosen by what is known now.
            let kept = format!("{name}-unreadable");
            self.disk.rename(&name, &kept).map_err(fatal("rename", &name))?;
            self.disk
                .sync_directory()
                .map_err(fatal("sync the directory of", name))?;
            return Ok(Vec::new());
        };
        let (records, end) = acks::decode(&bytes, segment.epoch);
        // An earlier process may have ended because a sync failed: then this was read from memory and the disk has not got it, though the
        // kernel takes it for written. Written once more, the next sync covers it; what is added behind a gap would be unreadable.
        file.write_at(&bytes[..end], 0).map_err(fatal("write", &name))?;
        segment.acks.end = end as u64;
        segment.acks.next_index = records.len() as u64;
        segment.acks.sealed = records.iter().any(|record| matches!(record, Record::Seal(_)));
        segment.acks.unsynced = true; // of what an earlier process wrote nobody knows
        segment.acks.file = Some(Arc::new(file));
        Ok(records)
    }

    /// A complete segment is what its seal says, less what was settled. It has no gaps, or it would not have been sealed.
    fn trust(&self, seal: &Seal, records: &[Record], segment: &mut Segment<D::File>) {
        segment.end = seal.end;
        segment.slices = seal.slices;
        for (stream, held) in &seal.streams {
            let stream = self.streams.intern(stream);
            segment.held.insert(stream, *held);
            segment.live.insert(stream, *held);
            segment.waiting.insert(stream, held.slices);
        }
        for settled in settled_in(records) {
            let stream = self.streams.intern(&settled.stream);
            segment.settle_stored(stream, settled);
        }
    }

    /// Any other segment is what can be read of it.
    fn read_frames(&self, number: u64, segment: &mut Segment<D::File>, moves: &mut Vec<Move>) -> Scanned {
        let Salvaged { bytes, is_whole } = salvage(&*segment.file, segment.size);
        let scan = scan(&bytes, segment.epoch);
        segment.end = scan.end as u64;
        let mut scanned = Scanned {
            is_damaged: scan.damaged > 0 || !is_whole,
            is_torn: scan.torn,
            slices: Vec::new(),
        };
        for (offset, header) in &scan.frames {
            let body = header
                .body(&bytes[*offset..])
                .and_then(|body| slices::decode(body, header.slices));
            let Some(slices) = body else {
                scanned.is_damaged = true;
                continue;
            };
            // The numbers of slices in between are of frames that are gone.
            while segment.slices < header.first {
                segment.settled.insert(segment.slices);
                scanned.slices.push(None);
                segment.slices += 1;
            }
            for slice in slices {
                let Ok(stream) = StreamName::try_from(slice.stream) else {
                    scanned.is_damaged = true;
                    continue;
                };
                let stream = self.streams.intern(&stream);
                let charge = slice.charge();
                let ordinal = segment.push(stream, charge as u64);
                scanned.slices.push(Some((stream, charge as u64)));
                let to = Position {
                    segment: number,
                    ordinal,
                };
                moves.extend(slice.moved_from.map(|from| Move {
                    from,
                    to,
                    stream,
                    charge,
                }));
            }
        }
        // A write that had not ended can leave one too.
        segment.gaps = scanned.is_damaged || scanned.slices.contains(&None);
        segment.damaged = scanned.is_damaged;
        scanned
    }

    /// Removes drafts of segments and acknowledgements of segments that are gone.
    fn remove_leftovers(&self, names: &[String]) -> Result<(), Fatal> {
        for name in names {
            let orphan = name.ends_with(".acks")
                && number_of(name).is_some_and(|number| !self.lock().segments.contains_key(&number));
            if orphan || name.ends_with(".new") {
                self.disk.remove(name).map_err(fatal("remove", name))?;
            }
        }
        // Not synced: what comes back is removed again.
        Ok(())
    }

    /// Where a slice is at two places, one of them is done with.
    fn choose_places(&self, moves: &[Move]) {
        let mut state = self.lock();
        for Move {
            from,
            to,
            stream,
            charge,
        } in moves
        {
            let place = |position: &Position| {
                let segment = state.segments.get(&position.segment);
                let settled = segment.is_none_or(|segment| segment.settled.contains(position.ordinal));
                let elsewhere = segment.is_none_or(|segment| segment.elsewhere.contains(position.ordinal));
                (settled, elsewhere)
            };
            let (settle, elsewhere) = match (place(from), place(to)) {
                // The old place was synced long ago, of the new one nobody knows.
                ((false, _), (false, _)) => (to, true),
                // Delivered from one of the two.
                ((false, _), (true, false)) => (from, false),
                ((true, false), (false, _)) => (to, false),
                ((false, _), (true, true)) | ((true, true), (false, _)) | ((true, _), (true, _)) => continue,
            };
            if let Some(segment) = state.segments.get_mut(&settle.segment) {
                let charge = *charge as u64;
                segment.settle(settle.ordinal, *stream, charge);
                segment.acknowledge(settle.ordinal, *stream, charge, elsewhere);
            }
        }
    }

    /// Charges what is there and lets all of it wait.
    fn count(&self, recovered: &mut Recovered) {
        let mut guard = self.lock();
        let state = &mut *guard;
        let mut waiting = Vec::new();
        for (number, segment) in &state.segments {
            for (stream, held) in &segment.live {
                self.byte_limit
                    .hold(*stream, usize::try_from(held.bytes).unwrap_or(usize::MAX));
                recovered.slices += u64::from(held.slices);
            }
            let counts = segment.waiting.iter();
            waiting.extend(counts.map(|(stream, count)| (*stream, *count, *number)));
        }
        for (stream, count, number) in waiting {
            for _ in 0..count {
                state.wait(stream, number, DATA_START as u64);
            }
        }
    }
}

impl<F> Segment<F> {
    /// Takes in what an earlier process has written down as settled, of which frames may be gone since.
    fn settle_scanned(&mut self, records: &[Record], scanned: &Scanned) {
        for settled in settled_in(records) {
            for ordinal in settled.ordinals(self.slices) {
                if let Some((stream, charge)) = scanned.slices[ordinal as usize] {
                    self.settle(ordinal, stream, charge);
                }
                if settled.elsewhere {
                    self.elsewhere.insert(ordinal);
                }
            }
        }
    }

    /// The same where every slice is there, without knowing them one by one.
    fn settle_stored(&mut self, stream: StreamId, settled: &acks::Settled) {
        let mut count = 0;
        for ordinal in settled.ordinals(self.slices) {
            count += u32::from(self.settled.insert(ordinal));
            if settled.elsewhere {
                self.elsewhere.insert(ordinal);
            }
        }
        let less = |held: &mut Held| {
            held.slices = held.slices.saturating_sub(count);
            held.bytes = held.bytes.saturating_sub(settled.bytes);
            held.slices == 0
        };
        if self.live.get_mut(&stream).is_some_and(less) {
            self.live.remove(&stream);
        }
        match self.waiting.get_mut(&stream) {
            Some(waiting) if *waiting > count => *waiting -= count,
            _ => drop(self.waiting.remove(&stream)),
        }
    }
}

fn settled_in(records: &[Record]) -> impl Iterator<Item = &acks::Settled> {
    let settled = records.iter().filter_map(|record| match record {
        Record::Settled(settled) => Some(settled),
        Record::Seal(_) => None,
    });
    settled.flatten()
}

/// The number in a file's name.
fn number_of(name: &str) -> Option<u64> {
    let (number, _) = name.split_once('.')?;
    (number.len() == 16).then(|| u64::from_str_radix(number, 16).ok())?
}
