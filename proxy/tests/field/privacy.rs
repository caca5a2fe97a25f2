//! rudderlabs/rudder-server#4461 and others: what people are not to send on is in the events of every SDK.

use std::{fs, path::Path};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::server::{Server, document};

const ALL: &str = "[{event: '*', deliveryStreamName: all}]";

/// RFC 4231's second key.
const KEY: &str = "Jefe";
/// HMAC-SHA-256 of `what do ya want for nothing?` under it.
const HASH: &str = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";

fn privacy(directory: Option<&Path>, rules: &str) -> String {
    let key = directory.map_or(String::new(), |directory| {
        format!("hashKey: {{directory: {}}}, ", directory.display())
    });
    format!("ingest: {{privacy: {{{key}rules: [{rules}]}}}}")
}

/// A server with these rules and a key of hashes.
async fn serving(rules: &str) -> (Server, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("hashKey"), KEY).unwrap();
    let server = Server::start(&privacy(Some(directory.path()), rules)).await;
    server.until("/v1/track", "", r#"{"userId":"u"}"#, 200).await;
    server.take_records();
    (server, directory)
}

fn parsed(record: &str) -> Value {
    serde_json::from_str(record).unwrap()
}

#[tokio::test]
async fn values_are_taken_out_wherever_and_however_they_are_written() {
    let (server, _directory) = serving(
        "{path: traits.email, action: Drop}, {path: context.*.phone, action: Redact}, {path: userId, action: Hash}, \
         {path: products.*.coupon, action: Drop}",
    )
    .await;
    for (event, expected) in [
        (
            r#"{"userId":"u","traits":{"email":"SECRET","plan": 1.50}}"#,
            r#""traits":{"plan": 1.50}"#,
        ),
        (
            r#"{"userId":"u","traits":{"plan":1 , "email":{"a":["SECRET"]}}}"#,
            r#""traits":{"plan":1 }"#,
        ),
        (
            r#"{"userId":"u","traits":{"email":"SECRET","email":["SECRET"],"x":1}}"#,
            r#""traits":{"x":1}"#,
        ),
        (
            r#"{"userId":"u","tr\u0061its":{"\u0065mail":"SECRET"},"traits":{"email":"SECRET"}}"#,
            r#""tr\u0061its":{},"traits":{}"#,
        ),
        (
            r#"{"userId":"u","context":{"a":{"phone":"SECRET"},"b":[{"phone":1}],"phone":2}}"#,
            r#""context":{"a":{"phone":"[redacted]"},"b":[{"phone":1}],"phone":2}"#,
        ),
        (
            r#"{"userId":"u","products":[{"coupon":"SECRET","id":1},{"coupon":null},[{"coupon":3}],4]}"#,
            r#""products":[{"id":1},{},[{"coupon":3}],4]"#,
        ),
        (
            r#"{"userId":"what do ya want for nothing?","email":"kept"}"#,
            r#""email":"kept""#,
        ),
    ] {
        for (path, body) in [
            ("/v1/track", event.to_owned()),
            ("/v1/batch", format!(r#"{{"batch":[{event}]}}"#)),
            ("/v1/batch", format!(r#"{{"batch":{event}}}"#)),
        ] {
            let reply = server.post(path, body).await;
            assert_eq!(reply.status, 200, "{event}");
            let (_, record) = server.take_records().remove(0);
            assert!(record.contains(expected), "{record}");
            assert!(!record.contains("SECRET"), "{record}");
            parsed(&record);
        }
    }
}

#[tokio::test]
async fn routing_and_rudder_id_see_the_value_behind_the_rule() {
    let (server, directory) = serving("{path: event, action: Redact}, {path: userId, action: Hash}").await;
    let mappings = "[{event: '[redacted]', deliveryStreamName: redacted}, {event: secret, deliveryStreamName: secret}]";
    let rules = "{path: event, action: Redact}, {path: userId, action: Hash}";
    server.configure(document(mappings, &privacy(Some(directory.path()), rules)));
    let event = r#"{"userId":"what do ya want for nothing?","event":"secret"}"#;
    assert_eq!(server.post("/v1/track", event).await.status, 200);
    let (stream, record) = server.take_records().remove(0);
    assert_eq!(stream, "redacted");
    let with_hash = format!(r#"{{"userId":"{HASH}","event":"[redacted]"}}"#);
    server.configure(document(mappings, ""));
    assert_eq!(server.post("/v1/track", with_hash).await.status, 200);
    let (_, other) = server.take_records().remove(0);
    assert_eq!(parsed(&record)["userId"], HASH);
    assert_eq!(
        parsed(&record),
        parsed(&other),
        "as if the client had sent what is left"
    );
}

#[tokio::test]
async fn what_the_proxy_would_write_itself_is_under_the_rules_too() {
    for (rule, address, unread) in [
        ("{path: request_ip, action: Drop}", Value::Null, true),
        ("{path: request_ip, action: Redact}", json!("[redacted]"), true),
        ("{path: unreadTimes, action: Drop}", json!("127.0.0.1"), false),
    ] {
        let (server, _directory) = serving(rule).await;
        let body = r#"{"batch":[{"userId":"u","timestamp":"SOON"}],"sentAt":"LATE"}"#;
        assert_eq!(server.post("/v1/batch", body).await.status, 200);
        let (_, record) = server.take_records().remove(0);
        assert_eq!(parsed(&record)["request_ip"], address, "{rule}");
        assert_eq!(parsed(&record)["unreadTimes"]["sentAt"] == "LATE", unread, "{record}");
    }
    // What a batch says is said of its events.
    let (server, _directory) = serving("{path: sentAt, action: Drop}").await;
    for body in [
        r#"{"batch":[{"userId":"u"}],"sentAt":"SECRET"}"#,
        r#"{"sentAt":"SECRET","batch":[{"userId":"u","sentAt":"SECRET"}]}"#,
    ] {
        assert_eq!(server.post("/v1/batch", body).await.status, 200);
        let (_, record) = server.take_records().remove(0);
        assert!(!record.contains("SECRET"), "{record}");
    }
}

#[tokio::test]
async fn without_the_key_of_hashes_nothing_is_accepted_and_it_may_come_change_and_go() {
    let directory = tempfile::tempdir().unwrap();
    let hashed = "{path: userId, action: Hash}";
    let server = Server::start(&privacy(Some(directory.path()), hashed)).await;
    let event = r#"{"userId":"what do ya want for nothing?"}"#;
    let refused = server.post("/v1/track", event).await;
    assert_eq!(
        (refused.status, refused.body.as_str()),
        (503, "the key of hashes is not available at the moment")
    );
    assert!(refused.head.contains("retry-after: 10"), "{}", refused.head);
    assert_eq!(server.get("/health").await.status, 503);
    let counted = "firehose_proxy_requests_refused_total{reason=\"NoHashKey\"}";
    assert!(server.metrics.render().contains(counted));

    let file = directory.path().join("hashKey");
    for (key, status) in [("", 503), (KEY, 200), (&"k".repeat(4097), 503), (KEY, 200)] {
        fs::write(&file, key).unwrap();
        server.until("/v1/track", "", event, status).await;
    }
    let (_, record) = server.take_records().pop().unwrap();
    assert_eq!(parsed(&record)["userId"], HASH);
    fs::remove_file(&file).unwrap();
    server.until("/v1/track", "", event, 503).await;

    // Rules without a hash need no key, and a key that nobody names is none.
    server.configure(document(ALL, &privacy(None, hashed)));
    assert_eq!(server.post("/v1/track", event).await.status, 503);
    server.configure(document(ALL, &privacy(None, "{path: userId, action: Redact}")));
    assert_eq!(server.post("/v1/track", event).await.status, 200);
}

#[tokio::test]
async fn an_event_that_grows_without_measure_is_too_large_and_a_batch_goes_on_without_it() {
    let (server, _directory) = serving("{path: 'a.*', action: Hash}").await;
    let event = format!(r#"{{"userId":"u","a":[{}1]}}"#, "1,".repeat(40_000));
    assert_eq!(server.post("/v1/track", &event).await.status, 413);
    let batch = format!(r#"{{"batch":[{event},{{"userId":"u"}}]}}"#);
    assert_eq!(server.post("/v1/batch", batch).await.status, 200);
    assert_eq!(server.take_records().len(), 1);
}
