//! The identity of a destination, in the document. Plain data: it names files and roles, never what is in a file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::toggle::Toggle;

/// Where AWS credentials come from. Fails closed: no type but [`CredentialsType::Ambient`] falls back to another
/// source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// The source.
    #[serde(rename = "type", default)]
    pub kind: CredentialsType,
    /// Present when the source is [`CredentialsType::Static`].
    #[serde(default, rename = "static", skip_serializing_if = "Option::is_none")]
    pub static_: Option<StaticCredentials>,
    /// Present when the source is [`CredentialsType::WebIdentity`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_identity: Option<WebIdentity>,
    /// A role to assume with the source's credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assume_role: Option<AssumeRole>,
    /// A role to assume with that role's session; whose permissions deliver.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_role: Option<AssumeRole>,
}

/// The source of AWS credentials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CredentialsType {
    /// The AWS default chain: environment, web identity, Pod Identity, profile, instance metadata.
    #[default]
    Ambient,
    /// Files of a mounted Secret.
    Static,
    /// A role, by a token of the service account.
    WebIdentity,
    /// EKS Pod Identity: address and token file are in the environment, in AWS's own variables.
    PodIdentity,
    /// The role of the instance.
    InstanceProfile,
}

/// STS AssumeRoleWithWebIdentity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WebIdentity {
    /// ARN of the role.
    #[serde(rename = "roleARN")]
    pub role_arn: String,
    /// Session name that CloudTrail shows.
    pub session_name: String,
    /// File with the token; kubelet replaces it before it expires.
    pub token_file: String,
    /// Which STS.
    #[serde(default, skip_serializing_if = "Sts::is_default")]
    pub sts: Sts,
}

/// Which address of STS is talked to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Sts {
    /// Address in place of the region's public one.
    #[serde(default, rename = "endpointURL", skip_serializing_if = "Option::is_none")]
    pub endpoint_url: Option<String>,
    /// Whether the FIPS endpoint of the region is used.
    #[serde(default, rename = "useFIPS", skip_serializing_if = "Toggle::is_disabled")]
    pub use_fips: Toggle,
    /// Whether the dual-stack endpoint of the region is used.
    #[serde(default, skip_serializing_if = "Toggle::is_disabled")]
    pub use_dual_stack: Toggle,
}

impl Sts {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Files that hold an access key; see [`StaticCredentials::directory`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StaticCredentials {
    /// Directory with the files `accessKeyID`, `secretAccessKey` and, optionally, `sessionToken`.
    pub directory: String,
}

impl StaticCredentials {
    /// File name of the access key ID.
    pub const ACCESS_KEY_ID_FILE: &str = "accessKeyID";
    /// File name of the secret access key.
    pub const SECRET_ACCESS_KEY_FILE: &str = "secretAccessKey";
    /// File name of the session token; the file may be absent.
    pub const SESSION_TOKEN_FILE: &str = "sessionToken";
}

/// STS AssumeRole on top of the base credentials.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssumeRole {
    /// ARN of the role.
    #[serde(rename = "roleARN")]
    pub role_arn: String,
    /// External ID that the role's trust policy asks for.
    #[serde(default, rename = "externalID", skip_serializing_if = "Option::is_none")]
    pub external_id: Option<String>,
    /// Session name that CloudTrail shows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_name: Option<String>,
    /// Which STS.
    #[serde(flatten)]
    pub sts: Sts,
    /// Tags of the session; none of them is transitive.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub session_tags: BTreeMap<String, String>,
}
