//! Frames that wait for the writer, in the order of their arrival.

use std::collections::VecDeque;

use tokio::{sync::oneshot, time::Instant};

use crate::{
    queue::{AcceptError, Charge, Claim, EventBatch, Slice},
    stream::StreamId,
};

/// A frame on its way to the disk.
#[derive(Debug)]
pub(in crate::spool) struct Append {
    /// Bytes of its body.
    pub(in crate::spool) length: usize,
    pub(in crate::spool) content: Content,
}

/// Whose frame it is.
#[derive(Debug)]
pub(in crate::spool) enum Content {
    /// The events of a request, one batch for each stream.
    Request {
        batches: Vec<(StreamId, EventBatch)>,
        charge: Charge,
        /// In memory, until it is synced or refused.
        _uncommitted: Charge,
        accepted_ms: u64,
        /// Its events in the window of those that may come again.
        claim: Option<Claim>,
        reply: oneshot::Sender<Result<(), AcceptError>>,
    },
    /// Slices that make room by leaving their segments: where each is now, its stream and its charge.
    Moved {
        /// Its body.
        body: Vec<u8>,
        slices: Vec<Slice>,
    },
}

/// Frames in the order of their arrival.
#[derive(Debug, Default)]
pub(in crate::spool) struct Pending {
    pub(in crate::spool) appends: VecDeque<Append>,
    /// Nothing is taken any more.
    pub(in crate::spool) closed: bool,
    /// When it was last looked for frames that nobody waits for.
    pub(in crate::spool) purged: Option<Instant>,
}

impl Append {
    /// Bytes that it is charged by itself.
    #[cfg(test)]
    pub(in crate::spool) fn charged(&self) -> usize {
        match &self.content {
            Content::Request { charge, .. } => charge.bytes(),
            Content::Moved { .. } => 0,
        }
    }

    /// Whether somebody still waits for it.
    pub(in crate::spool) fn is_wanted(&self) -> bool {
        match &self.content {
            Content::Request { reply, .. } => !reply.is_closed(),
            Content::Moved { .. } => true,
        }
    }

    pub(in crate::spool) fn slices(&self) -> u32 {
        let count = match &self.content {
            Content::Request { batches, .. } => batches.len(),
            Content::Moved { slices, .. } => slices.len(),
        };
        u32::try_from(count).expect("a frame has fewer than 2^32 slices")
    }
}
