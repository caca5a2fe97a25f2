//! What belongs to the installation of the operator and not to a destination.

use super::{Allowed, ProxySettings};

/// What belongs to the installation of the operator and not to a destination. A tenant must not be able to set any of
/// it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installation {
    /// Image of the proxy.
    pub proxy_image: String,
    /// When nodes pull it: `Always`, `IfNotPresent` or `Never`. `None` leaves it to the API server.
    pub image_pull_policy: Option<String>,
    /// The one architecture that the image is built for, as nodes are labelled: `amd64`. `None` for an image of
    /// several.
    pub architecture: Option<String>,
    /// What a destination may ask for.
    pub allowed: Allowed,
    /// As whom the proxies run.
    pub proxy_user: ProxyUser,
    /// Whom tokens of web identity are for, as the trust policies of roles ask.
    pub web_identity_audience: String,
    /// Where nodes answer for EKS Pod Identity.
    pub pod_identity_agent: PodIdentityAgent,
    /// What network policies have to know; `None` leaves them to the cluster.
    pub networks: Option<Networks>,
    /// What it says of all its proxies, beside their image.
    pub proxies: ProxySettings,
}

#[cfg(test)]
impl Installation {
    /// One with this image of the proxy and nothing else.
    pub(crate) fn of_image(proxy_image: &str) -> Self {
        Self {
            proxy_image: proxy_image.to_owned(),
            image_pull_policy: None,
            architecture: None,
            allowed: Allowed::default(),
            proxy_user: ProxyUser::Fixed,
            web_identity_audience: String::new(),
            pod_identity_agent: PodIdentityAgent::default(),
            networks: None,
            proxies: ProxySettings::default(),
        }
    }
}

/// What network policies have to know of a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Networks {
    /// The namespace that the operator asks pods from.
    pub operator_namespace: String,
    /// The namespaces that metrics are read from.
    pub monitoring_namespaces: Vec<String>,
}

/// Where nodes answer for EKS Pod Identity: by the family of the pods' addresses.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PodIdentityAgent {
    /// At 169.254.170.23.
    #[default]
    Ipv4,
    /// At fd00:ec2::23.
    Ipv6,
}

/// As whom the proxies run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyUser {
    /// A user and a group of fixed numbers.
    Fixed,
    /// Whom the cluster assigns, as OpenShift does to each namespace.
    Cluster,
}
