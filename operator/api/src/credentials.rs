//! Where AWS credentials come from. The object names Secrets and roles; it never holds a secret.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where AWS credentials come from. Static never falls back to another source: while its Secret is missing or incomplete,
/// nothing is delivered and the CredentialsReady condition says so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("self.type == 'Static' ? has(self.static) : !has(self.static)").message("static must be set when type is Static, and only then").field_path(".static").reason(Reason::FieldValueInvalid))]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// Ambient (default): the environment, a role of the service account (IRSA, EKS Pod Identity), or the role of the
    /// instance. Static: an access key in a Secret.
    #[serde(rename = "type", default)]
    pub kind: CredentialsType,

    /// The access key. Required when type is Static, forbidden otherwise.
    #[serde(default, rename = "static", skip_serializing_if = "Option::is_none")]
    pub static_: Option<StaticCredentials>,

    /// A role to assume with these credentials, for example in the account that owns the delivery streams.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assume_role: Option<AssumeRole>,
}

/// The source of AWS credentials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CredentialsType {
    /// The AWS default chain.
    #[default]
    Ambient,
    /// An access key in a Secret.
    Static,
}

/// An access key in a Secret of the destination's namespace. The Secret may be rotated at any time: the proxies read it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StaticCredentials {
    /// Name of the Secret, in the namespace of the destination.
    #[schemars(regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"), length(min = 1, max = 253))]
    pub secret_name: String,

    /// Key of the Secret that holds the access key ID.
    #[serde(default = "default_access_key_id_key", rename = "accessKeyIDKey")]
    #[schemars(regex(pattern = r"^[-._a-zA-Z0-9]+$"), length(min = 1, max = 253))]
    pub access_key_id_key: String,

    /// Key of the Secret that holds the secret access key.
    #[serde(default = "default_secret_access_key_key")]
    #[schemars(regex(pattern = r"^[-._a-zA-Z0-9]+$"), length(min = 1, max = 253))]
    pub secret_access_key_key: String,

    /// Key of the Secret that holds the session token of temporary credentials. The Secret need not have it.
    #[serde(default = "default_session_token_key")]
    #[schemars(regex(pattern = r"^[-._a-zA-Z0-9]+$"), length(min = 1, max = 253))]
    pub session_token_key: String,
}

/// A role to assume (STS AssumeRole) with the credentials named beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssumeRole {
    /// ARN of the role.
    #[serde(rename = "roleARN")]
    #[schemars(
        regex(pattern = r"^arn:aws[a-z-]*:iam::[0-9]{12}:role/\S+$"),
        length(min = 20, max = 2048)
    )]
    pub role_arn: String,

    /// External ID that the role's trust policy asks for.
    #[serde(default, rename = "externalID", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-zA-Z0-9_+=,.@:/-]+$"), length(min = 2, max = 1224))]
    pub external_id: Option<String>,

    /// Session name that CloudTrail shows. Default: the destination's namespace and name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-zA-Z0-9_+=,.@-]+$"), length(min = 2, max = 64))]
    pub session_name: Option<String>,

    /// Address of STS in place of the region's public one.
    #[serde(default, rename = "endpointURL", skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^https?://[^\s/?#@]+(/[^\s?#]*)?$"), length(max = 2048))]
    pub endpoint_url: Option<String>,
}

fn default_access_key_id_key() -> String {
    "AWS_ACCESS_KEY_ID".to_owned()
}

fn default_secret_access_key_key() -> String {
    "AWS_SECRET_ACCESS_KEY".to_owned()
}

fn default_session_token_key() -> String {
    "AWS_SESSION_TOKEN".to_owned()
}
