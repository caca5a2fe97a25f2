//! An API server on loopback: lists, watches, gets and patches of whatever kind, and faults on demand.

use std::{
    convert::Infallible,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{Method, StatusCode},
    response::{IntoResponse as _, Response},
};
use futures::{StreamExt as _, stream};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::objects::{Address, Objects};

/// How often a watch looks for something to show.
const WATCH_PERIOD: Duration = Duration::from_millis(10);

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// The head of the answer comes, its body stalls.
    StallBody,
    /// It is denied in these words.
    Deny(&'static str),
    /// A field of it is at fault.
    Invalid(&'static str),
    /// It is answered and done only after this time.
    Late(Duration),
}

/// A request as it came in.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) at: Instant,
    pub(crate) method: Method,
    /// Of the object, also where it is created.
    pub(crate) path: String,
    pub(crate) body: Value,
}

impl Seen {
    /// Whether it changes something other than a lease.
    pub(crate) fn is_write(&self) -> bool {
        self.method != Method::GET && !self.path.contains("/leases")
    }
}

type Faults = Box<dyn Fn(&Seen) -> Option<Fault> + Send>;

struct Shared {
    objects: Mutex<Objects>,
    seen: Mutex<Vec<Seen>>,
    faults: Mutex<Faults>,
}

/// The stand-in. It ends with the test's runtime.
#[derive(Clone)]
pub(crate) struct Server {
    shared: Arc<Shared>,
    url: String,
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            objects: Mutex::default(),
            seen: Mutex::default(),
            faults: Mutex::new(Box::new(|_| None)),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { shared, url }
    }

    pub(crate) fn config(&self) -> Config {
        Config::new(self.url.parse().unwrap())
    }

    /// Calls with the deadline that programs have.
    pub(crate) fn client(&self, deadline: Duration) -> Client {
        firehose_operator::client::connect(self.config(), deadline).unwrap()
    }

    /// From now on, requests fail as `faults` says.
    pub(crate) fn fail(&self, faults: impl Fn(&Seen) -> Option<Fault> + Send + 'static) {
        *self.shared.faults.lock().unwrap() = Box::new(faults);
    }

    /// Requests so far that were not answered with a fault at once.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.shared.seen.lock().unwrap().clone()
    }

    /// Writes an object as somebody else would.
    pub(crate) fn put(&self, path: &str, object: &Value) -> Value {
        let (address, is_status) = Address::parse(path);
        let mut objects = self.shared.objects.lock().unwrap();
        objects.patch(&address, object, is_status).unwrap()
    }

    /// The object at `path`, or null.
    pub(crate) fn get(&self, path: &str) -> Value {
        let objects = self.shared.objects.lock().unwrap();
        objects.get(&Address::parse(path).0).cloned().unwrap_or(Value::Null)
    }
}

/// Waits until `condition` holds, for as long as `patience`.
pub(crate) async fn until(what: &str, patience: Duration, condition: impl Fn() -> bool) {
    let begun = Instant::now();
    while !condition() {
        assert!(begun.elapsed() < patience, "not within {patience:?}: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let mut path = head.uri.path().to_owned();
    if let (&Method::POST, Some(name)) = (&head.method, body["metadata"]["name"].as_str()) {
        path = format!("{path}/{name}");
    }
    let seen = Seen {
        at: Instant::now(),
        method: head.method,
        path,
        body,
    };
    let query = head.uri.query().unwrap_or_default();
    shared.seen.lock().unwrap().push(seen.clone());
    let fault = (shared.faults.lock().unwrap())(&seen);
    match fault {
        Some(Fault::StallBody) => {
            let beginning = stream::iter([Ok::<_, Infallible>("{")]);
            return Body::from_stream(beginning.chain(stream::pending())).into_response();
        }
        Some(Fault::Deny(words)) => return failure(StatusCode::FORBIDDEN, "Forbidden", words),
        Some(Fault::Invalid(field)) => {
            let cause = json!({"reason": "FieldValueForbidden", "message": "may not change", "field": field});
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 422, "reason": "Invalid",
                "message": "may not change", "details": {"causes": [cause]},
            });
            return (StatusCode::UNPROCESSABLE_ENTITY, status.to_string()).into_response();
        }
        Some(Fault::Late(delay)) => tokio::time::sleep(delay).await,
        None => {}
    }
    let (address, is_status) = Address::parse(&seen.path);
    if seen.method == Method::GET && address.name.is_empty() {
        if query.contains("watch=true") {
            return watch(shared, address.collection, query);
        }
        let objects = shared.objects.lock().unwrap();
        let version = objects.version().to_string();
        let list = json!({"metadata": {"resourceVersion": version}, "items": objects.list(&address.collection)});
        return axum_json(&list);
    }
    let mut objects = shared.objects.lock().unwrap();
    if seen.method == Method::GET {
        return match objects.get(&address) {
            Some(object) => axum_json(object),
            None => failure(StatusCode::NOT_FOUND, "NotFound", "there is no such object"),
        };
    }
    if seen.method == Method::POST && objects.get(&address).is_some() {
        return failure(StatusCode::CONFLICT, "AlreadyExists", "there is one already");
    }
    if seen.method == Method::DELETE {
        return match objects.delete(&address) {
            Some(object) => axum_json(&object),
            None => failure(StatusCode::NOT_FOUND, "NotFound", "there is no such object"),
        };
    }
    match objects.patch(&address, &seen.body, is_status) {
        Ok(object) => axum_json(&object),
        Err(words) => failure(StatusCode::CONFLICT, "Conflict", words),
    }
}

fn watch(shared: Arc<Shared>, collection: String, query: &str) -> Response {
    let version = query.split('&').find_map(|pair| pair.strip_prefix("resourceVersion="));
    let version: u64 = version.unwrap_or("0").parse().unwrap();
    let lines = stream::unfold(version, move |version| {
        let (shared, collection) = (Arc::clone(&shared), collection.clone());
        async move {
            loop {
                let (lines, now) = shared.objects.lock().unwrap().events_after(&collection, version);
                if !lines.is_empty() {
                    return Some((Ok::<_, Infallible>(lines), now));
                }
                tokio::time::sleep(WATCH_PERIOD).await;
            }
        }
    });
    Body::from_stream(lines).into_response()
}

fn axum_json(value: &Value) -> Response {
    value.to_string().into_response()
}

fn failure(code: StatusCode, reason: &str, words: &str) -> Response {
    let status = json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure",
        "code": code.as_u16(), "reason": reason, "message": words,
    });
    (code, status.to_string()).into_response()
}
