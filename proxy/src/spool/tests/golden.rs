//! The files that this version writes, byte by byte, against those that are checked in: what an older and a newer
//! binary find.
//!
//! `tests/spool/v1` is what format version 1 looks like for ever, and `tests/spool/v2` version 2. The writer must still
//! write each, so that the binary before this one reads what this one leaves behind; the reader must still read it. A
//! change of the format gets a new version and a new folder, is read by this version and the one before first, and is
//! written one release later. `SPOOL_FIXTURES=write cargo test -p firehose-proxy --lib golden` writes the folder of a
//! new version.

use std::{collections::BTreeMap, fs, num::NonZeroU64, path::PathBuf, sync::Arc};

use tokio::{sync::mpsc, time::Instant};

use crate::{
    queue::{BatchTooLarge, EntryRef, EventBatch, Identity, InFlight},
    spool::{
        disk::{Disk as _, File as _, simulated::SimulatedDisk},
        format::Version,
        log::{Environment, Log, Settings},
    },
    stream::{RoutingKey, StreamId, StreamName, Streams},
};

/// Everything that is random or of the day is fixed.
#[derive(Debug)]
struct Fixed;

impl Environment for Fixed {
    fn unix_milliseconds(&self) -> u64 {
        1_767_225_600_000
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn random(&self) -> u64 {
        0x0123_4567_89AB_CDEF
    }

    fn route(&self, entry: EntryRef<'_>) -> StreamId {
        entry.stream
    }
}

/// A dead letter as `dead_letters::letter` writes it, whose tests hold it to the same bytes.
const DEAD_LETTER: &str = concat!(
    r#"{"reason":"RecordRefused","detail":"two\nlines","time":"2026-01-01T00:00:00.123456789Z"}"#,
    "\nnot even\0 JSON"
);

fn folder(version: Version) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/spool/v{}", version.number()))
}

fn settings(version: Version) -> Settings {
    Settings {
        owner: "0b9d6f3e-1c5c-4a9b-8f3f-0d9f1a2b3c4d".to_owned(),
        segment_size: 4096,
        limit: 6 * 4096,
        window: 1 << 20,
        read_size: 1 << 20,
        write_size: 2048,
        uncommitted: 1 << 20,
        account: crate::account::Account::unlimited(),
        made_ahead: false,
        version,
    }
}

type Opened = (Arc<Log<SimulatedDisk>>, mpsc::UnboundedReceiver<Arc<InFlight>>);

fn open(version: Version, disk: &SimulatedDisk, streams: &Arc<Streams>) -> Opened {
    let (sender, outlet) = mpsc::unbounded_channel();
    let (log, recovered) = Log::open(
        disk.clone(),
        settings(version),
        Arc::clone(streams),
        Arc::new(Fixed),
        Some(sender),
    )
    .unwrap();
    assert_eq!(
        (recovered.damaged.len(), recovered.foreign.len()),
        (0, 0),
        "{recovered:?}"
    );
    (log, outlet)
}

fn batch(streams: &Streams, events: &[(&str, &str, &str)]) -> EventBatch {
    let mut batch = EventBatch::default();
    for (stream, event, record) in events {
        let stream = streams.intern(&StreamName::try_from(*stream).unwrap());
        let key = RoutingKey {
            event,
            r#type: "track",
            source: source_of(record),
        };
        let write = |out: &mut Vec<u8>| {
            out.extend_from_slice(record.as_bytes());
            Ok::<(), BatchTooLarge>(())
        };
        batch.push(stream, key, write).unwrap();
        if let Some(identity) = identity_of(record) {
            batch.identify(identity);
        }
    }
    batch
}

fn source_of(record: &str) -> &'static str {
    let name = record
        .find("pad")
        .map(|_| "web")
        .or(record.find("1.50").map(|_| "a-shop"));
    name.unwrap_or_default()
}

fn identity_of(record: &str) -> Option<Identity> {
    let number = NonZeroU64::new(record.len() as u64)?;
    record.ends_with('\n').then(|| Identity::new(number, !number.get()))
}

/// One of everything: several streams and events in a request, requests that share a write, settled slices, segments
/// that are full and sealed, slices that were moved out of one, a dead letter.
fn write(version: Version, disk: &SimulatedDisk) {
    let streams = Arc::new(Streams::default());
    let (log, mut outlet) = open(version, disk, &streams);
    // Acknowledgements are written in the order in which streams were met.
    streams.intern(&StreamName::try_from("__no_stream__").unwrap());
    let together = [
        batch(
            &streams,
            &[
                ("orders", "product added", "{\"n\":1.50}\n"),
                ("pages", "", "{\"ä\":\"é\"}\n"),
            ],
        ),
        batch(&streams, &[("orders", "", "{}\n"), ("orders", "ß", "{\"n\":2}\n")]),
        batch(&streams, &[("__no_stream__", "product added", DEAD_LETTER)]),
    ];
    let _answers = together.map(|batch| log.append(batch).unwrap());
    commit(&log);
    // Enough to fill two segments and begin the third.
    for number in 0..6 {
        let record = filling(number);
        let _answer = log.append(batch(&streams, &[("pages", "page", &record)])).unwrap();
        commit(&log);
        while let Ok(batch) = outlet.try_recv() {
            let record = batch.entry(0).unwrap().record;
            if (record.len() > 900 && record != filling(5).as_bytes()) || record == b"{\"n\":1.50}\n" {
                batch.settle(u32::try_from(batch.entries().len()).unwrap());
            } else {
                std::mem::forget(batch); // nobody gives it back: the process ends with it
            }
        }
        log.apply_reports();
    }
    assert!(log.write_acks().unwrap());
    log.sync_acks().unwrap();
    while log.seal().unwrap() {}
    // What makes slices move is a disk without room.
    log.lock().index.set_full(true);
    assert!(log.compact().unwrap(), "nothing was moved");
    commit(&log);
    assert!(log.write_acks().unwrap());
    log.sync_acks().unwrap();
}

fn commit(log: &Arc<Log<SimulatedDisk>>) {
    while log.commit().unwrap() {}
}

fn filling(number: u32) -> String {
    format!("{{\"pad\":\"{}\",\"n\":{number}}}\n", "x".repeat(900))
}

fn files(disk: &SimulatedDisk) -> BTreeMap<String, Vec<u8>> {
    let names = disk.names().unwrap();
    let read = |name: String| {
        let file = disk.open(&name).unwrap();
        let mut bytes = vec![0; usize::try_from(file.length().unwrap()).unwrap()];
        file.read_at(&mut bytes, 0).unwrap();
        (name, bytes)
    };
    names.into_iter().map(read).collect()
}

fn checked_in(version: Version) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder(version)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| {
            (
                path.file_name().unwrap().to_str().unwrap().to_owned(),
                fs::read(&path).unwrap(),
            )
        })
        .collect()
}

#[test]
fn this_version_writes_what_the_one_before_reads() {
    for version in Version::ALL {
        let disk = SimulatedDisk::new(1);
        write(version, &disk);
        let folder = folder(version);
        if !folder.exists() && std::env::var("SPOOL_FIXTURES").is_ok_and(|what| what == "write") {
            fs::create_dir_all(&folder).unwrap();
            for (name, bytes) in files(&disk) {
                fs::write(folder.join(name), bytes).unwrap();
            }
        }
        let (written, expected) = (files(&disk), checked_in(version));
        assert_eq!(written.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
        for (name, bytes) in &written {
            let first = bytes.iter().zip(&expected[name]).position(|(one, other)| one != other);
            assert!(
                *bytes == expected[name],
                "{version:?}: {name} differs from byte {first:?} on: the format has changed"
            );
        }
    }
}

/// Whatever a process writes, it reads every version.
#[test]
fn this_version_reads_what_the_one_before_wrote() {
    for (found, writes) in Version::ALL
        .into_iter()
        .flat_map(|found| Version::ALL.map(|writes| (found, writes)))
    {
        let disk = SimulatedDisk::new(1);
        for (name, bytes) in checked_in(found) {
            disk.create(&name, 0).unwrap().write_at(&bytes, 0).unwrap();
        }
        let streams = Arc::new(Streams::default());
        let (log, mut outlet) = open(writes, &disk, &streams);
        assert_eq!(log.left().slices, 4);
        assert_eq!(log.salt().is_some(), found.max(writes) == Version::V2);
        while log.read_backlog().unwrap() {}
        let mut events = Vec::new();
        while let Ok(batch) = outlet.try_recv() {
            for entry in batch.entries() {
                let record = String::from_utf8(entry.record.to_vec()).unwrap();
                let stream = streams.name(entry.stream).to_string();
                let [event, r#type, source] = [entry.key.event, entry.key.r#type, entry.key.source].map(str::to_owned);
                events.push((stream, event, r#type, source, record));
            }
            batch.settle(u32::try_from(batch.entries().len()).unwrap());
        }
        events.sort();
        let expected = |stream: &str, event: &str, record: &str| {
            let source = if found == Version::V1 { "" } else { source_of(record) };
            let [stream, event, r#type, source, record] = [stream, event, "track", source, record].map(str::to_owned);
            (stream, event, r#type, source, record)
        };
        assert_eq!(
            events,
            [
                expected("__no_stream__", "product added", DEAD_LETTER),
                expected("orders", "", "{}\n"),
                expected("orders", "ß", "{\"n\":2}\n"),
                expected("pages", "", "{\"ä\":\"é\"}\n"),
                expected("pages", "page", &filling(5)),
            ]
        );
        log.apply_reports();
        assert_eq!(log.left().slices, 0);
    }
}
