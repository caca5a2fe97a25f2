//! Sends events again that were kept because their stream took none (`delivery.undeliverable: DeadLetter`), when the
//! stream takes them again. Whether it does is seen by sending one of them now and then.
//!
//! Every other dead letter waits for a person.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use firehose_proxy_config::Undeliverable;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use crate::{
    config::Live,
    dead_letters::{DeadLetters, Selection},
    deliver::DeliveryStatus,
    firehose::Reason,
    queue::Intake,
    shutdown::{Phase, Shutdown},
    spool::Router,
};

/// What sends them again.
pub(super) struct Redrive {
    pub(super) letters: DeadLetters,
    pub(super) intake: Intake,
    pub(super) route: Arc<Router>,
    pub(super) live: Arc<Live>,
    pub(super) delivery_status: DeliveryStatus,
}

/// How a stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    /// It has taken records.
    Takes,
    /// It takes none for a reason that lasts.
    TakesNone,
    /// Nothing was sent to it, or what is the matter with it passes.
    Unknown,
}

/// How often streams are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often a single letter is sent to see whether its stream takes it. Sooner than that delivery finds it out itself
/// by the events that come.
const PROBE_EVERY: Duration = Duration::from_secs(30);

impl Redrive {
    /// Looks after letters until [`Phase::Stopping`].
    pub(super) async fn follow(self, mut shutdown: Shutdown) {
        tokio::select! {
            () = shutdown.reached(Phase::Stopping) => {}
            () = self.look_after() => {}
        }
    }

    async fn look_after(&self) {
        let mut waiting: Option<BTreeSet<String>> = None;
        let mut probe_at: BTreeMap<String, Instant> = BTreeMap::new();
        loop {
            sleep(LOOK_EVERY).await;
            if !self.is_asked() || self.letters.count() == 0 {
                // Asked again later, an earlier process's letters are looked for again.
                waiting = None;
                continue;
            }
            let streams = match &mut waiting {
                Some(streams) => streams,
                none => match self.letters.streams(&reasons()).await {
                    Ok(streams) => none.insert(streams),
                    Err(error) => {
                        warn!(%error, "dead letters cannot be looked through");
                        continue;
                    }
                },
            };
            let failing = self.delivery_status.streams().into_iter();
            let failing = failing.filter(|stream| stream.reason.is_lasting());
            streams.extend(failing.map(|stream| stream.name.to_string()));
            for stream in streams.clone() {
                let now = Instant::now();
                let health = self.health(&stream);
                let most = match health {
                    Health::Takes => usize::MAX,
                    _ if probe_at.get(&stream).is_some_and(|at| now < *at) => continue,
                    Health::TakesNone | Health::Unknown => 1,
                };
                probe_at.insert(stream.clone(), now + PROBE_EVERY);
                match self.send(&stream, most).await {
                    // Those that were on their way to the disk meanwhile are looked for once more.
                    Ok(0) => _ = streams.remove(&stream),
                    Ok(count) if health == Health::Takes => {
                        info!(
                            stream,
                            count, "events that were kept are sent again: their stream takes them"
                        );
                    }
                    Ok(_) => {}
                    Err(error) => warn!(stream, %error, "dead letters cannot be sent again for now"),
                }
            }
        }
    }

    async fn send(&self, stream: &str, most: usize) -> Result<u64, crate::dead_letters::Failed> {
        let selection = Selection {
            stream: Some(stream.to_owned()),
            reasons: reasons(),
            ..Selection::default()
        };
        let redriven = self
            .letters
            .redrive_at_most(most, &selection, &self.intake, &self.route);
        redriven.await
    }

    fn is_asked(&self) -> bool {
        let snapshot = self.live.load();
        let document = snapshot.as_ref().map(|snapshot| &snapshot.document);
        document.is_some_and(|document| document.delivery.undeliverable == Undeliverable::DeadLetter)
    }

    /// How the stream stands that a letter's events go to now.
    fn health(&self, stream: &str) -> Health {
        let streams = self.delivery_status.streams();
        match streams.iter().find(|one| one.name.as_str() == stream) {
            Some(stream) if stream.reason == Reason::Succeeded => Health::Takes,
            Some(stream) if stream.reason.is_lasting() => Health::TakesNone,
            _ => Health::Unknown,
        }
    }
}

fn reasons() -> Vec<String> {
    let lasting = Reason::ALL.into_iter().filter(|reason| reason.is_lasting());
    lasting.map(|reason| reason.as_str().to_owned()).collect()
}
