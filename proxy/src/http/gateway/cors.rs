//! Cross-origin requests of browsers: who may read the answers.
//!
//! Errors carry the same headers as successes. Without them a browser shows its script a network error where a 503 with
//! `Retry-After` was said.

use firehose_proxy_config::Cors;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::http::reply::{Reply, empty};

/// How long a browser may remember a preflight, in seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("900");
const TRUE: HeaderValue = HeaderValue::from_static("true");

/// Answers a preflight: what was asked for is allowed, if the origin is.
pub(super) fn preflight(request: &HeaderMap, cors: &Cors) -> Reply {
    let mut reply = empty(StatusCode::NO_CONTENT);
    let headers = reply.headers_mut();
    let vary = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";
    headers.insert(header::VARY, HeaderValue::from_static(vary));
    let Some(origin) = allowed(request, cors) else {
        return reply;
    };
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    for (asked, granted) in [
        (
            header::ACCESS_CONTROL_REQUEST_METHOD,
            header::ACCESS_CONTROL_ALLOW_METHODS,
        ),
        (
            header::ACCESS_CONTROL_REQUEST_HEADERS,
            header::ACCESS_CONTROL_ALLOW_HEADERS,
        ),
    ] {
        if let Some(value) = request.get(asked) {
            headers.insert(granted, value.clone());
        }
    }
    reply
}

/// Lets the script that sent a request read its answer.
pub(super) fn expose(request: &HeaderMap, cors: &Cors, reply: &mut Reply) {
    let headers = reply.headers_mut();
    // Without an origin as well: a cache must not give this answer to a script.
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(origin) = allowed(request, cors) {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
        headers.insert(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        let exposed = HeaderValue::from_static("Retry-After");
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
    }
}

/// The origin of a request, if its scripts may read the answers.
fn allowed<'a>(request: &'a HeaderMap, cors: &Cors) -> Option<&'a HeaderValue> {
    let origin = request.get(header::ORIGIN)?;
    let is_listed = |allowed: &String| allowed == "*" || origin == allowed.as_str();
    cors.allowed_origins.iter().any(is_listed).then_some(origin)
}
