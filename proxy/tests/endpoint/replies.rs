//! What a client is told: one row of the compatibility table, one row here.

use crate::server::{NOW, Server};

#[tokio::test]
async fn every_refusal_has_the_status_and_the_sentence_that_sdks_know() {
    let server = Server::start("ingest: {maxRequestSizeBytes: 3000000}").await;
    let over_the_record = format!(r#"{{"userId":"u","pad":"{}"}}"#, "x".repeat(1_024_000));
    let over_the_body = "x".repeat(3_000_001);
    for (path, body, status, sentence) in [
        ("/v1/track", "", 400, "invalid json"),
        ("/v1/track", "{", 400, "invalid json"),
        ("/v1/track", "{\"userId\":\"u\"} x", 400, "invalid json"),
        (
            "/v1/track",
            "[{\"userId\":\"u\"}]",
            400,
            "event is not a valid rudder event",
        ),
        ("/v1/track", "\"event\"", 400, "event is not a valid rudder event"),
        ("/v1/track", "{}", 400, "request neither has anonymousId nor userId"),
        (
            "/v1/track",
            "{\"userId\":\" \",\"anonymousId\":null}",
            400,
            "request neither has anonymousId nor userId",
        ),
        ("/v1/track", &over_the_record, 413, "request size exceeds max limit"),
        ("/v1/track", &over_the_body, 413, "request size exceeds max limit"),
        ("/v1/batch", "", 400, "invalid json"),
        ("/v1/batch", "{\"batch\":[}", 400, "invalid json"),
        ("/v1/batch", "{}", 400, "empty batch payload"),
        ("/v1/batch", "[]", 400, "empty batch payload"),
        ("/v1/batch", "{\"batch\":[]}", 400, "empty batch payload"),
        ("/v1/batch", "{\"batch\":null}", 400, "empty batch payload"),
        (
            "/v1/batch",
            "{\"batch\":[1,{}]}",
            400,
            "event is not a valid rudder event",
        ),
        (
            "/v1/batch",
            "{\"batch\":[{},1]}",
            400,
            "request neither has anonymousId nor userId",
        ),
        ("/v1/elsewhere", "{}", 404, "there is nothing at this path"),
    ] {
        let reply = server.post(path, body).await;
        let shown = body.get(..40).unwrap_or(body);
        assert_eq!(
            (reply.status, reply.body.as_str()),
            (status, sentence),
            "{path} {shown}"
        );
        assert!(reply.head.contains("content-type: text/plain"), "{path} {shown}");
    }
    assert_eq!(server.take_records(), []);
}

#[tokio::test]
async fn every_path_for_one_event_sets_its_type() {
    let server = Server::start("").await;
    for name in ["identify", "track", "page", "screen", "group", "alias", "merge"] {
        let reply = server
            .post(&format!("/v1/{name}"), r#"{"userId":"u1","type":"other"}"#)
            .await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "ok"));
        let records = server.take_records();
        assert_eq!(
            records[0].1,
            format!(
                "{{\"userId\":\"u1\",\"type\":\"{name}\",\"messageId\":\"07070707-0707-4707-8707-070707070707\",\
                 \"rudderId\":\"5eff0fc3-0944-48fa-9c04-38f62e3890ca\",\"request_ip\":\"127.0.0.1\",\
                 \"receivedAt\":\"{NOW}\",\"originalTimestamp\":\"{NOW}\",\"sentAt\":\"{NOW}\",\"timestamp\":\"{NOW}\"}}\n"
            )
        );
    }
}

#[tokio::test]
async fn one_bad_event_is_counted_and_does_not_take_the_others_with_it() {
    let server = Server::start("").await;
    let batch = r#"{"batch":[{"userId":"a"},{},7,{"anonymousId":"b"}]}"#;
    let reply = server.post("/v1/batch", batch).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "ok"));
    assert_eq!(server.take_records().len(), 2);
    let metrics = server.metrics.render();
    for line in [
        "firehose_proxy_events_total{outcome=\"Routed\"} 2",
        "firehose_proxy_invalid_events_total{reason=\"NoIdentity\"} 1",
        "firehose_proxy_invalid_events_total{reason=\"NotAnObject\"} 1",
    ] {
        assert!(metrics.contains(line), "{metrics}");
    }
}
