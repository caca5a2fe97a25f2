//! A disk that does not answer for a while under the running process: one sync of the writer's takes eight seconds.

use std::time::{Duration, Instant};

use http::StatusCode;

use crate::pod::{Place, until};

const SPOOLED: &str = "delivery: {acknowledge: WhenSpooled, lingerMilliseconds: 10}";
const STALLED: &str = "firehose_proxy_spool_stalled_seconds";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs strace: cargo xtask test durability"]
async fn while_a_sync_hangs_new_requests_are_refused_at_once_and_then_everything_goes_on() {
    let mut place = Place::new(SPOOLED).await;
    let strace = [
        "strace",
        "--follow-forks",
        "--quiet=all",
        "-e",
        "trace=fdatasync",
        "-e",
        "inject=fdatasync:delay_enter=8000000:when=9",
        "-o",
        "/dev/null",
    ];
    place.wrapper = strace.map(str::to_owned).to_vec();
    let pod = place.start();
    // One after the other, so that each is a sync of its own; the ninth of the writer hangs, and its request with it.
    let sending = async {
        let mut statuses = Vec::new();
        for number in 0..20 {
            let answer = pod.send(&format!("event-{number}"), 100).await.unwrap();
            statuses.push(answer.status);
        }
        statuses
    };
    let watching = async {
        until("the disk has stalled for two seconds", async || {
            pod.metric(STALLED).await >= 2
        })
        .await;
        let sent = Instant::now();
        let refused = pod.send("refused", 100).await.unwrap();
        assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(sent.elapsed() < Duration::from_secs(2), "at once, not at the deadline");
        assert_eq!(pod.admin("/livez").await, "ok");
        assert_eq!(
            pod.admin("/readyz").await,
            "ok",
            "a Service needs somebody who says 503"
        );
        until("the disk answers again", async || pod.metric(STALLED).await == 0).await;
        pod.send("afterwards", 100).await.unwrap().status
    };
    let (statuses, afterwards) = tokio::join!(sending, watching);
    assert!(
        statuses.iter().all(|status| *status == StatusCode::OK),
        "whoever waited was answered in time: {statuses:?}"
    );
    assert_eq!(afterwards, StatusCode::OK);
    until("what was answered arrives, once", async || {
        let arrived = place.arrived();
        arrived.len() == 21 && arrived.values().all(|times| times.len() == 1) && !arrived.contains_key("refused")
    })
    .await;
}
