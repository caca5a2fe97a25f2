//! What RudderStack's gateway promises, row by row: request, status, body, headers. Variants and reasons are in the
//! other files; here each row of its two tables is one row, so that they can be laid side by side.

use std::sync::{Arc, OnceLock};

use firehose_proxy::{http::gateway::Opened, queue};
use tempfile::TempDir;

use crate::server::{NOW, Server, document};

/// What the endpoint finds itself in when a request comes.
#[derive(Debug, Clone, Copy)]
enum Situation {
    /// Everyone is let in.
    Open,
    /// The write key `key-1` is needed.
    Keys,
    /// Write keys are named, their Secret is missing.
    KeysMissing,
    /// `ingest.state`.
    State(&'static str),
    /// At most 2,000,000 bytes a body.
    Limited,
    /// So many events were sent that the next have to wait.
    OverTheRate,
    NoConfiguration,
    /// What an earlier process has left is still being read.
    Starting,
    QueueFull,
    /// There are to be fewer pods.
    ScalingDown,
    ShuttingDown,
}
use Situation::{
    Keys, KeysMissing, Limited, NoConfiguration, Open, OverTheRate, QueueFull, ScalingDown, ShuttingDown, Starting,
    State,
};

const EVENT: &str = r#"{"userId":"u"}"#;
const BATCH: &str = r#"{"batch":[{"userId":"u","type":"track"},{"userId":"u","type":"page"}]}"#;
const LONE: &str = r#"{"batch":{"userId":"u","type":"track"}}"#;
const TEXT: &str = "content-type: text/plain; charset=utf-8";
const JSON: &str = "content-type: application/json";
const GIF: &str = "content-type: image/gif";
/// `key-1:`, `wrong:`, `:`
const KEY: &str = "Authorization: Basic a2V5LTE6";
const WRONG: &str = "Authorization: Basic d3Jvbmc6";
const EMPTY: &str = "Authorization: Basic Og==";

fn opened(intake: queue::Intake) -> Arc<OnceLock<Opened>> {
    let dead_letters = None;
    Arc::new(OnceLock::from(Opened { intake, dead_letters }))
}

struct Running {
    server: Server,
    _keys: TempDir,
}

impl Running {
    async fn start(situation: Situation) -> Self {
        let keys = tempfile::tempdir().unwrap();
        let by_keys = |folder: &str| format!("ingest: {{writeKeys: {{directory: {folder}}}}}");
        let rest = match situation {
            Keys => {
                std::fs::write(keys.path().join("writeKeys"), "key-1\n").unwrap();
                by_keys(&keys.path().display().to_string())
            }
            KeysMissing => by_keys("/nonexistent"),
            State(state) => format!("ingest: {{state: {state}}}"),
            Limited => "ingest: {maxRequestSizeBytes: 2000000}".to_owned(),
            OverTheRate => "ingest: {eventsPerSecondPerPod: 1}".to_owned(),
            Open | NoConfiguration | Starting | QueueFull | ScalingDown | ShuttingDown => String::new(),
        };
        let server = Server::start_without_configuration(|endpoint| match situation {
            QueueFull => {
                let (intake, outlet) = queue::memory(1);
                std::mem::forget(outlet);
                endpoint.opened = opened(intake);
            }
            Starting => endpoint.opened = Arc::default(),
            ScalingDown => endpoint.gate.close(),
            // Nobody is left to take what comes in.
            ShuttingDown => endpoint.opened = opened(queue::memory(1 << 20).0),
            _ => {}
        })
        .await;
        if !matches!(situation, NoConfiguration) {
            server.configure(document("[{event: '*', deliveryStreamName: all}]", &rest));
        }
        match situation {
            Keys => server.until("/v1/track", &format!("{WRONG}\r\n"), EVENT, 401).await,
            OverTheRate => {
                let many = format!(r#"{{"batch":[{}]}}"#, [EVENT; 100].join(","));
                assert_eq!(server.post("/v1/batch", many).await.status, 200);
                server.take_records();
            }
            _ => {}
        }
        Self { server, _keys: keys }
    }

    async fn request(&self, method: &str, target: &str, headers: &str, body: &str) -> crate::server::Reply {
        let headers = if headers.is_empty() {
            String::new()
        } else {
            format!("{headers}\r\n")
        };
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n{body}",
            body.len()
        );
        self.server.say(request.as_bytes()).await
    }
}

/// Types of the records that came out.
fn types(server: &Server) -> Vec<String> {
    let records = server.take_records();
    let kind = |record: &str| {
        serde_json::from_str::<serde_json::Value>(record).unwrap()["type"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    records.iter().map(|(_, record)| kind(record)).collect()
}

#[tokio::test]
async fn every_path_answers_as_rudderstack_s() {
    let source = format!(
        r#"{{"source":{{"config":{{"statsCollection":{{"errors":{{"enabled":false}},"metrics":{{"enabled":false}}}}}},"destinations":[],"enabled":true,"id":"source","name":"source","updatedAt":"{NOW}","workspaceId":"workspace","writeKey":"K"}}}}"#
    );
    let version = format!(
        r#"{{"name":"firehose-proxy","version":"{}"}}"#,
        env!("CARGO_PKG_VERSION")
    );
    let settings = r#"{"analyticsNextEnabled":true,"edgeFunction":{},"enabledMiddleware":{},"integrations":{"Segment.io":{"apiHost":"h/v1","apiKey":"K","maybeBundledConfigIds":{},"protocol":"http","unbundledIntegrations":[]}},"legacyVideoPluginsEnabled":false,"metrics":{"sampleRate":0},"middlewareSettings":{},"plan":{"track":{"__default":{"enabled":true,"integrations":{}}}},"remotePlugins":[]}"#;
    let up = r#"{"server":"UP"}"#;
    let pixel = String::from_utf8_lossy(
        b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff!\xf9\x04\x01\x00\x00\x00\x00,\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02D\x01\x00;",
    );
    let preflight = "Origin: https://shop.example\r\nAccess-Control-Request-Method: POST\r\n\
                     Access-Control-Request-Headers: authorization,anonymousid";
    let granted: &[&str] = &[
        "access-control-allow-origin: https://shop.example",
        "access-control-allow-methods: post",
        "access-control-allow-headers: authorization,anonymousid",
        "access-control-allow-credentials: true",
        "access-control-max-age: 900",
        "vary: origin, access-control-request-method, access-control-request-headers",
    ];
    let running = Running::start(Open).await;
    #[rustfmt::skip] // a row is a line
    let rows = [
        ("POST", "/v1/identify", "", EVENT, 200, "ok", &[TEXT][..], &["identify"][..]),
        ("POST", "/v1/track", "", EVENT, 200, "ok", &[TEXT], &["track"]),
        ("POST", "/v1/page", "", EVENT, 200, "ok", &[TEXT], &["page"]),
        ("POST", "/v1/screen", "", EVENT, 200, "ok", &[TEXT], &["screen"]),
        ("POST", "/v1/group", "", EVENT, 200, "ok", &[TEXT], &["group"]),
        ("POST", "/v1/alias", "", EVENT, 200, "ok", &[TEXT], &["alias"]),
        ("POST", "/v1/merge", "", EVENT, 200, "ok", &[TEXT], &["merge"]),
        ("POST", "/v1/batch", "", BATCH, 200, "ok", &[TEXT], &["track", "page"]),
        ("POST", "/v1/import", "", BATCH, 200, "ok", &[TEXT], &["track", "page"]),
        ("POST", "/v1/batch", "", LONE, 200, "ok", &[TEXT], &["track"]),
        ("POST", "/beacon/v1/batch?writeKey=K", "Content-Type: text/plain", BATCH, 200, "ok", &[TEXT], &["track", "page"]),
        ("GET", "/pixel/v1/track?writeKey=K&userId=u", "", "", 200, &pixel, &[GIF, "content-length: 43"], &["track"]),
        ("GET", "/pixel/v1/page?writeKey=K&userId=u", "", "", 200, &pixel, &[GIF, "content-length: 43"], &["page"]),
        ("GET", "/pixel/v1/page?writeKey=K&nobody", "", "", 200, &pixel, &[GIF, "content-length: 43"], &[]),
        ("HEAD", "/pixel/v1/track?writeKey=K&userId=u", "", "", 200, "", &[GIF, "content-length: 43"], &[]),
        ("GET", "/sourceConfig?writeKey=K", "", "", 200, &source, &[JSON], &[]),
        ("GET", "/sourceConfig/?writeKey=K", "", "", 200, &source, &[JSON], &[]),
        ("HEAD", "/sourceConfig?writeKey=K", "", "", 200, "", &[JSON], &[]),
        ("HEAD", "/sourceConfig/?writeKey=K", "", "", 200, "", &[JSON], &[]),
        ("GET", "/health", "", "", 200, up, &[JSON], &[]),
        ("GET", "/", "", "", 200, up, &[JSON], &[]),
        ("GET", "/version", "", "", 200, &version, &[JSON], &[]),
        ("OPTIONS", "/v1/track", preflight, "", 204, "", granted, &[]),
        ("OPTIONS", "/anything", preflight, "", 204, "", granted, &[]),
        ("POST", "/v1/t", "", EVENT, 200, "ok", &[TEXT], &["track"]),
        ("POST", "/v1/i", "", EVENT, 200, "ok", &[TEXT], &["identify"]),
        ("POST", "/v1/p", "", EVENT, 200, "ok", &[TEXT], &["page"]),
        ("POST", "/v1/g", "", EVENT, 200, "ok", &[TEXT], &["group"]),
        ("POST", "/v1/a", "", EVENT, 200, "ok", &[TEXT], &["alias"]),
        ("POST", "/v1/s", "", EVENT, 200, "ok", &[TEXT], &["screen"]),
        ("POST", "/v1/b", "", BATCH, 200, "ok", &[TEXT], &["track", "page"]),
        ("POST", "/v1/m", "", r#"{"series":[]}"#, 200, "ok", &[TEXT], &[]),
        ("GET", "/v1/projects/K/settings", "", "", 200, settings, &[JSON], &[]),
        ("GET", "/v1/projects/%4b/settings", "", "", 200, settings, &[JSON], &[]),
    ];
    for (method, target, headers, body, status, answer, answer_headers, sent) in rows {
        let what = format!("{method} {target} {body}");
        let reply = running.request(method, target, headers, body).await;
        assert_eq!((reply.status, reply.body.as_str()), (status, answer), "{what}");
        for header in answer_headers {
            assert!(
                reply.head.contains(&format!("\r\n{header}\r\n")) || reply.head.ends_with(header),
                "{what}: {}",
                reply.head
            );
        }
        assert_eq!(types(&running.server), sent, "{what}");
    }
}

#[tokio::test]
async fn every_refusal_is_the_one_that_sdks_know() {
    let big = "x".repeat(2_000_001);
    let record = format!(r#"{{"userId":"u","a":"{}"}}"#, "x".repeat(1_024_000));
    let batched = format!(r#"{{"batch":[{record},{EVENT}]}}"#);
    let again = &[TEXT, "retry-after: 10"][..];
    let refused = &[TEXT][..];
    let gzip = "Content-Encoding: gzip";
    #[rustfmt::skip] // a row is a line
    let rows = [
        (Keys, "/v1/track", "", EVENT, 401, "failed to read writekey from header", refused),
        (Keys, "/v1/track", EMPTY, EVENT, 401, "failed to read writekey from header", refused),
        (Keys, "/v1/track", WRONG, EVENT, 401, "invalid write key", refused),
        (Keys, "/v1/track", KEY, EVENT, 200, "ok", refused),
        (Open, "/v1/track", WRONG, EVENT, 200, "ok", refused),
        (State("Gone"), "/v1/track", "", EVENT, 404, "source is disabled", refused),
        (State("Unavailable"), "/v1/track", "", EVENT, 503, "events are not accepted at the moment", again),
        (KeysMissing, "/v1/track", KEY, EVENT, 503, "the write keys are not available at the moment", again),
        (NoConfiguration, "/v1/track", "", EVENT, 503, "no configuration is loaded yet", again),
        (Starting, "/v1/track", "", EVENT, 503, "starting, try again", again),
        (QueueFull, "/v1/track", "", EVENT, 503, "the queue of events is full", again),
        (ScalingDown, "/v1/track", "", EVENT, 503, "this pod takes no more events, send to another", again),
        (ScalingDown, "/v1/batch", "", BATCH, 503, "this pod takes no more events, send to another", again),
        (ShuttingDown, "/v1/track", "", EVENT, 503, "shutting down", again),
        (OverTheRate, "/v1/track", "", EVENT, 429, "max requests limit reached", &[TEXT, "retry-after: "]),
        (Open, "/v1/track", "", "{", 400, "invalid json", refused),
        (Open, "/v1/track", "", "", 400, "invalid json", refused),
        (Open, "/v1/track", "", "[]", 400, "event is not a valid rudder event", refused),
        (Open, "/v1/batch", "", r#"{"batch":[1,{}]}"#, 400, "event is not a valid rudder event", refused),
        (Open, "/v1/track", "", r#"{"event":"e"}"#, 400, "request neither has anonymousId nor userId", refused),
        (Open, "/v1/batch", "", "{}", 400, "empty batch payload", refused),
        (Open, "/v1/batch", "", r#"{"batch":[]}"#, 400, "empty batch payload", refused),
        (Limited, "/v1/track", "", &big, 413, "request size exceeds max limit", refused),
        (Open, "/v1/track", "", &record, 413, "request size exceeds max limit", refused),
        (Open, "/v1/batch", "", &batched, 200, "ok", refused),
        (Open, "/v1/track", gzip, EVENT, 400, "failed to read body from request", refused),
    ];
    for (situation, target, headers, body, status, answer, answer_headers) in rows {
        let what = format!("{situation:?} {target} {headers} {}", &body[..body.len().min(40)]);
        let running = Running::start(situation).await;
        let reply = running.request("POST", target, headers, body).await;
        assert_eq!((reply.status, reply.body.as_str()), (status, answer), "{what}");
        for header in answer_headers {
            assert!(reply.head.contains(header), "{what}: {}", reply.head);
        }
        assert_eq!(
            running.server.take_records().len(),
            usize::from(status == 200),
            "{what}"
        );
    }
}

/// Health is whether events are accepted; an SDK may start all the same, and what it asks for says so only when the
/// source is gone.
#[tokio::test]
async fn health_and_start_go_by_the_situation() {
    for (situation, health, source) in [
        (Open, 200, 200),
        (Keys, 200, 200),
        (KeysMissing, 503, 503),
        (State("Unavailable"), 503, 200),
        (State("Gone"), 503, 404),
        (NoConfiguration, 503, 503),
        (Starting, 503, 200),
    ] {
        let running = Running::start(situation).await;
        for (target, status) in [
            ("/health", health),
            ("/", health),
            ("/sourceConfig?writeKey=key-1", source),
            ("/v1/projects/key-1/settings", source),
        ] {
            let reply = running.request("GET", target, "", "").await;
            assert_eq!(reply.status, status, "{situation:?} {target}");
            assert_eq!(
                reply.head.contains("retry-after: 10"),
                status == 503,
                "{situation:?} {target}"
            );
        }
    }
}
