//! A plain HTTP client with a deadline. Every status is an answer; only no answer is an error.

use std::{sync::OnceLock, time::Duration};

use ureq::Agent;

/// Longer than a proxy takes to say that an event is not safe.
const DEADLINE: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body, as text.
    pub body: String,
    /// The value of `Retry-After`.
    pub retry_after: Option<String>,
}

/// Reads a page.
///
/// # Errors
///
/// Why there is no answer.
pub fn get(url: &str) -> Result<Answer, String> {
    answer(url, agent().get(url).call())
}

/// Sends a JSON body.
///
/// # Errors
///
/// Why there is no answer.
pub fn post(url: &str, body: impl AsRef<[u8]>) -> Result<Answer, String> {
    let request = agent().post(url).content_type("application/json");
    answer(url, request.send(body.as_ref()))
}

/// Puts a JSON body.
///
/// # Errors
///
/// Why there is no answer.
pub fn put(url: &str, body: &str) -> Result<Answer, String> {
    answer(url, agent().put(url).content_type("application/json").send(body))
}

fn answer(url: &str, response: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer, String> {
    let mut response = response.map_err(|error| format!("{url}: {error}"))?;
    let body = response
        .body_mut()
        .with_config()
        .limit(256 << 20)
        .read_to_string()
        .map_err(|error| format!("{url}: {error}"))?;
    let retry_after = response.headers().get("retry-after");
    Ok(Answer {
        status: response.status().as_u16(),
        body,
        retry_after: retry_after.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
    })
}

fn agent() -> &'static Agent {
    static AGENT: OnceLock<Agent> = OnceLock::new();
    AGENT.get_or_init(|| {
        Agent::config_builder()
            .timeout_global(Some(DEADLINE))
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .into()
    })
}
