//! Which streams of a request are taken in when not all of them can be. Decides for no stream by itself: who is asked
//! whether one has room says so.

use std::collections::BTreeMap;

use super::{AcceptError, EventBatch, recent::Claim};
use crate::stream::StreamId;

/// Takes out the events of the streams that `refuses` refuses, asked with the bytes of each, and says why. Nothing is
/// taken out of a request with one stream: that is judged as a whole.
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
    refuses: impl Fn(StreamId, usize) -> Option<AcceptError>,
) -> Result<Option<AcceptError>, AcceptError> {
    let first = events.entry(0).map(|entry| entry.stream);
    if events.entries().all(|entry| Some(entry.stream) == first) {
        return Ok(None);
    }
    let mut bytes: BTreeMap<StreamId, usize> = BTreeMap::new();
    for entry in events.entries() {
        *bytes.entry(entry.stream).or_default() += entry.size();
    }
    let refused: BTreeMap<StreamId, AcceptError> = bytes
        .into_iter()
        .filter_map(|(stream, bytes)| Some((stream, refuses(stream, bytes)?)))
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
