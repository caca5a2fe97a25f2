//! A node: namespaces of its own with containerd, kubelet and kube-proxy in them. Ending its first process is a power
//! cut; nothing of it survives but its disk.

use std::fs;

use anyhow::{Context as _, Result};

use super::{
    daemons::Daemon,
    network::{self, Node},
    programs::Programs,
    registry,
    state::State,
};
use crate::{command::Run, repository};

const CGROUPS: &str = "/sys/fs/cgroup";

/// Writes the node's configuration and switches it on.
///
/// # Errors
/// When a file cannot be written or the node's first process cannot be started.
pub(crate) fn start(state: &State, programs: &Programs, node: Node) -> Result<()> {
    let name = node.name();
    let daemon = Daemon::new(state, &name);
    if daemon.process().is_some() {
        return Ok(());
    }
    // What a power cut left behind: kubelet would wait seconds for each container that is in a cgroup and nowhere else.
    remove_cgroups(node);
    configure(state, node).with_context(|| format!("failed to configure {name}"))?;
    let cgroup = prepare_cgroups(&name).with_context(|| format!("failed to make the cgroups of {name}"))?;
    let script = |file: &str| repository().join("xtask/cluster").join(file).display().to_string();
    daemon.start(
        "sh",
        &[
            script("node-enter.sh"),
            node.namespace(),
            cgroup,
            script("node-init.sh"),
            name.clone(),
            state.folder().display().to_string(),
            programs.kubernetes.display().to_string(),
            node.address(),
        ],
    )
}

/// Cuts its power.
///
/// # Errors
/// When its first process cannot be ended.
pub(crate) fn stop(state: &State, node: Node) -> Result<()> {
    Daemon::new(state, &node.name()).kill()
}

/// Whether it is on.
pub(crate) fn is_on(state: &State, node: Node) -> bool {
    Daemon::new(state, &node.name()).process().is_some()
}

/// A command inside of the node.
///
/// # Errors
/// When the node is off.
pub(crate) fn inside(state: &State, node: Node) -> Result<Run> {
    let name = node.name();
    let first = Daemon::new(state, &name)
        .child()
        .with_context(|| format!("{name} is off"))?;
    Ok(Run::new("nsenter").args(["-t", &first.to_string(), "-m", "-n", "-p", "-u", "--"]))
}

/// Whether the images of its folder are loaded.
pub(crate) fn has_images(state: &State, node: Node) -> bool {
    inside(state, node).is_ok_and(|run| run.args(["test", "-e", "/run/images-loaded"]).succeeds())
}

/// Removes its cgroups; the kernel keeps those that a process is still in.
pub(crate) fn remove_cgroups(node: Node) {
    let name = node.name();
    Run::line("sh -c")
        .arg(format!(
            "find {CGROUPS}/*/{name} {CGROUPS}/{name} -depth -type d -exec rmdir {{}} ';'"
        ))
        .succeeds();
}

fn configure(state: &State, node: Node) -> Result<()> {
    let (name, address, disk) = (node.name(), node.address(), state.node(&node.name()));
    for part in ["etc", "cni", "kubelet", "containerd", "log/pods", "log/containers"] {
        fs::create_dir_all(disk.join(part))?;
    }
    let replace = |text: &str| {
        text.replace("@NAME@", &name)
            .replace("@ADDRESS@", &address)
            .replace("@DISK@", &disk.display().to_string())
            .replace("@PKI@", &state.pki_folder())
            .replace("@REGISTRY@", &registry::address())
            .replace("@KUBE_PROXY@", &state.kubeconfig("kube-proxy").display().to_string())
            .replace("@NODE_PODS@", &node.pods())
            .replace("@PODS@", network::PODS)
            .replace("@DNS@", network::DNS_SERVICE)
    };
    for (file, template) in [
        ("etc/containerd.toml", include_str!("../../cluster/containerd.toml")),
        ("etc/kubelet.yaml", include_str!("../../cluster/kubelet.yaml")),
        ("etc/kube-proxy.yaml", include_str!("../../cluster/kube-proxy.yaml")),
        ("cni/10-pods.conflist", include_str!("../../cluster/pods.conflist")),
    ] {
        fs::write(disk.join(file), replace(template))?;
    }
    for name in registry::names() {
        let folder = disk.join("etc/registries").join(name);
        fs::create_dir_all(&folder)?;
        let hosts = include_str!("../../cluster/registry-hosts.toml");
        fs::write(folder.join("hosts.toml"), replace(hosts))?;
    }
    Ok(())
}

/// One group for the node in every hierarchy. Returns the group of the node's own programs, so that what pods use
/// (kubelet sums up everything below its root) is not mixed with the memory of whoever started the cluster.
fn prepare_cgroups(name: &str) -> Result<String> {
    let mut own = String::new();
    for entry in fs::read_dir(CGROUPS)? {
        let hierarchy = entry?.path();
        if !hierarchy.is_dir() || hierarchy.is_symlink() {
            continue;
        }
        // Version 2 mounted as a whole has controllers' files here and no hierarchies.
        let hierarchy = if fs::exists(format!("{CGROUPS}/cgroup.controllers"))? {
            CGROUPS.into()
        } else {
            hierarchy
        };
        let group = hierarchy.join(name);
        fs::create_dir_all(&group)?;
        // A new cpuset (version 1) is empty, and no process can enter it then.
        for file in ["cpuset.cpus", "cpuset.mems"] {
            if hierarchy.ends_with("cpuset") {
                fs::copy(hierarchy.join(file), group.join(file))?;
            }
        }
        if hierarchy.ends_with("memory") || hierarchy.as_os_str() == CGROUPS {
            let system = group.join("system");
            fs::create_dir_all(&system)?;
            own = system.display().to_string();
        }
    }
    Ok(own)
}
