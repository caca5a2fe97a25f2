//! The README's section "In your cluster", command by command as it is written. Last of all tests, because it installs the
//! simulator anew.

use std::process::Command;

use firehose_tests::{
    readme::{Block, blocks},
    simulator::Simulator,
    workspace,
};

use crate::{
    destination::{Destination, ROUTED},
    http, installation,
    kubectl::{kubectl, wait_for},
    reach,
};

#[test]
#[ignore = "needs a cluster: cargo xtask cluster test"]
fn the_readmes_commands_lead_to_a_destination_that_delivers() {
    installation::installed(); // the README's `helm upgrade --install` finds the same release
    for namespace in ["firehose-simulator", "analytics"] {
        kubectl(&format!(
            "delete namespace {namespace} --ignore-not-found --wait --timeout 120s"
        ));
    }
    let commands: Vec<String> = blocks()
        .iter()
        .filter(|block| block.info == "sh cluster")
        .flat_map(Block::commands)
        .collect();
    assert!(commands.len() > 5, "{commands:?}");
    for command in commands {
        let output = Command::new("sh")
            .args(["-c", &command])
            .current_dir(workspace::root())
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
    }

    let destination = Destination::existing("analytics", "checkout");
    destination.wait_until_ready(2);
    let simulator = Simulator {
        url: reach::service("firehose-simulator", "simulator", 4573),
    };
    wait_for("the simulator answers", ROUTED, || {
        http::get(&format!("{}/_simulator/streams", simulator.url))
    });
    let event = r#"{"messageId":"walkthrough","userId":"u"}"#;
    assert_eq!(
        http::post(&format!("{}/v1/identify", destination.url()), event),
        Ok(200)
    );
    let arrived = simulator.arrived();
    assert_eq!(arrived.events("customers").len(), 1);
    assert_eq!(arrived.events("customers")[0]["messageId"], "walkthrough");
    // `cargo xtask demo` makes it anew.
    kubectl("delete namespace analytics --wait --timeout 120s");
}
