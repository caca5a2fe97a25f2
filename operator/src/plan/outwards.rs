//! How the proxies of an installation reach AWS: which certificates they trust beside the system's, and by way of whom
//! they go.

use std::{str::FromStr, sync::Arc};

use sha2::{Digest as _, Sha256};
use url::Url;

/// It shares a ConfigMap, of at most 1 MiB, with a document of at most 900 KiB.
pub const MAX_CA_BUNDLE_BYTES: usize = 96 * 1024;

/// What is asked for without a proxy, whatever an installation says: this machine, its node, and who hands out
/// credentials, which a proxy would learn. Clients differ in what they understand, so addresses stand beside networks.
pub const NEVER_PROXIED: [&str; 11] = [
    "localhost",
    "127.0.0.1",
    "127.0.0.0/8",
    "::1",
    "169.254.169.254",
    "169.254.170.2",
    "169.254.170.23",
    "169.254.0.0/16",
    "fe80::/10",
    "fd00:ec2::254",
    "fd00:ec2::23",
];

/// What an installation says of all its proxies, beside their image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// Certificates to trust beside the system's.
    pub ca_bundle: Option<CaBundle>,
    /// By way of whom AWS is reached.
    pub egress_proxy: Option<EgressProxy>,
    /// Secrets with credentials of image registries, in the namespace of each destination, beside its own.
    pub image_pull_secrets: Vec<String>,
    /// Directives of the log, as `RUST_LOG` has them. `None`: as the proxy has them by itself.
    pub log_level: Option<String>,
}

/// Certificates in PEM, of at most [`MAX_CA_BUNDLE_BYTES`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaBundle(Arc<str>);

/// Why bytes are no bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoCaBundle {
    /// Neither one certificate.
    #[error("there is no certificate in it (-----BEGIN CERTIFICATE-----)")]
    NoCertificate,
    /// More than fits beside a document.
    #[error("it has {0} bytes, and {MAX_CA_BUNDLE_BYTES} is the most; leave out what the system trusts anyway")]
    TooLarge(usize),
    /// It would be mounted in every pod.
    #[error("there is a private key in it, and every pod could read it")]
    PrivateKey,
    /// Not text.
    #[error("it is not PEM")]
    NotText,
}

impl CaBundle {
    /// The bundle in a file's bytes.
    ///
    /// # Errors
    ///
    /// When they are no bundle.
    pub fn of(bytes: &[u8]) -> Result<Self, NoCaBundle> {
        let text = std::str::from_utf8(bytes).map_err(|_| NoCaBundle::NotText)?;
        if text.len() > MAX_CA_BUNDLE_BYTES {
            return Err(NoCaBundle::TooLarge(text.len()));
        }
        if text.contains("PRIVATE KEY-----") {
            return Err(NoCaBundle::PrivateKey);
        }
        if !text.contains("-----BEGIN CERTIFICATE-----") {
            return Err(NoCaBundle::NoCertificate);
        }
        Ok(Self(text.into()))
    }

    /// The certificates, in PEM.
    pub fn pem(&self) -> &str {
        &self.0
    }

    /// A hash of its content, in 16 hexadecimal digits.
    pub fn fingerprint(&self) -> String {
        let hash = Sha256::digest(self.0.as_bytes());
        hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A proxy of the network, and what is reached without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressProxy {
    url: EgressProxyUrl,
    except: Vec<String>,
}

/// The address of a proxy of the network: `http://host:port`, without a user, path or query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EgressProxyUrl(Url);

/// Why a text is no address of a proxy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoEgressProxy {
    /// Nothing that could be asked.
    #[error("{0:?} is not http://HOST:PORT or https://HOST:PORT")]
    NoAddress(String),
    /// Whoever may read pods could read it.
    #[error("the address of a proxy stands in every pod: no user and no password in it")]
    Secret,
}

impl FromStr for EgressProxyUrl {
    type Err = NoEgressProxy;

    fn from_str(text: &str) -> Result<Self, NoEgressProxy> {
        let none = || NoEgressProxy::NoAddress(text.to_owned());
        let Ok(url) = Url::parse(text) else { return Err(none()) };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(NoEgressProxy::Secret);
        }
        let is_bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
        match url.scheme() {
            "http" | "https" if url.has_host() && is_bare => Ok(Self(url)),
            _ => Err(none()),
        }
    }
}

impl EgressProxy {
    /// This proxy for everything but [`NEVER_PROXIED`] and `except`: hosts, `.suffix` for all below one, addresses and
    /// networks.
    pub fn new(url: EgressProxyUrl, except: Vec<String>) -> Self {
        Self { url, except }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.url.0.port_or_known_default().unwrap_or(80)
    }

    /// The variables by which programs find it.
    pub fn environment(&self) -> [(&'static str, String); 3] {
        let url = self.url.0.as_str().trim_end_matches('/').to_owned();
        let except = NEVER_PROXIED.into_iter().chain(self.except.iter().map(String::as_str));
        let except: Vec<&str> = except.collect();
        [
            ("HTTPS_PROXY", url.clone()),
            ("HTTP_PROXY", url),
            ("NO_PROXY", except.join(",")),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

    #[test]
    fn what_is_no_bundle_is_refused_with_the_reason() {
        assert_eq!(CaBundle::of(PEM.as_bytes()).unwrap().pem(), PEM);
        let large = PEM.repeat(MAX_CA_BUNDLE_BYTES / PEM.len() + 1);
        let with_key = format!("{PEM}-----BEGIN RSA PRIVATE KEY-----\n");
        for (bytes, reason) in [
            (&b""[..], NoCaBundle::NoCertificate),
            (&[0xff], NoCaBundle::NotText),
            (large.as_bytes(), NoCaBundle::TooLarge(large.len())),
            (with_key.as_bytes(), NoCaBundle::PrivateKey),
        ] {
            assert_eq!(CaBundle::of(bytes), Err(reason));
        }
    }

    #[test]
    fn the_address_of_a_proxy_is_host_and_port_and_holds_no_secret() {
        for (text, port) in [
            ("http://proxy.example:3128", 3128),
            ("https://proxy.example", 443),
            ("http://[fd00::1]", 80),
        ] {
            assert_eq!(EgressProxy::new(text.parse().unwrap(), Vec::new()).port(), port);
        }
        for text in [
            "proxy.example:3128",
            "socks5://proxy.example",
            "http://proxy.example/a",
            "",
        ] {
            assert_eq!(
                text.parse::<EgressProxyUrl>(),
                Err(NoEgressProxy::NoAddress(text.to_owned()))
            );
        }
        assert_eq!(
            "http://user:word@proxy.example".parse::<EgressProxyUrl>(),
            Err(NoEgressProxy::Secret)
        );
    }

    #[test]
    fn credentials_of_the_node_are_never_asked_for_by_way_of_a_proxy() {
        let proxy = EgressProxy::new("http://proxy.example:3128".parse().unwrap(), vec![".svc".to_owned()]);
        let [https, http, except] = proxy.environment();
        assert_eq!(https, ("HTTPS_PROXY", "http://proxy.example:3128".to_owned()));
        assert_eq!(http.1, https.1);
        let except: Vec<&str> = except.1.split(',').collect();
        for address in [
            "169.254.169.254",
            "169.254.170.2",
            "169.254.170.23",
            "fd00:ec2::23",
            "127.0.0.1",
            ".svc",
        ] {
            assert!(except.contains(&address), "{address} is not in {except:?}");
        }
    }
}
