//! The second half of the committer's step: what is on the disk is counted, handed out and answered.

use std::{sync::Arc, time::Duration};

use super::{
    Disk, Log, Parcel, Position, State,
    append::{Content, Group},
    parcels,
};
use crate::{
    spool::{
        Frame, Lease,
        lease::{Home, Stored},
    },
    stream::StreamId,
};

impl<D: Disk> Log<D> {
    /// The group is on the disk: count it, hand it out as far as the window allows, answer it.
    pub(super) fn publish(self: &Arc<Self>, group: Group<D::File>) {
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
                        let charge = parcels::charge(frame.len(), frame.size());
                        let position = state.place(group.segment, stream, charge);
                        let parcel = Parcel {
                            position,
                            stream,
                            charge,
                        };
                        let behind_others = state.backlogs.contains_key(&stream);
                        if behind_others || !self.hand_out(&mut state, parcel, frame, accepted_ms) {
                            state.wait(stream, group.segment, group.offset + start as u64);
                        }
                    }
                    replies.push(reply);
                }
                Content::Moved(parcels) => {
                    state.moving -= 1;
                    for parcel in parcels {
                        state.moved(parcel, group.segment);
                    }
                }
            }
        }
        let more_waits = state.backlogs.len() > backlogs;
        drop(state);
        if more_waits {
            self.to_keep.notify();
        }
        for reply in replies {
            // Whoever has left needs no answer; the events are safe all the same.
            let _ = reply.send(Ok(()));
        }
    }

    /// Makes a lease of a parcel, if the window has room for it.
    pub(super) fn hand_out(
        self: &Arc<Self>,
        state: &mut State<D::File>,
        parcel: Parcel,
        frame: Frame,
        accepted_ms: u64,
    ) -> bool {
        let Some(outlet) = &state.outlet else {
            return false;
        };
        // A frame larger than the window would wait for ever; it is handed out alone.
        let size = frame.size().min(self.window.limit() / 2);
        let Some(window) = self.window.charge([(parcel.stream, size)]) else {
            return false;
        };
        let home: Arc<dyn Home> = Arc::<Self>::clone(self);
        let age = Duration::from_millis(self.environment.unix_milliseconds().saturating_sub(accepted_ms));
        let lease = Lease::stored(frame, Stored::new(parcel, home), window, age);
        let Parcel { position, stream, .. } = parcel;
        if let Some(segment) = state.segments.get_mut(&position.segment) {
            segment.take(position.ordinal, stream);
        }
        // When delivery is gone the lease is dropped here and reports the parcel as returned.
        let _ = outlet.send(Arc::new(lease));
        true
    }
}

impl<F> State<F> {
    /// Counts a parcel that is on the disk now.
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

    /// A parcel was moved: its old place is done with, unless it was settled meanwhile, which makes the new one done with.
    fn moved(&mut self, parcel: Parcel, to: u64) {
        let Parcel {
            position: from,
            stream,
            charge,
        } = parcel;
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
