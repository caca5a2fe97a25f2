//! Who is let in: write keys, ingest states, the rate limit, and what is said while something is missing.

use std::{fs, time::Duration};

use crate::server::{NOW, Server, document};

const EVENT: &str = r#"{"userId":"u1","type":"track"}"#;
/// `key-1:` and `wrong:` and an empty user.
const KEY_1: &str = "Authorization: Basic a2V5LTE6\r\n";
const WRONG: &str = "Authorization: Basic d3Jvbmc6\r\n";
const EMPTY: &str = "Authorization: Basic Og==\r\n";

/// A server whose write keys are in the file of the returned directory.
async fn server_with_keys(keys: &str) -> (Server, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("writeKeys"), keys).unwrap();
    let server = Server::start(&format!(
        "ingest: {{writeKeys: {{directory: {}}}}}",
        directory.path().display()
    ))
    .await;
    server.until("/v1/track", WRONG, EVENT, 401).await;
    (server, directory)
}

#[tokio::test]
async fn with_write_keys_only_those_are_let_in() {
    let (server, _directory) = server_with_keys("key-1\nkey-2\n").await;
    for (path, headers, body, status, sentence) in [
        ("/v1/track", "", EVENT, 401, "failed to read writekey from header"),
        ("/v1/track", EMPTY, EVENT, 401, "failed to read writekey from header"),
        (
            "/v1/track",
            "Authorization: Bearer key-1\r\n",
            EVENT,
            401,
            "failed to read writekey from header",
        ),
        ("/v1/track", WRONG, EVENT, 401, "invalid write key"),
        ("/v1/batch", WRONG, r#"{"batch":[]}"#, 401, "invalid write key"),
        (
            "/beacon/v1/batch",
            "",
            r#"{"batch":[]}"#,
            401,
            "failed to read writekey from header",
        ),
        (
            "/beacon/v1/batch?writeKey=wrong",
            "",
            r#"{"batch":[]}"#,
            401,
            "invalid write key",
        ),
        ("/v1/t", "", EVENT, 401, "failed to read writekey from header"),
        (
            "/v1/t",
            "",
            r#"{"userId":"u","writeKey":"wrong"}"#,
            401,
            "invalid write key",
        ),
        (
            "/v1/t",
            WRONG,
            r#"{"userId":"u","writeKey":"key-1"}"#,
            401,
            "invalid write key",
        ),
    ] {
        let reply = server.post_with(path, headers, body).await;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (status, sentence),
            "{path} {headers} {body}"
        );
    }
    assert_eq!(server.take_records(), []);
    for (path, headers, body) in [
        ("/v1/track", KEY_1, EVENT),
        ("/v1/track", "Authorization: Basic a2V5LTI6aWdub3JlZA==\r\n", EVENT),
        ("/v1/track", KEY_1, r#"{"userId":"u","writeKey":"wrong"}"#),
        (
            "/beacon/v1/batch?writeKey=key-1",
            "Content-Type: text/plain\r\n",
            r#"{"batch":[{"userId":"u"}]}"#,
        ),
        ("/beacon/v1/batch", KEY_1, r#"{"batch":[{"userId":"u"}]}"#),
        ("/v1/t", "", r#"{"userId":"u","writeKey":"key-2"}"#),
        ("/v1/t", KEY_1, EVENT),
        ("/v1/b", "", r#"{"batch":[{"userId":"u"}],"writeKey":"key-1"}"#),
    ] {
        let reply = server.post_with(path, headers, body).await;
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (200, "ok"),
            "{path} {headers} {body}"
        );
        assert_eq!(server.take_records().len(), 1, "{path} {headers} {body}");
    }
    for (target, status) in [
        ("/sourceConfig?writeKey=key-1", 200),
        ("/sourceConfig?writeKey=wrong", 400),
        ("/sourceConfig", 400),
        ("/v1/projects/key-2/settings", 200),
        ("/v1/projects/wrong/settings", 400),
    ] {
        assert_eq!(server.get(target).await.status, status, "{target}");
    }
    assert_eq!(
        server
            .get("/pixel/v1/track?writeKey=wrong&userId=u&event=e")
            .await
            .status,
        200
    );
    assert_eq!(server.take_records(), []);
    assert_eq!(
        server
            .get("/pixel/v1/track?writeKey=key-1&userId=u&event=e")
            .await
            .status,
        200
    );
    assert_eq!(server.take_records().len(), 1);
}

#[tokio::test]
async fn without_write_keys_everyone_is_let_in() {
    let server = Server::start("").await;
    for headers in ["", WRONG, EMPTY, "Authorization: nonsense\r\n"] {
        assert_eq!(
            server.post_with("/v1/track", headers, EVENT).await.status,
            200,
            "{headers}"
        );
    }
}

#[tokio::test]
async fn write_keys_are_read_anew_and_their_absence_closes_the_door() {
    let (server, directory) = server_with_keys("key-1\n").await;
    let file = directory.path().join("writeKeys");
    assert_eq!(server.post_with("/v1/track", KEY_1, EVENT).await.status, 200);

    fs::write(&file, "key-2\n").unwrap();
    server.until("/v1/track", KEY_1, EVENT, 401).await;

    fs::remove_file(&file).unwrap();
    server.until("/v1/track", KEY_1, EVENT, 503).await;
    let closed = server.post_with("/v1/track", "", EVENT).await;
    assert_eq!(
        (closed.status, closed.body.as_str()),
        (503, "the write keys are not available at the moment")
    );
    assert!(closed.head.contains("retry-after: "), "{}", closed.head);

    fs::write(&file, "key-1\nkey-2\n").unwrap();
    server.until("/v1/track", KEY_1, EVENT, 200).await;
}

#[tokio::test]
async fn write_keys_that_are_named_and_not_mounted_let_nobody_in() {
    let server = Server::start("ingest: {writeKeys: {directory: /nonexistent}}").await;
    for headers in ["", KEY_1] {
        let reply = server.post_with("/v1/track", headers, EVENT).await;
        assert_eq!(reply.status, 503, "{headers}");
        assert!(reply.head.contains("retry-after: "), "{}", reply.head);
    }
    assert_eq!(server.take_records(), []);
}

#[tokio::test]
async fn before_the_first_configuration_clients_are_told_to_come_again() {
    let server = Server::start_without_configuration(|_| {}).await;
    for reply in [
        server.post("/v1/track", EVENT).await,
        server.get("/health").await,
        server.get("/").await,
        server.get("/sourceConfig?writeKey=k").await,
    ] {
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (503, "no configuration is loaded yet")
        );
        assert!(reply.head.contains("retry-after: 10"), "{}", reply.head);
    }
    assert_eq!(server.get("/version").await.status, 200);
}

#[tokio::test]
async fn the_ingest_state_decides_between_later_and_never() {
    let server = Server::start("").await;
    for (state, status, sentence, health) in [
        ("Unavailable", 503, "events are not accepted at the moment", 503),
        ("Gone", 404, "source is disabled", 503),
        ("Enabled", 200, "ok", 200),
    ] {
        server.configure(document(
            "[{event: '*', deliveryStreamName: all}]",
            &format!("ingest: {{state: {state}}}"),
        ));
        for path in ["/v1/track", "/v1/t"] {
            let reply = server.post(path, EVENT).await;
            assert_eq!((reply.status, reply.body.as_str()), (status, sentence), "{state}");
            assert_eq!(
                reply.head.contains("retry-after: "),
                status == 503,
                "{state} {}",
                reply.head
            );
        }
        assert_eq!(server.get("/health").await.status, health, "{state}");
    }
}

#[tokio::test]
async fn over_the_rate_limit_clients_are_told_when_to_come_again() {
    let server = Server::start("ingest: {eventsPerSecondPerPod: 1}").await;
    // Let in because nothing is charged yet; it takes a minute to pay off.
    let batch = format!(r#"{{"batch":[{}]}}"#, [EVENT; 61].join(","));
    assert_eq!(server.post("/v1/batch", &batch).await.status, 200);
    let refused = server.post("/v1/track", EVENT).await;
    assert_eq!(
        (refused.status, refused.body.as_str()),
        (429, "max requests limit reached")
    );
    let (_, after) = refused.head.split_once("retry-after: ").unwrap();
    let seconds: u64 = after.lines().next().unwrap().parse().unwrap();
    assert!((10..=60).contains(&seconds), "{seconds}");
    assert_eq!(server.take_records().len(), 61);
}

#[tokio::test]
async fn the_address_of_the_sender_is_believed_from_whom_it_should_be() {
    let forwarded = "X-Forwarded-For: 203.0.113.9, 10.0.0.1\r\n";
    for (trusted, headers, body, expected) in [
        ("[]", "", EVENT, "127.0.0.1"),
        ("[]", forwarded, EVENT, "203.0.113.9"),
        ("[192.0.2.0/24]", forwarded, EVENT, "127.0.0.1"),
        ("[127.0.0.0/8]", forwarded, EVENT, "10.0.0.1"),
        ("[]", "X-Forwarded-For: a\"b\r\n", EVENT, "127.0.0.1"),
        ("[127.0.0.0/8, 10.0.0.0/8]", forwarded, EVENT, "203.0.113.9"),
        (
            "[]",
            forwarded,
            r#"{"userId":"u","request_ip":"198.51.100.7"}"#,
            "198.51.100.7",
        ),
    ] {
        let server = Server::start(&format!("ingest: {{trustedProxies: {trusted}}}")).await;
        assert_eq!(server.post_with("/v1/track", headers, body).await.status, 200);
        let (_, record) = server.take_records().remove(0);
        assert!(record.contains(&format!(r#""request_ip":"{expected}""#)), "{record}");
        assert!(record.contains(&format!(r#""receivedAt":"{NOW}""#)), "{record}");
    }
}

#[tokio::test]
async fn events_that_are_not_safe_in_time_are_refused_and_not_kept() {
    let server = Server::start_without_delivery(|endpoint| {
        endpoint.acknowledge_timeout = Duration::from_millis(50);
    })
    .await;
    let reply = server.post("/v1/track", EVENT).await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (503, "the events could not be stored in time")
    );
    assert!(reply.head.contains("retry-after: "), "{}", reply.head);
    assert!(!server.metrics.render().contains("outcome=\"Routed\"} 1"));
}

#[tokio::test]
async fn a_batch_with_a_bad_event_is_refused_when_the_destination_says_so() {
    let server = Server::start("ingest: {invalidEventPolicy: RejectBatch}").await;
    let reply = server.post("/v1/batch", r#"{"batch":[{"userId":"a"},{},7]}"#).await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (400, "request neither has anonymousId nor userId")
    );
    assert_eq!(server.take_records(), []);
}
