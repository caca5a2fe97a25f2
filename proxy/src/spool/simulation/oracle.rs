//! What must hold of every history: what was answered is delivered with its bytes or on the disk, and nothing is
//! delivered more often than unsynced acknowledgements explain.

use std::collections::{BTreeMap, BTreeSet};

use super::super::disk::simulated::SimulatedDisk;

/// Everything known of every event.
#[derive(Debug, Default)]
pub(super) struct Oracle {
    events: Vec<Event>,
    /// Settled since the acknowledgements were last known to be on the disk.
    unsynced: BTreeSet<usize>,
}

#[derive(Debug, Default)]
struct Event {
    record: Vec<u8>,
    answered: bool,
    delivered: u32,
    /// How often more than once it may have been delivered.
    excused: u32,
}

impl Oracle {
    /// A new event of about so many bytes. Returns its record.
    pub(super) fn event(&mut self, size: usize) -> (usize, Vec<u8>) {
        let id = self.events.len();
        let mut record = format!("{{\"id\":{id},").into_bytes();
        record.resize(record.len().max(size), b'a' + (id % 26) as u8);
        record.extend_from_slice(b"}\n");
        self.events.push(Event {
            record: record.clone(),
            ..Event::default()
        });
        (id, record)
    }

    pub(super) fn answered(&mut self, events: &[usize]) {
        for id in events {
            self.events[*id].answered = true;
        }
    }

    /// Firehose has an event. Says so if these are not an event's bytes.
    pub(super) fn delivered(&mut self, record: &[u8]) -> Result<(), String> {
        let id = id_of(record);
        let event = id
            .and_then(|id| self.events.get_mut(id))
            .ok_or("a record that nobody sent")?;
        if event.record != record {
            return Err(format!("event {id:?} with other bytes"));
        }
        event.delivered += 1;
        Ok(())
    }

    /// The spool was told that it may forget an event.
    pub(super) fn settled(&mut self, record: &[u8]) {
        self.unsynced.insert(self.id(record));
    }

    /// An event was delivered and the spool was never told.
    pub(super) fn delivered_in_vain(&mut self, record: &[u8]) {
        let id = self.id(record);
        self.events[id].excused += 1;
    }

    fn id(&self, record: &[u8]) -> usize {
        let id = id_of(record).filter(|id| self.events[*id].record == record);
        id.expect("a record that was delivered")
    }

    /// All acknowledgements so far are on the disk.
    pub(super) fn synced(&mut self) {
        self.unsynced.clear();
    }

    /// The process is gone; what it had not synced may be delivered again.
    pub(super) fn crashed(&mut self) {
        for id in std::mem::take(&mut self.unsynced) {
            self.events[id].excused += 1;
        }
    }

    /// What was written down as settled could not be read: all of it may be delivered again.
    pub(super) fn acknowledgements_unreadable(&mut self) {
        for event in self.events.iter_mut().filter(|event| event.delivered > 0) {
            event.excused += 1;
        }
    }

    pub(super) fn count_answered(&self) -> u64 {
        self.events.iter().filter(|event| event.answered).count() as u64
    }

    /// Judges a history that has come to its end. `rotten` bounds the events that flipped bits may have cost.
    pub(super) fn judge(&self, disk: &SimulatedDisk, rotten: Option<usize>) -> Result<(), String> {
        let mut lost = BTreeMap::new();
        for (id, event) in self.events.iter().enumerate() {
            if event.delivered > 1 + event.excused && rotten.is_none() {
                let Event { delivered, excused, .. } = event;
                return Err(format!(
                    "event {id} was delivered {delivered} times, {excused} of them excused"
                ));
            }
            if event.answered && event.delivered == 0 && !disk.holds(&event.record, |name| name.ends_with(".damaged")) {
                lost.insert(id, event.record.len());
            }
        }
        match lost.len() > rotten.unwrap_or(0) {
            true => Err(format!("{} answered events are lost: {lost:?}", lost.len())),
            false => Ok(()),
        }
    }
}

/// The number that a record begins with.
fn id_of(record: &[u8]) -> Option<usize> {
    let rest = std::str::from_utf8(record).ok()?.strip_prefix("{\"id\":")?;
    rest.split(',').next()?.parse().ok()
}
