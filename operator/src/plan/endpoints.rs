//! Which addresses a destination may have its signed requests sent to. A request carries the session token as it is, so
//! whoever chooses the address chooses who reads it.
//!
//! Hosts are compared label by label and never by how they begin or end: under `amazonaws.com` anybody may have a host.

use std::str::FromStr;

use firehose_operator_api::{FirehoseDestinationSpec, Reason};
use firehose_proxy_config::Document;
use url::{Host, Url};

use super::Rejection;

/// The addresses that an installation allows beside AWS's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedEndpoints {
    named: Vec<NamedEndpoint>,
    is_anything: bool,
}

/// A host that an installation names, with every port or one. It may be talked to without TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedEndpoint {
    host: Host,
    port: Option<u16>,
}

/// Why something names no host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a host or host:port, for example simulator.example:4573")]
pub struct NoHost(String);

/// A service of AWS that proxies talk to.
#[derive(Debug, Clone, Copy)]
enum Service {
    Firehose,
    Sts,
}

/// Domains of a partition, by how the names of its regions begin.
///
/// Source: [partitions](https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html)
/// and the endpoint rules of the SDKs. The last row is every other region's.
const PARTITIONS: &[(&str, Partition)] = &[
    ("cn-", Partition::of("amazonaws.com.cn", "api.amazonwebservices.com.cn")),
    ("us-iso-", Partition::of("c2s.ic.gov", "api.aws.ic.gov")),
    ("us-isob-", Partition::of("sc2s.sgov.gov", "api.aws.scloud")),
    ("us-isof-", Partition::of("csp.hci.ic.gov", "api.aws.hci.ic.gov")),
    ("eu-isoe-", Partition::of("cloud.adc-e.uk", "api.cloud-aws.adc-e.uk")),
    ("eusc-", Partition::of("amazonaws.eu", "api.amazonwebservices.eu")),
    ("", Partition::of("amazonaws.com", "api.aws")),
];

#[derive(Debug, Clone, Copy)]
struct Partition {
    domain: &'static str,
    dual_stack: &'static str,
}

impl AllowedEndpoints {
    /// AWS's own of the destination's region, and these hosts.
    pub fn named(named: Vec<NamedEndpoint>) -> Self {
        Self {
            named,
            is_anything: false,
        }
    }

    /// Whatever a manifest names: for the local path, where who writes it and who runs it are one.
    pub fn anything() -> Self {
        Self {
            named: Vec::new(),
            is_anything: true,
        }
    }

    fn allows(&self, url: &Url, service: Service, region: &str) -> bool {
        if self.is_anything || self.named.iter().any(|named| named.is(url)) {
            return true;
        }
        let Some(Host::Domain(host)) = url.host() else {
            return false;
        };
        // `port` is none for the scheme's own.
        url.scheme() == "https" && url.port().is_none() && service.has(host, region)
    }
}

impl NamedEndpoint {
    /// Host and port of an address.
    ///
    /// # Errors
    ///
    /// When it is none.
    pub fn of_url(url: &str) -> Result<Self, NoHost> {
        let parsed = Url::parse(url).map_err(|_| NoHost(url.to_owned()))?;
        Ok(Self {
            host: parsed.host().ok_or_else(|| NoHost(url.to_owned()))?.to_owned(),
            port: parsed.port_or_known_default(),
        })
    }

    fn is(&self, url: &Url) -> bool {
        let is_port = self.port.is_none_or(|port| url.port_or_known_default() == Some(port));
        is_port && url.host().is_some_and(|host| host.to_owned() == self.host)
    }
}

impl FromStr for NamedEndpoint {
    type Err = NoHost;

    /// `host` or `host:port`, an IPv6 address in brackets.
    fn from_str(text: &str) -> Result<Self, NoHost> {
        let no_host = || NoHost(text.to_owned());
        // What an address may have beside host and port, and what would read like a suffix or a pattern.
        if text.contains(['/', '\\', '?', '#', '@', '*']) || text.starts_with('.') {
            return Err(no_host());
        }
        // Under a scheme without a port of its own, a port that is written is a port that is meant.
        let port = Url::parse(&format!("named://{text}")).map_err(|_| no_host())?.port();
        let url = Url::parse(&format!("https://{text}")).map_err(|_| no_host())?;
        Ok(Self {
            host: url.host().ok_or_else(no_host)?.to_owned(),
            port,
        })
    }
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::Firehose => "firehose",
            Self::Sts => "sts",
        }
    }

    /// Whether a host is this service's in this region: standard, FIPS, either by dual stack, or a VPC endpoint.
    fn has(self, host: &str, region: &str) -> bool {
        let partition = Partition::of_region(region);
        let labels: Vec<&str> = host.split('.').collect();
        let is = |labels: &[&str], domain: &str| labels.iter().copied().eq(domain.split('.'));
        match labels.as_slice() {
            [endpoint, service, at, "vpce", domain @ ..]
                if is_vpc_endpoint(endpoint) && *service == self.name() && *at == region =>
            {
                is(domain, partition.domain)
            }
            [service, at, domain @ ..] if *at == region => {
                let is_service = *service == self.name() || service.strip_suffix("-fips") == Some(self.name());
                is_service && (is(domain, partition.domain) || is(domain, partition.dual_stack))
            }
            _ => false,
        }
    }
}

/// `vpce-0a1b2c-d3e4f5`, and not the `vpce-svc-…` of somebody's own service behind PrivateLink.
fn is_vpc_endpoint(label: &str) -> bool {
    label.starts_with("vpce-") && !label.starts_with("vpce-svc-")
}

impl Partition {
    const fn of(domain: &'static str, dual_stack: &'static str) -> Self {
        Self { domain, dual_stack }
    }

    fn of_region(region: &str) -> Self {
        let row = PARTITIONS.iter().find(|(prefix, _)| region.starts_with(prefix));
        row.expect("the last row is every region's").1
    }
}

/// The addresses of a spec, as they were understood. What was checked is what is used: two readers of one address may
/// disagree about it.
#[derive(Debug, Default)]
pub(super) struct Addresses {
    pub(super) firehose: Option<String>,
    pub(super) sts: Option<String>,
}

/// Reads the addresses that a spec names; what may not be talked to is added to `rejections`.
pub(super) fn read(
    spec: &FirehoseDestinationSpec,
    allowed: &AllowedEndpoints,
    rejections: &mut Vec<Rejection>,
) -> Addresses {
    let sts = spec.endpoints.sts.as_ref().and_then(|sts| sts.url());
    let mut read = |url: Option<&str>, service: Service| {
        let read = checked(url?, service, &spec.region, allowed);
        read.map_err(|rejection| rejections.push(rejection)).ok()
    };
    Addresses {
        firehose: read(spec.endpoints.firehose.url(), Service::Firehose),
        sts: read(sts, Service::Sts),
    }
}

/// Whether a document that was rendered before names an address that may not be talked to any more.
pub(super) fn has_forbidden(document: &Document, allowed: &AllowedEndpoints) -> bool {
    let credentials = &document.credentials;
    let roles = [&credentials.assume_role, &credentials.second_role]
        .into_iter()
        .flatten();
    let identity = credentials.web_identity.iter().map(|identity| &identity.sts);
    let sts = roles.map(|role| &role.sts).chain(identity);
    let sts = sts.filter_map(|sts| Some((sts.endpoint_url.as_deref()?, Service::Sts)));
    let firehose = document.endpoint_url.as_deref().map(|url| (url, Service::Firehose));
    firehose
        .into_iter()
        .chain(sts)
        .any(|(url, service)| checked(url, service, &document.region, allowed).is_err())
}

fn checked(text: &str, service: Service, region: &str, allowed: &AllowedEndpoints) -> Result<String, Rejection> {
    let name = service.name();
    let rejection = |reason, message| Rejection::new(format!("spec.endpoints.{name}.custom.url"), reason, message);
    let url = Url::parse(text).map_err(|error| rejection(Reason::Invalid, format!("is not an address: {error}")))?;
    let has_user = !url.username().is_empty() || url.password().is_some();
    if has_user || !allowed.allows(&url, service, region) {
        let domain = Partition::of_region(region).domain;
        let message = format!(
            "requests with credentials may not go to {:?}: name {name}.{region}.{domain} or a VPC endpoint of it, by https \
             and without a port, or have whoever installed the operator allow the host with --allowed-endpoint",
            url.host_str().unwrap_or_default(),
        );
        return Err(rejection(Reason::EndpointNotAllowed, message));
    }
    let understood = url.as_str();
    Ok(understood.strip_suffix('/').unwrap_or(understood).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_names_hosts_and_never_suffixes_or_addresses() {
        for wrong in [
            "",
            ".example",
            "*.example",
            "https://a.example",
            "a.example/path",
            "user@a.example",
            "a.example:port",
            "a.example:70000",
            "a example",
        ] {
            assert_eq!(wrong.parse::<NamedEndpoint>(), Err(NoHost(wrong.to_owned())));
        }
    }

    #[test]
    fn a_named_host_is_allowed_without_tls_and_on_every_port_unless_it_names_one() {
        let allows = |named: &str, url: &str| {
            let allowed = AllowedEndpoints::named(vec![named.parse().unwrap()]);
            allowed.allows(&Url::parse(url).unwrap(), Service::Firehose, "eu-west-1")
        };
        for (named, url) in [
            ("Simulator.example", "http://simulator.example:4573"),
            ("simulator.example:4573", "http://simulator.example:4573"),
            ("simulator.example:443", "https://simulator.example"),
            ("127.0.0.1:4573", "http://127.0.0.1:4573"),
            ("[::1]", "http://[::1]:4573"),
        ] {
            assert!(allows(named, url), "{named} {url}");
        }
        for (named, url) in [
            ("simulator.example:4573", "http://simulator.example:4574"),
            ("simulator.example:443", "http://simulator.example"),
            ("simulator.example", "http://not.simulator.example"),
            ("simulator.example", "http://simulator.example.net"),
            ("simulator.example", "http://simulator.example."),
            ("127.0.0.1", "http://[::ffff:127.0.0.1]"),
        ] {
            assert!(!allows(named, url), "{named} {url}");
        }
    }

    #[test]
    fn the_address_of_all_destinations_without_one_names_its_host_and_port() {
        let named = |url: &str| NamedEndpoint::of_url(url).unwrap();
        assert_eq!(
            named("http://simulator.example:4573/x"),
            "simulator.example:4573".parse().unwrap()
        );
        assert_eq!(
            named("https://simulator.example"),
            "simulator.example:443".parse().unwrap()
        );
        assert!(NamedEndpoint::of_url("simulator").is_err());
    }
}
