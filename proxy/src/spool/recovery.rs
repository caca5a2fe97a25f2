//! Opens a log: what a crash, a power cut or a clean end has left becomes the state that the log goes on from.
//!
//! A complete segment is known by its seal and not read. The others are read in full: frames that are not sound are
//! dropped, as a write that never ended or as damage, and the segment gets no more frames. Where a slice is both at its
//! old and at its new place, the old one counts: it was synced long ago, of the new one nobody knows.

use std::sync::{Arc, Mutex, OnceLock, atomic::AtomicBool};

use tokio::sync::mpsc;

use super::{
    FOREIGN,
    at_work::AtWork,
    disk::{Disk, File},
    format::{
        Newer, Version,
        acks::{self, Record, Seal},
        frame::{BadHeader, DATA_START, SegmentHeader},
        scan::scan,
    },
    index::{Adoption, Found, Index},
    log::{Environment, Fatal, Log, Settings, State, fatal},
    reader::salvage::{Salvaged, read, salvage},
    signal::Signal,
};
use crate::{
    descriptors::is_shortage,
    queue::{ByteLimit, IdentitySalt, InFlight, Position, Slice},
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
    /// It was not touched.
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
    to: Slice,
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
    /// Opens the log of a directory. Batches come out of `outlet` when there is one.
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
        // Three quarters of the disk: what is not settled can always be moved together, and the rest is what that
        // needs.
        let limit =
            usize::try_from(settings.limit.saturating_sub(3 * settings.segment_size) / 4 * 3).unwrap_or(usize::MAX);
        let byte_limit = ByteLimit::new(limit);
        let log = Self {
            state: Mutex::new(State {
                index: Index::new(byte_limit.clone()),
                outlet,
            }),
            byte_limit,
            window: ByteLimit::new(settings.window),
            uncommitted: ByteLimit::new(settings.uncommitted),
            at_work: AtWork::default(),
            disk,
            settings,
            streams,
            salt: OnceLock::new(),
            environment,
            pending: Mutex::default(),
            reports: Mutex::new(Vec::new()),
            preparing: Mutex::default(),
            maintaining: Mutex::default(),
            put_off: AtomicBool::new(false),
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
        let last = names.iter().filter_map(|name| number_of(name)).max().unwrap_or(0);
        self.lock().index.number_from(last);
        let mut headers = Vec::new();
        for name in names.iter().filter(|name| name.ends_with(".log")) {
            let Some(number) = number_of(name) else {
                continue;
            };
            let file = self.disk.open(name).map_err(fatal("open", name))?;
            let preamble = salvage(&file, DATA_START as u64).map_err(fatal("read", name))?;
            match SegmentHeader::from_preamble(&preamble.bytes) {
                Err(BadHeader::Newer(Newer(version))) => {
                    let file = name.clone();
                    return Err(OpenError::Newer { file, version });
                }
                header => headers.push((number, name, header.ok())),
            }
        }
        self.choose_salt(headers.iter().filter_map(|(.., header)| header.as_ref()));
        let (mut adoption, mut moves) = (Adoption::new(), Vec::new());
        for (number, name, header) in headers {
            let owner = SegmentHeader::owner_bytes(&self.settings.owner);
            match header {
                Some(header) if header.owner == owner && header.number == number => {
                    let found = self.read_segment(&header, &names, &mut moves, &mut recovered)?;
                    adoption.put(number, found);
                }
                Some(_) => recovered.foreign.push(self.put_away(name, FOREIGN)?),
                None => recovered.damaged.push(self.put_away(name, "damaged")?),
            }
        }
        self.remove_leftovers(&names, &adoption)?;
        for Move { from, to } in moves {
            adoption.choose_place(from, to);
        }
        let mut state = self.lock();
        recovered.slices = state.index.adopt(adoption);
        if let Err(broken) = state.index.check() {
            tracing::error!(%broken, "what was found on the disk does not add up; please report this");
        }
        drop(state);
        Ok(recovered)
    }

    /// Goes on with the salt of the newest segment that has one, so that what is on the disk is recognized when it
    /// comes again.
    fn choose_salt<'a>(&self, headers: impl DoubleEndedIterator<Item = &'a SegmentHeader>) {
        let owner = SegmentHeader::owner_bytes(&self.settings.owner);
        let found = headers
            .rev()
            .filter(|header| header.owner == owner)
            .find_map(|header| header.salt);
        let made = || {
            let halves = [self.environment.random(), self.environment.random()];
            let bytes: Vec<u8> = halves.iter().flat_map(|half| half.to_le_bytes()).collect();
            IdentitySalt::new(bytes.try_into().expect("sixteen bytes"))
        };
        let salt = found.or_else(|| (self.settings.version >= Version::V2).then(made));
        if let Some(salt) = salt {
            self.salt.get_or_init(|| salt);
        }
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

    /// What a segment holds: by its seal, or else by its frames.
    fn read_segment(
        &self,
        header: &SegmentHeader,
        names: &[String],
        moves: &mut Vec<Move>,
        recovered: &mut Recovered,
    ) -> Result<Found<D::File>, OpenError> {
        let name = Self::segment_name(header.number);
        // One after the other: there may be more files than the process may have open.
        let file = self.disk.open(&name).map_err(fatal("open", &name))?;
        let size = file.length().map_err(fatal("measure", &name))?;
        let mut found = Found::new(header.version, header.epoch, size);
        let records = self.read_acks(header, names, &mut found)?;
        let seal = records.iter().find_map(|record| match record {
            Record::Seal(seal) => Some(seal).filter(|seal| seal.end <= size),
            Record::Settled(_) => None,
        });
        if let Some(seal) = seal {
            self.trust(seal, &records, &mut found);
            return Ok(found);
        }
        // It was cut off, and perhaps killed before that was synced: a power cut would take back room that is used by
        // then.
        if size < self.settings.segment_size {
            file.sync().map_err(fatal("sync", &name))?;
        }
        let _memory = self.reading(size);
        let salvaged = salvage(&file, size).map_err(fatal("read", &name))?;
        let scanned = self.read_frames(header, salvaged, &mut found, moves);
        match (scanned.is_damaged, scanned.is_torn) {
            (true, _) => recovered.damaged.push(name),
            (false, true) => recovered.torn.push(name),
            (false, false) => {}
        }
        for settled in settled_in(&records) {
            for ordinal in settled.ordinals(found.slices()) {
                found.settled(ordinal, settled.elsewhere, scanned.slices[ordinal as usize]);
            }
        }
        Ok(found)
    }

    fn read_acks(
        &self,
        header: &SegmentHeader,
        names: &[String],
        found: &mut Found<D::File>,
    ) -> Result<Vec<Record>, OpenError> {
        let name = Self::acks_name(header.number);
        if names.binary_search(&name).is_err() {
            return Ok(Vec::new());
        }
        let file = self.disk.open(&name).map_err(fatal("open", &name))?;
        let length = file.length().map_err(fatal("measure", &name))?;
        let bytes = match read(&file, 0, usize::try_from(length).unwrap_or(usize::MAX)) {
            Ok(bytes) => bytes,
            Err(error) if is_shortage(&error) => return Err(fatal("read", &name)(error).into()),
            Err(_) => {
                // Costs duplicates and a longer start. It must stay unread: places are chosen by what is known now.
                let kept = format!("{name}-unreadable");
                self.disk.rename(&name, &kept).map_err(fatal("rename", &name))?;
                self.disk
                    .sync_directory()
                    .map_err(fatal("sync the directory of", name))?;
                return Ok(Vec::new());
            }
        };
        let decoded = acks::decode(&bytes, header.epoch);
        let (records, end) = decoded.map_err(|Newer(version)| OpenError::Newer {
            file: name.clone(),
            version,
        })?;
        // An earlier process may have ended because a sync failed: then this was read from memory and the disk has not
        // got it, though the kernel takes it for written. So it is written once more and synced; what is added behind a
        // gap would be unreadable.
        file.write_at(&bytes[..end], 0).map_err(fatal("write", &name))?;
        file.sync().map_err(fatal("sync", &name))?;
        let sealed = records.iter().any(|record| matches!(record, Record::Seal(_)));
        found.acknowledged(end as u64, records.len() as u64, sealed);
        Ok(records)
    }

    /// A complete segment is what its seal says, less what was settled.
    fn trust(&self, seal: &Seal, records: &[Record], found: &mut Found<D::File>) {
        let held = seal
            .streams
            .iter()
            .map(|(stream, held)| (self.streams.intern(stream), *held));
        found.sealed_with(seal.end, seal.slices, held);
        for settled in settled_in(records) {
            let stream = self.streams.intern(&settled.stream);
            let ordinals = settled.ordinals(found.slices());
            found.settled_unread(stream, settled.bytes, settled.elsewhere, ordinals);
        }
    }

    /// Any other segment is what can be read of it.
    fn read_frames(
        &self,
        segment: &SegmentHeader,
        Salvaged { bytes, is_whole }: Salvaged,
        found: &mut Found<D::File>,
        moves: &mut Vec<Move>,
    ) -> Scanned {
        let scan = scan(&bytes, segment.epoch);
        let mut scanned = Scanned {
            is_damaged: scan.damaged > 0 || !is_whole,
            is_torn: scan.torn,
            slices: Vec::new(),
        };
        for (offset, header) in &scan.frames {
            let body = header
                .body(&bytes[*offset..])
                .and_then(|body| segment.version.slices(body, header.slices));
            let Some(slices) = body else {
                scanned.is_damaged = true;
                continue;
            };
            // The numbers of slices in between are of frames that are gone.
            while found.slices() < header.first {
                found.push_gone();
                scanned.slices.push(None);
            }
            for slice in slices {
                let Ok(stream) = StreamName::try_from(slice.stream) else {
                    scanned.is_damaged = true;
                    continue;
                };
                let stream = self.streams.intern(&stream);
                let charge = slice.charge();
                let ordinal = found.push(stream, charge);
                scanned.slices.push(Some((stream, charge as u64)));
                let position = Position {
                    segment: segment.number,
                    ordinal,
                };
                moves.extend(slice.moved_from.map(|from| Move {
                    from,
                    to: Slice {
                        position,
                        stream,
                        charge,
                    },
                }));
            }
        }
        // A write that had not ended can leave a gap too.
        let has_gaps = scanned.slices.contains(&None);
        found.scanned_to(scan.end as u64, scanned.is_damaged, has_gaps);
        scanned
    }

    /// Removes drafts of segments and acknowledgements of segments that are gone.
    fn remove_leftovers(&self, names: &[String], adoption: &Adoption<D::File>) -> Result<(), Fatal> {
        for name in names {
            let orphan = name.ends_with(".acks") && number_of(name).is_some_and(|number| !adoption.has(number));
            if orphan || name.ends_with(".new") {
                self.disk.remove(name).map_err(fatal("remove", name))?;
            }
        }
        // Not synced: what comes back is removed again.
        Ok(())
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
