//! What the log of a process says of one request at DEBUG: where it came from, what it was answered, its append and its
//! call. At the default level it says nothing of it.

use http::StatusCode;

use crate::pod::{Place, until};

const SPOOLED: &str = "delivery: {acknowledge: WhenSpooled, lingerMilliseconds: 10}";

/// The log of a process that has taken one event and delivered it.
async fn log_of_one_event(level: &str, more: &str) -> String {
    let place = Place::new(&format!("{SPOOLED}\n{more}")).await;
    let mut command = place.command();
    command.env("RUST_LOG", level);
    let pod = place.start_with(&mut command);
    assert_eq!(pod.send("event", 100).await.unwrap().status, StatusCode::OK);
    until("it has arrived", async || place.arrived().len() == 1).await;
    pod.terminate().1
}

fn lines<'log>(log: &'log str, words: &[&str]) -> Vec<&'log str> {
    let has_all = |line: &&str| words.iter().all(|word| line.contains(word));
    log.lines().filter(has_all).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn each_step_of_a_request_is_a_span() {
    let log = log_of_one_event("firehose_proxy=debug", "").await;
    let request = ["connection{peer=", "request{route=\"track\" status=200}", "close"];
    assert_eq!(lines(&log, &request).len(), 1, "{log}");
    assert_eq!(lines(&log, &["append{requests=1 bytes=", "close"]).len(), 1, "{log}");
    assert_eq!(
        lines(&log, &["call{stream=\"all\" records=1}", "close"]).len(),
        1,
        "{log}"
    );
    assert!(!log.contains("/v1/track"), "a path is the client's text: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_kept_nowhere_is_not_in_a_span() {
    let log = log_of_one_event("firehose_proxy=debug", "ingest: {requestIP: Omitted}").await;
    assert_eq!(
        lines(&log, &["request{route=\"track\" status=200}", "close"]).len(),
        1,
        "{log}"
    );
    assert!(!log.contains("peer="), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_it_is_said_at_the_default_level() {
    let log = log_of_one_event("info", "").await;
    for span in ["connection", "request{", "append{", "call{"] {
        assert!(!log.contains(span), "{span}: {log}");
    }
}
