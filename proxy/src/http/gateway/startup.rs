//! What SDKs ask for before they send: the configuration of their source. They need an answer to start at all; what it
//! says is that there is nothing to load and that events come here.

use http::{HeaderMap, StatusCode, header};
use serde_json::json;

use crate::{
    config::Snapshot,
    event::Timestamp,
    http::reply::{self, Reply},
};

/// RudderStack's `sourceConfig`: a source that is enabled, reports nothing about itself and has no destinations inside
/// the app or the page.
pub(super) fn source_config(configuration: &Snapshot, write_key: &str, now: Timestamp) -> Reply {
    let destination = &configuration.document.destination;
    let off = json!({"enabled": false});
    let answer = json!({
        "source": {
            "id": destination.uid,
            "name": destination.name,
            "writeKey": write_key,
            "enabled": true,
            "workspaceId": destination.namespace,
            "updatedAt": now.to_string(),
            "config": {"statsCollection": {"errors": off, "metrics": off}},
            "destinations": [],
        }
    });
    reply::json(StatusCode::OK, answer.to_string())
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
    reply::json(StatusCode::OK, answer.to_string())
}
