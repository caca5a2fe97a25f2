//! What delivery tells about itself: the state of each stream and of the credentials, for `/status` and `Retry-After`.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    firehose::Reason,
    stream::{StreamId, StreamName},
};

/// Where delivery writes and the admin endpoint reads. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct DeliveryStatus(Arc<Mutex<Written>>);

#[derive(Debug, Default)]
struct Written {
    streams: BTreeMap<StreamId, StreamStatus>,
    credentials: Option<CredentialsStatus>,
    clock_ahead_seconds: i64,
}

/// One stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamStatus {
    /// Its name.
    pub name: StreamName,
    /// In one word.
    pub state: StreamState,
    /// Why: how the last call ended.
    pub reason: Reason,
    /// What AWS said, or what kept the call from reaching it, where the last one failed.
    pub detail: Option<String>,
    /// The rows of the document that lead to it; `None` when none does.
    pub mapping: Option<String>,
    /// Events that were refused since the stream last took any, because it takes none for a reason that lasts.
    pub refused_events: u64,
    /// Whether single puts are made because the batch call is denied.
    pub single_puts: bool,
    /// Events that are not delivered yet.
    pub backlog_events: usize,
    /// Their bytes.
    pub backlog_bytes: usize,
    /// Age of the oldest of them.
    pub oldest_age: Option<Duration>,
    /// What this pod allows itself to send.
    pub bytes_per_second: f64,
}

/// A stream's state in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamState {
    /// The last call succeeded.
    Delivering,
    /// Firehose takes less than there is.
    Throttled,
    /// The last call failed.
    Failing,
    /// Held back on purpose.
    Paused,
    /// Nothing has waited for five minutes: how the last call ended is of no interest any more.
    Idle,
}

/// Whether there are credentials and what AWS says to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialsStatus {
    /// [`Reason::Succeeded`] once AWS took them; `None` while no call was answered.
    pub reason: Option<Reason>,
    /// For people: what is missing or was refused. Never a key.
    pub message: String,
    /// Hash of the files that the key in use was read from.
    pub revision: Option<String>,
    /// What is wrong with the files while that key stays in use.
    pub stale: Option<(Reason, String)>,
}

/// How long nothing must have waited for a stream to be idle.
const IDLE_AFTER: Duration = Duration::from_secs(300);

impl StreamState {
    /// The word that `/status` shows.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Delivering => "Delivering",
            Self::Throttled => "Throttled",
            Self::Failing => "Failing",
            Self::Paused => "Paused",
            Self::Idle => "Idle",
        }
    }

    pub(super) fn of(reason: Reason, paused: bool, nothing_waits_for: Duration) -> Self {
        match reason {
            _ if paused => Self::Paused,
            _ if nothing_waits_for >= IDLE_AFTER => Self::Idle,
            Reason::Succeeded => Self::Delivering,
            Reason::Throttled => Self::Throttled,
            _ => Self::Failing,
        }
    }
}

impl DeliveryStatus {
    /// Every stream that ever had an event, in the order of their numbers.
    pub fn streams(&self) -> Vec<StreamStatus> {
        self.lock().streams.values().cloned().collect()
    }

    /// One stream.
    pub fn stream(&self, id: StreamId) -> Option<StreamStatus> {
        self.lock().streams.get(&id).cloned()
    }

    /// The credentials; `None` until there was a configuration.
    pub fn credentials(&self) -> Option<CredentialsStatus> {
        self.lock().credentials.clone()
    }

    pub(super) fn put_stream(&self, id: StreamId, status: StreamStatus) {
        self.lock().streams.insert(id, status);
    }

    /// Seconds that AWS's clock is ahead of this machine's; 0 while they agree.
    pub fn clock_ahead_seconds(&self) -> i64 {
        self.lock().clock_ahead_seconds
    }

    pub(super) fn put_clock(&self, ahead_seconds: i64) {
        self.lock().clock_ahead_seconds = ahead_seconds;
    }

    pub(super) fn put_credentials(&self, status: CredentialsStatus) {
        self.lock().credentials = Some(status);
    }

    fn lock(&self) -> MutexGuard<'_, Written> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Was: failing for ever after one call whose event was withdrawn, and delivering after weeks of silence.
    #[test]
    fn a_stream_for_which_nothing_has_waited_for_five_minutes_is_idle_however_its_last_call_ended() {
        for reason in Reason::ALL {
            let state = |paused, seconds| StreamState::of(reason, paused, Duration::from_secs(seconds));
            assert_ne!(state(false, 299), StreamState::Idle, "{reason:?}");
            assert_eq!(state(false, 300), StreamState::Idle, "{reason:?}");
            assert_eq!(state(true, 300), StreamState::Paused, "{reason:?}");
        }
    }
}
