//! From `kubectl apply` of the example to events of real SDKs in the right delivery streams, with two different
//! stand-ins for Firehose: our simulator in a pod, and moto on this machine.

use firehose_tests::{
    moto::Moto,
    sdk::{self, STREAM_OF},
    workspace,
};

use crate::{destination::Destination, environment::environment, kubectl::kubectl, simulator};

/// Events of each type that an SDK sends.
const EACH: usize = 40;

#[test]
#[ignore = "needs a cluster: cargo xtask cluster test"]
fn the_example_leads_to_two_proxies_on_two_nodes_and_the_sdks_events_are_where_they_belong() {
    let simulator = simulator::start();
    let destination = Destination::prepare("firehose-example", "orders", simulator::ENDPOINT);
    // The example as it is, in a namespace of the user's choice; the installation's default endpoint is the simulator.
    kubectl(&format!(
        "apply --namespace {} --filename {}",
        destination.namespace,
        workspace::root().join("examples/orders.yaml").display()
    ));
    // There is no identity here that AWS would know: the pods get a key, as examples/static-credentials.yaml does.
    kubectl(&format!(
        "patch firehosedestination orders --namespace {} --type merge --patch {}",
        destination.namespace,
        r#"{"spec":{"credentials":{"type":"Static","static":{"secretRef":{"name":"aws-firehose"}}}}}"#
    ));
    destination.wait_until_ready(2);
    let pods = destination.pods();
    assert_ne!(pods[0].node, pods[1].node, "both proxies are on one node");

    send_with_every_sdk(&destination.url());
    simulator.arrived().assert_exactly(&expected());
    destination.remove();
}

#[test]
#[ignore = "needs a cluster: cargo xtask cluster test"]
fn moto_on_this_machine_receives_what_the_sdks_send_through_the_cluster() {
    let streams = STREAM_OF.map(|(_, stream)| stream);
    let moto = Moto::start_at(&environment().host, &streams);
    let mappings = [
        ("product added", "orders-prod"),
        ("page", "pages-prod"),
        ("*", "everything-else"),
    ];
    let destination = Destination::ready("firehose-moto", "moto", &moto.url, &mappings);

    send_with_every_sdk(&destination.url());
    moto.arrived().assert_exactly(&expected());
    destination.remove();
}

/// From this machine, which is where the nodes are.
fn send_with_every_sdk(url: &str) {
    for sdk in sdk::ALL {
        sdk.send(url, EACH);
    }
}

fn expected() -> std::collections::BTreeMap<String, String> {
    sdk::ALL.iter().flat_map(|sdk| sdk.expected(EACH)).collect()
}
