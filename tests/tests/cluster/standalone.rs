//! The images of the simulator and of the local path, with the arguments that docs/release.md gives to `docker run`.
//! There is no engine here: a pod stands for the container.

use std::fs;

use firehose_tests::{simulator::Simulator, workspace};
use serde_json::json;

use crate::{
    destination::ROUTED,
    http,
    kubectl::{apply, fresh_namespace, get, kubectl, wait_for},
    reach,
};

const NAMESPACE: &str = "firehose-standalone";

#[test]
#[ignore = "needs a cluster: cargo xtask cluster test"]
fn the_documented_arguments_start_a_simulator_and_the_local_path() {
    fresh_namespace(NAMESPACE);
    kubectl(&format!(
        "create configmap examples --namespace {NAMESPACE} --from-file {}",
        workspace::root().join("examples").display()
    ));
    let simulator = start("firehose-simulator", 4573);
    wait_for("the simulator answers", ROUTED, || {
        http::get(&format!("{simulator}/_simulator/streams"))
    });

    let events = start("firehose-local", 8080);
    wait_for("the local path answers", ROUTED, || {
        http::get(&format!("{events}/health"))
    });
    let event = r#"{"userId":"u","event":"Product Added","messageId":"in-a-container"}"#;
    assert_eq!(http::post(&format!("{events}/v1/track"), event), Ok(200));
    let arrived = Simulator {
        url: url("firehose-local", 4573),
    };
    let arrived = arrived.arrived();
    assert_eq!(arrived.events("orders-prod")[0]["messageId"], "in-a-container");
    kubectl(&format!("delete namespace {NAMESPACE} --wait=false"));
}

/// Starts the image as documented; the base URL of a port.
fn start(program: &str, port: u16) -> String {
    let (image, arguments) = documented(program);
    let pod = json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": { "name": program, "namespace": NAMESPACE },
        "spec": {
            "automountServiceAccountToken": false,
            "terminationGracePeriodSeconds": 1,
            "securityContext": { "runAsNonRoot": true, "seccompProfile": { "type": "RuntimeDefault" } },
            "containers": [{
                "name": "program",
                "image": image,
                "args": arguments,
                "volumeMounts": [{ "name": "examples", "mountPath": "/examples" }],
                "securityContext": { "allowPrivilegeEscalation": false, "capabilities": { "drop": ["ALL"] } },
            }],
            "volumes": [{ "name": "examples", "configMap": { "name": "examples" } }],
        },
    });
    apply(&pod.to_string());
    kubectl(&format!(
        "wait pod/{program} --namespace {NAMESPACE} --for=condition=Ready --timeout 60s"
    ));
    url(program, port)
}

fn url(program: &str, port: u16) -> String {
    let pod = get(&format!("pod {program} --namespace {NAMESPACE}"));
    reach::pod(NAMESPACE, program, pod["status"]["podIP"].as_str().unwrap(), port)
}

/// Image and arguments of the page's `docker run` of this program.
fn documented(program: &str) -> (String, Vec<String>) {
    let page = fs::read_to_string(workspace::root().join("docs/release.md")).unwrap();
    let page = page.replace("\\\n", " ");
    let line = page
        .lines()
        .find(|line| line.starts_with("docker run") && line.contains(&format!("/{program}:")))
        .unwrap_or_else(|| panic!("docs/release.md runs no {program}"));
    let mut words = line.split_whitespace().map(str::to_owned);
    let image = words.find(|word| word.contains(&format!("/{program}:"))).unwrap();
    (image, words.collect())
}
