//! Streams that take nothing for a reason that time alone does not mend: they are closed to clients, and what had
//! come in already is kept until its clients were told so.

use tokio::time::Instant;

use super::{Driver, Input, Stream, tell::NO_MAPPING};
use crate::{deliver::Queued, stream::StreamId};

impl Driver {
    /// Tells the clients of these events that their stream does not take them.
    pub(super) fn refuse(&mut self, id: StreamId, events: Vec<Queued>, now: Instant) {
        self.follow_closed(id, now);
        let wait = self.deliver.closed_streams.retry_after(id, now).unwrap_or_default();
        Queued::refuse(&events, wait);
        self.stream(id).refused.extend(events);
    }

    /// Opens or closes a stream to clients as its core says.
    pub(super) fn follow_closed(&mut self, id: StreamId, now: Instant) {
        let stream = self.stream(id);
        // What is set aside has to come in.
        let sets_aside = stream.core.settings().sets_aside;
        let probe_at = stream.core.probe_at(now).filter(|_| !sets_aside);
        let was_closed = std::mem::replace(&mut stream.is_closed, probe_at.is_some());
        match probe_at {
            Some(probe_at) => self.deliver.closed_streams.close(id, probe_at, now),
            None if was_closed => {
                self.count_turned_away(id);
                self.deliver.closed_streams.open(id);
            }
            None => {}
        }
    }

    /// Lets go of refused events whose clients were told so. Those of a client that has left have nobody else.
    pub(super) fn look_after_refused(&mut self) {
        for id in self.streams.keys().copied().collect::<Vec<_>>() {
            self.count_turned_away(id);
            let stream = self.stream(id);
            if stream.refused.is_empty() {
                continue;
            }
            stream.refused.retain(|event| !event.batch().is_abandoned());
            let ours: Vec<_> = stream
                .refused
                .extract_if(.., |event| !event.batch().is_refusable())
                .collect();
            if ours.is_empty() {
                continue;
            }
            for event in ours {
                stream.core.push(event);
            }
            self.step(id, Input::Wake);
        }
    }

    /// Sees whether there is a place for what is set aside.
    pub(super) fn look_for_room(&mut self) {
        let keeps = self.deliver.give_up.keeps();
        if std::mem::replace(&mut self.keeps, keeps) != keeps {
            self.configure();
        }
    }

    fn count_turned_away(&mut self, id: StreamId) {
        let turned_away = self.deliver.closed_streams.take_turned_away(id);
        self.stream(id).refused_more(turned_away);
    }
}

impl Stream {
    /// Counts events that clients were told to keep.
    pub(super) fn refused_more(&mut self, events: u64) {
        if events > 0 {
            self.refused_events += events;
            let mapping = self.mapping.as_deref().unwrap_or(NO_MAPPING);
            self.metrics.refused(mapping, self.core.health(Instant::now()), events);
        }
    }
}
