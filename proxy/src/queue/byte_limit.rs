//! A bound in bytes that many requests share, without a lock, and in it a share for every stream.
//!
//! One rule makes the shares: a stream may hold at most [`SHARE`] times what is free. A single stream can use nearly
//! everything; the more streams lag, the less each of them holds, and something stays free for those that do not. No
//! count of streams has to be known in advance and nothing lies idle for a stream that needs nothing. (Choudhury and
//! Hahne, "Dynamic queue length thresholds in a shared-memory packet switch", IEEE/ACM Transactions on Networking 6(2),
//! 1998.)

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use crate::stream::StreamId;

/// How many times the free bytes a single stream may hold: alone 8/9 of the byte limit, two that lag 8/17 each.
const SHARE: usize = 8;

/// At most so many bytes at a time. Cloning shares the bound.
#[derive(Debug, Clone)]
pub struct ByteLimit(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    limit: usize,
    used: AtomicUsize,
    streams: Counters,
    /// Bytes a second that delivery gets rid of, as it last reported; 0 while it has not.
    drains: Counters,
}

/// Bytes taken from a [`ByteLimit`], given back on drop.
#[derive(Debug)]
pub struct Charge {
    byte_limit: ByteLimit,
    parts: Parts,
    kept: bool,
}

/// Bytes of each stream. Nearly every request has one stream and needs no allocation.
#[derive(Debug)]
struct Parts {
    first: (StreamId, usize),
    others: Vec<(StreamId, usize)>,
}

/// One counter a stream, found by its number. Buckets double in size and never move, so a reader needs no lock.
#[derive(Debug, Default)]
struct Counters([OnceLock<Box<[AtomicUsize]>>; 32]);

impl ByteLimit {
    /// A byte limit of `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Inner {
            limit,
            used: AtomicUsize::new(0),
            streams: Counters::default(),
            drains: Counters::default(),
        }))
    }

    /// Takes bytes for each of some streams, or nothing when they would pass the limit or a stream's share. A stream
    /// may occur more than once. A stream that holds nothing is within its share whatever it asks for. `None` for
    /// no parts.
    pub fn charge(&self, parts: impl IntoIterator<Item = (StreamId, usize)>) -> Option<Charge> {
        let parts = Parts::collect(parts)?;
        let bytes = parts
            .iter()
            .try_fold(0_usize, |sum, (_, bytes)| sum.checked_add(bytes))?;
        let within_limit = |used: usize| used.checked_add(bytes).filter(|total| *total <= self.0.limit);
        let before = self
            .0
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, within_limit)
            .ok()?;
        let share = (self.0.limit - before - bytes).saturating_mul(SHARE);
        let mut within_shares = true;
        for (stream, bytes) in parts.iter() {
            let before = self.0.streams.of(stream).fetch_add(bytes, Ordering::Relaxed);
            within_shares &= before == 0 || before + bytes <= share;
        }
        let charge = Charge {
            byte_limit: self.clone(),
            parts,
            kept: false,
        };
        within_shares.then_some(charge) // dropped, it gives everything back
    }

    /// Whether [`Self::charge`] would give a stream so many bytes now.
    pub fn has_room(&self, stream: StreamId, bytes: usize) -> bool {
        let Some(total) = self.used().checked_add(bytes).filter(|total| *total <= self.0.limit) else {
            return false;
        };
        let held = self.used_by(stream);
        held == 0 || held + bytes <= (self.0.limit - total).saturating_mul(SHARE)
    }

    /// Takes bytes whatever the limit says: they are there already. They come back by [`Self::give_back`].
    pub(crate) fn hold(&self, stream: StreamId, bytes: usize) {
        self.0.used.fetch_add(bytes, Ordering::Relaxed);
        self.0.streams.of(stream).fetch_add(bytes, Ordering::Relaxed);
    }

    /// Gives back what was held or kept. Never below nothing: after damage on a disk the sums need not be exact.
    pub(crate) fn give_back(&self, stream: StreamId, bytes: usize) {
        for counter in [self.0.streams.of(stream), &self.0.used] {
            let less = |used: usize| Some(used.saturating_sub(bytes));
            let _ = counter.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less); // the closure always has an answer
        }
    }

    /// Bytes taken at the moment.
    pub fn used(&self) -> usize {
        self.0.used.load(Ordering::Relaxed)
    }

    /// Bytes taken at the moment for one stream.
    pub fn used_by(&self, stream: StreamId) -> usize {
        self.0.streams.of(stream).load(Ordering::Relaxed)
    }

    /// Delivery's report: so many bytes a second of a stream leave at the moment.
    pub fn set_drain(&self, stream: StreamId, bytes_per_second: usize) {
        self.0
            .drains
            .of(stream)
            .store(bytes_per_second.max(1), Ordering::Relaxed);
    }

    /// How long it takes until what a stream holds now has left; `None` while delivery has reported nothing.
    pub fn wait(&self, stream: StreamId) -> Option<Duration> {
        self.wait_behind(stream, 0)
    }

    fn wait_behind(&self, stream: StreamId, own_bytes: usize) -> Option<Duration> {
        let drain = self.0.drains.of(stream).load(Ordering::Relaxed);
        let before = self.used_by(stream).saturating_sub(own_bytes);
        let milliseconds = before.saturating_mul(1000).checked_div(drain)?;
        Some(Duration::from_millis(milliseconds as u64))
    }

    /// Bytes there are in all.
    pub fn limit(&self) -> usize {
        self.0.limit
    }
}

impl Charge {
    /// Bytes taken.
    pub(crate) fn bytes(&self) -> usize {
        self.parts.iter().map(|(_, bytes)| bytes).sum()
    }

    /// Leaves the bytes taken until [`ByteLimit::give_back`]. For what outlives the process, and would be too much to
    /// keep a charge for each.
    pub(crate) fn keep(mut self) {
        self.kept = true;
    }

    /// How long it takes until the slowest of its streams has delivered what was there before. Nothing at all when
    /// nothing was: something must go out for a stream that failed to be found working again.
    pub fn wait(&self) -> Option<Duration> {
        let waits = self
            .parts
            .iter()
            .map(|(stream, bytes)| self.byte_limit.wait_behind(stream, bytes));
        waits.max().flatten()
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if !self.kept {
            for (stream, bytes) in self.parts.iter() {
                self.byte_limit.give_back(stream, bytes);
            }
        }
    }
}

impl Parts {
    fn collect(parts: impl IntoIterator<Item = (StreamId, usize)>) -> Option<Self> {
        let mut parts = parts.into_iter();
        let mut collected = Self {
            first: parts.next()?,
            others: Vec::new(),
        };
        for (stream, bytes) in parts {
            let Self { first, others } = &mut collected;
            let mut known = std::iter::once(first).chain(others.iter_mut());
            match known.find(|(other, _)| *other == stream) {
                Some((_, sum)) => *sum = sum.saturating_add(bytes),
                None => others.push((stream, bytes)),
            }
        }
        Some(collected)
    }

    fn iter(&self) -> impl Iterator<Item = (StreamId, usize)> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }
}

impl Counters {
    fn of(&self, stream: StreamId) -> &AtomicUsize {
        let position = stream.index() + 1;
        let bucket = position.ilog2() as usize;
        let counters = self.0[bucket].get_or_init(|| (0..1_usize << bucket).map(|_| AtomicUsize::new(0)).collect());
        &counters[position - (1 << bucket)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{StreamName, Streams};

    fn streams(count: usize) -> Vec<StreamId> {
        let registry = Streams::default();
        let name = |number| StreamName::try_from(format!("stream-{number}").as_str()).unwrap();
        (0..count).map(|number| registry.intern(&name(number))).collect()
    }

    /// Takes one byte after the other for each of `streams` in turn until nobody gets any more.
    fn fill(byte_limit: &ByteLimit, streams: &[StreamId]) -> Vec<Charge> {
        let mut held = Vec::new();
        loop {
            let before = held.len();
            held.extend(streams.iter().filter_map(|stream| byte_limit.charge([(*stream, 1)])));
            if held.len() == before {
                return held;
            }
        }
    }

    #[test]
    fn a_budget_never_passes_its_limit_and_gets_back_what_it_gave() {
        let (byte_limit, streams) = (ByteLimit::new(10), streams(2));
        let first = byte_limit.charge([(streams[0], 6)]).unwrap();
        assert!(byte_limit.charge([(streams[1], 5)]).is_none());
        assert!(byte_limit.charge([(streams[1], usize::MAX)]).is_none());
        assert!(byte_limit.charge([(streams[1], usize::MAX), (streams[0], 1)]).is_none());
        let second = byte_limit.charge([(streams[1], 4)]).unwrap();
        assert_eq!(byte_limit.used(), 10);
        drop((first, second));
        assert_eq!((byte_limit.used(), byte_limit.used_by(streams[0])), (0, 0));
    }

    #[test]
    fn streams_that_lag_leave_room_for_one_that_does_not() {
        for (lagging, held, free) in [(1, 8000, 1000), (2, 4230, 520), (10, 880, 100), (100, 80, 10)] {
            let (byte_limit, streams) = (ByteLimit::new(9000), streams(lagging + 1));
            let (healthy, lagging) = streams.split_last().unwrap();
            let _held = fill(&byte_limit, lagging);
            let least = lagging.iter().map(|stream| byte_limit.used_by(*stream)).min();
            assert!(least >= Some(held), "{} lag, one holds {least:?}", lagging.len());
            assert!(
                byte_limit.charge([(*healthy, free)]).is_some(),
                "{} lag, {} used",
                lagging.len(),
                byte_limit.used()
            );
        }
    }

    #[test]
    fn a_request_with_an_event_of_a_full_stream_takes_nothing() {
        let (byte_limit, streams) = (ByteLimit::new(900), streams(2));
        let _held = fill(&byte_limit, &streams[..1]);
        let used = byte_limit.used();
        assert!(byte_limit.charge([(streams[1], 1), (streams[0], 1)]).is_none());
        assert_eq!((byte_limit.used(), byte_limit.used_by(streams[1])), (used, 0));
    }

    #[test]
    fn every_stream_has_a_counter_of_its_own() {
        let (byte_limit, streams) = (ByteLimit::new(100_000), streams(70));
        let _charges: Vec<_> = (0..70).map(|n| byte_limit.charge([(streams[n], n)])).collect();
        for (number, stream) in streams.iter().enumerate() {
            assert_eq!(byte_limit.used_by(*stream), number);
        }
    }

    #[test]
    fn the_wait_follows_what_a_stream_holds_and_how_fast_it_drains() {
        let byte_limit = ByteLimit::new(1000);
        let [orders, pages] = streams(2)[..] else {
            panic!("two were asked for")
        };
        let charge = byte_limit.charge([(orders, 300), (pages, 10)]).unwrap();
        assert_eq!(charge.wait(), None);
        byte_limit.set_drain(orders, 100);
        byte_limit.set_drain(pages, 100);
        assert_eq!(charge.wait(), Some(Duration::ZERO));
        let next = byte_limit.charge([(orders, 50)]).unwrap();
        assert_eq!(next.wait(), Some(Duration::from_secs(3)));
        drop(next);
        byte_limit.set_drain(orders, 0);
        assert_eq!(byte_limit.wait(orders), Some(Duration::from_secs(300)));
        drop(charge);
        assert_eq!(byte_limit.wait(orders), Some(Duration::ZERO));
    }
}
