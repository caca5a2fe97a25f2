//! Connections of clients: how long they live, TLS, browsers.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{formats, reference::SecretRef};

/// How long connections live.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Connections {
    /// Age in seconds, give or take a fifth, at which a client is asked to connect anew, so that new pods get their
    /// part.
    #[serde(default = "default_max_age_seconds")]
    #[schemars(range(min = 10, max = 86400))]
    pub max_age_seconds: i32,

    /// Seconds after which a connection without a request is closed. More than any balancer in front of the endpoint
    /// has.
    #[serde(default = "default_idle_timeout_seconds")]
    #[schemars(range(min = 10, max = 86400))]
    pub idle_timeout_seconds: i32,
}

/// How HTTPS is served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Tls {
    /// The Secret, of type kubernetes.io/tls, with the certificate and its key. It may be renewed at any time: new
    /// connections are served with the new one, and older ones are asked to connect anew with their next answer.
    pub secret_ref: SecretRef,

    /// Whether clients show certificates of their own.
    #[serde(default)]
    pub client_certificates: ClientCertificates,
}

/// Certificates of clients.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("self.mode == 'None' ? !has(self.caSecretRef) : has(self.caSecretRef)").message("caSecretRef must be set unless mode is None, and only then").field_path(".caSecretRef").reason(Reason::FieldValueInvalid))]
#[serde(rename_all = "camelCase")]
pub struct ClientCertificates {
    /// None (default): they are not asked for. Optional: one that is shown must be good. Required: every client shows
    /// a good one.
    #[serde(default)]
    pub mode: ClientCertificateMode,

    /// The Secret whose key ca.crt holds the authorities that clients' certificates must come from. Required unless
    /// mode is None, forbidden then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<SecretRef>,
}

/// Whether clients show certificates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ClientCertificateMode {
    /// They are not asked.
    #[default]
    None,
    /// They may.
    Optional,
    /// They must.
    Required,
}

/// Requests of browsers from other origins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Cors {
    /// Origins that may send events, for example "https://shop.example"; "*" is any.
    #[serde(default = "any_origin")]
    #[schemars(schema_with = "formats::origins")]
    pub allowed_origins: Vec<String>,
}

impl Default for Cors {
    fn default() -> Self {
        Self {
            allowed_origins: any_origin(),
        }
    }
}

fn default_max_age_seconds() -> i32 {
    600
}

fn default_idle_timeout_seconds() -> i32 {
    620
}

fn any_origin() -> Vec<String> {
    vec!["*".to_owned()]
}
