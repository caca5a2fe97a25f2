//! A stand-in for Firehose that does as little as it can: it counts records without parsing them and answers from a
//! cache. It checks nothing; what is measured is the client.

use std::{
    collections::HashMap,
    convert::Infallible,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use memchr::memmem::Finder;
use tokio::net::TcpListener;

/// Characters of a record identifier, as long as the service's.
const RECORD_ID: &str = "kH3vDqVgJ2yqyA9Qm0ZbWl2kqVvS9JmZ8wP4fYc1tRn5oLxE7uGhB6sIdTjKaXzMrNfQpCeUyWiOvHbLkJgFdSaZxCvBnMqWeRtYuIoPlKjHgFdSaZxCvBnM1234567890abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/abcdefghijklmnopqrstuvwx";

/// What arrived, and the answers that were made before.
#[derive(Debug)]
struct Sink {
    calls: AtomicU64,
    records: AtomicU64,
    answers: Mutex<HashMap<usize, Bytes>>,
    record: Finder<'static>,
}

/// Serves until the process ends.
pub(crate) async fn serve(listener: TcpListener) -> anyhow::Result<()> {
    let sink = Arc::new(Sink {
        calls: AtomicU64::new(0),
        records: AtomicU64::new(0),
        answers: Mutex::default(),
        // Base64 has no quotes, so this occurs once for each record and nowhere else.
        record: Finder::new("\"Data\""),
    });
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let sink = Arc::clone(&sink);
        tokio::spawn(async move {
            let answer = service_fn(|request| respond(Arc::clone(&sink), request));
            // A client that goes away ends its connection and nothing else.
            let _ = http1::Builder::new()
                .max_buf_size(1 << 20)
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

async fn respond(sink: Arc<Sink>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() == Method::GET {
        let (calls, records) = (sink.calls.load(Ordering::Relaxed), sink.records.load(Ordering::Relaxed));
        return Ok(Response::new(Full::new(Bytes::from(format!("{calls} {records}")))));
    }
    let single = request
        .headers()
        .get("x-amz-target")
        .is_some_and(|target| target.as_bytes().ends_with(b"PutRecord"));
    let body = request
        .into_body()
        .collect()
        .await
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let count = sink.record.find_iter(&body).count();
    sink.calls.fetch_add(1, Ordering::Relaxed);
    sink.records.fetch_add(count as u64, Ordering::Relaxed);
    let answer = if single {
        Bytes::from(format!(r#"{{"Encrypted":false,"RecordId":"{RECORD_ID}"}}"#))
    } else {
        let mut answers = sink.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.entry(count).or_insert_with(|| batch_answer(count)).clone()
    };
    let mut response = Response::new(Full::new(answer));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/x-amz-json-1.1"),
    );
    Ok(response)
}

fn batch_answer(count: usize) -> Bytes {
    let entries = vec![format!(r#"{{"RecordId":"{RECORD_ID}"}}"#); count];
    Bytes::from(format!(
        r#"{{"Encrypted":false,"FailedPutCount":0,"RequestResponses":[{}]}}"#,
        entries.join(",")
    ))
}
