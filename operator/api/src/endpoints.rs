//! Which addresses of AWS the proxies talk to.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::formats;

/// Which addresses of AWS the proxies talk to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Endpoints {
    /// The Firehose API. Default: the public endpoint of the region.
    #[serde(default)]
    pub firehose: Endpoint,

    /// STS, which hands out the sessions of assumed roles. Absent: of the same type as firehose, or Regional where
    /// that is Custom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sts: Option<Endpoint>,
}

/// One endpoint of AWS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, KubeSchema)]
#[x_kube(validation = Rule::new("self.type == 'Custom' ? has(self.custom) : !has(self.custom)").message("custom must be set when type is Custom, and only then").field_path(".custom").reason(Reason::FieldValueInvalid))]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// Regional (default): the public endpoint of the region. FIPS, DualStack, FIPSDualStack: the region's own
    /// variants of it. Custom: an address of your own.
    #[serde(rename = "type", default)]
    pub kind: EndpointType,

    /// An address of your own. Required when type is Custom, forbidden otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom: Option<CustomEndpoint>,
}

/// Kind of an endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EndpointType {
    /// The region's public endpoint.
    #[default]
    Regional,
    /// With validated cryptography.
    #[serde(rename = "FIPS")]
    Fips,
    /// By IPv4 and IPv6.
    DualStack,
    /// Both.
    #[serde(rename = "FIPSDualStack")]
    FipsDualStack,
    /// An address of one's own.
    Custom,
}

/// An endpoint of one's own: a VPC endpoint, or a stand-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CustomEndpoint {
    /// Address of the service, by https, in this region: that of a VPC endpoint, for example; or one that the
    /// installation allows. Anything else is refused, since events and signed requests go there.
    #[schemars(schema_with = "formats::url")]
    pub url: String,
}

impl Endpoint {
    /// The address that is named, if one is.
    pub fn url(&self) -> Option<&str> {
        self.custom.as_ref().map(|custom| custom.url.as_str())
    }
}
