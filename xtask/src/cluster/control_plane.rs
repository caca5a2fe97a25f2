//! The store, the API server, the controller manager and the scheduler: processes on this machine, outside the nodes.

use std::time::Duration;

use anyhow::Result;

use super::{
    daemons::Daemon,
    kubectl::Kubectl,
    network::{HOST, SERVICES},
    programs::Programs,
    state::State,
};

const ETCD_CLIENTS: &str = "http://127.0.0.1:12379";
const ETCD_PEERS: &str = "http://127.0.0.1:12380";

/// In the order of starting; they are stopped the other way round.
const PARTS: [&str; 4] = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler"];

/// Starts the store and the API server. They need no node, and nodes need only their address.
///
/// # Errors
/// When a program cannot be started.
pub(crate) fn start_api(state: &State, programs: &Programs) -> Result<()> {
    start(
        state,
        "etcd",
        "etcd",
        &[
            format!("--data-dir={}", state.etcd().display()),
            format!("--listen-client-urls={ETCD_CLIENTS}"),
            format!("--advertise-client-urls={ETCD_CLIENTS}"),
            format!("--listen-peer-urls={ETCD_PEERS}"),
            // Nothing here outlives the machine.
            "--unsafe-no-fsync".to_owned(),
        ],
    )?;
    let pki = |file: &str| state.pki(file).display().to_string();
    start(
        state,
        "kube-apiserver",
        programs.kubernetes.join("kube-apiserver"),
        &[
            format!("--etcd-servers={ETCD_CLIENTS}"),
            format!("--bind-address={HOST}"),
            format!("--advertise-address={HOST}"),
            "--secure-port=6443".to_owned(),
            format!("--service-cluster-ip-range={SERVICES}"),
            format!("--tls-cert-file={}", pki("apiserver.crt")),
            format!("--tls-private-key-file={}", pki("apiserver.key")),
            format!("--client-ca-file={}", pki("ca.crt")),
            format!("--kubelet-certificate-authority={}", pki("ca.crt")),
            format!("--kubelet-client-certificate={}", pki("apiserver-kubelet.crt")),
            format!("--kubelet-client-key={}", pki("apiserver-kubelet.key")),
            "--kubelet-preferred-address-types=InternalIP".to_owned(),
            format!("--service-account-key-file={}", pki("service-accounts.key")),
            format!("--service-account-signing-key-file={}", pki("service-accounts.key")),
            "--service-account-issuer=https://kubernetes.default.svc.cluster.local".to_owned(),
            "--authorization-mode=Node,RBAC".to_owned(),
            "--enable-admission-plugins=NodeRestriction".to_owned(),
            "--allow-privileged=true".to_owned(),
            "--endpoint-reconciler-type=lease".to_owned(),
            // Pods leave a lost node after seconds instead of five minutes: tests wait for it.
            "--default-not-ready-toleration-seconds=5".to_owned(),
            "--default-unreachable-toleration-seconds=5".to_owned(),
        ],
    )
}

/// Waits for the API server and starts what works through it. The wait is not a courtesy: both programs end when the
/// roles that the API server creates for them are not there yet.
///
/// # Errors
/// When the API server does not get ready or a program cannot be started.
pub(crate) fn start_controllers(state: &State, programs: &Programs, kubectl: &Kubectl) -> Result<()> {
    kubectl.wait_for("the API server", Duration::from_secs(60), |kubectl| {
        kubectl.run("get --raw /readyz").succeeds()
    })?;
    let client = |name: &str| {
        let path = state.kubeconfig(name).display().to_string();
        ["kubeconfig", "authentication-kubeconfig", "authorization-kubeconfig"].map(|flag| format!("--{flag}={path}"))
    };
    let mut manager = Vec::from(client("kube-controller-manager"));
    manager.extend([
        format!(
            "--service-account-private-key-file={}",
            state.pki("service-accounts.key").display()
        ),
        format!("--root-ca-file={}", state.pki("ca.crt").display()),
        "--use-service-account-credentials=true".to_owned(),
        "--leader-elect=false".to_owned(),
        "--bind-address=127.0.0.1".to_owned(),
        "--allocate-node-cidrs=false".to_owned(),
        "--node-monitor-period=1s".to_owned(),
        "--node-monitor-grace-period=8s".to_owned(),
    ]);
    start(
        state,
        "kube-controller-manager",
        programs.kubernetes.join("kube-controller-manager"),
        &manager,
    )?;
    let mut scheduler = Vec::from(client("kube-scheduler"));
    scheduler.extend(["--leader-elect=false".to_owned(), "--bind-address=127.0.0.1".to_owned()]);
    start(
        state,
        "kube-scheduler",
        programs.kubernetes.join("kube-scheduler"),
        &scheduler,
    )
}

/// Stops all of it.
///
/// # Errors
/// When a program cannot be ended.
pub(crate) fn stop(state: &State) -> Result<()> {
    PARTS.iter().rev().try_for_each(|part| Daemon::new(state, part).stop())
}

/// Each part, and whether it runs.
pub(crate) fn status(state: &State) -> [(&'static str, bool); 4] {
    PARTS.map(|part| (part, Daemon::new(state, part).process().is_some()))
}

fn start(state: &State, name: &str, program: impl AsRef<std::ffi::OsStr>, arguments: &[String]) -> Result<()> {
    let daemon = Daemon::new(state, name);
    if daemon.process().is_some() {
        return Ok(());
    }
    daemon.start(program, arguments)
}
