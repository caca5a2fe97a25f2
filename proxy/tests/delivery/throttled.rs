//! More comes in than Firehose takes: the excess is refused at the door and nothing that was answered is lost.
//!
//! `cargo xtask prove load` is the full length.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use firehose_simulator::{Quota, StreamSettings};
use http::StatusCode;
use tokio::{sync::Mutex, task::JoinSet};

use super::rig::{Rig, Setup, batch, is_full_length};

const MIB: u64 = 1024 * 1024;
const PER_BATCH: usize = 50;
/// The queue's bound (`spool.maxSizeBytes`).
const QUEUE_MIB: u64 = 64;

fn seconds() -> u64 {
    if is_full_length() { 30 } else { 8 }
}

/// What the stream takes. A short run offers what a slow machine can, and takes far less of it.
fn quota() -> u64 {
    if is_full_length() { MIB } else { MIB / 8 }
}

/// What the proxies are told. The full run is told nothing: the region's default is five times the quota.
fn stated_quota() -> String {
    match is_full_length() {
        true => String::new(),
        false => format!("delivery: {{quota: {{bytesPerSecond: {}}}}}\n", quota() * 4),
    }
}

/// Offers far more than the quota in batches, so many of ten to the first proxy, and checks every answer.
async fn overload(proxies: usize, first_of_ten: usize, replicas_line: &str) -> f64 {
    // One at a time: they measure.
    static ALONE: Mutex<()> = Mutex::const_new(());
    let _alone = ALONE.lock().await;
    let settings = StreamSettings {
        quota: Quota {
            bytes_per_second: Some(quota()),
            ..Quota::default()
        },
        ..StreamSettings::default()
    };
    let rig = Arc::new(
        Rig::start(Setup {
            streams: vec![("orders", settings)],
            more: &format!(
                "spool: {{maxSizeBytes: {}}}\n{}{replicas_line}",
                QUEUE_MIB * MIB,
                stated_quota()
            ),
            proxies,
            as_processes: true,
            ..Setup::default()
        })
        .await,
    );
    // An idle proxy: it has read its configuration and made a call.
    for proxy in 0..proxies {
        let answer = rig.send(proxy, batch("orders", [format!("first-{proxy}")], 800)).await;
        assert_eq!(answer.status, StatusCode::OK);
    }
    let idle: Vec<u64> = rig
        .processes
        .iter()
        .map(|process| process.memory_kib("VmRSS"))
        .collect();
    // A debug build is slow enough as it is; what matters is that far more is offered than taken.
    let batches_a_second = if cfg!(debug_assertions) { 80 } else { 400 };
    let pause = Duration::from_secs(1) / batches_a_second;
    let refused = Arc::new(AtomicUsize::new(0));
    let mut requests = JoinSet::new();
    let started = Instant::now();
    let end = started + Duration::from_secs(seconds());
    let mut ticks = tokio::time::interval(pause);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut settled = None;
    for number in 0.. {
        ticks.tick().await;
        let now = Instant::now();
        if now >= end {
            break;
        }
        if settled.is_none() && now > started + Duration::from_secs(3) {
            settled = Some((now, rig.simulator.streams()[0].bytes));
        }
        let (rig, refused) = (Arc::clone(&rig), Arc::clone(&refused));
        requests.spawn(async move {
            let ids: Vec<String> = (0..PER_BATCH).map(|event| format!("{number}-{event}")).collect();
            let proxy = usize::from(proxies > 1 && number % 10 >= first_of_ten);
            let answer = rig.send(proxy, batch("orders", ids.clone(), 800)).await;
            match answer.status {
                StatusCode::OK => Some(ids),
                StatusCode::SERVICE_UNAVAILABLE => {
                    assert!(answer.retry_after.is_some(), "503 without Retry-After");
                    refused.fetch_add(1, Ordering::Relaxed);
                    None
                }
                other => panic!("answered {other}"),
            }
        });
    }
    let (since, bytes) = settled.expect("the test is longer than its warm-up");
    let used = (rig.simulator.streams()[0].bytes - bytes) as f64 / (since.elapsed().as_secs_f64() * quota() as f64);
    let mut answered = Vec::new();
    while let Some(ids) = requests.join_next().await {
        answered.extend(ids.unwrap().into_iter().flatten());
    }
    let arrived: BTreeMap<String, usize> = rig.arrived("orders");
    let lost = answered.iter().filter(|id| !arrived.contains_key(*id)).count();
    let twice = arrived.values().filter(|times| **times > 1).count();
    let (mut sent, mut throttled) = (0.0, 0.0);
    for proxy in 0..proxies {
        sent += rig.metric(proxy, "firehose_proxy_sent_records_total").await;
        throttled += rig.metric(proxy, "firehose_proxy_throttled_records_total").await;
    }
    let grown = rig.processes.iter().zip(&idle);
    let grown: Vec<u64> = grown
        .map(|(process, idle)| (process.memory_kib("VmHWM") - idle) / 1024)
        .collect();
    println!(
        "{proxies} proxies, {} s: {} events answered 200, {} requests refused, {lost} lost, {twice} twice, {:.1} % of the quota used, {:.2} % of {sent} records throttled, {} answered 503 but delivered, {grown:?} MiB more than idle",
        seconds(),
        answered.len(),
        refused.load(Ordering::Relaxed),
        used * 100.0,
        throttled / sent * 100.0,
        arrived.len() - answered.len() - proxies,
    );
    assert_eq!((lost, twice), (0, 0));
    for mib in grown {
        assert!(mib <= QUEUE_MIB + 64, "{mib} MiB more than idle");
    }
    assert!(
        refused.load(Ordering::Relaxed) > 0,
        "nothing was offered above the quota"
    );
    // Most are refused while the real quota is found, in the first second, which is an eighth of a short run; and one
    // call too much is a twentieth of what a short run sends. A rate that is not cut has three of four refused.
    let bound = if is_full_length() { 0.02 } else { 0.20 };
    assert!(throttled / sent < bound, "{throttled} of {sent} records were throttled");
    used
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_proxy_uses_the_quota_and_refuses_the_rest() {
    at_least(0.98, overload(1, 10, "").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_proxies_share_the_quota_though_one_has_most_of_the_load() {
    at_least(0.90, overload(2, 9, "replicas: 2").await);
}

/// The full run is held to the figure. A short one looks at five seconds, next to whatever else a machine does, so a
/// call more or less shows: of its figure a tenth may be missing.
fn at_least(part: f64, used: f64) {
    let part = if is_full_length() { part } else { part - 0.10 };
    assert!(used >= part, "{used} of the quota was used");
}
