//! Firehose, name resolution, STS or the credentials go away for a while and come back, each in a case of its own.
//!
//! A few seconds here; `cargo xtask prove load` makes it a minute.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use aws_smithy_runtime_api::client::dns::{DnsFuture, ResolveDns, ResolveDnsError, SharedDnsResolver};
use firehose_proxy::firehose::Transport;
use firehose_simulator::{
    AccessSettings, Availability, CredentialState, ErrorCode, Fault, Role, Rule, ServiceSettings, Signatures,
    StreamSettings,
};
use http::StatusCode;

use super::{
    credentials::known,
    rig::{Rig, Setup, batch, is_full_length},
};

/// How long something is away.
fn length() -> Duration {
    Duration::from_secs(if is_full_length() { 60 } else { 4 })
}

/// Short enough to be seen passing during an outage, long enough for a slow machine when there is none.
fn acknowledge_timeout() -> Duration {
    Duration::from_secs(if is_full_length() { 10 } else { 2 })
}

fn setup() -> Setup<'static> {
    Setup {
        streams: vec![("orders", StreamSettings::default())],
        acknowledge_timeout: acknowledge_timeout(),
        ..Setup::default()
    }
}

fn firehose(firehose: Availability) -> ServiceSettings {
    ServiceSettings {
        firehose,
        ..ServiceSettings::default()
    }
}

/// What clients were told while something was away and until it was back.
struct Told {
    answered: Vec<String>,
    refused: Vec<String>,
    /// The longest time from the end of the outage to the first event answered 200.
    recovered_after: Duration,
}

/// Four clients send one event after the other, each only once; half a second into it `begin` takes something away, and
/// `end` brings it back after [`length`]. They stop when events are answered 200 again.
async fn through(rig: &Rig, begin: impl AsyncFnOnce(), end: impl FnOnce()) -> Told {
    let (over, back) = (AtomicBool::new(false), AtomicBool::new(false));
    let client = async |name: usize| {
        let (mut answered, mut refused) = (Vec::new(), Vec::new());
        for number in 0.. {
            let id = format!("m-{name}-{number}");
            let is_over = over.load(Ordering::SeqCst);
            let answer = rig.send(0, batch("orders", [id.clone()], 100)).await;
            match answer.status {
                StatusCode::OK => {
                    answered.push(id);
                    back.fetch_or(is_over, Ordering::SeqCst);
                }
                StatusCode::SERVICE_UNAVAILABLE => {
                    assert!(answer.retry_after.is_some(), "503 without Retry-After");
                    refused.push(id);
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                other => panic!("answered {other}"),
            }
            if back.load(Ordering::SeqCst) {
                break;
            }
        }
        (answered, refused)
    };
    let outage = async {
        // The outage is to hit something that works.
        rig.until("events are answered", async || !rig.arrived("orders").is_empty())
            .await;
        begin().await;
        tokio::time::sleep(length()).await;
        end();
        over.store(true, Ordering::SeqCst);
        let ended = Instant::now();
        rig.until("events are answered again", async || back.load(Ordering::SeqCst))
            .await;
        ended.elapsed()
    };
    let (one, two, three, four, recovered_after) = tokio::join!(client(1), client(2), client(3), client(4), outage);
    let mut told = Told {
        answered: Vec::new(),
        refused: Vec::new(),
        recovered_after,
    };
    for (answered, refused) in [one, two, three, four] {
        told.answered.extend(answered);
        told.refused.extend(refused);
    }
    println!(
        "{} events answered, {} refused, back after {recovered_after:.1?}",
        told.answered.len(),
        told.refused.len()
    );
    told
}

impl Told {
    /// Every event that was answered 200 arrives once. Nothing took effect during the outage, so nothing arrives twice.
    async fn check(&self, rig: &Rig) {
        rig.until("what was answered has arrived", async || {
            let arrived = rig.arrived("orders");
            self.answered.iter().all(|id| arrived.contains_key(id))
        })
        .await;
        let arrived = rig.arrived("orders");
        let twice = arrived.iter().filter(|(_, times)| **times > 1).count();
        let sent_all_the_same = self.refused.iter().filter(|id| arrived.contains_key(*id)).count();
        // At the moment of recovery a call may be under way whose request has just been refused; no more than that.
        assert_eq!(twice, 0);
        assert!(
            sent_all_the_same <= 4,
            "{sent_all_the_same} events were refused and sent"
        );
        assert!(self.recovered_after < Duration::from_secs(20));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_all_of_firehose_is_away_requests_are_refused_and_nothing_answered_is_lost() {
    for availability in [Availability::Unavailable, Availability::Resetting] {
        let rig = Rig::start(setup()).await;
        let begin = async || rig.simulator.configure_service(firehose(availability));
        let end = || rig.simulator.configure_service(ServiceSettings::default());
        let told = through(&rig, begin, end).await;
        assert!(!told.refused.is_empty());
        told.check(&rig).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_a_spool_requests_are_answered_all_the_time_and_delivered_afterwards() {
    let rig = Rig::start(Setup {
        // Room for whatever a fast machine sends in a minute: a full spool is another test.
        more: "delivery: {acknowledge: WhenSpooled}\nspool: {maxSizeBytes: 8589934592}",
        // Syncing may take its time; it is not what is away.
        acknowledge_timeout: Duration::from_secs(30),
        ..setup()
    })
    .await;
    let begin = async || rig.simulator.configure_service(firehose(Availability::Unavailable));
    let end = || rig.simulator.configure_service(ServiceSettings::default());
    let told = through(&rig, begin, end).await;
    assert_eq!(told.refused.len(), 0);
    told.check(&rig).await;
}

/// Resolves every name to the loopback address, unless it is away.
#[derive(Debug, Clone, Default)]
struct Names {
    away: Arc<AtomicBool>,
}

impl ResolveDns for Names {
    fn resolve_dns<'a>(&'a self, _: &'a str) -> DnsFuture<'a> {
        DnsFuture::ready(match self.away.load(Ordering::SeqCst) {
            true => Err(ResolveDnsError::new("no name server answers")),
            false => Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]),
        })
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_names_cannot_be_resolved_open_connections_go_on_and_then_requests_are_refused() {
    let names = Names::default();
    let rig = Rig::start(Setup {
        endpoint: "http://firehose.test:{port}",
        transport: Transport {
            resolver: Some(SharedDnsResolver::new(names.clone())),
            ..Transport::default()
        },
        ..setup()
    })
    .await;
    let begin = async || {
        names.away.store(true, Ordering::SeqCst);
        let answer = rig.send(0, batch("orders", ["open".to_owned()], 10)).await;
        assert_eq!(answer.status, StatusCode::OK, "a connection is open and needs no name");
        // Now the connections break.
        rig.simulator.configure_service(firehose(Availability::Resetting));
        rig.until("it is reported", async || {
            rig.admin(0, "/status").await.contains("Unreachable")
        })
        .await;
        rig.simulator.configure_service(ServiceSettings::default());
    };
    let told = through(&rig, begin, || names.away.store(false, Ordering::SeqCst)).await;
    assert!(!told.refused.is_empty());
    told.check(&rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_sts_is_away_a_session_is_used_to_its_end_and_then_requests_are_refused() {
    let rig = Rig::start(setup()).await;
    let arn = "arn:aws:iam::123456789012:role/events";
    rig.simulator.configure_access(AccessSettings {
        signatures: Signatures::Verified,
        credentials: vec![known("AKIDEXAMPLE", "secret", &["sts:AssumeRole"])],
        roles: vec![Role {
            arn: arn.to_owned(),
            external_id: None,
            web_identity_tokens: None,
            // The SDK asks for the next one ten seconds before it ends.
            session_seconds: Some(if is_full_length() { 30 } else { 11 }),
            allowed_actions: None,
        }],
        ..AccessSettings::default()
    });
    rig.assume(arn);
    let begin = async || {
        rig.simulator.configure_service(ServiceSettings {
            sts: Availability::Unavailable,
            ..ServiceSettings::default()
        });
        rig.until("it is reported", async || {
            rig.admin(0, "/status").await.contains("AssumeRoleUnavailable")
        })
        .await;
    };
    let end = || rig.simulator.configure_service(ServiceSettings::default());
    let told = through(&rig, begin, end).await;
    assert!(!told.refused.is_empty());
    told.check(&rig).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_credentials_are_revoked_requests_are_refused_and_they_work_again_when_restored() {
    let rig = Rig::start(setup()).await;
    let access = |state| AccessSettings {
        signatures: Signatures::Verified,
        credentials: vec![firehose_simulator::Credential {
            state,
            ..known("AKIDEXAMPLE", "secret", &["firehose:PutRecordBatch"])
        }],
        ..AccessSettings::default()
    };
    rig.simulator.configure_access(access(CredentialState::Valid));
    let begin = async || {
        rig.simulator.configure_access(access(CredentialState::Revoked));
        rig.until("it is reported", async || {
            rig.admin(0, "/status").await.contains("Rejected")
        })
        .await;
    };
    let end = || rig.simulator.configure_access(access(CredentialState::Valid));
    let told = through(&rig, begin, end).await;
    assert!(!told.refused.is_empty());
    told.check(&rig).await;
}

/// One of twenty streams is dead. The others' latency is compared with what it was before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_stream_of_twenty_delays_none_of_the_others() {
    const NAMES: [&str; 20] = [
        "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15", "s16",
        "s17", "s18", "s19",
    ];
    let rig = Rig::start(Setup {
        streams: NAMES.map(|name| (name, StreamSettings::default())).into(),
        acknowledge_timeout: Duration::from_secs(10),
        ..Setup::default()
    })
    .await;
    let phase = async |dead: bool| {
        let end = Instant::now() + length();
        let client = async |stream: &'static str| {
            let mut took = Vec::new();
            for number in 0.. {
                let started = Instant::now();
                if started >= end {
                    break;
                }
                let answer = rig
                    .send(0, batch(stream, [format!("{dead}-{stream}-{number}")], 500))
                    .await;
                took.push(started.elapsed());
                let expected = match dead && stream == "s0" {
                    true => StatusCode::SERVICE_UNAVAILABLE,
                    false => StatusCode::OK,
                };
                assert_eq!(answer.status, expected, "{stream}");
                if answer.status != StatusCode::OK {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            }
            took
        };
        // Several clients a stream, so that the dead one has a backlog and not just one event.
        let clients = NAMES.iter().flat_map(|stream| (0..3).map(|_| client(stream)));
        let took = futures::future::join_all(clients).await;
        let mut others: Vec<Duration> = took.into_iter().skip(3).flatten().collect();
        others.sort();
        (others[others.len() / 2], others[others.len() * 99 / 100], others.len())
    };
    let (median_before, before, _) = phase(false).await;
    for fault in [
        Fault::Reset,
        Fault::CallFails {
            error_code: ErrorCode::ServiceUnavailableException,
            message: None,
            detail: None,
        },
    ] {
        let dead = StreamSettings {
            faults: vec![Rule::always(fault.clone())],
            ..StreamSettings::default()
        };
        rig.simulator.configure("s0", dead).unwrap();
        let (median, p99, requests) = phase(true).await;
        println!(
            "{fault:?}: p99 {p99:.1?} after {before:.1?}, median {median:.1?} after {median_before:.1?}, {requests} requests"
        );
        if is_full_length() {
            assert!(p99 < before * 2, "{p99:?} after {before:?}");
        }
        // On a machine that does other things too, the slowest are about those; to wait for a dead stream takes
        // seconds.
        assert!(median < median_before * 4, "{median:?} after {median_before:?}");
    }
}
