//! One delivery stream: its counters, the records it still has, its quota and its faults.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;
use jiff::Timestamp;
use serde::Serialize;

use crate::{
    faults::{Fault, Operation, StreamSettings, Throttle},
    quota::Meter,
    random::Random,
    script::Script,
};

/// Characters of a record identifier, as long as the service's.
const RECORD_ID_LENGTH: usize = 224;

/// A record as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// 1 for the first record of the stream, and so on without gaps.
    pub sequence: u64,
    /// When it was kept.
    pub arrived_at: Timestamp,
    /// Decoded data.
    pub data: Bytes,
}

/// What the control API tells about a stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// The stream's name.
    pub name: String,
    /// Records taken, forgotten ones included.
    pub records: u64,
    /// Their bytes, before base64.
    pub bytes: u64,
    /// Records that can still be read back.
    pub kept_records: usize,
    /// Their bytes.
    pub kept_bytes: usize,
    /// Calls of PutRecord and PutRecordBatch, failed ones included.
    pub calls: u64,
    /// Records refused inside a 200 or with the whole call, over the quota or by a fault.
    pub refused_records: u64,
    /// Calls whose effect the client could not learn: they took effect and the answer was lost or wrong.
    pub unknown_outcomes: u64,
}

/// A stream's state, used under its lock.
#[derive(Debug)]
pub(crate) struct DeliveryStream {
    pub(crate) summary: Summary,
    pub(crate) created_at: Timestamp,
    settings: StreamSettings,
    kept: VecDeque<Record>,
    keep_bytes: usize,
    meter: Meter,
    script: Script,
    record_ids: Random,
    seed: u64,
}

impl DeliveryStream {
    pub(crate) fn new(name: &str, keep_bytes: usize, seed: u64) -> Self {
        Self {
            summary: Summary {
                name: name.to_owned(),
                records: 0,
                bytes: 0,
                kept_records: 0,
                kept_bytes: 0,
                calls: 0,
                refused_records: 0,
                unknown_outcomes: 0,
            },
            created_at: Timestamp::now(),
            settings: StreamSettings::default(),
            kept: VecDeque::new(),
            keep_bytes,
            meter: Meter::new(StreamSettings::default().quota, Instant::now()),
            script: Script::new(Vec::new(), seed, name),
            record_ids: Random::new(seed, name),
            seed,
        }
    }

    /// Replaces quota and faults; starts their counters and the random choices over. The records stay.
    pub(crate) fn configure(&mut self, settings: StreamSettings, now: Instant) {
        self.meter = Meter::new(settings.quota, now);
        self.script = Script::new(settings.faults.clone(), self.seed, &self.summary.name);
        self.settings = settings;
    }

    pub(crate) fn settings(&self) -> &StreamSettings {
        &self.settings
    }

    /// Counts a call and says which fault it has.
    pub(crate) fn begin(&mut self, call: Operation, records: usize) -> Option<(Fault, Vec<bool>)> {
        self.summary.calls += 1;
        self.script.decide(call, records)
    }

    /// Which of the records fit the quota, or `None` when the whole call is refused.
    pub(crate) fn admit(&mut self, records: &[Bytes], now: Instant) -> Option<Vec<bool>> {
        if !self.meter.take_request(now) {
            return None;
        }
        let before = self.meter;
        let admitted: Vec<bool> = records
            .iter()
            .map(|data| self.meter.take_record(data.len(), now))
            .collect();
        let whole_call = self.settings.throttle == Throttle::WholeCall;
        if whole_call && admitted.contains(&false) {
            // None of its records was taken.
            self.meter = before;
            None
        } else {
            Some(admitted)
        }
    }

    /// Keeps a record and appends its identifier to `record_id`.
    pub(crate) fn keep(&mut self, data: Bytes, arrived_at: Timestamp, record_id: &mut String) {
        self.summary.records += 1;
        self.summary.bytes += data.len() as u64;
        self.summary.kept_bytes += data.len();
        self.kept.push_back(Record {
            sequence: self.summary.records,
            arrived_at,
            data,
        });
        while self.summary.kept_bytes > self.keep_bytes && self.kept.len() > 1 {
            let Some(forgotten) = self.kept.pop_front() else { break };
            self.summary.kept_bytes -= forgotten.data.len();
        }
        self.summary.kept_records = self.kept.len();
        self.record_ids.text(RECORD_ID_LENGTH, record_id);
    }

    /// Up to `limit` kept records whose sequence is over `after`, oldest first.
    pub(crate) fn records(&self, after: u64, limit: usize) -> Vec<Record> {
        // Sequences have no gaps, so the position follows from the first one kept.
        let first = self.kept.front().map_or(1, |record| record.sequence);
        let skip = usize::try_from(after.saturating_add(1).saturating_sub(first)).unwrap_or(usize::MAX);
        self.kept.iter().skip(skip).take(limit).cloned().collect()
    }

    /// Seconds since the epoch, as the service writes timestamps.
    pub(crate) fn created_at_seconds(&self) -> f64 {
        Duration::from_millis(u64::try_from(self.created_at.as_millisecond()).unwrap_or(0)).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use bytes::Bytes;
    use jiff::Timestamp;

    use super::{DeliveryStream, StreamSettings, Throttle};
    use crate::Quota;

    fn filled(keep_bytes: usize, sizes: &[usize]) -> DeliveryStream {
        let mut stream = DeliveryStream::new("orders", keep_bytes, 1);
        for size in sizes {
            stream.keep(
                Bytes::from(vec![b'x'; *size]),
                Timestamp::UNIX_EPOCH,
                &mut String::new(),
            );
        }
        stream
    }

    fn sequences(stream: &DeliveryStream, after: u64, limit: usize) -> Vec<u64> {
        stream
            .records(after, limit)
            .iter()
            .map(|record| record.sequence)
            .collect()
    }

    #[test]
    fn over_its_bytes_a_stream_forgets_the_oldest_and_counts_on() {
        let stream = filled(100, &[40, 40, 40]);
        assert_eq!((stream.summary.records, stream.summary.bytes), (3, 120));
        assert_eq!((stream.summary.kept_records, stream.summary.kept_bytes), (2, 80));
        assert_eq!(sequences(&stream, 0, 10), [2, 3]);
    }

    #[test]
    fn a_call_that_is_refused_whole_takes_nothing_but_a_request() {
        let (mut stream, now) = (DeliveryStream::new("orders", 1000, 1), Instant::now());
        let settings = StreamSettings {
            quota: Quota {
                records_per_second: Some(4),
                ..Quota::default()
            },
            throttle: Throttle::WholeCall,
            ..StreamSettings::default()
        };
        stream.configure(settings, now);
        let records = vec![Bytes::from_static(b"x"); 5];
        assert_eq!(stream.admit(&records, now), None);
        assert_eq!(stream.admit(&records[..4], now), Some(vec![true; 4]));
        assert_eq!(stream.admit(&records[..1], now), None);
    }

    #[test]
    fn the_newest_record_is_kept_however_large() {
        let stream = filled(10, &[5, 500]);
        assert_eq!(sequences(&stream, 0, 10), [2]);
    }

    #[test]
    fn reading_goes_on_after_a_sequence() {
        let stream = filled(30, &[10, 10, 10, 10, 10]);
        for (after, limit, expected) in [
            (0, 10, vec![3, 4, 5]),
            (3, 10, vec![4, 5]),
            (3, 1, vec![4]),
            (5, 10, vec![]),
            (u64::MAX, 1, vec![]),
        ] {
            assert_eq!(
                sequences(&stream, after, limit),
                expected,
                "after {after}, at most {limit}"
            );
        }
    }
}
