//! The address that events came from, when proxies stand between.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

/// The value of `request_ip`: the first entry of `X-Forwarded-For`, else the peer.
///
/// When networks are configured, the header is believed only from peers inside them; whoever reaches this port otherwise
/// could write any address into it. An entry that is not a network trusts nobody.
pub(super) fn request_ip(headers: &HeaderMap, peer: SocketAddr, trusted: &[String]) -> String {
    let peer = peer.ip().to_canonical();
    let forwarded = headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
    let first = forwarded.and_then(|list| list.split(',').next()).map_or("", str::trim);
    let believed = || trusted.is_empty() || trusted.iter().any(|network| contains(network, peer));
    if !first.is_empty() && believed() {
        return first.to_owned();
    }
    peer.to_string()
}

/// Whether a network in CIDR notation, or a single address, contains an address.
fn contains(network: &str, address: IpAddr) -> bool {
    let (base, length) = network.split_once('/').unwrap_or((network, ""));
    let Ok(base) = base.parse::<IpAddr>() else {
        return false;
    };
    let (base, address, width) = match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => (base.to_bits().into(), address.to_bits().into(), 32),
        (IpAddr::V6(base), IpAddr::V6(address)) => (base.to_bits(), address.to_bits(), 128),
        _ => return false,
    };
    let length = if length.is_empty() {
        Ok(width)
    } else {
        length.parse::<u32>()
    };
    match length {
        Ok(length) if length <= width => {
            let host_bits = width - length;
            let network_of = |bits: u128| bits.checked_shr(host_bits).unwrap_or(0);
            network_of(base) == network_of(address)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn networks_contain_their_addresses_and_no_others() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3/32", "10.1.2.4", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db8::1", true),
            ("10.0.0.0/33", "10.0.0.1", false),
            ("10.0.0.0/x", "10.0.0.1", false),
            ("anywhere", "10.0.0.1", false),
        ] {
            assert_eq!(
                contains(network, address.parse().unwrap()),
                inside,
                "{network} {address}"
            );
        }
    }

    #[test]
    fn the_header_counts_from_whom_it_is_believed() {
        let trusted = ["10.0.0.0/8".to_owned()];
        for (header, peer, trusted, expected) in [
            (None, "192.0.2.1:1", &[][..], "192.0.2.1"),
            (Some("203.0.113.9, 10.0.0.1"), "192.0.2.1:1", &[], "203.0.113.9"),
            (Some(" , 10.0.0.1"), "192.0.2.1:1", &[], "192.0.2.1"),
            (Some("203.0.113.9"), "192.0.2.1:1", &trusted, "192.0.2.1"),
            (Some("203.0.113.9"), "10.1.1.1:1", &trusted, "203.0.113.9"),
            (Some("203.0.113.9"), "[::ffff:10.1.1.1]:1", &trusted, "203.0.113.9"),
            (None, "[2001:db8::1]:1", &[], "2001:db8::1"),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(value) = header {
                headers.insert("x-forwarded-for", HeaderValue::from_static(value));
            }
            assert_eq!(
                request_ip(&headers, peer.parse().unwrap(), trusted),
                expected,
                "{header:?} {peer}"
            );
        }
    }
}
