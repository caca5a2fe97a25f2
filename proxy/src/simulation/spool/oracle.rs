//! What must hold of every history: what was answered is delivered with its bytes or on the disk, and nothing is
//! delivered more often than answers of Firehose that were lost and unsynced acknowledgements explain.

use std::collections::BTreeMap;

use crate::{simulation::Fingerprint, spool::disk::simulated::SimulatedDisk};

/// Everything known of every event.
#[derive(Debug)]
pub(super) struct Oracle {
    fingerprint: Fingerprint,
    events: Vec<Event>,
    /// Settled since the acknowledgements were last known to be on the disk, and how often: what came again may be
    /// there twice.
    unsynced: BTreeMap<usize, u32>,
    /// Dead letters that were put back since it was last known that the disk has forgotten them, likewise.
    put_back: BTreeMap<usize, u32>,
}

#[derive(Debug, Default)]
struct Event {
    record: Vec<u8>,
    answered: bool,
    delivered: u32,
    /// How often it has become a dead letter.
    set_aside: u32,
    /// How often more than once it may have been delivered.
    excused: u32,
}

impl Oracle {
    pub(super) fn new(fingerprint: &Fingerprint) -> Self {
        Self {
            fingerprint: fingerprint.clone(),
            events: Vec::new(),
            unsynced: BTreeMap::new(),
            put_back: BTreeMap::new(),
        }
    }

    /// A new event of about so many bytes, with a word in it. Returns its record.
    pub(super) fn event(&mut self, size: usize, word: &str) -> (usize, Vec<u8>) {
        let id = self.events.len();
        let mut record = format!("{{\"id\":{id},{word}").into_bytes();
        record.resize(record.len().max(size), b'a' + (id % 26) as u8);
        record.extend_from_slice(b"}\n");
        self.events.push(Event {
            record: record.clone(),
            ..Event::default()
        });
        (id, record)
    }

    pub(super) fn answered(&mut self, events: &[usize]) {
        self.fingerprint.record(("answered", events));
        for id in events {
            self.events[*id].answered = true;
        }
    }

    /// What a process that starts knows again, by a function of the record that says `None` where there is nothing to
    /// know it by. Its repeat would be confirmed. `is_whole`: nothing keeps it from knowing all that waits.
    pub(super) fn recalled(&mut self, is_whole: bool, is_known: impl Fn(&[u8]) -> Option<bool>) -> Result<(), String> {
        for (id, event) in self.events.iter_mut().enumerate() {
            let known = is_known(&event.record);
            event.answered |= known == Some(true);
            // What was given up comes back without an identity.
            let must_be_known = event.answered && event.delivered == 0 && event.set_aside == 0;
            if is_whole && must_be_known && known == Some(false) {
                return Err(format!("event {id} waits, and its repeat would be delivered too"));
            }
        }
        Ok(())
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
        self.fingerprint.record(("delivered", id));
        Ok(())
    }

    /// A request was not taken, or not kept.
    pub(super) fn refused(&self, events: &[usize]) {
        self.fingerprint.record(("refused", events));
    }

    /// A call goes to Firehose.
    pub(super) fn called(&self, records: &[Vec<Vec<u8>>]) {
        self.fingerprint.record(("called", records));
    }

    /// The spool was told that it may forget an event.
    pub(super) fn settled(&mut self, record: &[u8]) {
        let id = self.id(record);
        self.fingerprint.record(("settled", id));
        *self.unsynced.entry(id).or_default() += 1;
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

    /// An event is a dead letter that is synced.
    pub(super) fn set_aside(&mut self, record: &[u8]) {
        let id = self.id(record);
        self.fingerprint.record(("set aside", id));
        self.events[id].set_aside += 1;
    }

    /// A dead letter is in the spool again, and its disk was told that it may forget it.
    pub(super) fn put_back(&mut self, record: &[u8]) {
        let id = self.id(record);
        self.fingerprint.record(("put back", id));
        *self.put_back.entry(id).or_default() += 1;
    }

    /// The disk has forgotten all dead letters that were put back.
    pub(super) fn letters_synced(&mut self) {
        self.put_back.clear();
    }

    /// All acknowledgements so far are on the disk.
    pub(super) fn synced(&mut self) {
        self.unsynced.clear();
    }

    /// The process is gone; what it had not synced may be delivered again.
    pub(super) fn crashed(&mut self) {
        for unsynced in [&mut self.unsynced, &mut self.put_back] {
            for (id, times) in std::mem::take(unsynced) {
                self.events[id].excused += times;
            }
        }
    }

    /// What was written down as settled could not be read: all of it may be delivered again, and what had been moved
    /// from both places, though it was delivered from neither yet.
    pub(super) fn acknowledgements_unreadable(&mut self) {
        for event in &mut self.events {
            event.excused += event.set_aside + 1;
        }
    }

    pub(super) fn count_answered(&self) -> u64 {
        self.events.iter().filter(|event| event.answered).count() as u64
    }

    /// Judges a history that has come to its end. `rotten` bounds the events that flipped bits may have cost.
    pub(super) fn judge(&self, disks: [&SimulatedDisk; 2], rotten: Option<usize>) -> Result<(), String> {
        let mut lost = BTreeMap::new();
        for (id, event) in self.events.iter().enumerate() {
            if event.delivered > 1 + event.excused && rotten.is_none() {
                let Event { delivered, excused, .. } = event;
                return Err(format!(
                    "event {id} was delivered {delivered} times, {excused} of them excused"
                ));
            }
            let is_kept = || {
                disks
                    .iter()
                    .any(|disk| disk.holds(&event.record, |name| name.ends_with(".damaged")))
            };
            if event.answered && event.delivered == 0 && !is_kept() {
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
