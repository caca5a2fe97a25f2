//! Which streams of a request are taken in when not all of them can be. Decides for no stream by itself: who is asked
//! whether one has room says so.

use std::collections::BTreeMap;

use super::{AcceptError, EventBatch, recent::Claim};
use crate::stream::StreamId;

/// What a request has for one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) stream: StreamId,
    pub(super) bytes: usize,
    pub(super) events: u64,
}

/// Whether a request has events for several streams. One that has not is judged as a whole.
pub(super) fn is_mixed(events: &EventBatch) -> bool {
    let first = events.entry(0).map(|entry| entry.stream);
    events.entries().any(|entry| Some(entry.stream) != first)
}

/// What it has for each.
pub(super) fn parts(events: &EventBatch) -> impl Iterator<Item = Part> + use<> {
    let mut parts: BTreeMap<StreamId, Part> = BTreeMap::new();
    for entry in events.entries() {
        let part = parts.entry(entry.stream).or_insert(Part {
            stream: entry.stream,
            bytes: 0,
            events: 0,
        });
        part.bytes += entry.size();
        part.events += 1;
    }
    parts.into_values()
}

/// Takes out the events of the streams that `refuses` refuses, and says why.
///
/// The request is answered 503 and will come again whole, so what stays must be recognized then: an event that cannot
/// be is taken out too, or it would be delivered once more with every try.
///
/// # Errors
///
/// When nothing is left.
pub(super) fn turn_away(
    events: &mut EventBatch,
    claim: &mut Claim,
    refuses: impl Fn(Part) -> Option<AcceptError>,
) -> Result<Option<AcceptError>, AcceptError> {
    let refused: BTreeMap<StreamId, AcceptError> = parts(events)
        .filter_map(|part| Some((part.stream, refuses(part)?)))
        .collect();
    let Some(reason) = refused.values().copied().max_by_key(AcceptError::retry_after) else {
        return Ok(None);
    };
    let out: Vec<u32> = (0..)
        .zip(events.entries())
        .filter(|(index, entry)| refused.contains_key(&entry.stream) || !claim.identifies(*index))
        .map(|(index, _)| index)
        .collect();
    if out.len() == events.len() {
        return Err(reason);
    }
    claim.release(&out);
    events.remove(&out);
    Ok(Some(reason))
}
