//! A stand-in for Firehose that does as little as it can: it looks for the number of each event instead of parsing, and
//! answers from a cache. What is measured is the client. Firehose speaks TLS, so this does.
//!
//! It is asked and told on a port of its own, without TLS, so that neither is part of the figure.

use std::{
    collections::HashMap,
    convert::Infallible,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use memchr::memmem::Finder;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
};

use crate::{certificate, event::NUMBER_DIGITS};

/// Characters of a record identifier, as long as the service's.
const RECORD_ID: &str = "kH3vDqVgJ2yqyA9Qm0ZbWl2kqVvS9JmZ8wP4fYc1tRn5oLxE7uGhB6sIdTjKaXzMrNfQpCeUyWiOvHbLkJgFdSaZxCvBnMqWeRtYuIoPlKjHgFdSaZxCvBnM1234567890abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/abcdefghijklmnopqrstuvwx";
/// What a refused record's entry holds.
const REFUSED: &str = r#"{"ErrorCode":"ServiceUnavailableException","ErrorMessage":"Slow down."}"#;

/// What arrived, and the answers that were made before.
struct Sink {
    state: Mutex<State>,
    data: Finder<'static>,
    message_id: Finder<'static>,
}

/// What was taken, and what is to be refused.
#[derive(Debug, Default)]
struct State {
    tally: Tally,
    /// A bit for the number of each event that was taken.
    taken: Vec<u64>,
    answers: HashMap<usize, Bytes>,
    trouble: Refusals,
}

/// What a sink has counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) calls: u64,
    /// Events that were taken for the first time.
    pub(crate) events: u64,
    /// Those that were taken again.
    pub(crate) repeated: u64,
}

/// What is refused of what arrives.
#[derive(Debug, Default)]
enum Refusals {
    #[default]
    Nothing,
    Everything,
    /// What is over so many records a second, of which a tenth of a second's may come at once.
    Above {
        per_second: f64,
        left: f64,
        at: Option<Instant>,
    },
}

/// Serves until the process ends: calls on `calls`, with the certificate of a folder if there is one, questions on
/// `questions`.
pub(crate) async fn serve(calls: TcpListener, questions: TcpListener, folder: Option<&Path>) -> anyhow::Result<()> {
    let sink = Arc::new(Sink {
        state: Mutex::default(),
        // Base64 has no quotes, so this occurs once for each record and nowhere else.
        data: Finder::new("\"Data\":\""),
        message_id: Finder::new("\"messageId\":\""),
    });
    let acceptor = folder.map(certificate::acceptor).transpose()?;
    let asked = Arc::clone(&sink);
    tokio::spawn(async move {
        while let Ok((stream, _)) = questions.accept().await {
            let sink = Arc::clone(&asked);
            tokio::spawn(connection(stream, move |request| answer(Arc::clone(&sink), request)));
        }
    });
    loop {
        let (stream, _) = calls.accept().await?;
        stream.set_nodelay(true)?;
        let (sink, acceptor) = (Arc::clone(&sink), acceptor.clone());
        tokio::spawn(async move {
            let respond = move |request| put(Arc::clone(&sink), request);
            match acceptor {
                None => connection(stream, respond).await,
                // A client that does not speak TLS has nothing to be told.
                Some(acceptor) => {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        connection(stream, respond).await;
                    }
                }
            }
        });
    }
}

/// Serves one connection. A client that goes away ends it and nothing else.
async fn connection<S, A, F>(stream: S, respond: A)
where
    S: AsyncRead + AsyncWrite + Unpin,
    A: Fn(Request<Incoming>) -> F,
    F: Future<Output = Result<Response<Full<Bytes>>, Infallible>>,
{
    let _ = http1::Builder::new()
        .max_buf_size(1 << 20)
        .serve_connection(TokioIo::new(stream), service_fn(respond))
        .await;
}

/// Answers `/tally`, and does what `/refuse/nothing`, `/refuse/everything` and `/refuse/above/N` say.
async fn answer(sink: Arc<Sink>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut state = sink.state.lock().unwrap_or_else(PoisonError::into_inner);
    match request.uri().path() {
        "/refuse/nothing" => state.trouble = Refusals::Nothing,
        "/refuse/everything" => state.trouble = Refusals::Everything,
        path => {
            if let Some(Ok(per_second)) = path.strip_prefix("/refuse/above/").map(str::parse) {
                state.trouble = Refusals::Above {
                    per_second,
                    left: 0.0,
                    at: None,
                };
            }
        }
    }
    let Tally {
        calls,
        events,
        repeated,
    } = state.tally;
    Ok(Response::new(Full::new(format!("{calls} {events} {repeated}").into())))
}

async fn put(sink: Arc<Sink>, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let target = request.headers().get("x-amz-target").map(HeaderValue::as_bytes);
    let is_single = target.is_some_and(|target| target.ends_with(b"PutRecord"));
    let body = request.into_body().collect().await;
    let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let numbers: Vec<usize> = sink.numbers(&body);
    let answer = sink
        .state
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take(&numbers, is_single);
    let (status, body) = match answer {
        Some(body) => (StatusCode::OK, body),
        None => (
            StatusCode::SERVICE_UNAVAILABLE,
            Bytes::from_static(br#"{"__type":"ServiceUnavailableException","message":"Later."}"#),
        ),
    };
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/x-amz-json-1.1");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}

impl Sink {
    /// The number of each record's event; the end of its `messageId`.
    fn numbers(&self, body: &[u8]) -> Vec<usize> {
        let mut decoded = Vec::new();
        let records = self
            .data
            .find_iter(body)
            .map(|at| &body[at + self.data.needle().len()..]);
        records
            .map(|record| {
                let end = memchr::memchr(b'"', record).unwrap_or(record.len());
                decoded.clear();
                let valid = base64_simd::STANDARD
                    .decode_append(&record[..end], &mut decoded)
                    .is_ok();
                let id = self.message_id.find(&decoded).filter(|_| valid)?;
                let id = &decoded[id + self.message_id.needle().len()..];
                let id = &id[..memchr::memchr(b'"', id)?];
                let digits = id.last_chunk::<NUMBER_DIGITS>()?;
                usize::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
            })
            .map(|number| number.expect("the load gives each event a number"))
            .collect()
    }
}

impl State {
    /// Takes events, or a part of them, and answers; `None` when the call is refused.
    fn take(&mut self, numbers: &[usize], is_single: bool) -> Option<Bytes> {
        self.tally.calls += 1;
        let room = self.trouble.room(numbers.len(), Instant::now())?;
        for number in &numbers[..room] {
            let word = number / 64;
            if word >= self.taken.len() {
                self.taken.resize(word + 1, 0);
            }
            let is_new = self.taken[word] >> (number % 64) & 1 == 0;
            self.taken[word] |= 1 << (number % 64);
            self.tally.events += u64::from(is_new);
            self.tally.repeated += u64::from(!is_new);
        }
        if room < numbers.len() {
            // The API has no part of a single put, which is refused whole.
            return (!is_single).then(|| batch_answer(room, numbers.len()));
        }
        if is_single {
            return Some(format!(r#"{{"Encrypted":false,"RecordId":"{RECORD_ID}"}}"#).into());
        }
        let count = numbers.len();
        Some(
            self.answers
                .entry(count)
                .or_insert_with(|| batch_answer(count, count))
                .clone(),
        )
    }
}

impl Refusals {
    /// How many of so many records are taken; `None` when the call is refused.
    fn room(&mut self, count: usize, now: Instant) -> Option<usize> {
        match self {
            Self::Nothing => Some(count),
            Self::Everything => None,
            Self::Above { per_second, left, at } => {
                let since = at.replace(now).map_or(0.1, |at| (now - at).as_secs_f64());
                *left = (*left + since * *per_second).min(*per_second / 10.0);
                let room = (0..count)
                    .take_while(|taken| f64::from(u32::try_from(*taken).unwrap_or(u32::MAX)) < *left)
                    .count();
                *left -= f64::from(u32::try_from(room).unwrap_or(u32::MAX));
                Some(room)
            }
        }
    }
}

fn batch_answer(taken: usize, all: usize) -> Bytes {
    let entry = format!(r#"{{"RecordId":"{RECORD_ID}"}}"#);
    let entries: Vec<&str> = (0..all)
        .map(|index| if index < taken { &*entry } else { REFUSED })
        .collect();
    Bytes::from(format!(
        r#"{{"Encrypted":false,"FailedPutCount":{},"RequestResponses":[{}]}}"#,
        all - taken,
        entries.join(",")
    ))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn an_event_that_comes_twice_is_counted_as_that() {
        let mut state = State::default();
        assert!(state.take(&[1, 2, 130], false).is_some());
        assert!(state.take(&[2], true).is_some());
        let expected = Tally {
            calls: 2,
            events: 3,
            repeated: 1,
        };
        assert_eq!(state.tally, expected);
    }

    #[test]
    fn what_is_over_the_limit_is_refused_record_by_record() {
        let mut refusals = Refusals::Above {
            per_second: 100.0,
            left: 0.0,
            at: None,
        };
        let now = Instant::now();
        assert_eq!(refusals.room(500, now), Some(10));
        assert_eq!(refusals.room(500, now), Some(0));
        assert_eq!(refusals.room(500, now + Duration::from_millis(50)), Some(5));
        let mut state = State {
            trouble: refusals,
            ..State::default()
        };
        let answer = state.take(&[0; 500], false).unwrap();
        assert!(memchr::memmem::find(&answer, b"\"FailedPutCount\":0").is_none());
        assert_eq!(
            memchr::memmem::find_iter(&answer, "ErrorCode").count()
                + memchr::memmem::find_iter(&answer, "RecordId").count(),
            500
        );
    }

    #[test]
    fn nothing_is_taken_in_an_outage() {
        let mut state = State {
            trouble: Refusals::Everything,
            ..State::default()
        };
        assert_eq!(state.take(&[7], false), None);
        assert_eq!(state.tally.events, 0);
    }
}
