//! From the first good configuration to what works behind the endpoint: storage, delivery, dead letters.
//!
//! Until then the endpoint answers 503. A process cannot know before where events wait, nor whose a spool is; one that
//! took events without knowing would keep them otherwise than promised.

use std::{
    future::ready,
    path::PathBuf,
    sync::{Arc, OnceLock},
    time::Duration,
};

use anyhow::Context as _;
use tokio::{
    task::{JoinHandle, JoinSet, spawn_blocking},
    time::{sleep, timeout},
};
use tracing::{error, info, warn};

use super::{
    storage::{self, Storage, Volume},
    window,
};
use crate::{
    account::Account,
    config::Live,
    dead_letters::{self, DeadLetters},
    deliver::{self, Deliver, DeliveryStatus, GiveUp, LogAndSettle, SetAside},
    firehose::Transport,
    http::gateway::Opened,
    queue::{Intake, Recent, Unanswered},
    shutdown::Shutdown,
    stream::Streams,
};

/// What is needed for opening.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) live: Arc<Live>,
    pub(super) streams: Arc<Streams>,
    pub(super) spool_dir: PathBuf,
    pub(super) transport: Transport,
    /// How long delivery may flush in the end.
    pub(super) drain_timeout: Duration,
    pub(super) account: Account,
    /// Most calls of Firehose at a time.
    pub(super) most_calls: usize,
    pub(super) metrics: deliver::Metrics,
    pub(super) delivery_status: DeliveryStatus,
    /// Where what is opened can be asked about.
    pub(super) volume: Volume,
    /// Where the endpoint finds it.
    pub(super) opened: Arc<OnceLock<Opened>>,
    /// What recognizes the events that clients send again.
    pub(super) recent: Recent,
    pub(super) shutdown: Shutdown,
}

/// What works behind the endpoint.
#[derive(Debug)]
pub(super) struct Parts {
    pub(super) unanswered: Unanswered,
    pub(super) delivering: JoinHandle<anyhow::Result<deliver::Undelivered>>,
    pub(super) letters: Option<TasksOfLetters>,
    _following: JoinSet<()>,
}

/// What the tasks get beyond the drain timeout to notice that it has passed.
pub(super) const GRACE: Duration = Duration::from_secs(2);
/// How often a recovery that takes long says that it goes on.
const SAY_EVERY: Duration = Duration::from_secs(10);

impl Opening {
    /// Waits for the first good configuration, and opens what it asks for.
    ///
    /// # Errors
    ///
    /// When the spool's directory cannot be used.
    pub(super) async fn open(self) -> anyhow::Result<Parts> {
        let mut changes = self.live.subscribe();
        // The sender is in `self.live`.
        let _ = changes.wait_for(Option::is_some).await;
        let Storage {
            intake,
            outlet,
            letters,
            spool,
            has_foreign,
        } = self.storage().await?;
        let intake = intake.with_account(self.account.clone());
        self.volume.fill(spool, letters.clone(), has_foreign);
        let intake = intake.with_recent(self.recent.clone());
        let following = window::follow(self.recent, self.account.clone(), changes);
        let dead_letters = letters.clone();
        let (give_up, letters): (Box<dyn GiveUp>, _) = match letters {
            Some(letters) => {
                let (give_up, tasks) =
                    TasksOfLetters::start(letters, intake.clone(), &self.live, self.shutdown.clone());
                (Box::new(give_up), Some(tasks))
            }
            None => (Box::new(LogAndSettle), None),
        };
        let delivery = Deliver {
            live: self.live,
            streams: self.streams,
            transport: self.transport,
            metrics: self.metrics,
            delivery_status: self.delivery_status,
            byte_limit: intake.byte_limit().clone(),
            give_up,
            account: self.account,
            most_calls: self.most_calls,
            flush_within: self.drain_timeout,
        };
        let unanswered = intake.unanswered();
        // Nobody else sets it.
        let _ = self.opened.set(Opened { intake, dead_letters });
        Ok(Parts {
            unanswered,
            delivering: tokio::spawn(deliver::run(outlet, delivery, self.shutdown)),
            letters,
            _following: following,
        })
    }

    /// Reads the disk where that holds nobody up.
    async fn storage(&self) -> anyhow::Result<Storage> {
        let (live, streams, account) = (Arc::clone(&self.live), Arc::clone(&self.streams), self.account.clone());
        let directory = self.spool_dir.clone();
        let mut opening = spawn_blocking(move || Storage::open(&live, &streams, &account, &directory));
        loop {
            tokio::select! {
                opened = &mut opening => return opened.context("the thread that opens storage has panicked")?,
                () = sleep(SAY_EVERY) => info!("what an earlier process has left is still being read"),
            }
        }
    }
}

/// The tasks that have the dead letters: one writes them, one does what a person asks for.
#[derive(Debug)]
pub(super) struct TasksOfLetters {
    writing: JoinHandle<()>,
    attending: JoinHandle<()>,
}

impl TasksOfLetters {
    fn start(letters: DeadLetters, intake: Intake, live: &Arc<Live>, shutdown: Shutdown) -> (SetAside, Self) {
        let (give_up, writing) = SetAside::start(letters.clone());
        let attending = match dead_letters::serve(letters, intake, storage::route(live), shutdown) {
            Ok(attending) => tokio::spawn(attending),
            Err(reason) => {
                // Events come first: a file system without sockets is no reason not to take them.
                error!(%reason, "dead letters cannot be asked about on the command line");
                tokio::spawn(ready(()))
            }
        };
        (give_up, Self { writing, attending })
    }

    /// Waits until what delivery gave up is written; it is told nothing more. What has no room stays where it waits.
    pub(super) async fn end(self) {
        let Self { mut writing, attending } = self;
        if timeout(GRACE, &mut writing).await.is_err() {
            warn!("there was no room for all dead letters; their events stay where they wait");
            writing.abort();
            let _ = writing.await;
        }
        // It ends with the phase; a panic was reported where it happened.
        let _ = attending.await;
    }
}
