//! The networks of proxies whose word about where a request came from is taken.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// Networks, parsed once when a configuration is read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    /// Whether any were configured. One that cannot be read trusts nobody, and does not make everybody trusted.
    configured: bool,
}

impl TrustedProxies {
    /// Reads networks in CIDR notation and single addresses. The operator lets nothing else pass; what a hand-written
    /// document has is reported and trusts nobody.
    pub fn parse(networks: &[String]) -> Self {
        let read = |network: &String| {
            let address = || network.parse::<IpAddr>().ok().map(IpNet::from);
            let parsed = network.parse().ok().or_else(address);
            if parsed.is_none() {
                tracing::warn!(network, "an entry of trustedProxies is not a network, it trusts nobody");
            }
            parsed.map(canonical)
        };
        Self {
            networks: networks.iter().filter_map(read).collect(),
            configured: !networks.is_empty(),
        }
    }

    /// Whether none were configured.
    pub fn is_empty(&self) -> bool {
        !self.configured
    }

    /// Whether an address is in one of them. `::ffff:192.0.2.1` is 192.0.2.1.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }
}

/// A network of IPv4 addresses written as IPv6 is one of IPv4.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(six) = network else { return network };
    let four = six.addr().to_ipv4_mapped().zip(six.prefix_len().checked_sub(96));
    four.and_then(|(address, length)| Ipv4Net::new(address, length).ok())
        .map_or(network, IpNet::V4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_contain_their_addresses_and_no_others() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.0.0.0/8", "::ffff:10.0.0.1", true),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3/32", "10.1.2.4", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("2001:db8::1", "2001:db8::1", true),
            ("::/0", "2001:db8::1", true),
            ("::ffff:10.0.0.0/104", "10.9.9.9", true),
            ("::ffff:10.0.0.1", "10.0.0.1", true),
            ("10.0.0.0/33", "10.0.0.1", false),
            ("10.0.0.0/x", "10.0.0.1", false),
            ("anywhere", "10.0.0.1", false),
        ] {
            let trusted = TrustedProxies::parse(&[network.to_owned()]);
            assert!(!trusted.is_empty());
            assert_eq!(
                trusted.contains(address.parse().unwrap()),
                inside,
                "{network} {address}"
            );
        }
        assert!(TrustedProxies::parse(&[]).is_empty());
    }
}
