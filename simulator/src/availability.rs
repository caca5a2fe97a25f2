//! How the simulated services are reachable at all: outages, latency, and connections closed while idle. Holds no
//! socket; the server asks.

use serde::{Deserialize, Serialize};

/// Settings of the whole simulator, as `PUT /_simulator/service` takes them. The control API is never affected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ServiceSettings {
    /// Every operation of Firehose.
    pub firehose: Availability,
    /// AssumeRole and AssumeRoleWithWebIdentity.
    pub sts: Availability,
    /// Wait before each answer of Firehose and STS.
    pub latency_milliseconds: u64,
    /// A connection without a request for this long is closed; absent: never.
    pub idle_close_milliseconds: Option<u64>,
}

/// The state of one service.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Availability {
    /// Serving.
    #[default]
    Available,
    /// 503 for everything; nothing takes effect.
    Unavailable,
    /// Every request's connection is reset; nothing takes effect.
    Resetting,
    /// Requests are read and never answered; nothing takes effect.
    Silent,
}
