//! The README's section "In your cluster", command by command as it is written, on a cluster that has neither the
//! product nor its images: nodes pull them from a registry. Last of all tests, because it takes away what the others
//! share.

use std::{
    fmt::Write as _,
    fs,
    process::Command,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use firehose_tests::{
    readme::{Block, blocks},
    workspace,
};
use serde_json::Value;

use crate::{
    destination::Destination,
    environment::{environment, helm_3, registry, trusting_the_registry, xtask},
    images, installation,
    kubectl::{get, helm, helm_at, kubectl},
};

/// The registry that the README names.
const REGISTRY: &str = "registry.example.com/you";

/// Where the chart and the manifests look for images when they are told nothing else.
const PUBLISHED: &str = "ghcr.io/firehose-operator";

#[test]
#[ignore = "needs a cluster: cargo xtask cluster test"]
fn the_readmes_commands_lead_to_an_event_in_its_stream_with_images_from_a_registry() {
    let begin = Instant::now();
    empty_the_cluster();
    println!("emptied in {:.1} s", begin.elapsed().as_secs_f64());
    // The path is that of the published images: nodes look here first for them.
    let (_, path) = PUBLISHED.split_once('/').unwrap();
    let mine = format!("{}/{path}", registry());
    let printed = run_the_readme(&mine);
    let arrived = printed.rfind(r#"{"sequence""#).map_or("", |at| &printed[at..]);
    let arrived: Value = serde_json::from_str(arrived).unwrap_or_else(|_| panic!("no event in\n{printed}"));
    let event: Value = serde_json::from_str(arrived["events"][0].as_str().unwrap()).unwrap();
    assert_eq!(event["event"], "Order Completed");
    assert_eq!(event["userId"], "u1");

    let values = fs::read_to_string(workspace::root().join("images.yaml")).unwrap();
    for (namespace, program) in [
        ("firehose-system", "firehose-operator"),
        ("analytics", "firehose-proxy"),
    ] {
        let image = image_of_the_pods_in(namespace);
        let (name, digest) = image.name.rsplit_once('@').unwrap();
        assert_eq!(image.digest, digest);
        assert_eq!(name, format!("{mine}/{program}"));
        assert!(values.contains(&format!("repository: {name}\n")), "{values}");
        assert!(values.contains(&format!("digest: {digest}\n")), "{values}");
    }
    images::assert_bills_are_beside_the_images_in(&mine);
    the_documented_command_lists_dead_letters();
    // Proxies take their time to end.
    kubectl("delete namespace analytics --wait=false");
    helm_3_installs_the_same(&mine, &values);
    fs::remove_file(workspace::root().join("images.yaml")).unwrap();
    if environment().own {
        the_chart_and_the_manifest_as_they_are_run_images_of_the_published_names(&values);
    }
    // `cargo xtask demo` makes it anew.
    kubectl("delete namespace analytics --ignore-not-found --wait --timeout 120s");
}

/// Runs every command in one shell, because later ones use what earlier ones set; returns what they wrote to standard
/// output, and prints how long each block took.
fn run_the_readme(registry: &str) -> String {
    let blocks: Vec<Block> = blocks()
        .into_iter()
        .filter(|block| block.info == "sh cluster")
        .collect();
    assert!(blocks.len() > 3, "{blocks:?}");
    // What the shell is about to do, it shows; behind each block it says the time.
    let mut script = "set -eux\n".to_owned();
    for block in &blocks {
        writeln!(script, "{}\n{{ date +@%s.%N; }} 2>&-", block.commands().join("\n")).unwrap();
    }
    assert!(
        script.contains(REGISTRY),
        "the README names another registry than {REGISTRY}"
    );
    let mut begin = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let output = trusting_the_registry(Command::new("sh"))
        .args(["-c", &script.replace(REGISTRY, registry)])
        .current_dir(workspace::root())
        .output()
        .unwrap();
    let (printed, shown) = (
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{printed}\n{shown}");
    let times = printed
        .lines()
        .filter_map(|line| line.strip_prefix('@')?.parse::<f64>().ok());
    for (block, end) in blocks.iter().zip(times) {
        println!("README, {:.1} s: {} …", end - begin, block.commands()[0]);
        begin = end;
    }
    printed
        .lines()
        .filter(|line| !line.starts_with('@'))
        .collect::<Vec<_>>()
        .join("\n")
}

/// The README's `helm` is version 4; the values that it took are as good for version 3.
fn helm_3_installs_the_same(mine: &str, values: &str) {
    helm([
        "uninstall",
        "firehose-operator",
        "--namespace",
        "firehose-system",
        "--wait",
    ]);
    let file = workspace::root().join("images.yaml").display().to_string();
    let chart = installation::chart();
    let release = ["firehose-operator", &chart, "--namespace", "firehose-system"];
    let arguments = ["install"].into_iter().chain(release);
    helm_at(
        &helm_3(),
        arguments.chain(["--values", &file, "--wait", "--timeout", "2m"]),
    );
    let image = image_of_the_pods_in("firehose-system");
    assert_eq!(image.name, format!("{mine}/firehose-operator@{}", image.digest));
    assert!(values.contains(&image.digest), "{image:?} is not among\n{values}");
}

/// Nothing tells chart and manifest about the registry now: the nodes know it.
fn the_chart_and_the_manifest_as_they_are_run_images_of_the_published_names(values: &str) {
    let chart = installation::chart();
    let release = ["firehose-operator", &chart, "--namespace", "firehose-system"];
    let arguments = ["upgrade"].into_iter().chain(release);
    helm_at(
        &helm_3(),
        arguments.chain(["--reset-values", "--wait", "--timeout", "2m"]),
    );
    kubectl(&format!(
        "apply --namespace firehose-simulator --filename {}",
        workspace::root().join("simulator/in-cluster.yaml").display()
    ));
    kubectl("rollout status deployment/simulator --namespace firehose-simulator --timeout 120s");
    for (namespace, program) in [
        ("firehose-system", "firehose-operator"),
        ("firehose-simulator", "firehose-simulator"),
    ] {
        let image = image_of_the_pods_in(namespace);
        assert_eq!(
            image.name,
            format!("{PUBLISHED}/{program}:{}", env!("CARGO_PKG_VERSION"))
        );
        assert!(
            values.contains(&image.digest),
            "{program} is not what was pushed:\n{values}"
        );
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
    kubectl("delete namespace firehose-simulator analytics firehose-system --ignore-not-found --wait --timeout 120s");
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

/// The image that every pod of a namespace runs.
#[derive(Debug, PartialEq)]
struct Image {
    /// As the pod names it.
    name: String,
    /// As the node resolved it.
    digest: String,
}

fn image_of_the_pods_in(namespace: &str) -> Image {
    let list = get(&format!("pods --namespace {namespace}"));
    let mut images: Vec<Image> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
        .map(|pod| {
            let resolved = pod["status"]["containerStatuses"][0]["imageID"].as_str().unwrap();
            Image {
                name: pod["spec"]["containers"][0]["image"].as_str().unwrap().to_owned(),
                digest: resolved.rsplit('@').next().unwrap().to_owned(),
            }
        })
        .collect();
    images.dedup();
    assert_eq!(images.len(), 1, "{images:?}");
    images.remove(0)
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
