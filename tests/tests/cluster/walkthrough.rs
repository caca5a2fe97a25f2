//! The README's section "In your cluster", command by command as it is written, on a cluster that has neither the product
//! nor its images: nodes pull them from a registry. Last of all tests, because they take away what the others share.

use std::{fs, process::Command};

use firehose_tests::{
    readme::{Block, blocks},
    workspace,
};
use serde_json::Value;

use crate::{
    destination::Destination,
    environment::{environment, registry, trusting_the_registry, xtask},
    installation,
    kubectl::{get, helm, kubectl},
};

/// The registry that the README names.
const REGISTRY: &str = "registry.example.com/you";

/// Where the chart and the manifests look for images when they are told nothing else.
const PUBLISHED: &str = "ghcr.io/firehose-operator/";

#[test]
#[ignore = "needs a cluster: cargo xtask cluster test"]
fn the_readmes_commands_lead_to_an_event_in_its_stream_with_images_from_a_registry() {
    empty_the_cluster();
    let mine = format!("{}/you", registry());
    let commands: Vec<String> = blocks()
        .iter()
        .filter(|block| block.info == "sh cluster")
        .flat_map(Block::commands)
        .collect();
    assert!(commands.len() > 10, "{commands:?}");
    // One shell, because later commands use what earlier ones set; it shows each before it is run.
    let script = format!("set -eux\n{}", commands.join("\n"));
    assert!(
        script.contains(REGISTRY),
        "the README names another registry than {REGISTRY}"
    );
    let mut shell = trusting_the_registry(Command::new("sh"));
    let output = shell
        .args(["-c", &script.replace(REGISTRY, &mine)])
        .current_dir(workspace::root())
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let shown = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{shown}");

    let arrived = printed.lines().last().unwrap();
    let arrived: Value = serde_json::from_str(arrived).unwrap_or_else(|_| panic!("no event in\n{printed}"));
    let event: Value = serde_json::from_str(arrived["events"][0].as_str().unwrap()).unwrap();
    assert_eq!(event["event"], "Order Completed");
    assert_eq!(event["userId"], "u1");
    let values = fs::read_to_string(workspace::root().join("images.yaml")).unwrap();
    for (namespace, program, pods) in [
        ("firehose-system", "firehose-operator", 2),
        ("analytics", "firehose-proxy", 2),
    ] {
        let image = images(namespace, pods);
        let (name, digest) = image
            .rsplit_once('@')
            .unwrap_or_else(|| panic!("{image} names no digest"));
        assert_eq!(name, format!("{mine}/{program}"));
        assert!(values.contains(&format!("repository: {name}\n")), "{values}");
        assert!(values.contains(&format!("digest: {digest}\n")), "{values}");
    }
    the_documented_command_lists_dead_letters();
    // `cargo xtask demo` makes it anew.
    kubectl("delete namespace analytics --wait --timeout 120s");
    fs::remove_file(workspace::root().join("images.yaml")).unwrap();
}

#[test]
#[ignore = "needs a cluster of our own: cargo xtask cluster test"]
fn the_chart_and_the_manifest_as_they_are_run_images_from_the_published_names() {
    empty_the_cluster();
    // The nodes look here first for what is published elsewhere.
    let published = PUBLISHED.trim_end_matches('/').split_once('/').unwrap().1;
    let pushed = trusting_the_registry(xtask())
        .args(["image", "--push", &format!("{}/{published}", registry())])
        .output()
        .unwrap();
    assert!(pushed.status.success(), "{pushed:?}");
    let values = String::from_utf8(pushed.stdout).unwrap();

    installation::installed_anew();
    kubectl("create namespace firehose-simulator");
    kubectl(&format!(
        "apply --namespace firehose-simulator --filename {}",
        workspace::root().join("simulator/in-cluster.yaml").display()
    ));
    kubectl("rollout status deployment/simulator --namespace firehose-simulator --timeout 120s");
    for (namespace, program, pods) in [
        ("firehose-system", "firehose-operator", 2),
        ("firehose-simulator", "firehose-simulator", 1),
    ] {
        let image = images(namespace, pods);
        let digest = image
            .strip_prefix(&format!("{PUBLISHED}{program}@"))
            .unwrap_or_else(|| panic!("{image} is not {program}'s"));
        assert!(values.contains(digest), "{digest} was not pushed:\n{values}");
    }
}

/// Takes away everything that belongs to the product, and from our own nodes its images too.
fn empty_the_cluster() {
    helm([
        "uninstall",
        "firehose-operator",
        "--namespace",
        "firehose-system",
        "--ignore-not-found",
    ]);
    for namespace in ["firehose-simulator", "analytics", "firehose-system"] {
        kubectl(&format!(
            "delete namespace {namespace} --ignore-not-found --wait --timeout 120s"
        ));
    }
    kubectl("delete crd firehosedestinations.firehose-operator.dev --ignore-not-found --wait --timeout 120s");
    if !environment().own {
        return;
    }
    for node in ["node-1", "node-2"] {
        let ours = images_of(node);
        if !ours.is_empty() {
            ctr(node, &["rm", "--sync"], &ours);
        }
        assert_eq!(images_of(node), Vec::<String>::new(), "{node} still has images");
    }
}

fn images_of(node: &str) -> Vec<String> {
    let names = ctr(node, &["ls", "--quiet"], &[]);
    names
        .lines()
        .filter(|name| name.contains("firehose-"))
        .map(str::to_owned)
        .collect()
}

fn ctr(node: &str, action: &[&str], images: &[String]) -> String {
    let output = xtask()
        .args(["cluster", "enter", node, "ctr", "--namespace", "k8s.io", "images"])
        .args(action)
        .args(images)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The image that every pod of a namespace runs, as the node resolved it.
fn images(namespace: &str, pods: usize) -> String {
    let list = get(&format!("pods --namespace {namespace}"));
    let mut images: Vec<&str> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|pod| pod["status"]["containerStatuses"][0]["imageID"].as_str().unwrap())
        .collect();
    assert_eq!(images.len(), pods, "{images:?}");
    images.dedup();
    assert_eq!(images.len(), 1, "{images:?}");
    images[0].to_owned()
}

/// docs/durability.md's command, with its optional part left out, in a pod that is there.
fn the_documented_command_lists_dead_letters() {
    let page = fs::read_to_string(workspace::root().join("docs/durability.md")).unwrap();
    let documented = page
        .lines()
        .find(|line| line.starts_with("kubectl exec") && line.contains(" dead-letters list"))
        .unwrap();
    let command = documented.split(" [").next().unwrap();
    let pod = format!(
        "{}-0 --namespace analytics",
        Destination::existing("analytics", "checkout").child()
    );
    let line = command
        .trim_start_matches("kubectl ")
        .replace("orders-firehose-0", &pod);
    assert!(line.contains(&pod), "the page's pod has another name: {documented}");
    println!("kubectl {line}: {:?}", kubectl(&line).trim());
}
