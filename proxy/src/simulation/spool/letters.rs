//! The dead letters of a history: a log of their own on a disk of their own, written before the spool may forget, and
//! sent again.

use std::{ops::ControlFlow, sync::Arc};

use super::{cores::Consumers, oracle::Oracle, summary::Summary};
use crate::{
    dead_letters::letter::{Letter, from_batch, to_batch},
    deliver::Queued,
    queue::{Appended, BatchTooLarge, EntryRef, EventBatch},
    simulation::Random,
    spool::{
        disk::simulated::SimulatedDisk,
        log::{Fatal, Log},
        reader::browse::Chosen,
    },
    stream::{RoutingKey, Streams},
};

/// The dead letters of one life.
pub(super) struct Letters {
    pub(super) log: Arc<Log<SimulatedDisk>>,
    streams: Arc<Streams>,
    writing: Vec<(Queued, Appended)>,
    redrive: Option<Redrive>,
}

/// Letters on their way back into the spool.
struct Redrive {
    records: Vec<Vec<u8>>,
    letters: Chosen<SimulatedDisk>,
    appended: Appended,
}

impl Letters {
    pub(super) fn new(log: Arc<Log<SimulatedDisk>>, streams: Arc<Streams>) -> Self {
        Self {
            log,
            streams,
            writing: Vec::new(),
            redrive: None,
        }
    }

    /// One random step.
    pub(super) fn step(
        &mut self,
        random: &mut Random,
        spool: &Log<SimulatedDisk>,
        consumers: &mut Consumers,
        oracle: &mut Oracle,
        summary: &mut Summary,
    ) -> Result<(), Fatal> {
        match random.below(12) {
            0..3 => self.put(consumers, summary),
            3..6 => drop(self.log.commit()?),
            6 => {
                self.log.apply_reports();
                self.log.write_acks()?;
            }
            7 => self.log.sync_acks()?,
            8 => {
                self.log.seal()?;
                self.log.make_spare()?;
            }
            9 => drop(self.log.remove_done()?),
            10 => summary.happened.segments_moved += u64::from(self.log.compact()?),
            _ => self.send_again(spool),
        }
        self.look_for_answers(consumers, oracle, summary);
        Ok(())
    }

    /// What was given up is written.
    pub(super) fn put(&mut self, consumers: &mut Consumers, summary: &mut Summary) {
        let Some(event) = consumers.next_given_up() else {
            return;
        };
        let entry = event.entry();
        let letter = Letter {
            stream: Some(self.streams.name(entry.stream)),
            event: entry.key.event.to_owned(),
            r#type: entry.key.r#type.to_owned(),
            source: entry.key.source.to_owned(),
            reason: "RecordRejected".to_owned(),
            detail: String::new(),
            bytes: entry.record.to_vec(),
        };
        let batch = to_batch(&letter, entry.stream, "2026-01-01T00:00:00Z".to_owned()).expect("a small event");
        match self.log.append(batch) {
            Ok(appended) => self.writing.push((event, appended)),
            Err(_) => {
                summary.happened.dead_letters_without_room += 1;
                consumers.not_set_aside(event);
            }
        }
    }

    /// Puts some letters back into the spool, unless some are on their way or not known to be forgotten.
    pub(super) fn send_again(&mut self, spool: &Log<SimulatedDisk>) {
        if self.redrive.is_some() || !self.log.is_quiet() {
            return;
        }
        let (mut batch, mut records, mut letters) = (EventBatch::default(), Vec::new(), Chosen::of(&self.log));
        let seen_all = self.log.look(None, |seen| {
            let name = self.streams.name(seen.slice.stream);
            if let Some((_, letter)) = from_batch(seen.slice.position, &name, &seen.batch)
                && letters.add(seen.slice)
            {
                let EntryRef { key, .. } = seen.batch.entry(0).expect("a letter is one event");
                let write = |out: &mut Vec<u8>| {
                    out.extend_from_slice(&letter.bytes);
                    Ok::<(), BatchTooLarge>(())
                };
                let key = RoutingKey {
                    source: &letter.source,
                    ..key
                };
                batch.push(seen.slice.stream, key, write).expect("a small event");
                records.push(letter.bytes);
            }
            match letters.len() {
                4 => ControlFlow::Break(()),
                _ => ControlFlow::Continue(()),
            }
        });
        if seen_all.is_ok()
            && letters.len() > 0
            && let Ok(appended) = spool.append(batch)
        {
            self.redrive = Some(Redrive {
                records,
                letters,
                appended,
            });
        }
    }

    pub(super) fn look_for_answers(&mut self, consumers: &mut Consumers, oracle: &mut Oracle, summary: &mut Summary) {
        self.writing.retain_mut(|(event, appended)| match appended.try_recv() {
            Ok(Ok(())) => {
                summary.happened.dead_letters += 1;
                oracle.set_aside(event.entry().record);
                consumers.set_aside(event, oracle);
                false
            }
            Ok(Err(_)) => {
                summary.happened.dead_letters_without_room += 1;
                consumers.not_set_aside(event.clone());
                false
            }
            Err(_) => true,
        });
        if let Some(mut redrive) = self.redrive.take() {
            match redrive.appended.try_recv() {
                Ok(Ok(())) => {
                    summary.happened.redriven += redrive.letters.len() as u64;
                    redrive.records.iter().for_each(|record| oracle.put_back(record));
                    redrive.letters.forget();
                }
                Ok(Err(_)) => {}
                Err(_) => self.redrive = Some(redrive),
            }
        }
        if self.log.is_quiet() {
            oracle.letters_synced();
        }
    }

    /// Whether nothing of it is on its way.
    pub(super) fn is_idle(&self) -> bool {
        self.writing.is_empty() && self.redrive.is_none() && self.log.left().slices == 0
    }

    /// The process is gone: what was on its way may be at both ends.
    pub(super) fn end(self, oracle: &mut Oracle, summary: &mut Summary) {
        // Whether the letter is on the disk nobody knows; its event is in the spool.
        for (event, _) in &self.writing {
            oracle.delivered_in_vain(event.entry().record);
        }
        if let Some(redrive) = &self.redrive {
            summary.happened.redrives_cut_off += 1;
            redrive
                .records
                .iter()
                .for_each(|record| oracle.delivered_in_vain(record));
        }
    }
}
