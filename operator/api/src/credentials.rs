//! Where AWS credentials come from. The object names Secrets and roles; it never holds a secret.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{formats, reference::SecretRef};

/// Where AWS credentials come from. Every type but Ambient fails closed: while what it names is missing, nothing is
/// delivered and the CredentialsReady condition says so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(
    validation = Rule::new("self.type == 'Static' ? has(self.static) : !has(self.static)").message("static must be set when type is Static, and only then").field_path(".static").reason(Reason::FieldValueInvalid),
    validation = Rule::new("self.type == 'WebIdentity' ? has(self.webIdentity) : !has(self.webIdentity)").message("webIdentity must be set when type is WebIdentity, and only then").field_path(".webIdentity").reason(Reason::FieldValueInvalid),
)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// Ambient (default): whatever the AWS SDK finds, in its own order: the environment, a role of the service account
    /// (IRSA, EKS Pod Identity), the role of the instance where the installation allows it. Static: an access key in a
    /// Secret. WebIdentity, PodIdentity and InstanceProfile: exactly that source and no other.
    #[serde(rename = "type", default)]
    pub kind: CredentialsType,

    /// The role to assume with the service account's token. Required when type is WebIdentity, forbidden otherwise. The
    /// role must trust the subject that status.effective.identity names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub web_identity: Option<WebIdentity>,

    /// The access key. Required when type is Static, forbidden otherwise.
    #[serde(default, rename = "static", skip_serializing_if = "Option::is_none")]
    pub static_: Option<StaticCredentials>,

    /// Roles to assume one after the other, the first with the credentials above: at most two. The last one's
    /// permissions are what delivers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 2), extend("x-kubernetes-list-type" = "atomic"))]
    pub assume_roles: Vec<AssumeRole>,
}

/// The source of AWS credentials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CredentialsType {
    /// What the AWS SDK's default chain finds.
    #[default]
    Ambient,
    /// A role, by a token of the service account that the operator projects into the pod.
    WebIdentity,
    /// EKS Pod Identity.
    PodIdentity,
    /// The role of the instance, from its metadata service.
    InstanceProfile,
    /// An access key in a Secret.
    Static,
}

/// A role that trusts the cluster's tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct WebIdentity {
    /// ARN of the role.
    #[serde(rename = "roleARN")]
    #[schemars(schema_with = "formats::role_arn")]
    pub role_arn: String,
}

/// An access key in a Secret of the destination's namespace. The Secret may be rotated at any time: the proxies read it
/// again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StaticCredentials {
    /// The Secret, in the namespace of the destination.
    pub secret_ref: SecretRef,

    /// Which keys of the Secret hold the credentials. Default: those that AWS tools know as environment variables.
    #[serde(default)]
    pub keys: StaticKeys,
}

/// Keys of a Secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StaticKeys {
    /// Key of the Secret that holds the access key ID.
    #[serde(default = "default_access_key_id", rename = "accessKeyID")]
    #[schemars(schema_with = "formats::secret_key")]
    pub access_key_id: String,

    /// Key of the Secret that holds the secret access key.
    #[serde(default = "default_secret_access_key")]
    #[schemars(schema_with = "formats::secret_key")]
    pub secret_access_key: String,

    /// Key of the Secret that holds the session token of temporary credentials. The Secret need not have it.
    #[serde(default = "default_session_token")]
    #[schemars(schema_with = "formats::secret_key")]
    pub session_token: String,
}

impl Default for StaticKeys {
    fn default() -> Self {
        Self {
            access_key_id: default_access_key_id(),
            secret_access_key: default_secret_access_key(),
            session_token: default_session_token(),
        }
    }
}

/// A role to assume (STS AssumeRole).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AssumeRole {
    /// ARN of the role, for example in the account that owns the delivery streams.
    #[serde(rename = "roleARN")]
    #[schemars(schema_with = "formats::role_arn")]
    pub role_arn: String,

    /// External ID that the role's trust policy asks for.
    #[serde(default, rename = "externalID", skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::external_id")]
    pub external_id: Option<String>,

    /// Session name that CloudTrail shows. Default: the destination's namespace and name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "formats::session_name")]
    pub session_name: Option<String>,

    /// Whether the session is tagged. Destination tags it with the destination's namespace and name, under keys of
    /// this project's own prefix and not transitive; the trust policy must then allow sts:TagSession.
    #[serde(default)]
    pub session_tags: SessionTags,
}

/// Whether a session is tagged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SessionTags {
    /// No tags.
    #[default]
    None,
    /// The destination's namespace and name.
    Destination,
}

fn default_access_key_id() -> String {
    "AWS_ACCESS_KEY_ID".to_owned()
}

fn default_secret_access_key() -> String {
    "AWS_SECRET_ACCESS_KEY".to_owned()
}

fn default_session_token() -> String {
    "AWS_SESSION_TOKEN".to_owned()
}
