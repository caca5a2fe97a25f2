//! Whose spool is it, and may it be touched: what a process does before it serves.

use std::{fs, path::PathBuf};

use firehose_simulator::Availability;
use http::StatusCode;

use crate::pod::{Place, files, run_to_its_end, until};

const SPOOLED: &str = "delivery: {acknowledge: WhenSpooled, lingerMilliseconds: 10}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_does_not_start_and_the_first_goes_on() {
    let place = Place::new(SPOOLED).await;
    let pod = place.start();
    let (status, said) = run_to_its_end(&mut place.command());
    assert!(!status.success());
    assert!(said.contains("is in use by another process"), "{said}");
    assert_eq!(pod.send("event", 10).await.unwrap().status, StatusCode::OK);
    until("it arrives", async || place.arrived().len() == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spool_of_a_newer_version_is_not_touched() {
    let place = Place::new(SPOOLED).await;
    place.set_firehose(Availability::Resetting);
    let pod = place.start();
    assert_eq!(pod.send("event", 10).await.unwrap().status, StatusCode::OK);
    pod.kill();
    let (segment, bytes) = make_newer(&place);
    let before = files(&place.spool());
    let (status, said) = run_to_its_end(&mut place.command());
    assert!(!status.success());
    assert!(said.contains("is newer than this program"), "{said}");
    assert_eq!(files(&place.spool()), before);
    assert_eq!(fs::read(&segment).unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_spool_of_another_destination_is_kept_and_never_sent() {
    let place = Place::new(SPOOLED).await;
    place.set_firehose(Availability::Resetting);
    let pod = place.start();
    assert_eq!(pod.send("foreign", 10).await.unwrap().status, StatusCode::OK);
    pod.kill();
    place.set_firehose(Availability::Available);
    place.configure("another", SPOOLED);
    let pod = place.start();
    assert!(pod.said().contains("belongs to another destination"), "{}", pod.said());
    assert_eq!(pod.send("own", 10).await.unwrap().status, StatusCode::OK);
    until("its own event arrives", async || !place.arrived().is_empty()).await;
    assert_eq!(place.arrived().keys().collect::<Vec<_>>(), ["own"]);
    assert!(files(&place.spool()).iter().any(|name| name.ends_with(".foreign")));
}

/// Was: such a pod kept events in memory until it was replaced, and nobody looked at its disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_starts_while_its_document_is_refused_takes_nothing_and_looks_at_its_disk_when_it_is_mended() {
    for acknowledge in ["WhenSpooled", "WhenDelivered"] {
        let place = Place::new(SPOOLED).await;
        place.set_firehose(Availability::Resetting);
        let pod = place.start();
        for number in 0..20 {
            let answer = pod.send(&format!("old-{number}"), 10).await.unwrap();
            assert_eq!(answer.status, StatusCode::OK);
        }
        pod.kill();
        place.set_firehose(Availability::Available);
        place.configure("test", "requires: [TheFuture]");

        let pod = place.start_listening();
        let answer = pod.send("early", 10).await.unwrap();
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        let status = pod.admin("/status").await;
        for expected in [
            r#""ready":false"#,
            r#""backlog":"Unknown""#,
            r#""deadLetters":"Unknown""#,
        ] {
            assert!(status.contains(expected), "{status}");
        }
        assert_eq!(pod.admin("/livez").await, "ok");

        place.configure("test", &format!("delivery: {{acknowledge: {acknowledge}}}"));
        until("what was accepted before arrives", async || place.arrived().len() == 20).await;
        until("it is ready", async || pod.admin("/readyz").await == "ok").await;
        let answer = pod.send("late", 10).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        until("nothing waits", async || {
            let status = pod.admin("/status").await;
            status.contains(r#""backlog":"Empty""#) && status.contains(r#""deadLetters":"Empty""#)
        })
        .await;
        assert_eq!(place.arrived().len(), 21);
        let (status, said) = pod.terminate();
        assert!(status.success(), "{said}");
    }
}

/// What it refuses for ever must have a place: without one it would be answered 200 and be gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_starts_without_a_document_has_a_place_for_dead_letters_when_there_is_one() {
    let place = Place::new("").await;
    fs::remove_file(place.directory.path().join("configuration/config.yaml")).unwrap();
    let pod = place.start_listening();
    place.configure("test", "");
    until("it is ready", async || pod.admin("/readyz").await == "ok").await;
    let status = pod.admin("/status").await;
    assert!(status.contains(r#""deadLetters":"Empty""#), "{status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pod_that_is_told_to_end_while_it_waits_for_a_document_ends_at_once() {
    let place = Place::new("requires: [TheFuture]").await;
    let (status, said) = place.start_listening().terminate();
    assert!(status.success(), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: cargo xtask test durability"]
async fn probes_are_answered_while_what_an_earlier_process_has_left_is_read() {
    let mut place = Place::new(SPOOLED).await;
    let strace = [
        "strace",
        "--follow-forks",
        "--quiet=all",
        "-e",
        "trace=flock",
        "-e",
        "inject=flock:delay_enter=3000000",
        "-o",
        "/dev/null",
    ];
    place.wrapper = strace.map(str::to_owned).to_vec();
    let pod = place.start_listening();
    assert_eq!(pod.admin("/livez").await, "ok");
    let status = pod.admin("/status").await;
    assert!(status.contains(r#""ready":false"#), "{status}");
    assert!(status.contains(r#""backlog":"Unknown""#), "{status}");
    let answer = pod.send("early", 10).await.unwrap();
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    until("it is ready", async || pod.admin("/readyz").await == "ok").await;
    assert_eq!(pod.send("late", 10).await.unwrap().status, StatusCode::OK);
}

/// Makes the newest segment one of a newer version of the format: its file and what it holds now.
pub(crate) fn make_newer(place: &Place) -> (PathBuf, Vec<u8>) {
    let names = files(&place.spool()).into_iter();
    let newest = names.filter(|name| name.ends_with(".log")).max().unwrap();
    let segment = place.spool().join(newest);
    let mut bytes = fs::read(&segment).unwrap();
    for copy in [0, 512] {
        let header = &mut bytes[copy..copy + 128];
        let newest_known = *firehose_proxy::spool::formats().last().unwrap();
        header[8..12].copy_from_slice(&(newest_known + 1).to_le_bytes());
        let checksum = crc32c::crc32c(&header[..124]);
        header[124..].copy_from_slice(&checksum.to_le_bytes());
    }
    fs::write(&segment, &bytes).unwrap();
    (segment, bytes)
}
