//! A disk that fails under the running process: system calls of its own are answered with an error.

use std::{fs, path::PathBuf};

use firehose_simulator::Availability;
use http::StatusCode;

use crate::{
    leftovers::segments,
    pod::{Place, until},
};

const SPOOLED: &str = "delivery: {acknowledge: WhenSpooled, lingerMilliseconds: 10}";

/// Lets a system call of each thread fail with EIO, the `when`th on the segments that there are, or on any file if
/// there is none yet. Returns where it is reported.
fn fail(place: &mut Place, call: &str, when: u32) -> PathBuf {
    let trace = place.directory.path().join("trace");
    let (traced, injected) = (format!("trace={call}"), format!("inject={call}:error=EIO:when={when}"));
    let strace = ["strace", "--follow-forks", "-e", &traced, "-e", &injected, "-o"];
    place.wrapper = strace.map(str::to_owned).to_vec();
    place.wrapper.push(trace.to_str().unwrap().to_owned());
    // Not those of the program loader.
    for segment in segments(place) {
        let path = place.spool().join(segment);
        place.wrapper.push(format!("--trace-path={}", path.to_str().unwrap()));
    }
    trace
}

fn count_failures(trace: &PathBuf) -> usize {
    fs::read_to_string(trace).unwrap().matches("(INJECTED)").count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: cargo xtask test durability"]
async fn a_failed_sync_ends_the_process_and_what_was_answered_is_delivered_by_the_next() {
    let mut place = Place::new(SPOOLED).await;
    place.set_firehose(Availability::Resetting);
    fail(&mut place, "fdatasync", 7);
    let pod = place.start();
    let mut answered = Vec::new();
    for number in 0..100 {
        let id = format!("event-{number}");
        match pod.send(&id, 100).await {
            Ok(answer) if answer.status == StatusCode::OK => answered.push(id),
            _ => break,
        }
    }
    assert!((1..100).contains(&answered.len()), "{} answered", answered.len());
    let (status, said) = pod.wait_for_its_end();
    assert_eq!(status.code(), Some(74), "{said}");
    assert!(said.contains("the spool's disk failed, the process ends"), "{said}");
    assert!(said.contains("failed to sync"), "{said}");

    place.wrapper.clear();
    place.set_firehose(Availability::Available);
    let _pod = place.start();
    until("what was answered arrives", async || {
        let arrived = place.arrived();
        answered.iter().all(|id| arrived.contains_key(id))
    })
    .await;
    assert!(place.arrived().values().all(|times| times.len() == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: cargo xtask test durability"]
async fn a_read_that_fails_once_costs_nothing_at_the_start_or_later() {
    // The first read of the process is that of a header, the second one of frames; the first of the maintainer is of
    // frames again.
    for when in 1..=2 {
        let mut place = Place::new(SPOOLED).await;
        place.set_firehose(Availability::Resetting);
        let pod = place.start();
        for number in 0..30 {
            let answer = pod.send(&format!("event-{number}"), 3000).await.unwrap();
            assert_eq!(answer.status, StatusCode::OK);
        }
        pod.kill();
        let trace = fail(&mut place, "pread64", when);
        place.set_firehose(Availability::Available);
        let pod = place.start();
        until("all arrive", async || place.arrived().len() == 30).await;
        assert!(place.arrived().values().all(|times| times.len() == 1));
        assert!(count_failures(&trace) > 0, "call {when} did not fail");
        drop(pod);
        fs::remove_file(trace).unwrap();
    }
}
