//! What an installation says of all its proxies, beside their image.

use std::path::PathBuf;

use clap::Args;

use crate::plan::{CaBundle, EgressProxy, EgressProxyUrl, ProxySettings};

/// What an installation says of all its proxies. None of it is a destination's to say.
#[derive(Debug, Clone, Default, Args)]
pub struct ProxyFlags {
    /// PEM file with certificates that proxies trust beside the system's, for a network that opens TLS or endpoints
    /// behind a private authority. Read again when it changes, copied to every destination; proxies are replaced then,
    /// one after the other.
    #[arg(
        long = "proxy-ca-bundle",
        env = "FIREHOSE_OPERATOR_PROXY_CA_BUNDLE",
        value_name = "FILE"
    )]
    pub ca_bundle: Option<PathBuf>,

    /// Proxy of the network by way of which AWS is reached: http://HOST:PORT, without user and password. Loopback,
    /// link-local addresses and what hands out credentials are never asked by way of it.
    #[arg(long, env = "FIREHOSE_OPERATOR_EGRESS_PROXY", value_name = "URL")]
    pub egress_proxy: Option<EgressProxyUrl>,

    /// What is reached without it, separated by commas: hosts, .example.com for all below one, addresses, networks.
    #[arg(
        long,
        env = "FIREHOSE_OPERATOR_EGRESS_NO_PROXY",
        value_name = "HOST",
        value_delimiter = ',',
        requires = "egress_proxy"
    )]
    pub egress_no_proxy: Vec<String>,

    /// Secrets with credentials of image registries, separated by commas, in the namespace of each destination.
    #[arg(
        long = "proxy-image-pull-secret",
        env = "FIREHOSE_OPERATOR_PROXY_IMAGE_PULL_SECRETS",
        value_name = "NAME",
        value_delimiter = ','
    )]
    pub image_pull_secrets: Vec<String>,

    /// Log of the proxies: error, warn, info, debug, trace, or directives as RUST_LOG has them.
    #[arg(
        long = "proxy-log-level",
        env = "FIREHOSE_OPERATOR_PROXY_LOG_LEVEL",
        value_name = "LEVEL"
    )]
    pub log_level: Option<String>,
}

impl ProxyFlags {
    /// What is said of all proxies, with the bundle that the file holds.
    pub fn settings(&self, ca_bundle: Option<CaBundle>) -> ProxySettings {
        let given = |list: &[String]| list.iter().filter(|entry| !entry.is_empty()).cloned().collect();
        let proxy = self.egress_proxy.clone();
        ProxySettings {
            ca_bundle,
            egress_proxy: proxy.map(|url| EgressProxy::new(url, given(&self.egress_no_proxy))),
            image_pull_secrets: given(&self.image_pull_secrets),
            log_level: self.log_level.clone().filter(|level| !level.is_empty()),
        }
    }
}
