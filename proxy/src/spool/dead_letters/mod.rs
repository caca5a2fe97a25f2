//! Events that were given up, kept on a disk with the reason until a person sends them again or drops them.
//!
//! A log of its own beside the spool's, with a budget of its own: what is stored is synced before [`DeadLetters::put`] resolves,
//! and nothing is handed out by itself. Does not decide what is given up (delivery and the endpoint do).

mod command;
mod letter;
mod socket;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use tokio::time::Instant;

pub use self::{
    command::{Command, Selection, run},
    letter::{Letter, Summary},
    socket::{SOCKET, serve},
};
use super::{
    Budget, EntryRef, Error, Frame, FrameTooLarge, Intake, KeyRef, Refusal,
    log::{Log, Parcel, Position},
    open::{self, open_log},
    threads::Running,
};
use crate::stream::{StreamId, Streams};

/// The dead letters of a pod. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DeadLetters(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    running: Running,
    directory: PathBuf,
    streams: Arc<Streams>,
}

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// No letter has this id; it may have been sent or dropped.
    #[error("there is no dead letter {0:?}")]
    Unknown(String),
    /// The letters cannot be read.
    #[error("failed to read the dead letters")]
    Read(#[from] std::io::Error),
    /// The spool does not take the events back.
    #[error("failed to put events back")]
    Refused(#[from] Refusal),
    /// The disk has not confirmed in time that letters are gone.
    #[error("the disk has not confirmed in time; letters that were sent may still be listed")]
    NotConfirmed,
}

/// Letters sent again in one go.
const TOGETHER: usize = 100;
/// How long the disk may take to confirm.
const CONFIRM_WITHIN: Duration = Duration::from_secs(10);
/// How long letters that are sent again may take to be safe.
const ACCEPT_WITHIN: Duration = Duration::from_secs(60);

impl DeadLetters {
    /// Opens the dead letters of a directory, made if need be, with room for `limit` bytes on the disk. It must not be the spool's directory.
    ///
    /// ```text
    /// let letters = DeadLetters::open(&options.directory.join("dead-letters"), uid, 64 << 20, streams.clone())?;
    /// tokio::spawn(dead_letters::serve(letters.clone(), intake.clone(), route, shutdown));   // for the command line
    /// letters.put(&letter).await?;                                                            // then settle the event
    /// ```
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn open(directory: &Path, owner: &str, limit: u64, streams: Arc<Streams>) -> Result<Self, Error> {
        let options = open::Options {
            directory: directory.to_owned(),
            owner: owner.to_owned(),
            limit,
            window: 0,
        };
        let route: open::Route = Box::new(|entry| entry.stream);
        let log = open_log(&options, Arc::clone(&streams), route, None)?;
        let running = Running::start(log, "dead-letters").map_err(|error| Error::Log(error.into()))?;
        Ok(Self(Arc::new(Inner {
            running,
            directory: directory.to_owned(),
            streams,
        })))
    }

    fn log(&self) -> &Arc<Log<super::disk::RealDisk>> {
        self.0.running.log()
    }

    /// Keeps an event; resolves when it is synced.
    ///
    /// # Errors
    ///
    /// [`Refusal::Full`] when the budget or the disk is full: the event must stay where it is.
    pub async fn put(&self, letter: &Letter) -> Result<(), Refusal> {
        let stream = self.0.streams.intern(&letter::filed_under(letter));
        let time = jiff::Timestamp::now().to_string();
        // An event is smaller than 4 GiB, and so is its letter.
        let frame = letter::to_frame(letter, stream, time).map_err(|FrameTooLarge| Refusal::Full {
            retry_after: Duration::MAX,
        })?;
        self.log().append(frame)?.await.unwrap_or(Err(Refusal::ShuttingDown))
    }

    /// The bound on dead letters and how much of it is taken.
    pub fn budget(&self) -> &Budget {
        self.log().budget()
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.log().left().parcels
    }

    /// Shows letters, oldest first. Reads the disk.
    ///
    /// # Errors
    ///
    /// When the disk cannot be read.
    pub fn list(&self, selection: &Selection) -> Result<Vec<Summary>, Failed> {
        let mut found = Vec::new();
        self.select(selection, None, selection.limit(), |summary, _, _| found.push(summary))?;
        Ok(found)
    }

    /// One letter in full. Reads the disk.
    ///
    /// # Errors
    ///
    /// When there is none of this id, or the disk cannot be read.
    pub fn show(&self, id: &str) -> Result<Letter, Failed> {
        let unknown = || Failed::Unknown(id.to_owned());
        let position = letter::position(id).ok_or_else(unknown)?;
        let mut found = None;
        self.select(&Selection::default(), Some(position), 1, |summary, letter, _| {
            found = (summary.id == id).then_some(letter);
        })?;
        found.ok_or_else(unknown)
    }

    /// Puts letters back into the spool, and drops each when its event is safe there. Interrupted by a crash, it loses nothing and sends at most
    /// the letters of one go twice. Returns how many; letters without a stream stay.
    ///
    /// # Errors
    ///
    /// When the spool or the disk refuses; what was put back until then is gone from here.
    pub async fn redrive(&self, selection: &Selection, intake: &Intake, route: &open::Route) -> Result<usize, Failed> {
        let (mut sent, mut from) = (0, None);
        loop {
            let (mut frame, mut parcels, mut last) = (Frame::default(), Vec::new(), None);
            self.select(selection, from, TOGETHER, |_, letter, parcel| {
                last = Some(parcel.position);
                let Some(stream) = &letter.stream else {
                    return;
                };
                let key = KeyRef {
                    event: &letter.event,
                    r#type: &letter.r#type,
                };
                let stream = self.0.streams.intern(stream);
                let stream = route(EntryRef {
                    stream,
                    key,
                    record: &letter.bytes,
                });
                let write = |out: &mut Vec<u8>| {
                    out.extend_from_slice(&letter.bytes);
                    Ok::<(), FrameTooLarge>(())
                };
                if frame.push(stream, key, write).is_ok() {
                    parcels.push(parcel);
                }
            })?;
            let Some(last) = last else {
                return Ok(sent);
            };
            sent += parcels.len();
            intake.accept(frame, Instant::now() + ACCEPT_WITHIN).await?;
            self.forget(parcels).await?;
            from = Some(Position {
                ordinal: last.ordinal + 1,
                ..last
            });
        }
    }

    /// Drops letters for good. Returns how many.
    ///
    /// # Errors
    ///
    /// When the disk fails.
    pub async fn discard(&self, selection: &Selection) -> Result<usize, Failed> {
        let mut parcels = Vec::new();
        self.select(selection, None, usize::MAX, |_, _, parcel| parcels.push(parcel))?;
        let count = parcels.len();
        self.forget(parcels).await?;
        Ok(count)
    }

    /// Shows up to `most` letters of a selection, from a place on.
    fn select(
        &self,
        selection: &Selection,
        from: Option<Position>,
        most: usize,
        mut visit: impl FnMut(Summary, Letter, Parcel),
    ) -> Result<(), Failed> {
        let ids: BTreeSet<&str> = selection.ids.iter().map(String::as_str).collect();
        let mut left = most;
        self.log().look(from, |seen| {
            let stream: StreamId = seen.parcel.stream;
            let name = self.0.streams.name(stream);
            if let Some((summary, letter)) = letter::from_frame(seen.parcel.position, &name, &seen.frame)
                && selection.contains(&ids, &summary)
            {
                visit(summary, letter, seen.parcel);
                left -= 1;
            }
            match left {
                0 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        })?;
        Ok(())
    }

    /// Drops letters and waits until the disk knows.
    async fn forget(&self, parcels: Vec<Parcel>) -> Result<(), Failed> {
        self.log().forget(parcels);
        let end = Instant::now() + CONFIRM_WITHIN;
        while !self.log().is_quiet() {
            if Instant::now() > end {
                return Err(Failed::NotConfirmed);
            }
            self.log().to_keep.notify();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }
}
