//! langwatch/langwatch#1558: one value that is not JSON among a hundred events. n8n-io/n8n#35933: a byte order mark.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

use crate::server::Server;

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A batch of 99 good events around one element.
fn around(element: &[u8]) -> Vec<u8> {
    let good = |index: usize| format!(r#"{{"userId":"u{index}"}}"#).into_bytes();
    let mut elements: Vec<_> = (0..99).map(good).collect();
    elements.insert(50, element.to_vec());
    [br#"{"batch":["#, elements.join(&b',').as_slice(), b"]}"].concat()
}

#[tokio::test]
async fn an_element_that_is_not_json_costs_one_event() {
    let server = Server::start("").await;
    let deep = format!(r#"{{"userId":"u","a":{}{}}}"#, "[".repeat(10_000), "]".repeat(10_000));
    let elements: [&[u8]; 16] = [
        br#"{"userId":"u","x":NaN}"#,
        br#"{"userId":"u","x":-Infinity}"#,
        br#"{"userId":"u","x":undefined}"#,
        b"{\"userId\":\"u\",\"x\":\"\xff\"}",
        b"{\"userId\":\"u\",\"x\":\"caf\xc3\"}",
        b"{\"userId\":\"u\",\"x\":\"\xed\xa0\x80\"}",
        b"{\"userId\":\"u\",\"x\":\"a\nb\"}",
        br#"{"userId":"u","x":"\q"}"#,
        br#"{"userId":"u","x":01}"#,
        br#"{"userId":"u",}"#,
        br#"{"userId":"u" "x":1}"#,
        br#"{'userId':'u'}"#,
        br#"{"userId":"u"} {"userId":"v"}"#,
        br#"{"userId":"u","x":"},{\"userId\":\"planted\"},{","y":NaN}"#,
        b"NaN",
        deep.as_bytes(),
    ];
    for (index, element) in elements.iter().enumerate() {
        let shown = String::from_utf8_lossy(&element[..element.len().min(80)]);
        let body = around(element);
        for (headers, body) in [("", body.clone()), ("Content-Encoding: gzip\r\n", gzip(&body))] {
            let reply = server.post_with("/v1/batch", headers, body).await;
            assert_eq!((reply.status, reply.body.as_str()), (200, "ok"), "{shown}");
            let records = server.take_records();
            assert_eq!(records.len(), 99, "{shown}");
            assert!(records.iter().all(|(_, record)| !record.contains("planted")), "{shown}");
        }
        let counted = format!(
            "firehose_proxy_invalid_events_total{{reason=\"NotJson\"}} {}",
            2 * (index + 1)
        );
        assert!(server.metrics.render().contains(&counted), "{shown}\n{counted}");
    }
}

#[tokio::test]
async fn what_has_no_end_costs_its_request() {
    let server = Server::start("").await;
    for element in [
        r#"{"userId":"u"#,
        r#"{"userId":"u","x":[}"#,
        r#"{"userId":"u"}}"#,
        "",
        r#"{"userId":"u","x":{"y":1}"#,
    ] {
        let reply = server.post("/v1/batch", around(element.as_bytes())).await;
        assert_eq!((reply.status, reply.body.as_str()), (400, "invalid json"), "{element}");
    }
    for envelope in [
        r#"{"batch":[{"userId":"u"}],"x":NaN}"#,
        r#"{"batch":[{"userId":"u","x":NaN},{"userId":"v"}]"#,
        r#"{"batch":[{"userId":"u"},]}"#,
        r#"{"batch":[NaN,{"userId":"u"}],}"#,
        r#"{"batch":{"userId":NaN}}"#,
    ] {
        assert_eq!(server.post("/v1/batch", envelope).await.status, 400, "{envelope}");
    }
    assert_eq!(server.take_records(), []);
}

#[tokio::test]
async fn a_byte_order_mark_is_not_a_part_of_the_body() {
    let server = Server::start("").await;
    for (path, body) in [
        ("/v1/batch", r#"{"batch":[{"userId":"u"}],"sentAt":"2020"}"#),
        ("/v1/track", r#"{"userId":"u"}"#),
        ("/v1/batch", r#"{"batch":[{"userId":"u"},NaN]}"#),
    ] {
        let marked = ["\u{feff}", body].concat();
        assert_eq!(server.post(path, &marked).await.body, "ok", "{body}");
        let zipped = gzip(marked.as_bytes());
        assert_eq!(
            server.post_with(path, "Content-Encoding: gzip\r\n", zipped).await.body,
            "ok"
        );
        assert_eq!(server.take_records().len(), 2, "{body}");
    }
    assert_eq!(
        server
            .post("/v1/track", "\u{feff}\u{feff}{\"userId\":\"u\"}")
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn every_refusal_is_counted_by_its_reason() {
    let server = Server::start("").await;
    let gzip = "Content-Encoding: gzip\r\n";
    for (path, headers, body, reason) in [
        ("/v1/track", "", "{", "NotJson"),
        ("/v1/track", "", "1", "NotAnEvent"),
        ("/v1/track", "", "{}", "NoIdentity"),
        ("/v1/batch", "", "{}", "EmptyBatch"),
        ("/v1/track", gzip, "{}", "UnreadableBody"),
        ("/v1/track", "Content-Encoding: lzma\r\n", "{}", "UnknownCoding"),
        ("/v1/x", "", "{}", "NotFound"),
        ("/health", "", "{}", "MethodNotAllowed"),
    ] {
        let counted = format!("firehose_proxy_requests_refused_total{{reason=\"{reason}\"}} 1");
        assert!(!server.metrics.render().contains(&counted), "{reason}");
        server.post_with(path, headers, body).await;
        assert!(
            server.metrics.render().contains(&counted),
            "{reason}\n{}",
            server.metrics.render()
        );
    }
}
