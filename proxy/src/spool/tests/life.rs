//! A log on a simulated disk and who uses it, for tests that tell one story each.

use std::sync::Arc;

use tokio::{sync::mpsc, time::Instant};

use crate::{
    queue::{Appended, BatchTooLarge, EntryRef, EventBatch, InFlight},
    spool::{
        disk::simulated::SimulatedDisk,
        log::{Environment, Log, Settings},
        recovery::Recovered,
    },
    stream::{RoutingKey, StreamId, StreamName, Streams},
};

/// Bytes of an event. Three of them are in one page, and eleven in a segment.
pub(super) const RECORD: usize = 1200;
/// Room for one event in delivery's hands and for a look at the next.
pub(super) const NARROW: usize = 2000;
/// Room for all there are.
pub(super) const WIDE: usize = 1 << 20;

#[derive(Debug)]
struct Fixed;

impl Environment for Fixed {
    fn unix_milliseconds(&self) -> u64 {
        0
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn random(&self) -> u64 {
        7
    }

    fn route(&self, entry: EntryRef<'_>) -> StreamId {
        entry.stream
    }
}

/// A process and what it was given.
pub(super) struct Life {
    pub(super) log: Arc<Log<SimulatedDisk>>,
    outlet: mpsc::UnboundedReceiver<Arc<InFlight>>,
    streams: Arc<Streams>,
    pub(super) recovered: Recovered,
}

pub(super) fn open(disk: &SimulatedDisk, window: usize) -> Life {
    let (sender, outlet) = mpsc::unbounded_channel();
    let settings = Settings {
        owner: "owner".to_owned(),
        segment_size: 16 << 10,
        limit: 6 * (16 << 10),
        window,
        read_size: 1 << 20,
        write_size: 1 << 20,
        uncommitted: 1 << 20,
        account: crate::account::Account::unlimited(),
        version: crate::spool::format::Version::V2,
        made_ahead: false,
    };
    let streams = Arc::new(Streams::default());
    let (log, recovered) = Log::open(
        disk.clone(),
        settings,
        Arc::clone(&streams),
        Arc::new(Fixed),
        Some(sender),
    )
    .unwrap();
    Life {
        log,
        outlet,
        streams,
        recovered,
    }
}

impl Life {
    /// Events of these letters, each in a batch of its own.
    pub(super) fn append(&self, letters: &str) {
        let answers: Vec<Appended> = letters
            .bytes()
            .map(|letter| {
                let stream = self.streams.intern(&StreamName::try_from("orders").unwrap());
                let write = |out: &mut Vec<u8>| {
                    out.resize(out.len() + RECORD, letter);
                    Ok::<(), BatchTooLarge>(())
                };
                let mut batch = EventBatch::default();
                batch.push(stream, RoutingKey::default(), write).unwrap();
                self.log.append(batch).unwrap()
            })
            .collect();
        while self.log.commit().unwrap() {}
        assert!(answers.into_iter().all(|mut answer| answer.try_recv() == Ok(Ok(()))));
    }

    /// The letters of the events that delivery is given now.
    pub(super) fn take(&mut self) -> (String, Vec<Arc<InFlight>>) {
        self.log.apply_reports();
        for _ in 0..4 {
            let _ = self.log.read_backlog(); // what is put off is read next time
        }
        let batches: Vec<Arc<InFlight>> = std::iter::from_fn(|| self.outlet.try_recv().ok()).collect();
        let letters = batches.iter().map(|batch| batch.entry(0).unwrap().record[0] as char);
        (letters.collect(), batches)
    }

    /// Takes and settles until there is nothing more.
    pub(super) fn deliver_all(&mut self) -> String {
        let mut all = String::new();
        loop {
            let (letters, batches) = self.take();
            if letters.is_empty() {
                return all;
            }
            all += &letters;
            batches.iter().for_each(|batch| batch.settle(1));
        }
    }

    /// Writes down what was settled and removes what is done.
    pub(super) fn do_maintenance(&self) {
        self.log.apply_reports();
        assert!(self.log.write_acks().unwrap());
        self.log.sync_acks().unwrap();
        while self.log.remove_done().unwrap() {}
    }

    pub(super) fn left(&self) -> (u64, usize) {
        (self.log.left().slices, self.log.byte_limit().used())
    }
}
