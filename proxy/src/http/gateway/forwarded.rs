//! The address that events came from, when proxies stand between.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use firehose_proxy_config::RequestIp;
use http::{HeaderMap, HeaderValue};

use crate::config::TrustedProxies;

/// The value of `request_ip`: where `X-Forwarded-For` says that a request came from, as far as it is believed, else the
/// peer.
///
/// Each proxy on the way writes behind what it received the address that it received it from, so the header is read
/// from its end: an entry is true when the one who wrote it is trusted. With networks configured, the answer is the
/// first address from the right outside of them, and that of the peer when it is outside itself. An entry that is no
/// address (`unknown`) ends what is known. Without any networks the first entry counts, as in RudderStack, if it is an
/// address.
pub(super) fn request_ip(headers: &HeaderMap, peer: IpAddr, trusted: &TrustedProxies) -> IpAddr {
    let peer = peer.to_canonical();
    let lines = headers.get_all("x-forwarded-for");
    if trusted.is_empty() {
        return lines
            .iter()
            .next()
            .and_then(|line| entries(line).next()?)
            .unwrap_or(peer);
    }
    let mut farthest = peer;
    let from_the_right = lines.iter().rev().flat_map(|line| entries(line).rev());
    for entry in from_the_right {
        if !trusted.contains(farthest) {
            return farthest;
        }
        let Some(address) = entry else { return peer };
        farthest = address;
    }
    farthest
}

/// Whose share of memory a request is charged to: that of the client before trusted proxies, else of the peer. `None`
/// for those who stand for many: a trusted proxy that names nobody, and a mesh's sidecar on loopback. Without networks
/// the header is anybody's word and does not count.
pub(super) fn payer(headers: &HeaderMap, peer: IpAddr, trusted: &TrustedProxies) -> Option<IpAddr> {
    let address = match trusted.is_empty() {
        true => peer.to_canonical(),
        false => request_ip(headers, peer, trusted),
    };
    (!address.is_loopback() && !trusted.contains(address)).then_some(address)
}

/// As much of an address as may be kept.
pub(super) fn kept(address: IpAddr, extent: RequestIp) -> Option<IpAddr> {
    match (extent, address.to_canonical()) {
        (RequestIp::Full, address) => Some(address),
        (RequestIp::Truncated, IpAddr::V4(four)) => Some(Ipv4Addr::from_bits(four.to_bits() & u32::MAX << 8).into()),
        (RequestIp::Truncated, IpAddr::V6(six)) => Some(Ipv6Addr::from_bits(six.to_bits() & u128::MAX << 80).into()),
        (RequestIp::Omitted, _) => None,
    }
}

/// The entries of one line; `None` is one that is no address.
fn entries(line: &HeaderValue) -> impl DoubleEndedIterator<Item = Option<IpAddr>> {
    line.as_bytes().split(|byte| *byte == b',').map(|entry| {
        let entry = std::str::from_utf8(entry).ok()?.trim();
        let bare = entry.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let address = bare.unwrap_or(entry).parse().ok();
        let address = address.or_else(|| entry.parse::<SocketAddr>().ok().map(|address| address.ip()))?;
        Some(address.to_canonical())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(lines: &[&'static str], peer: &str, trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append("x-forwarded-for", HeaderValue::from_static(line));
        }
        let trusted: Vec<_> = trusted.iter().map(|network| (*network).to_owned()).collect();
        request_ip(&headers, peer.parse().unwrap(), &TrustedProxies::parse(&trusted)).to_string()
    }

    #[test]
    fn of_an_address_as_much_is_kept_as_is_said() {
        for (address, truncated) in [
            ("203.0.113.255", "203.0.113.0"),
            ("::ffff:203.0.113.9", "203.0.113.0"),
            ("2001:db8:1:ffff:ffff:ffff:ffff:ffff", "2001:db8:1::"),
            ("::1", "::"),
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert_eq!(kept(address, RequestIp::Full), Some(address.to_canonical()));
            assert_eq!(kept(address, RequestIp::Truncated), Some(truncated.parse().unwrap()));
            assert_eq!(kept(address, RequestIp::Omitted), None);
        }
    }

    #[test]
    fn without_networks_the_first_entry_counts_if_it_is_an_address() {
        for (lines, expected) in [
            (&[][..], "192.0.2.1"),
            (&["203.0.113.9, 10.0.0.1"], "203.0.113.9"),
            (&["203.0.113.9", "10.0.0.1"], "203.0.113.9"),
            (&["203.0.113.9:51234"], "203.0.113.9"),
            (&["[2001:db8::1]:443"], "2001:db8::1"),
            (&["[2001:db8::1]"], "2001:db8::1"),
            (&["2001:DB8:0::1"], "2001:db8::1"),
            (&["::ffff:203.0.113.9"], "203.0.113.9"),
            (&["unknown"], "192.0.2.1"),
            (&["unknown, 203.0.113.9"], "192.0.2.1"),
            (&[" , 10.0.0.1"], "192.0.2.1"),
            (&["<script>"], "192.0.2.1"),
            (&["203.0.113.9:port"], "192.0.2.1"),
            (&["203.0.113.999"], "192.0.2.1"),
        ] {
            assert_eq!(said(lines, "192.0.2.1", &[]), expected, "{lines:?}");
            assert_eq!(said(lines, "::ffff:192.0.2.1", &[]), expected, "{lines:?}");
        }
    }

    #[test]
    fn memory_is_charged_to_clients_and_not_to_those_who_stand_for_many() {
        for (line, peer, trusted, expected) in [
            ("203.0.113.9", "192.0.2.1", &[][..], Some("192.0.2.1")),
            ("203.0.113.9", "::ffff:192.0.2.1", &[], Some("192.0.2.1")),
            ("203.0.113.9", "127.0.0.1", &[], None),
            ("203.0.113.9", "::1", &[], None),
            ("203.0.113.9", "10.0.0.1", &["10.0.0.0/8"], Some("203.0.113.9")),
            ("10.0.0.2", "10.0.0.1", &["10.0.0.0/8"], None),
            ("unknown", "10.0.0.1", &["10.0.0.0/8"], None),
            ("203.0.113.9", "192.0.2.1", &["10.0.0.0/8"], Some("192.0.2.1")),
            ("127.0.0.1", "10.0.0.1", &["10.0.0.0/8"], None),
        ] {
            let mut headers = HeaderMap::new();
            headers.append("x-forwarded-for", HeaderValue::from_static(line));
            let trusted: Vec<_> = trusted.iter().map(|network| (*network).to_owned()).collect();
            let payer = payer(&headers, peer.parse().unwrap(), &TrustedProxies::parse(&trusted));
            assert_eq!(
                payer.map(|payer| payer.to_string()).as_deref(),
                expected,
                "{line} {peer}"
            );
        }
    }

    #[test]
    fn with_networks_the_first_address_from_the_right_outside_of_them_counts() {
        let trusted = ["10.0.0.0/8", "2001:db8:ffff::/48", "::ffff:172.16.0.0/108"];
        for (lines, peer, expected) in [
            (&["203.0.113.9"][..], "192.0.2.1", "192.0.2.1"),
            (&["203.0.113.9"], "10.1.1.1", "203.0.113.9"),
            (&["203.0.113.9"], "::ffff:10.1.1.1", "203.0.113.9"),
            (&["203.0.113.9"], "172.16.9.9", "203.0.113.9"),
            (&["203.0.113.9"], "2001:db8:ffff::1", "203.0.113.9"),
            (&["198.51.100.7, 203.0.113.9, 10.2.2.2"], "10.1.1.1", "203.0.113.9"),
            (&["198.51.100.7, 203.0.113.9", "10.2.2.2"], "10.1.1.1", "203.0.113.9"),
            (
                &["198.51.100.7, 203.0.113.9:99, [::ffff:10.2.2.2]:80"],
                "10.1.1.1",
                "203.0.113.9",
            ),
            (&["10.3.3.3, 10.2.2.2"], "10.1.1.1", "10.3.3.3"),
            (&[], "10.1.1.1", "10.1.1.1"),
            // The proxy before the trusted one does not say who asked it; whatever stands left of that, its client
            // wrote.
            (&["203.0.113.9, unknown"], "10.1.1.1", "10.1.1.1"),
            (&["unknown, 203.0.113.9"], "10.1.1.1", "203.0.113.9"),
        ] {
            assert_eq!(said(lines, peer, &trusted), expected, "{lines:?} {peer}");
        }
    }
}
