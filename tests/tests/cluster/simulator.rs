//! The Firehose stand-in inside of the cluster, and what has arrived in it.

use std::sync::OnceLock;

use firehose_tests::simulator::Simulator;

use crate::{
    destination::ROUTED,
    environment::environment,
    http,
    kubectl::{fresh_namespace, kubectl, wait_for},
    reach,
};

const NAMESPACE: &str = "firehose-simulator";

/// Where proxies find it; the `endpointURL` of a test's destinations.
pub(crate) const ENDPOINT: &str = "http://simulator.firehose-simulator.svc:4573";

/// Starts it, once for all tests, and empties it for this one.
pub(crate) fn start() -> Simulator {
    static URL: OnceLock<String> = OnceLock::new();
    let url = URL.get_or_init(|| {
        fresh_namespace(NAMESPACE);
        let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../simulator/in-cluster.yaml");
        kubectl(&format!("apply --namespace {NAMESPACE} --filename {example}"));
        if environment().own {
            // Tests cut the power of the other node.
            kubectl(&format!(
                "patch deployment simulator --namespace {NAMESPACE} --type merge --patch {}",
                r#"{"spec":{"template":{"spec":{"nodeName":"node-1"}}}}"#
            ));
        }
        kubectl(&format!(
            "rollout status deployment/simulator --namespace {NAMESPACE} --timeout 120s"
        ));
        let url = reach::service(NAMESPACE, "simulator", 4573);
        wait_for("the simulator answers", ROUTED, || {
            http::get(&format!("{url}/_simulator/streams"))
        });
        url
    });
    assert_eq!(http::post(&format!("{url}/_simulator/reset"), ""), Ok(200));
    Simulator { url: url.clone() }
}
