//! The second half of the writer's step: what is on the disk is counted, handed out and answered.

use std::{sync::Arc, time::Duration};

use super::{Content, Group};
use crate::{
    queue::{EventBatch, InFlight, Position, Slice, SliceOwner, Stored},
    spool::{
        disk::Disk,
        format::v1::slices,
        log::{Log, State},
    },
    stream::StreamId,
};

impl<D: Disk> Log<D> {
    /// The group is on the disk: count it, hand it out as far as the window allows, answer it.
    pub(in crate::spool) fn publish(self: &Arc<Self>, group: Group<D::File>) {
        let mut replies = Vec::with_capacity(group.appends.len());
        let mut state = self.lock();
        state.writing = false;
        let backlogs = state.backlogs.len();
        let active = state
            .segments
            .get_mut(&group.segment)
            .expect("an active segment is never removed");
        active.end = group.offset + group.bytes.len() as u64;
        for (start, append) in group.appends {
            match append.content {
                Content::Request {
                    frames,
                    charge,
                    accepted_ms,
                    reply,
                } => {
                    charge.keep();
                    for (stream, frame) in frames {
                        let charge = slices::charge(frame.len(), frame.size());
                        let position = state.place(group.segment, stream, charge);
                        let slice = Slice {
                            position,
                            stream,
                            charge,
                        };
                        let behind_others = state.backlogs.contains_key(&stream);
                        if behind_others || !self.hand_out(&mut state, slice, frame, accepted_ms) {
                            state.wait(stream, group.segment, group.offset + start as u64);
                        }
                    }
                    replies.push(reply);
                }
                Content::Moved(slices) => {
                    state.moving -= 1;
                    for slice in slices {
                        state.moved(slice, group.segment);
                    }
                }
            }
        }
        let more_waits = state.backlogs.len() > backlogs;
        drop(state);
        if more_waits {
            self.to_maintain.notify();
        }
        for reply in replies {
            // Whoever has left needs no answer; the events are safe all the same.
            let _ = reply.send(Ok(()));
        }
    }

    /// Makes a batch of a slice, if the window has room for it.
    pub(in crate::spool) fn hand_out(
        self: &Arc<Self>,
        state: &mut State<D::File>,
        slice: Slice,
        frame: EventBatch,
        accepted_ms: u64,
    ) -> bool {
        let Some(outlet) = &state.outlet else {
            return false;
        };
        // A frame larger than the window would wait for ever; it is handed out alone.
        let size = frame.size().min(self.window.limit() / 2);
        let Some(window) = self.window.charge([(slice.stream, size)]) else {
            return false;
        };
        let home: Arc<dyn SliceOwner> = Arc::<Self>::clone(self);
        let age = Duration::from_millis(self.environment.unix_milliseconds().saturating_sub(accepted_ms));
        let batch = InFlight::stored(frame, Stored::new(slice, home), window, age);
        let Slice { position, stream, .. } = slice;
        if let Some(segment) = state.segments.get_mut(&position.segment) {
            segment.take(position.ordinal, stream);
        }
        // When delivery is gone the batch is dropped here and reports the slice as returned.
        let _ = outlet.send(Arc::new(batch));
        true
    }
}

impl<F> State<F> {
    /// Counts a slice that is on the disk now.
    fn place(&mut self, number: u64, stream: StreamId, charge: usize) -> Position {
        let segment = self
            .segments
            .get_mut(&number)
            .expect("an active segment is never removed");
        Position {
            segment: number,
            ordinal: segment.push(stream, charge as u64),
        }
    }

    /// A slice was moved: its old place is done with, unless it was settled meanwhile, which makes the new one done with.
    fn moved(&mut self, slice: Slice, to: u64) {
        let Slice {
            position: from,
            stream,
            charge,
        } = slice;
        let to = self.place(to, stream, charge);
        let old = self.segments.get_mut(&from.segment);
        let uncharged = old.as_ref().is_some_and(|old| old.unreadable.contains(from.ordinal));
        let moved = old.and_then(|old| {
            let waited = old.settle(from.ordinal, stream, charge as u64)?;
            old.acknowledge(from.ordinal, stream, charge as u64, true);
            Some(waited)
        });
        let new = self
            .segments
            .get_mut(&to.segment)
            .expect("an active segment is never removed");
        if uncharged {
            new.unreadable.insert(to.ordinal);
        }
        match moved {
            Some(true) => {} // it waits there as it waited here
            Some(false) => {
                new.take(to.ordinal, stream);
                self.moves.insert(from, to);
            }
            None => {
                new.settle(to.ordinal, stream, charge as u64);
                new.acknowledge(to.ordinal, stream, charge as u64, false);
                if let Some(old) = self.segments.get_mut(&from.segment) {
                    old.copied_too_late = true;
                }
            }
        }
    }
}
