//! Addresses and links: a bridge on this machine, one network namespace a node, a route for each node's pods. The
//! addresses are fixed, so one machine holds one such cluster at a time.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::command::Run;

/// This machine as the nodes and pods see it; the API server listens here.
pub(crate) const HOST: &str = "10.250.0.1";
/// Addresses of Services.
pub(crate) const SERVICES: &str = "10.96.0.0/16";
/// The Service of the API server, by convention the first address of [`SERVICES`].
pub(crate) const API_SERVICE: &str = "10.96.0.1";
/// The Service of the DNS server.
pub(crate) const DNS_SERVICE: &str = "10.96.0.10";
/// Addresses of pods.
pub(crate) const PODS: &str = "10.244.0.0/16";

const BRIDGE: &str = "k8s0";

/// One of the two nodes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Node(u8);

/// Both nodes.
pub(crate) fn nodes() -> [Node; 2] {
    [Node(1), Node(2)]
}

impl Node {
    /// Its name in the cluster; also the name of its network namespace.
    pub(crate) fn name(self) -> String {
        format!("node-{}", self.0)
    }

    /// Its address on the bridge.
    pub(crate) fn address(self) -> String {
        format!("10.250.0.1{}", self.0)
    }

    /// Addresses of its pods.
    pub(crate) fn pods(self) -> String {
        format!("10.244.{}.0/24", self.0)
    }

    /// Path that `nsenter --net` takes.
    pub(crate) fn namespace(self) -> String {
        format!("/run/netns/{}", self.name())
    }

    /// This machine's end of the node's cable. Setting it down cuts the node off.
    pub(crate) fn link(self) -> String {
        format!("v{}", self.name())
    }
}

/// Makes whatever is not there yet.
///
/// # Errors
/// When a link, address or route cannot be made; that takes the rights of root.
pub(crate) fn create() -> Result<()> {
    if !exists(BRIDGE) {
        ip(&format!("link add {BRIDGE} type bridge"))
            .context("failed to make a network for the nodes, which takes root")?;
        ip(&format!("addr add {HOST}/24 dev {BRIDGE}"))?;
        ip(&format!("link set {BRIDGE} up"))?;
    }
    Run::line("sysctl -qw net.ipv4.ip_forward=1").quietly()?;
    for node in nodes() {
        if !Path::new(&node.namespace()).exists() {
            connect(node)?;
        }
    }
    // Any node's kube-proxy serves: this machine reaches Services through the first.
    ip(&format!("route replace {SERVICES} via {}", nodes()[0].address()))
}

/// Removes all of it. What is not there is no error.
pub(crate) fn remove() {
    for node in nodes() {
        Run::line("ip netns del").arg(node.name()).succeeds();
        Run::line("ip link del").arg(node.link()).succeeds();
    }
    Run::line("ip link del").arg(BRIDGE).succeeds();
}

fn connect(node: Node) -> Result<()> {
    let (name, link) = (node.name(), node.link());
    ip(&format!("netns add {name}"))?;
    ip(&format!("link add {link} type veth peer name eth0 netns {name}"))?;
    ip(&format!("link set {link} master {BRIDGE} up"))?;
    ip(&format!("-n {name} link set lo up"))?;
    ip(&format!("-n {name} addr add {}/24 dev eth0", node.address()))?;
    ip(&format!("-n {name} link set eth0 up"))?;
    ip(&format!("-n {name} route add default via {HOST}"))?;
    for other in nodes().into_iter().filter(|other| *other != node) {
        ip(&format!("-n {name} route add {} via {}", other.pods(), other.address()))?;
    }
    Run::new("nsenter")
        .arg(format!("--net={}", node.namespace()))
        .args(["sysctl", "-qw", "net.ipv4.ip_forward=1"])
        .quietly()?;
    ip(&format!("route replace {} via {}", node.pods(), node.address()))
}

fn exists(link: &str) -> bool {
    Path::new("/sys/class/net").join(link).exists()
}

fn ip(arguments: &str) -> Result<()> {
    Run::new("ip").args(arguments.split_whitespace()).quietly()
}
