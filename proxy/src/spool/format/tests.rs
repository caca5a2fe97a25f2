//! Slices of every version: what is written comes back, whatever it is, and what is damaged is refused and never
//! panics. Random, of fixed seeds.

use std::num::NonZeroU64;

use rand_xoshiro::{
    SplitMix64,
    rand_core::{Rng as _, SeedableRng as _},
};

use super::version::Version;
use crate::{
    queue::{BatchTooLarge, EventBatch, Identity, Position},
    stream::{RoutingKey, StreamId, StreamName, Streams},
};

/// Numbers from a seed.
struct Random(SplitMix64);

impl Random {
    fn new(seed: u64) -> Self {
        Self(SplitMix64::seed_from_u64(seed))
    }

    fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn up_to(&mut self, bound: usize) -> usize {
        usize::try_from(self.below(bound as u64)).expect("it is below a `usize`")
    }

    fn per_mille(&mut self, times: u64) -> bool {
        self.below(1000) < times
    }
}

const SOURCES: [&str; 4] = [
    "",
    "web",
    "a",
    "x-123456789-123456789-123456789-123456789-123456789-123456789-1",
];

fn orders() -> StreamId {
    Streams::default().intern(&StreamName::try_from("orders").unwrap())
}

/// Up to eight events, some with sources, some with identities, in some batches none of either.
fn batch(random: &mut Random) -> EventBatch {
    let mut batch = EventBatch::default();
    let (has_sources, has_identities) = (random.per_mille(600), random.per_mille(600));
    for _ in 0..1 + random.below(8) {
        let name = "ä".repeat(random.up_to(9));
        let key = RoutingKey {
            event: &name,
            r#type: if random.per_mille(500) { "track" } else { "" },
            source: if has_sources { SOURCES[random.up_to(4)] } else { "" },
        };
        let record = vec![random.next().to_le_bytes()[0]; random.up_to(100)];
        let write = |out: &mut Vec<u8>| {
            out.extend_from_slice(&record);
            Ok::<(), BatchTooLarge>(())
        };
        batch.push(orders(), key, write).unwrap();
        if has_identities && random.per_mille(700) {
            batch.identify(Identity::new(
                NonZeroU64::new(random.next() | 1).unwrap(),
                random.next(),
            ));
        }
    }
    batch
}

/// What a version keeps of a batch's identities, in order.
fn identities(version: Version, batch: &EventBatch) -> Vec<Identity> {
    match version {
        Version::V1 => Vec::new(),
        Version::V2 => batch.stored_entries().filter_map(|entry| entry.identity).collect(),
    }
}

#[test]
fn slices_come_back_as_they_were_written_and_moved_whatever_is_in_them() {
    let mut random = Random::new(1);
    for _ in 0..2000 {
        let written: Vec<EventBatch> = (0..1 + random.below(4)).map(|_| batch(&mut random)).collect();
        let count = u32::try_from(written.len()).unwrap();
        for version in Version::ALL {
            let (mut body, mut length) = (Vec::new(), 0);
            for batch in &written {
                version.encode(1234, "orders", batch, &mut body);
                length += version.encoded_length("orders", batch);
            }
            assert_eq!(body.len(), length);
            let from = Position { segment: 3, ordinal: 4 };
            let mut moved = Vec::new();
            for slice in version.slices(&body, count).unwrap() {
                slice.encode_moved(from, &mut moved);
            }
            // What is in a segment of one version can stand as it is in one of every later.
            let readers = Version::ALL.into_iter().filter(|reader| *reader >= version);
            for (reader, body, moved_from) in
                readers.flat_map(|reader| [(reader, &body, None), (reader, &moved, Some(from))])
            {
                let slices = reader.slices(body, count).unwrap();
                assert_eq!(slices.len(), written.len());
                for (slice, batch) in slices.iter().zip(&written) {
                    assert_eq!((slice.accepted_ms, slice.stream), (1234, "orders"));
                    assert_eq!(slice.moved_from, moved_from);
                    assert_eq!(slice.charge(), version.charge(batch));
                    assert_eq!(slice.identities().collect::<Vec<_>>(), identities(version, batch));
                    let read = slice.batch(orders()).unwrap();
                    for (read, sent) in read.entries().zip(batch.entries()) {
                        assert_eq!((read.key.event, read.key.r#type), (sent.key.event, sent.key.r#type));
                        assert_eq!(read.record, sent.record);
                        let source = if version == Version::V1 { "" } else { sent.key.source };
                        assert_eq!(read.key.source, source);
                    }
                }
            }
        }
    }
}

/// Checksums keep damage from here; what is no slice all the same is a defect or a forgery.
#[test]
fn a_body_that_is_none_is_refused_and_never_panics() {
    let mut random = Random::new(2);
    let mut refused = 0;
    for _ in 0..20_000 {
        let mut body = Vec::new();
        for version in Version::ALL {
            body.clear();
            version.encode(1, "orders", &batch(&mut random), &mut body);
            match random.below(3) {
                0 => body.truncate(random.up_to(body.len())),
                1 => body.resize(body.len() + 1 + random.up_to(40), 0xFF),
                _ => {}
            }
            for _ in 0..random.below(4) {
                let (byte, bit) = (random.up_to(body.len().max(1)), random.below(8));
                body.get_mut(byte).into_iter().for_each(|byte| *byte ^= 1 << bit);
            }
            for reader in Version::ALL {
                match reader.slices(&body, 1) {
                    None => refused += 1,
                    Some(slices) => slices.iter().for_each(|slice| {
                        let (_charge, _batch) = (slice.charge(), slice.batch(orders()));
                        let _identities = slice.identities().count();
                    }),
                }
            }
        }
    }
    assert!(refused > 10_000, "only {refused} were refused");
}

#[test]
fn events_without_source_and_identity_take_as_little_room_as_in_version_1() {
    let mut batch = EventBatch::default();
    let key = RoutingKey {
        event: "page",
        ..RoutingKey::default()
    };
    batch.push(orders(), key, |_| Ok::<(), BatchTooLarge>(())).unwrap();
    let encoded = Version::ALL.map(|version| {
        let mut body = Vec::new();
        version.encode(7, "orders", &batch, &mut body);
        body
    });
    assert_eq!(encoded[0], encoded[1]);
}
