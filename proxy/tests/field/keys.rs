//! segmentio/analytics-react-native#1056: the write key stands in the body and nowhere else.
//! segmentio/analytics-node#81: a base address that ends in a slash, and a path that begins with one.

use std::fs;

use crate::server::Server;

const EVENT: &str = r#"{"userId":"u"}"#;

async fn guarded() -> (Server, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("writeKeys"), "wk\n").unwrap();
    let path = directory.path().display();
    let server = Server::start(&format!("ingest: {{writeKeys: {{directory: {path}}}}}")).await;
    server.until("/v1/track", "", EVENT, 401).await;
    (server, directory)
}

#[tokio::test]
async fn a_key_is_found_in_the_header_the_query_and_the_body_of_every_path() {
    let (server, _directory) = guarded().await;
    for path in [
        "/v1/batch",
        "/v1/import",
        "/beacon/v1/batch",
        "/v1/b",
        "/v1/track",
        "/v1/identify",
        "/v1/page",
        "/v1/screen",
        "/v1/group",
        "/v1/alias",
        "/v1/merge",
        "/v1/t",
        "/v1/i",
        "/v1/p",
        "/v1/s",
        "/v1/g",
        "/v1/a",
    ] {
        let body = |key: &str| format!(r#"{{"batch":[{EVENT}],"userId":"u"{key}}}"#);
        let (with_key, without) = (body(r#","writeKey":"wk""#), body(""));
        let query = format!("{path}?a=1&writeKey=wk");
        for (target, headers, body, status) in [
            (path, "", &with_key, 200),
            (path, "Authorization: Bearer x\r\n", &with_key, 200),
            (path, "Authorization: Basic Og==\r\n", &with_key, 200),
            (&query, "", &without, 200),
            (path, "Authorization: Basic d2s6\r\n", &without, 200),
            (path, "", &without, 401),
            (path, "Authorization: Basic eDo=\r\n", &with_key, 401),
            (path, "", &body(r#","writeKey":"x""#), 401),
            (path, "", &body(r#","writeKey":"""#), 401),
            (path, "", &body(r#","writeKey":1"#), 401),
            (path, "", &body(r#","context":{"writeKey":"wk"}"#), 401),
        ] {
            let reply = server.post_with(target, headers, body).await;
            assert_eq!(reply.status, status, "{target} {headers} {body}");
            assert_eq!(server.take_records().len(), usize::from(status == 200), "{target}");
        }
    }
}

#[tokio::test]
async fn a_large_batch_brings_its_key_in_its_first_half_mebibyte() {
    let (server, _directory) = guarded().await;
    let long = "x".repeat(600 * 1024);
    let event = format!(r#"{{"userId":"u","context":"{long}"}}"#);
    for (body, status) in [
        (format!(r#"{{"writeKey":"wk","batch":[{event}]}}"#), 200),
        (format!(r#"{{"batch":[{event}],"writeKey":"wk"}}"#), 401),
        (format!(r#"{{"writeKey":"wk","batch":[{event},NaN]}}"#), 200),
        (
            format!(r#"{{"batch":[NaN,{{"userId":"u","a":"é"}}],"writeKey":"wk","x":"{long}"}}"#),
            200,
        ),
    ] {
        assert_eq!(server.post("/v1/batch", &body).await.status, status, "{}", &body[..40]);
        let zipped = crate::batches::gzip(body.as_bytes());
        let headers = "Content-Encoding: gzip\r\n";
        assert_eq!(
            server.post_with("/v1/batch", headers, zipped).await.status,
            status,
            "{}",
            &body[..40]
        );
    }
}

#[tokio::test]
async fn slashes_too_many_lead_to_the_same_path() {
    let (server, _directory) = guarded().await;
    for path in [
        "//v1/track",
        "/v1//track",
        "/v1/track/",
        "///v1///track//",
        "/v1/track/?writeKey=wk",
    ] {
        let reply = server.post_with(path, "Authorization: Basic d2s6\r\n", EVENT).await;
        assert_eq!(reply.status, 200, "{path}");
    }
    for target in [
        "//sourceConfig/?writeKey=wk",
        "/v1/projects/wk/settings/",
        "//health//",
        "//",
    ] {
        assert_eq!(server.get(target).await.status, 200, "{target}");
    }
    for path in ["/v1/./track", "/v1/x/../track", "/v1/%74rack", "/v1%2Ftrack"] {
        assert_eq!(server.post(path, EVENT).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn what_sdks_are_told_at_their_start_stays_with_them_and_names_nothing_of_the_cluster() {
    let server = Server::start("").await;
    for target in ["/sourceConfig?writeKey=wk", "/v1/projects/wk/settings"] {
        let reply = server.get(target).await;
        assert!(reply.head.contains("cache-control: no-store"), "{}", reply.head);
        assert!(reply.head.contains("vary: "), "{}", reply.head);
        for word in [r#":"n""#, r#":"d""#, r#":"u""#] {
            assert!(!reply.body.contains(word), "{}", reply.body);
        }
    }
}
