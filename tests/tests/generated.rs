//! Generated files are what their generators write today.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{fs, process::Command};

use firehose_tests::workspace;

#[test]
fn the_custom_resource_definition_is_what_the_operator_prints() {
    let printed = Command::new(workspace::program("firehose-operator"))
        .arg("crd")
        .output()
        .unwrap();
    assert!(printed.status.success(), "{printed:?}");
    let file = workspace::root().join("crds/firehosedestinations.yaml");
    assert!(
        fs::read(&file).unwrap() == printed.stdout,
        "{0} is not current: cargo run -p firehose-operator -- crd > {0}",
        "crds/firehosedestinations.yaml"
    );
}
