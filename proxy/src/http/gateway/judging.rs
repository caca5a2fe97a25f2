//! Judges the events of a body: a small one where it was read, a large one off the threads that serve connections,
//! which it would hold up.

use std::{panic::resume_unwind, sync::Arc, thread};

use hyper::body::Bytes;
use tokio::{sync::Semaphore, task::spawn_blocking};

use super::{routes::Payload, taken_out::TakenOut};
use crate::{
    config::Snapshot,
    event::{self, Admission, Context, Timestamp},
    http::reply::{Refusal, Unavailable},
    queue::Recent,
    source::{Sender, SourceName},
};

/// Longest body that is judged where it was read: some milliseconds.
const MOST_IN_PLACE_BYTES: usize = 1 << 20;

/// What a request's events are judged by.
pub(super) struct Judging {
    pub(super) configuration: Arc<Snapshot>,
    pub(super) taken_out: Option<TakenOut>,
    pub(super) source: Option<SourceName>,
    pub(super) request_ip: String,
    pub(super) received_at: Timestamp,
    pub(super) payload: Payload,
    pub(super) most_frame_bytes: usize,
    /// What makes the identities.
    pub(super) recent: Recent,
    pub(super) random: Arc<dyn Fn() -> [u8; 16] + Send + Sync>,
}

/// As many large bodies are judged at a time as there are processors; the others wait.
#[derive(Debug)]
pub(super) struct Judges(Semaphore);

impl Judges {
    pub(super) fn new() -> Self {
        Self(Semaphore::new(thread::available_parallelism().map_or(1, usize::from)))
    }

    /// Judges a body.
    ///
    /// # Errors
    ///
    /// What is wrong with all of it.
    pub(super) async fn judge(&self, judging: Judging, body: Bytes) -> Result<Admission, Refusal> {
        if body.len() <= MOST_IN_PLACE_BYTES {
            return judging.judge(&body);
        }
        let _turn = self.0.acquire().await.expect("it is never closed");
        match spawn_blocking(move || judging.judge(&body)).await {
            Ok(judged) => judged,
            Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
            // The runtime ends.
            Err(_) => Err(Refusal::unavailable(Unavailable::Starting)),
        }
    }
}

impl Judging {
    /// Judges a body here and now.
    ///
    /// # Errors
    ///
    /// What is wrong with all of it.
    pub(super) fn judge(&self, body: &[u8]) -> Result<Admission, Refusal> {
        let mut context = Context {
            table: &self.configuration.table,
            delimiter: self.configuration.document.delivery.record_delimiter,
            received_at: self.received_at,
            request_ip: &self.request_ip,
            privacy: self.taken_out.as_ref().and_then(TakenOut::privacy),
            sender: Sender {
                source: self.source.as_ref().map_or("", SourceName::as_str),
                field: self.configuration.source_field.as_ref(),
            },
            max_frame_bytes: self.most_frame_bytes,
            identity_key: self.recent.key(),
            random: &mut || (self.random)(),
        };
        Ok(match self.payload {
            Payload::Single(path_type) => event::single(body, path_type, &mut context)?,
            Payload::Batch => event::batch(body, &mut context)?,
        })
    }
}
