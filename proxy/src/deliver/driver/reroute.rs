//! Events whose stream nothing leads to any more (a corrected typo, a row that is gone) follow the mapping in force.
//!
//! What a disk still has is routed when it is read. What is in memory is looked at when a document comes and then twice
//! a second: calls that were under way bring their events back later, and so does whoever routed by the one before.

use std::collections::BTreeSet;

use super::{Driver, Input};
use crate::{deliver::Queued, stream::StreamId};

impl Driver {
    pub(super) fn reroute(&mut self) {
        let Some(snapshot) = self.configuration.borrow().clone() else {
            return;
        };
        let table = &snapshot.table;
        let orphaned = |id: &StreamId| !table.leads_to(*id);
        let streams: Vec<_> = self.streams.keys().copied().filter(orphaned).collect();
        for from in streams {
            let goes_to = |event: &Queued| table.stream(event.entry().key).filter(|to| *to != from);
            let stream = self.stream(from);
            let events = stream.core.take_back(|event| goes_to(event).is_some());
            if events.is_empty() {
                continue;
            }
            let (stream, count) = (stream.name.as_str(), events.len());
            tracing::info!(
                stream,
                count,
                "nothing leads to this stream any more, its events go where their mapping leads now"
            );
            let mut touched = BTreeSet::from([from]);
            for event in events {
                let to = goes_to(&event).unwrap_or(from);
                touched.insert(to);
                self.stream(to).core.push(event);
            }
            for stream in touched {
                self.step(stream, Input::Wake);
            }
        }
    }
}
