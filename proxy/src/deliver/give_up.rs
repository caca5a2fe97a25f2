//! What happens to an event that will never be delivered: it becomes a dead letter, and only then is it settled.

use std::time::Duration;

use tokio::{
    sync::mpsc,
    task::{JoinHandle, JoinSet},
    time::sleep,
};

use super::Queued;
use crate::{
    dead_letters::{DeadLetters, Letter},
    firehose::Reason,
    queue::AcceptError,
    stream::StreamName,
};

/// Takes events that delivery gives up. Whoever implements it settles the event's batch, and only when the event is as
/// safe as it promises (a dead letter on disk settles after its fsync).
pub trait GiveUp: Send {
    /// Takes one event of `stream`. Must not block.
    fn give_up(&mut self, stream: &StreamName, event: Queued, reason: Reason);

    /// Whether it keeps what it takes, so that events can be given up that may be delivered one day.
    fn keeps(&self) -> bool;
}

/// Says what is lost and settles at once: where there is no place to set events aside.
#[derive(Debug, Default)]
pub struct LogAndSettle;

impl GiveUp for LogAndSettle {
    fn give_up(&mut self, stream: &StreamName, event: Queued, reason: Reason) {
        tracing::error!(
            stream = stream.as_str(),
            reason = reason.as_str(),
            bytes = event.entry().record.len(),
            "an event was given up and is lost"
        );
        Queued::settle(std::slice::from_ref(&event));
    }

    fn keeps(&self) -> bool {
        false
    }
}

/// Writes dead letters. While there is no room for one, its event stays unsettled where it waits, and so counts against
/// the share of its stream: what cannot be set aside is neither lost nor in the way of other streams.
#[derive(Debug)]
pub struct SetAside {
    letters: DeadLetters,
    /// Every event in it has a share of the queue's byte limit, which is the bound.
    events: mpsc::UnboundedSender<GivenUp>,
}

#[derive(Debug)]
struct GivenUp {
    stream: StreamName,
    event: Queued,
    reason: Reason,
}

/// Letters that are written at a time: they share a sync, and each is in memory.
const AT_ONCE: usize = 16;
/// How long full dead letters are left alone.
const TRY_AGAIN_AFTER: Duration = Duration::from_secs(1);

impl SetAside {
    /// Starts the task that writes. It ends when this is dropped and every event before that is a letter; there may be
    /// no room, so do not wait for it without a deadline.
    pub fn start(letters: DeadLetters) -> (Self, JoinHandle<()>) {
        let (events, given_up) = mpsc::unbounded_channel();
        let writing = tokio::spawn(write(letters.clone(), given_up));
        (Self { letters, events }, writing)
    }
}

impl GiveUp for SetAside {
    fn give_up(&mut self, stream: &StreamName, event: Queued, reason: Reason) {
        let given_up = GivenUp {
            stream: stream.clone(),
            event,
            reason,
        };
        // The task ends after this. If it has panicked, the event is dropped unsettled: a disk hands it out again.
        let _ = self.events.send(given_up);
    }

    fn keeps(&self) -> bool {
        !self.letters.is_full()
    }
}

async fn write(letters: DeadLetters, mut given_up: mpsc::UnboundedReceiver<GivenUp>) {
    let (mut writes, mut open) = (JoinSet::new(), true);
    while open || !writes.is_empty() {
        tokio::select! {
            Some(_) = writes.join_next() => {}
            next = given_up.recv(), if open && writes.len() < AT_ONCE => match next {
                Some(event) => drop(writes.spawn(event.become_letter(letters.clone()))),
                None => open = false,
            },
        }
    }
}

impl GivenUp {
    async fn become_letter(self, letters: DeadLetters) {
        loop {
            match letters.put(&self.letter()).await {
                Ok(()) => return Queued::settle(std::slice::from_ref(&self.event)),
                // Its client has it and sends it again.
                Err(_) if self.event.batch().is_abandoned() => return,
                Err(AcceptError::Full { .. } | AcceptError::Stalled { .. } | AcceptError::NoMemory { .. }) => {
                    sleep(TRY_AGAIN_AFTER).await;
                }
                // Not settled, so it is where it was. Letters have no stream that refuses them.
                Err(
                    AcceptError::NotConfirmed { .. } | AcceptError::Undeliverable { .. } | AcceptError::ShuttingDown,
                ) => return,
            }
        }
    }

    fn letter(&self) -> Letter {
        let entry = self.event.entry();
        Letter {
            stream: Some(self.stream.clone()),
            event: entry.key.event.to_owned(),
            r#type: entry.key.r#type.to_owned(),
            source: entry.key.source.to_owned(),
            reason: self.reason.as_str().to_owned(),
            detail: self.reason.explanation().to_owned(),
            bytes: entry.record.to_vec(),
        }
    }
}
