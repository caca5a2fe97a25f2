//! Firehose is away for long: the disk takes events up to its bound, memory stays flat, a new process listens at once,
//! and in the end everything arrives.
//!
//! `cargo xtask prove backlog` does it with 4 GiB of events; the test with less.

use std::time::{Duration, Instant};

use firehose_simulator::Availability;
use futures::{StreamExt as _, stream};
use http::StatusCode;

use crate::pod::{Place, setting, until};

/// Bytes of one event.
const EVENT: usize = 64 << 10;
/// Events in memory on their way from disk to delivery, and then again base64, encoded and in the SDK's hands: what a
/// process may take beyond what it takes when it is idle, in KiB.
const MOST_MEMORY: u64 = 300 << 10;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_fills_the_disk_to_its_bound_in_flat_memory_and_arrives_in_full() {
    let backlog = setting("BACKLOG_BYTES", 112 << 20);
    // Without three segments of at most 32 MiB, three quarters of the bound are events, of which one stream may have
    // eight ninths: two thirds.
    let bound = backlog / 16 * 25 + (96 << 20);
    let place = Place::new(&format!(
        "delivery: {{acknowledge: WhenSpooled, lingerMilliseconds: 10, quota: {{bytesPerSecond: 4000000000, recordsPerSecond: 4000000, requestsPerSecond: 40000}}}}
spool: {{maxSizeBytes: {bound}}}"
    ))
    .await;
    place.set_firehose(Availability::Resetting);
    let pod = place.start();
    let idle = pod.memory_kib("VmRSS");

    // Events until one is refused, a few at a time.
    let most = usize::try_from(bound).unwrap() / EVENT;
    let begun = Instant::now();
    let mut answers = stream::iter(0..most)
        .map(|number| {
            let pod = &pod;
            async move { pod.send(&number.to_string(), EVENT).await.unwrap() }
        })
        .buffered(4);
    let (mut answered, mut refused) = (0, None);
    while let Some(answer) = answers.next().await {
        if answer.status != StatusCode::OK {
            refused = Some(answer);
            break;
        }
        answered += 1;
    }
    drop(answers);
    let taken = begun.elapsed();
    let refused = refused.expect("the bound is below the size of all events");
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.retry_after.is_some());
    let kept = answered * EVENT as u64;
    assert!(kept >= backlog, "{kept} of {backlog} bytes in a bound of {bound}");
    let full = pod.memory_kib("VmHWM");
    assert!(full - idle < MOST_MEMORY, "{} KiB more than idle", full - idle);
    pod.kill();

    let begun = Instant::now();
    let pod = place.start();
    let listening = begun.elapsed();
    assert_eq!(pod.metric("firehose_proxy_spool_bytes").await / kept, 1);
    // What a start may take is a figure of the full size; the small one is about it being there.
    if backlog >= 4 << 30 {
        assert!(listening < Duration::from_secs(2), "{listening:?} until it listens");
    }
    place.set_firehose(Availability::Available);
    // Records are taken away as they come; Firehose forgets the oldest, this must not.
    let (mut arrived, mut again, mut after) = (std::collections::BTreeSet::new(), 0_u64, 0);
    let begun = Instant::now();
    until("the first arrive", async || !place.firehose.streams().is_empty()).await;
    let mut last = Instant::now();
    while (arrived.len() as u64) < answered {
        for record in place.firehose.records("all", after, 1000).unwrap_or_default() {
            assert!(
                after == 0 || record.sequence == after + 1,
                "the test is too slow for what Firehose keeps"
            );
            after = record.sequence;
            again += u64::from(!arrived.insert(number_of(&record.data)));
            last = Instant::now();
        }
        assert!(
            last.elapsed() < Duration::from_secs(120),
            "{} of {answered} have arrived",
            arrived.len()
        );
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let drained = begun.elapsed();
    assert!((0..answered).all(|number| arrived.contains(&number)));
    until("the spool is empty", async || {
        pod.metric("firehose_proxy_spool_bytes").await == 0
    })
    .await;
    let peak = pod.memory_kib("VmHWM");
    assert!(peak - idle < MOST_MEMORY, "{} KiB more than idle", peak - idle);
    println!(
        "{answered} events of {EVENT} bytes ({kept} in a bound of {bound}) in {taken:.1?}; {listening:.3?} from exec to listening with them on the disk; \
         delivered in {drained:.1?}, {again} twice; memory idle {idle} KiB, at most {full} KiB taking them in, {peak} KiB delivering"
    );
}

/// The number of an event that is there in full. To parse gigabytes of padding would take longer than to deliver them.
fn number_of(record: &[u8]) -> u64 {
    let record = std::str::from_utf8(record).unwrap();
    let (_, rest) = record.split_once(r#""messageId":""#).unwrap();
    let (number, rest) = rest.split_once('"').unwrap();
    assert!(rest.bytes().filter(|byte| *byte == b'x').count() >= EVENT && record.ends_with("}\n"));
    number.parse().unwrap()
}
