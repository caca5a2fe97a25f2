//! What one writes in an afternoon: axum, `serde_json::Value` and aws-sdk-firehose. The yardstick of the benchmark.
//!
//! It gives the promise that the proxy gives with `WhenDelivered` (200 once Firehose has the events), adds the same
//! fields, batches by 500 records or 100 ms and sends failed records again until they are taken. It has no limits, no
//! metrics, no reload and no pacing, and it is not tuned: neither against itself nor for the benchmark.

use std::{collections::HashMap, io::Read as _, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use aws_sdk_firehose::{
    Client,
    config::{BehaviorVersion, Credentials, Region},
    primitives::Blob,
    types::Record,
};
use aws_smithy_http_client::tls;
use axum::{
    Router,
    body::Bytes,
    extract::{ConnectInfo, Path as UrlPath, State},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use flate2::read::GzDecoder;
use futures::future::join_all;
use md5::{Digest, Md5};
use serde_json::{Map, Value};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
    time::{Instant, timeout_at},
};
use uuid::Uuid;

const MAX_RECORDS: usize = 500;
const LINGER: Duration = Duration::from_millis(100);

/// A record and who waits for it.
struct Queued {
    data: Vec<u8>,
    delivered: oneshot::Sender<()>,
}

struct App {
    table: HashMap<String, String>,
    queues: HashMap<String, mpsc::Sender<Queued>>,
}

/// Serves until the process ends.
pub(crate) async fn serve(
    listener: TcpListener,
    endpoint: &str,
    trusted: &Path,
    mappings: &[(String, String)],
) -> anyhow::Result<()> {
    let store = tls::TrustStore::empty().with_pem_certificate(std::fs::read(trusted)?);
    let context = tls::TlsContext::builder().with_trust_store(store).build()?;
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
        .tls_context(context)
        .build_https();
    let config = aws_sdk_firehose::Config::builder()
        .http_client(http)
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(endpoint)
        .credentials_provider(Credentials::new("bench", "bench", None, None, "bench"))
        .build();
    let client = Client::from_conf(config);
    let table = mappings
        .iter()
        .map(|(event, stream)| (event.to_lowercase(), stream.clone()))
        .collect();
    let mut queues = HashMap::new();
    for (_, stream) in mappings {
        let (sender, receiver) = mpsc::channel(10_000);
        tokio::spawn(deliver(client.clone(), stream.clone(), receiver));
        queues.insert(stream.clone(), sender);
    }
    let app = Router::new()
        .route("/v1/batch", post(batch))
        .route("/v1/{kind}", post(single))
        .layer(axum::extract::DefaultBodyLimit::max(10 << 20))
        .with_state(Arc::new(App { table, queues }));
    Ok(axum::serve(listener, app.into_make_service_with_connect_info::<SocketAddr>()).await?)
}

type Answer = Result<&'static str, (StatusCode, &'static str)>;

async fn single(
    State(app): State<Arc<App>>,
    UrlPath(kind): UrlPath<String>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let Value::Object(mut event) = parse(&headers, &body)? else {
        return Err((StatusCode::BAD_REQUEST, "event is not a valid rudder event"));
    };
    event.insert("type".to_owned(), kind.into());
    accept(&app, vec![event], peer).await
}

async fn batch(
    State(app): State<Arc<App>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    let mut body = parse(&headers, &body)?;
    let Some(Value::Array(events)) = body.get_mut("batch").map(Value::take) else {
        return Err((StatusCode::BAD_REQUEST, "empty batch payload"));
    };
    let events = events.into_iter().filter_map(|event| match event {
        Value::Object(event) => Some(event),
        _ => None,
    });
    accept(&app, events.collect(), peer).await
}

fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Value, (StatusCode, &'static str)> {
    let mut inflated = Vec::new();
    let mut body = body;
    if headers.get("content-encoding").is_some_and(|coding| coding == "gzip") {
        let read = GzDecoder::new(body).take(10 << 20).read_to_end(&mut inflated);
        read.map_err(|_| (StatusCode::BAD_REQUEST, "invalid gzip"))?;
        body = &inflated;
    }
    serde_json::from_slice(body).map_err(|_| (StatusCode::BAD_REQUEST, "invalid json"))
}

async fn accept(app: &App, events: Vec<Map<String, Value>>, peer: SocketAddr) -> Answer {
    let mut waiting = Vec::with_capacity(events.len());
    for mut event in events {
        enrich(&mut event, peer)?;
        let Some(stream) = route(&app.table, &event) else {
            continue;
        };
        let mut data = serde_json::to_vec(&event).map_err(|_| (StatusCode::BAD_REQUEST, "invalid json"))?;
        data.push(b'\n');
        let (delivered, wait) = oneshot::channel();
        let queued = app.queues[stream].send(Queued { data, delivered }).await;
        queued.map_err(|_| (StatusCode::SERVICE_UNAVAILABLE, "shutting down"))?;
        waiting.push(wait);
    }
    let lost = join_all(waiting).await.into_iter().any(|delivered| delivered.is_err());
    if lost {
        Err((StatusCode::SERVICE_UNAVAILABLE, "not delivered"))
    } else {
        Ok("ok")
    }
}

fn route<'a>(table: &'a HashMap<String, String>, event: &Map<String, Value>) -> Option<&'a String> {
    let field = |name| {
        event
            .get(name)
            .and_then(Value::as_str)
            .and_then(|value| table.get(&value.to_lowercase()))
    };
    field("event").or_else(|| field("type")).or_else(|| table.get("*"))
}

fn enrich(event: &mut Map<String, Value>, peer: SocketAddr) -> Result<(), (StatusCode, &'static str)> {
    let text =
        |event: &Map<String, Value>, name| event.get(name).and_then(Value::as_str).unwrap_or("").trim().to_owned();
    let (user, anonymous) = (text(event, "userId"), text(event, "anonymousId"));
    if user.is_empty() && anonymous.is_empty() {
        return Err((StatusCode::BAD_REQUEST, "request neither has anonymousId nor userId"));
    }
    if text(event, "messageId").is_empty() {
        event.insert("messageId".to_owned(), Uuid::new_v4().to_string().into());
    }
    let hash: [u8; 16] = Md5::digest(format!("{user}:{anonymous}")).into();
    let rudder_id = uuid::Builder::from_random_bytes(hash).into_uuid();
    event.insert("rudderId".to_owned(), rudder_id.to_string().into());
    let now = jiff::Timestamp::now();
    let time = |event: &Map<String, Value>, name| text(event, name).parse::<jiff::Timestamp>().ok();
    let original = time(event, "originalTimestamp").unwrap_or(now);
    let sent = time(event, "sentAt").unwrap_or(now);
    let timestamp = time(event, "timestamp").unwrap_or(now - sent.duration_since(original));
    for (name, value) in [
        ("receivedAt", now),
        ("originalTimestamp", original),
        ("sentAt", sent),
        ("timestamp", timestamp),
    ] {
        event.insert(name.to_owned(), format!("{value:.3}").into());
    }
    event.insert("request_ip".to_owned(), peer.ip().to_string().into());
    Ok(())
}

async fn deliver(client: Client, stream: String, mut queue: mpsc::Receiver<Queued>) {
    while let Some(first) = queue.recv().await {
        let mut batch = vec![first];
        let deadline = Instant::now() + LINGER;
        while batch.len() < MAX_RECORDS {
            match timeout_at(deadline, queue.recv()).await {
                Ok(Some(queued)) => batch.push(queued),
                Ok(None) | Err(_) => break,
            }
        }
        tokio::spawn(put(client.clone(), stream.clone(), batch));
    }
}

async fn put(client: Client, stream: String, mut batch: Vec<Queued>) {
    for attempt in 0.. {
        let records = batch
            .iter()
            .map(|queued| Record::builder().data(Blob::new(queued.data.clone())).build());
        let Ok(records) = records.collect::<Result<Vec<_>, _>>() else {
            return;
        };
        let call = client
            .put_record_batch()
            .delivery_stream_name(&stream)
            .set_records(Some(records));
        if let Ok(answer) = call.send().await {
            let mut failed = Vec::new();
            for (queued, entry) in batch.into_iter().zip(answer.request_responses()) {
                if entry.error_code().is_some() {
                    failed.push(queued);
                } else {
                    // A client that has hung up needs no answer.
                    let _ = queued.delivered.send(());
                }
            }
            if failed.is_empty() {
                return;
            }
            batch = failed;
        }
        tokio::time::sleep(Duration::from_millis(100 << attempt.min(5))).await;
    }
}
