//! What SDKs ask for before they send: the configuration of their source. They need an answer to start at all; what it
//! says is that there is nothing to load and that events come here.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;

use crate::{
    event::Timestamp,
    http::reply::{self, Reply},
};

/// RudderStack's `sourceConfig`: a source that is enabled, reports nothing about itself and has no destinations inside
/// the app or the page. It bears no name of anything in the cluster: whoever has a page of an app can read it.
pub(super) fn source_config(write_key: &str, now: Timestamp) -> Reply {
    let off = json!({"enabled": false});
    let answer = json!({
        "source": {
            "id": "source",
            "name": "source",
            "writeKey": write_key,
            "enabled": true,
            "workspaceId": "workspace",
            "updatedAt": now.to_string(),
            "config": {"statsCollection": {"errors": off, "metrics": off}},
            "destinations": [],
        }
    });
    of_this_request(answer.to_string())
}

/// An answer that depends on who asks, when and under which name: no cache may give it to another.
fn of_this_request(answer: String) -> Reply {
    let mut reply = reply::json(StatusCode::OK, answer);
    let headers = reply.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let vary = HeaderValue::from_static("Authorization, Host, X-Forwarded-Proto");
    headers.insert(header::VARY, vary);
    reply
}

/// Segment's settings of a project: no destinations but Segment itself, which is this endpoint under the name that the
/// browser has reached it by.
pub(super) fn settings(headers: &HeaderMap, write_key: &str) -> Reply {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let protocol = match text("x-forwarded-proto") {
        Some("https") => "https",
        _ => "http",
    };
    let mut segment =
        json!({"apiKey": write_key, "protocol": protocol, "unbundledIntegrations": [], "maybeBundledConfigIds": {}});
    if let Some(host) = text(header::HOST.as_str()) {
        segment["apiHost"] = format!("{host}/v1").into();
    }
    let answer = json!({
        "integrations": {"Segment.io": segment},
        "plan": {"track": {"__default": {"enabled": true, "integrations": {}}}},
        "edgeFunction": {},
        "analyticsNextEnabled": true,
        "middlewareSettings": {},
        "enabledMiddleware": {},
        "metrics": {"sampleRate": 0},
        "legacyVideoPluginsEnabled": false,
        "remotePlugins": [],
    });
    of_this_request(answer.to_string())
}
