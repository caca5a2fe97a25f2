//! Events that were given up, kept on a disk with the reason until a person sends them again or drops them.
//!
//! A log of its own beside the spool's, with a byte limit of its own: what is stored is synced before
//! [`DeadLetters::put`] resolves, and nothing is handed out by itself. Does not decide what is given up (delivery and
//! the endpoint do).

mod command;
mod emptying;
pub(crate) mod letter;
mod socket;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use firehose_proxy_config::letters::Summary;
use tokio::{task::JoinError, time::Instant};

pub use self::{
    command::{Answer, Command, Selection},
    emptying::Emptying,
    letter::Letter,
    socket::{SOCKET, serve},
};
use crate::{
    account::Account,
    queue::{AcceptError, Appended, BatchTooLarge, ByteLimit, Position, Slice},
    spool::{
        Error, Options, Router, Running, Segments,
        disk::RealDisk,
        log::{Later, Log},
        open_log,
        reader::browse::Chosen,
    },
    stream::Streams,
};

/// The dead letters of a pod. Cheap to clone.
#[derive(Debug, Clone)]
pub struct DeadLetters(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    running: Running,
    directory: PathBuf,
    streams: Arc<Streams>,
    /// Whether the last letter found no room.
    full: AtomicBool,
    /// Held by whoever makes letters go: two at a time would send the same ones again.
    emptying: tokio::sync::Mutex<()>,
}

/// Letters on their way to the disk.
#[derive(Debug)]
#[must_use = "they are not safe yet"]
pub struct Puts {
    letters: DeadLetters,
    puts: Vec<Result<Appended, AcceptError>>,
}

/// Why an order was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// No letter has this id; it may have been sent or dropped.
    #[error("there is no dead letter {0:?}")]
    Unknown(String),
    /// The reading thread has panicked.
    #[error("failed to read the dead letters")]
    Read(#[from] JoinError),
    /// The process is short of something that reading takes.
    #[error("the process is short of file descriptors or memory, try again")]
    Later,
    /// The spool does not take the events back.
    #[error("failed to put events back")]
    Refused(#[from] AcceptError),
    /// The disk has not confirmed in time that letters are gone.
    #[error("the disk has not confirmed in time; letters that were sent may still be listed")]
    NotConfirmed,
}

/// The letters' directory within the spool's.
pub const DIRECTORY: &str = "dead-letters";

/// How long the disk may take to confirm.
const CONFIRM_WITHIN: Duration = Duration::from_secs(10);

impl Puts {
    /// Resolves when all letters are synced that have room.
    ///
    /// # Errors
    ///
    /// As [`DeadLetters::put`], if it was so for any of them.
    pub async fn synced(self) -> Result<(), AcceptError> {
        let mut all = Ok(());
        for put in self.puts {
            all = all.and(self.letters.end(put).await);
        }
        all
    }
}

impl DeadLetters {
    /// Opens the dead letters of a directory, made if need be, with room for `limit` bytes on the disk, written in a
    /// version of the spool's format ([`Options::format_version`]). It must not be the spool's directory.
    ///
    /// ```text
    /// let directory = spool.join(dead_letters::DIRECTORY);
    /// let letters = DeadLetters::open(&directory, uid, 64 << 20, 1, streams.clone(), account)?;
    /// tokio::spawn(dead_letters::serve(letters.clone(), intake.clone(), route, shutdown)?);  // for the command line
    /// letters.put(&letter).await?;                                                            // then settle the event
    /// ```
    ///
    /// # Errors
    ///
    /// See [`Error`].
    pub fn open(
        directory: &Path,
        owner: &str,
        limit: u64,
        format_version: u32,
        streams: Arc<Streams>,
        account: Account,
    ) -> Result<Self, Error> {
        let options = Options {
            directory: directory.to_owned(),
            owner: owner.to_owned(),
            limit,
            window: 0,
            account,
            format_version,
            recall: None,
        };
        let route: Router = Box::new(|entry| entry.stream);
        let log = open_log(&options, Arc::clone(&streams), route, None, Segments::MadeWhenNeeded)?;
        let running = Running::start(log, "dead-letters").map_err(|error| Error::Log(error.into()))?;
        Ok(Self(Arc::new(Inner {
            running,
            directory: directory.to_owned(),
            streams,
            full: AtomicBool::new(false),
            emptying: tokio::sync::Mutex::default(),
        })))
    }

    fn log(&self) -> &Arc<Log<RealDisk>> {
        self.0.running.log()
    }

    /// Keeps an event; resolves when it is synced.
    ///
    /// # Errors
    ///
    /// [`AcceptError::Full`] when the byte limit or the disk is full: the event must stay where it is.
    pub async fn put(&self, letter: &Letter) -> Result<(), AcceptError> {
        self.end(self.start(letter)).await
    }

    fn start(&self, letter: &Letter) -> Result<Appended, AcceptError> {
        let stream = self.0.streams.intern(&letter::filed_under(letter));
        let time = jiff::Timestamp::now().to_string();
        // An event is smaller than 4 GiB, and so is its letter.
        let batch = letter::to_batch(letter, stream, time).map_err(|BatchTooLarge| AcceptError::Full {
            retry_after: Duration::MAX,
        })?;
        self.log().append(batch)
    }

    async fn end(&self, put: Result<Appended, AcceptError>) -> Result<(), AcceptError> {
        let kept = match put {
            Ok(appended) => appended.await.unwrap_or(Err(AcceptError::ShuttingDown)),
            Err(error) => Err(error),
        };
        let full = matches!(kept, Err(AcceptError::Full { .. }));
        if self.0.full.swap(full, Ordering::Relaxed) != full && full {
            tracing::error!("there is no room for dead letters: events that cannot be delivered stay where they wait");
        }
        kept
    }

    /// Keeps several events, which share a sync.
    pub fn put_all(&self, letters: impl Iterator<Item = Letter>) -> Puts {
        Puts {
            letters: self.clone(),
            puts: letters.map(|letter| self.start(&letter)).collect(),
        }
    }

    /// Whether the last letter found no room, and none has been dropped since.
    pub fn is_full(&self) -> bool {
        self.0.full.load(Ordering::Relaxed)
    }

    /// The bound on dead letters and how much of it is taken.
    pub fn byte_limit(&self) -> &ByteLimit {
        self.log().byte_limit()
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.log().left().slices
    }

    /// Shows letters, oldest first. What cannot be read is reported in the log.
    ///
    /// # Errors
    ///
    /// [`Failed::Read`], [`Failed::Later`].
    pub async fn list(&self, selection: &Selection) -> Result<Vec<Summary>, Failed> {
        let selection = selection.clone();
        self.reading(move |letters| {
            let mut found = Vec::new();
            letters.select(&selection, None, |summary, _, _| {
                found.push(summary);
                match found.len() < selection.limit() {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            })?;
            Ok(found)
        })
        .await
    }

    /// One letter in full.
    ///
    /// # Errors
    ///
    /// When there is none of this id.
    pub async fn show(&self, id: &str) -> Result<Letter, Failed> {
        let unknown = || Failed::Unknown(id.to_owned());
        let position = letter::position(id).ok_or_else(unknown)?;
        let found = self.reading(move |letters| {
            let mut found = None;
            letters.select(&Selection::default(), Some(position), |_, letter, slice| {
                found = (slice.position == position).then_some(letter);
                ControlFlow::Break(())
            })?;
            Ok(found)
        });
        found.await?.ok_or_else(unknown)
    }

    /// The streams that there are letters for with one of these reasons.
    ///
    /// # Errors
    ///
    /// [`Failed::Read`], [`Failed::Later`].
    pub async fn streams(&self, reasons: &[String]) -> Result<BTreeSet<String>, Failed> {
        let selection = Selection {
            reasons: reasons.to_vec(),
            ..Selection::default()
        };
        self.reading(move |letters| {
            let mut streams = BTreeSet::new();
            letters.select(&selection, None, |summary, _, _| {
                streams.extend(summary.stream);
                ControlFlow::Continue(())
            })?;
            Ok(streams)
        })
        .await
    }

    /// Reads the disk where that holds nobody up.
    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, Later> + Send + 'static,
    ) -> Result<T, Failed> {
        let letters = self.clone();
        let read = tokio::task::spawn_blocking(move || read(&letters));
        read.await?.map_err(|Later| Failed::Later)
    }

    /// Shows the letters of a selection, from a place on, until somebody has seen enough.
    fn select(
        &self,
        selection: &Selection,
        from: Option<Position>,
        mut visit: impl FnMut(Summary, Letter, Slice) -> ControlFlow<()>,
    ) -> Result<(), Later> {
        let ids: BTreeSet<&str> = selection.ids.iter().map(String::as_str).collect();
        self.log().look(from, |seen| {
            let name = self.0.streams.name(seen.slice.stream);
            match letter::from_batch(seen.slice.position, &name, &seen.batch) {
                Some((summary, letter)) if selection.contains(&ids, &summary) => visit(summary, letter, seen.slice),
                _ => ControlFlow::Continue(()),
            }
        })
    }

    /// Drops letters and waits until the disk knows.
    async fn forget(&self, letters: Chosen<RealDisk>) -> Result<(), Failed> {
        letters.forget();
        let end = Instant::now() + CONFIRM_WITHIN;
        while !self.log().is_quiet() {
            if Instant::now() > end {
                return Err(Failed::NotConfirmed);
            }
            self.log().to_maintain.notify();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.0.full.store(false, Ordering::Relaxed);
        Ok(())
    }
}
