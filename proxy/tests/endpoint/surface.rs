//! Every path that SDKs ask for besides the events themselves: health, version, what they need to start, images, and
//! the headers that browsers insist on.

use serde_json::{Value, json};

use crate::server::{NOW, Server, document};

#[tokio::test]
async fn every_path_takes_its_methods_and_names_them_to_others() {
    let server = Server::start("").await;
    for (path, methods) in [
        ("/v1/track", "POST"),
        ("/v1/batch", "POST"),
        ("/v1/import", "POST"),
        ("/beacon/v1/batch", "POST"),
        ("/v1/m", "POST"),
        ("/health", "GET, HEAD"),
        ("/", "GET, HEAD"),
        ("/version", "GET, HEAD"),
        ("/sourceConfig", "GET, HEAD"),
        ("/sourceConfig/", "GET, HEAD"),
        ("/pixel/v1/track", "GET, HEAD"),
        ("/pixel/v1/page", "GET, HEAD"),
        ("/v1/projects/k/settings", "GET, HEAD"),
    ] {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"] {
            let body = r#"{"batch":[{"userId":"u"}],"userId":"u"}"#;
            let request = format!(
                "{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let reply = server.say(request.as_bytes()).await;
            let expected = match method {
                "OPTIONS" => 204,
                _ if methods.contains(method) => 200,
                _ => 405,
            };
            assert_eq!(reply.status, expected, "{method} {path}");
            let allow = format!("allow: {methods}, options").to_lowercase();
            assert_eq!(
                reply.head.contains(&allow),
                expected == 405,
                "{method} {path}\n{}",
                reply.head
            );
            assert!(method != "HEAD" || reply.body.is_empty(), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn paths_that_mean_nothing_are_not_found() {
    let server = Server::start("").await;
    for path in [
        "/v1",
        "/v1/",
        "/v1/Track",
        "/v1/x",
        "/v2/track",
        "/healthz",
        "/v1/projects//settings",
        "/v1/projects/a/b/settings",
        "/pixel/v1/identify",
        "/metrics",
        "/status",
    ] {
        assert_eq!(server.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn the_short_paths_of_segment_are_the_long_ones() {
    let server = Server::start("").await;
    for (path, name) in [
        ("/v1/t", "track"),
        ("/v1/i", "identify"),
        ("/v1/p", "page"),
        ("/v1/g", "group"),
        ("/v1/a", "alias"),
        ("/v1/s", "screen"),
    ] {
        assert_eq!(server.post(path, r#"{"userId":"u"}"#).await.body, "ok");
        let (_, record) = server.take_records().remove(0);
        assert!(record.contains(&format!(r#""type":"{name}""#)), "{record}");
    }
    assert_eq!(
        server
            .post("/v1/b", r#"{"batch":[{"userId":"u"},{"userId":"v"}]}"#)
            .await
            .body,
        "ok"
    );
    assert_eq!(server.take_records().len(), 2);
    assert_eq!(server.post("/v1/m", r#"{"series":[]}"#).await.body, "ok");
    assert_eq!(server.take_records(), []);
}

#[tokio::test]
async fn health_and_version_are_json() {
    let server = Server::start("").await;
    for path in ["/health", "/", "/version"] {
        let reply = server.get(path).await;
        assert_eq!(reply.status, 200, "{path}");
        assert!(reply.head.contains("content-type: application/json"), "{path}");
        assert!(
            serde_json::from_str::<Value>(&reply.body).unwrap().is_object(),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_source_configuration_is_what_rudderstack_sdks_need_to_start() {
    let server = Server::start("").await;
    let off = json!({"enabled": false});
    let expected = json!({"source": {
        "id": "source", "name": "source", "writeKey": "k\"1", "enabled": true, "workspaceId": "workspace", "updatedAt": NOW,
        "config": {"statsCollection": {"errors": off, "metrics": off}},
        "destinations": [],
    }});
    for path in [
        "/sourceConfig?p=npm&writeKey=k%221&v=1",
        "/sourceConfig/?writeKey=k%221",
    ] {
        let reply = server.get(path).await;
        assert_eq!(serde_json::from_str::<Value>(&reply.body).unwrap(), expected, "{path}");
    }
}

#[tokio::test]
async fn the_settings_send_segments_browser_sdk_here() {
    let server = Server::start("").await;
    let reply = server.get("/v1/projects/key/settings").await;
    let settings: Value = serde_json::from_str(&reply.body).unwrap();
    let segment = &settings["integrations"]["Segment.io"];
    assert_eq!(segment["apiKey"], "key");
    assert_eq!(segment["apiHost"], "h/v1");
    assert_eq!(segment["protocol"], "http");
}

#[tokio::test]
async fn a_pixel_is_an_event_and_always_an_image() {
    let server = Server::start("").await;
    let target = "/pixel/v1/track?writeKey=k&anonymousId=a&event=Mail%20opened&properties.price=3";
    let reply = server.get_bytes(target).await;
    assert!(reply.windows(6).any(|window| window == b"GIF89a"), "{reply:?}");
    assert_eq!(
        reply.len() - reply.windows(4).position(|window| window == b"\r\n\r\n").unwrap() - 4,
        43
    );
    let (_, record) = server.take_records().remove(0);
    let event: Value = serde_json::from_str(&record).unwrap();
    assert_eq!(
        (&event["type"], &event["event"]),
        (&json!("track"), &json!("Mail opened"))
    );
    assert_eq!(
        (&event["properties"], &event["channel"]),
        (&json!({"price": "3"}), &json!("web"))
    );
    assert_eq!(event.get("writeKey"), None);

    assert_eq!(server.get("/pixel/v1/page?anonymousId=a").await.status, 200);
    assert!(server.take_records()[0].1.contains(r#""name":"Unknown Page""#));

    assert_eq!(server.get("/pixel/v1/track?event=nobody").await.status, 200);
    assert_eq!(server.take_records(), []);
    assert!(
        server
            .metrics
            .render()
            .contains("firehose_proxy_pixels_lost_total{status=\"400\"} 1")
    );
}

#[tokio::test]
async fn browsers_may_read_every_answer_where_the_origin_is_allowed() {
    let server = Server::start("").await;
    let origin = "Origin: https://shop.example\r\n";
    let echoed = "access-control-allow-origin: https://shop.example";
    for (path, body, status) in [
        ("/v1/track", r#"{"userId":"u"}"#, 200),
        ("/v1/track", "{", 400),
        ("/v1/x", "{}", 404),
    ] {
        let reply = server.post_with(path, origin, body).await;
        assert_eq!(reply.status, status);
        for header in [echoed, "access-control-allow-credentials: true", "vary: origin"] {
            assert!(reply.head.contains(header), "{}", reply.head);
        }
        let without = server.post(path, body).await;
        assert!(!without.head.contains("access-control"), "{}", without.head);
    }
    let preflight = format!(
        "OPTIONS /v1/anything HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{origin}\
         Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization, anonymousid\r\n\r\n"
    );
    let reply = server.say(preflight.as_bytes()).await;
    assert_eq!((reply.status, reply.body.as_str()), (204, ""));
    for header in [
        echoed,
        "access-control-allow-methods: post",
        "access-control-allow-headers: authorization, anonymousid",
        "access-control-allow-credentials: true",
        "access-control-max-age: 900",
        "vary: origin, access-control-request-method, access-control-request-headers",
    ] {
        assert!(reply.head.contains(header), "{header} in {}", reply.head);
    }

    let mappings = "[{event: '*', deliveryStreamName: all}]";
    let cors = |origins: &str| document(mappings, &format!("ingest: {{cors: {{allowedOrigins: {origins}}}}}"));
    server.configure(cors("['https://other.example']"));
    assert!(
        !server
            .say(preflight.as_bytes())
            .await
            .head
            .contains("access-control-allow")
    );
    assert!(
        !server
            .post_with("/v1/track", origin, "{")
            .await
            .head
            .contains("access-control")
    );
    server.configure(cors("['https://other.example', 'https://shop.example']"));
    assert!(server.say(preflight.as_bytes()).await.head.contains(echoed));
}
