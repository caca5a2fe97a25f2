//! rack/rack#1227: balancers write the client's port. goauthentik/authentik#25679: proxies write that they do not know.

use serde_json::Value;

use crate::server::{Server, document};

#[tokio::test]
async fn only_addresses_are_taken_for_addresses() {
    let server = Server::start("").await;
    for (forwarded, expected) in [
        ("203.0.113.9:51234", "203.0.113.9"),
        ("[2001:db8::9]:51234", "2001:db8::9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("unknown", "127.0.0.1"),
        ("_hidden", "127.0.0.1"),
        ("<b>203.0.113.9</b>", "127.0.0.1"),
        (&"9".repeat(2000), "127.0.0.1"),
    ] {
        let headers = format!("X-Forwarded-For: {forwarded}\r\n");
        assert_eq!(
            server
                .post_with("/v1/track", &headers, r#"{"userId":"u"}"#)
                .await
                .status,
            200
        );
        let record: Value = serde_json::from_str(&server.take_records().remove(0).1).unwrap();
        assert_eq!(record["request_ip"], expected, "{forwarded}");
    }
}

#[tokio::test]
async fn what_a_client_writes_before_a_trusted_proxy_is_not_believed() {
    let server = Server::start("ingest: {trustedProxies: [127.0.0.1, 10.0.0.0/8]}").await;
    let headers = "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-For: 203.0.113.9:4000, 10.1.2.3\r\n";
    assert_eq!(
        server.post_with("/v1/track", headers, r#"{"userId":"u"}"#).await.status,
        200
    );
    let record: Value = serde_json::from_str(&server.take_records().remove(0).1).unwrap();
    assert_eq!(record["request_ip"], "203.0.113.9");
}

#[tokio::test]
async fn as_much_of_an_address_is_written_as_request_ip_says_and_an_edit_counts_at_once() {
    let server = Server::start("").await;
    for (extent, forwarded, expected) in [
        ("Full", "203.0.113.9", Some("203.0.113.9")),
        ("Truncated", "203.0.113.9:51234", Some("203.0.113.0")),
        ("Truncated", "::ffff:203.0.113.9", Some("203.0.113.0")),
        ("Truncated", "2001:db8:1:2:3:4:5:6", Some("2001:db8:1::")),
        ("Truncated", "unknown", Some("127.0.0.0")),
        ("Omitted", "203.0.113.9", None),
        ("Omitted", "unknown", None),
    ] {
        let ingest = format!("requires: [RequestIP]\ningest: {{requestIP: {extent}}}");
        server.configure(document("[{event: '*', deliveryStreamName: all}]", &ingest));
        let headers = format!("X-Forwarded-For: {forwarded}\r\n");
        for (path, body) in [
            ("/v1/track", r#"{"userId":"u"}"#),
            ("/v1/batch", r#"{"batch":[{"userId":"u","type":"track"}]}"#),
        ] {
            assert_eq!(server.post_with(path, &headers, body).await.status, 200);
            let record: Value = serde_json::from_str(&server.take_records().remove(0).1).unwrap();
            let expected = expected.map_or(Value::Null, Value::from);
            assert_eq!(record["request_ip"], expected, "{extent} {forwarded}");
        }
    }
}
