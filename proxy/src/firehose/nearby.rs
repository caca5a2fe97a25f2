//! Which addresses are this machine's or its node's: loopback, link-local, and whoever hands out credentials there.
//!
//! An HTTP proxy from the environment must not see requests to them. They carry tokens or are answered with keys, and a
//! proxy elsewhere could not even reach them.

use std::{
    env,
    net::{IpAddr, Ipv6Addr},
};

/// Environment variables of the SDKs with the address of such an agent.
const AGENTS: [&str; 2] = [
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
];

/// Whether a URI leads there. One that is no URI leads nowhere.
pub(super) fn is_nearby(uri: &str) -> bool {
    let Some(host) = host_of(uri) else { return false };
    let is_agent = |name: &&str| env::var(name).is_ok_and(|agent| host_of(&agent).as_ref() == Some(&host));
    match host.parse::<IpAddr>() {
        Ok(address) => is_nearby_address(address) || AGENTS.iter().any(is_agent),
        Err(_) => host == "localhost" || host.ends_with(".localhost") || AGENTS.iter().any(is_agent),
    }
}

/// The host of a URI in lower case, an IPv6 address without its brackets.
fn host_of(uri: &str) -> Option<String> {
    let uri: http::Uri = uri.parse().ok()?;
    let host = uri.host()?.trim_end_matches('.');
    Some(host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase())
}

fn is_nearby_address(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => address.is_loopback() || address.is_unicast_link_local() || is_of_the_instance(address),
    }
}

/// Where EC2 has its services for an instance: `fd00:ec2::254` is its metadata, `fd00:ec2::23` its Pod Identity agent.
fn is_of_the_instance(address: Ipv6Addr) -> bool {
    address.segments()[..2] == [0xfd00, 0x0ec2]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_on_this_machine_or_its_node_is_nearby_and_nothing_else_is() {
        for (uri, expected) in [
            ("http://169.254.170.23/v1/credentials", true),
            ("http://169.254.170.2/v2/credentials", true),
            ("http://169.254.169.254/latest/api/token", true),
            ("http://[fd00:ec2::23]/v1/credentials", true),
            ("http://[fd00:ec2::254]/latest", true),
            ("http://[fe80::1]/", true),
            ("http://[::ffff:169.254.170.23]/", true),
            ("http://127.0.0.1:8080/", true),
            ("http://127.9.9.9/", true),
            ("http://[::1]:80/", true),
            ("http://LOCALHOST./", true),
            ("http://agent.localhost:80/", true),
            ("https://firehose.eu-west-1.amazonaws.com/", false),
            ("https://localhost.example.com/", false),
            ("http://10.0.0.1/", false),
            ("http://[fd00::1]/", false),
            ("http://169.253.1.1/", false),
            ("not a uri", false),
        ] {
            assert_eq!(is_nearby(uri), expected, "{uri}");
        }
    }
}
