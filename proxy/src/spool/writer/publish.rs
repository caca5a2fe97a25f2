//! The second half of the writer's step: what is on the disk is counted, handed out and answered.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::Group;
use crate::{
    account::{Held, Use},
    queue::{Charge, EventBatch, InFlight, Slice, SliceOwner, Stored},
    spool::{
        disk::Disk,
        log::{Log, State},
        pending::Content,
    },
    stream::StreamId,
};

impl<D: Disk> Log<D> {
    /// The group is on the disk: count it, hand it out as far as the window allows, answer it.
    pub(in crate::spool) fn publish(self: &Arc<Self>, group: Group<D::File>) {
        let mut replies = Vec::with_capacity(group.appends.len());
        let mut state = self.lock();
        let backlogs = state.index.backlogs();
        state
            .index
            .commit(group.segment, group.offset + group.bytes.len() as u64);
        for (start, append) in group.appends {
            match append.content {
                Content::Request {
                    batches,
                    charge,
                    accepted_ms,
                    claim,
                    reply,
                    _uncommitted,
                } => {
                    charge.keep();
                    for (stream, mut batch) in batches {
                        let charge = self.settings.version.charge(&batch);
                        // They are on the disk, and delivery has no use for them.
                        drop(batch.take_identities());
                        let behind_others = state.index.has_backlog(stream);
                        let room = (!behind_others)
                            .then(|| self.room_for(&state, stream, &batch))
                            .flatten();
                        if let Some(room) = room {
                            let slice = state.index.place_handed_out(group.segment, stream, charge);
                            self.hand_out(&state, slice, batch, accepted_ms, room);
                        } else {
                            let offset = group.offset + start as u64;
                            state.index.place_waiting(group.segment, stream, charge, offset);
                        }
                    }
                    replies.push((claim, reply));
                }
                Content::Moved { slices, .. } => {
                    state.index.move_ends();
                    for slice in slices {
                        state.index.relocate(slice, group.segment);
                    }
                }
            }
        }
        let more_waits = state.index.backlogs() > backlogs;
        drop(state);
        if more_waits {
            self.to_maintain.notify();
        }
        for (claim, reply) in replies {
            claim.as_ref().inspect(|claim| claim.all_safe());
            // Whoever has left needs no answer; the events are safe all the same.
            let _ = reply.send(Ok(()));
        }
    }

    /// Room in the window for a batch. `None` when there is none, or nobody takes batches.
    pub(in crate::spool) fn room_for(
        &self,
        state: &State<D::File>,
        stream: StreamId,
        batch: &EventBatch,
    ) -> Option<(Charge, Held)> {
        state.outlet.as_ref()?;
        // A batch larger than the window would wait for ever; it is handed out alone.
        let size = batch.size().min(self.window.limit() / 2);
        let room = self.window.charge([(stream, size)])?;
        let memory = self.settings.account.take(Use::Events, batch.memory_bytes());
        if memory.is_none() {
            self.put_off.store(true, Ordering::Relaxed);
        }
        Some((room, memory?))
    }

    /// Gives a slice to delivery that the index says is handed out.
    pub(in crate::spool) fn hand_out(
        self: &Arc<Self>,
        state: &State<D::File>,
        slice: Slice,
        batch: EventBatch,
        accepted_ms: u64,
        room: (Charge, Held),
    ) {
        let owner: Arc<dyn SliceOwner> = Arc::<Self>::clone(self);
        let age = Duration::from_millis(self.environment.unix_milliseconds().saturating_sub(accepted_ms));
        let batch = InFlight::stored(batch, Stored::new(slice, owner), room, age);
        if let Some(outlet) = &state.outlet {
            // When delivery is gone the batch is dropped here and reports the slice as returned.
            let _ = outlet.send(Arc::new(batch));
        }
    }
}
