//! The control API under `/_simulator/`: what a test or a person asks and tells the simulator. Not part of the
//! simulated service, so it has plain JSON and plain statuses. `docs/simulator.md` documents it.

use bytes::Bytes;
use http::{Method, StatusCode};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;

use crate::{
    deaggregate,
    protocol::to_json,
    reply::Reply,
    service::{ConfigureError, Service, UnknownStream},
    stream::Record,
};

/// The path under which the control API lives.
pub(crate) const PREFIX: &str = "/_simulator/";

/// Records of one answer when the request does not say.
const DEFAULT_LIMIT: usize = 1_000;
/// Records of one answer at most.
const MAX_RECORDS_PER_ANSWER: usize = 10_000;

/// A line of `GET …/records`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    sequence: u64,
    arrived_at: String,
    data: String,
}

/// A line of `GET …/events`: a record as record de-aggregation takes it apart.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventsLine {
    sequence: u64,
    events: Vec<String>,
    given_up: bool,
}

/// Answers `path`, which is what follows [`PREFIX`].
pub(crate) fn call(service: &Service, method: &Method, path: &str, query: &str, body: &[u8]) -> Reply {
    let segments: Vec<&str> = path.split('/').collect();
    match (method.as_str(), segments.as_slice()) {
        ("GET", ["streams"]) => json_answer(StatusCode::OK, &service.summaries()),
        ("GET", ["streams", name]) => match service.settings(name) {
            Ok(settings) => json_answer(StatusCode::OK, &settings),
            Err(unknown) => unknown.into(),
        },
        ("PUT", ["streams", name]) => configure(service, name, body),
        ("DELETE", ["streams", name]) => {
            if service.registry.remove(name) {
                done()
            } else {
                UnknownStream((*name).to_owned()).into()
            }
        }
        ("GET", ["streams", name, "records"]) => records(service, name, query),
        ("GET", ["streams", name, "events"]) => events(service, name, query),
        ("GET", ["service"]) => json_answer(StatusCode::OK, &service.service_settings()),
        ("PUT", ["service"]) => parsed(body).map_or_else(Reply::from, |settings| {
            service.configure_service(settings);
            done()
        }),
        ("GET", ["access"]) => json_answer(StatusCode::OK, &service.access.settings()),
        ("PUT", ["access"]) => parsed(body).map_or_else(Reply::from, |settings| {
            service.configure_access(settings);
            done()
        }),
        ("PUT", ["sessions"]) => parsed(body).map_or_else(Reply::from, |ending| {
            service.access.end_sessions(&ending);
            done()
        }),
        ("POST", ["reset"]) => {
            service.reset();
            done()
        }
        (_, ["streams"] | ["streams", _] | ["streams", _, "records"] | ["reset"]) => refusal(
            StatusCode::METHOD_NOT_ALLOWED,
            &format!("{method} is not for this path"),
        ),
        _ => refusal(StatusCode::NOT_FOUND, &format!("there is no {PREFIX}{path}")),
    }
}

/// Settings that are not the JSON they should be.
struct Unreadable(serde_json::Error);

/// An empty body is the default settings: the short way to create a stream or to clear its faults.
fn parsed<T: Default + DeserializeOwned>(body: &[u8]) -> Result<T, Unreadable> {
    if body.is_empty() {
        Ok(T::default())
    } else {
        serde_json::from_slice(body).map_err(Unreadable)
    }
}

fn configure(service: &Service, name: &str, body: &[u8]) -> Reply {
    let settings = match parsed(body) {
        Ok(settings) => settings,
        Err(unreadable) => return unreadable.into(),
    };
    match service.configure(name, settings) {
        Ok(()) => done(),
        Err(error @ (ConfigureError::Name(_) | ConfigureError::Rule { .. })) => {
            refusal(StatusCode::BAD_REQUEST, &error.to_string())
        }
        Err(error @ ConfigureError::Full(_)) => refusal(StatusCode::CONFLICT, &error.to_string()),
    }
}

/// The records that a query asks for, or the answer that says why not.
fn page(service: &Service, name: &str, query: &str) -> Result<Vec<Record>, Reply> {
    let (mut after, mut limit) = (0, DEFAULT_LIMIT);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let parsed = match pair.split_once('=') {
            Some(("after", value)) => value.parse().map(|value| after = value).is_ok(),
            Some(("limit", value)) => value
                .parse()
                .map(|value: usize| limit = value.min(MAX_RECORDS_PER_ANSWER))
                .is_ok(),
            Some(_) | None => false,
        };
        if !parsed {
            return Err(refusal(
                StatusCode::BAD_REQUEST,
                &format!("\"{pair}\" is not after=N or limit=M"),
            ));
        }
    }
    service.records(name, after, limit).map_err(Reply::from)
}

fn records(service: &Service, name: &str, query: &str) -> Reply {
    let line = |record: Record| Line {
        sequence: record.sequence,
        arrived_at: format!("{:.3}", record.arrived_at),
        data: base64_simd::STANDARD.encode_to_string(&record.data),
    };
    page(service, name, query).map_or_else(|refusal| refusal, |records| lines(records.into_iter().map(line)))
}

fn events(service: &Service, name: &str, query: &str) -> Reply {
    let line = |record: Record| {
        let events = deaggregate::events(&record.data);
        let to_text = |events: Vec<&str>| events.into_iter().map(str::to_owned).collect();
        EventsLine {
            sequence: record.sequence,
            given_up: events.is_none(),
            events: events.map_or_else(Vec::new, to_text),
        }
    };
    page(service, name, query).map_or_else(|refusal| refusal, |records| lines(records.into_iter().map(line)))
}

fn lines(values: impl Iterator<Item = impl Serialize>) -> Reply {
    let mut lines = Vec::new();
    for value in values {
        lines.extend_from_slice(&to_json(&value));
        lines.push(b'\n');
    }
    Reply::Answer {
        status: StatusCode::OK,
        body: Bytes::from(lines),
        content_type: "application/x-ndjson",
    }
}

fn json_answer(status: StatusCode, value: &impl Serialize) -> Reply {
    Reply::Answer {
        status,
        body: Bytes::from(to_json(value)),
        content_type: "application/json",
    }
}

fn done() -> Reply {
    json_answer(StatusCode::OK, &json!({}))
}

fn refusal(status: StatusCode, error: &str) -> Reply {
    json_answer(status, &json!({ "error": error }))
}

impl From<UnknownStream> for Reply {
    fn from(unknown: UnknownStream) -> Self {
        refusal(StatusCode::NOT_FOUND, &unknown.to_string())
    }
}

impl From<Unreadable> for Reply {
    fn from(Unreadable(error): Unreadable) -> Self {
        refusal(StatusCode::BAD_REQUEST, &error.to_string())
    }
}
