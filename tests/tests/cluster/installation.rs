//! The operator, installed with its chart, once for all tests. Nothing here gives it a right that the chart does not.

use std::{sync::OnceLock, time::Duration};

use firehose_tests::workspace;

use crate::{
    environment::environment,
    kubectl::{fresh_namespace, get, helm, kubectl, wait_for},
    simulator,
};

/// Where the operator runs.
pub(crate) const NAMESPACE: &str = "firehose-system";

/// Name of the release and of its Deployment.
const OPERATOR: &str = "firehose-operator";

/// Installs it and waits until it runs.
pub(crate) fn installed() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        fresh_namespace(NAMESPACE);
        // The chart's own image names are those that `cargo xtask image` gives.
        let endpoint = format!("proxy.endpointURL={}", simulator::ENDPOINT);
        // moto listens at this machine's address, on a port that is free.
        let allowed = format!("allowedEndpoints[0]={}", environment().host);
        helm([
            "upgrade",
            "--install",
            OPERATOR,
            &chart(),
            "--namespace",
            NAMESPACE,
            "--set",
            &endpoint,
            "--set",
            &allowed,
        ]);
        rolled_out();
    });
}

/// Path of the chart.
pub(crate) fn chart() -> String {
    workspace::root().join("charts/firehose-operator").display().to_string()
}

/// Ends every pod of the operator and returns when the last one is gone.
pub(crate) fn stop_operator() {
    scale(0);
    wait_for("the operator's pods end", Duration::from_secs(60), || {
        match pods().len() {
            0 => Ok(()),
            left => Err(format!("{left} are left")),
        }
    });
}

/// Starts it again.
pub(crate) fn start_operator() {
    scale(2);
    rolled_out();
}

/// The operator's pods.
pub(crate) fn pods() -> Vec<serde_json::Value> {
    let pods = get(&format!(
        "pods --namespace {NAMESPACE} --selector app.kubernetes.io/name={OPERATOR}"
    ));
    pods["items"].as_array().unwrap().clone()
}

fn scale(replicas: usize) {
    kubectl(&format!(
        "scale deployment {OPERATOR} --namespace {NAMESPACE} --replicas {replicas}"
    ));
}

fn rolled_out() {
    kubectl(&format!(
        "rollout status deployment {OPERATOR} --namespace {NAMESPACE} --timeout 120s"
    ));
}
