//! A plain HTTP client with a deadline and no memory: every request has a connection of its own, so that each one is
//! routed anew by the Service.

use std::{sync::OnceLock, time::Duration};

use ureq::Agent;

/// Longer than a proxy takes to say that an event is not safe.
const DEADLINE: Duration = Duration::from_secs(15);

/// Reads a page; any answer but 200 is an error.
pub(crate) fn get(url: &str) -> Result<String, String> {
    let mut response = agent().get(url).call().map_err(|error| format!("{url}: {error}"))?;
    let body = response
        .body_mut()
        .with_config()
        .limit(256 << 20)
        .read_to_string()
        .map_err(|error| format!("{url}: {error}"))?;
    match response.status().as_u16() {
        200 => Ok(body),
        other => Err(format!("{url}: {other} {body}")),
    }
}

/// Sends JSON and returns the status, or why there is none.
pub(crate) fn post(url: &str, body: &str) -> Result<u16, String> {
    let request = agent().post(url).content_type("application/json");
    let response = request.send(body).map_err(|error| error.to_string())?;
    Ok(response.status().as_u16())
}

fn agent() -> &'static Agent {
    static AGENT: OnceLock<Agent> = OnceLock::new();
    AGENT.get_or_init(|| {
        Agent::config_builder()
            .timeout_global(Some(DEADLINE))
            .max_idle_connections(0)
            .http_status_as_error(false)
            .proxy(None)
            .build()
            .into()
    })
}
