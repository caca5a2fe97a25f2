//! Every command of the README does what the README says.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test reports")]

use std::{fs, process::Command, time::Duration};

use firehose_tests::{
    local_path::{self, LocalPath},
    program::Program,
    readme::{KINDS, blocks},
    wait::SOON,
    workspace,
};

/// How the first command starts the local path.
const RUN: &str = "cargo run --release -p firehose-local -- ";

/// The addresses that the text names, which are the program's defaults.
const EVENTS: &str = "http://localhost:8080";
const SIMULATOR: &str = "http://localhost:4573";

/// A release build on a small machine, from nothing.
const BUILD: Duration = Duration::from_secs(45 * 60);

fn commands(kind: &str) -> Vec<String> {
    let wanted = format!("sh {kind}");
    let commands: Vec<_> = blocks()
        .iter()
        .filter(|block| block.info == wanted)
        .flat_map(firehose_tests::readme::Block::commands)
        .collect();
    assert!(!commands.is_empty(), "the README has no `{wanted}` block");
    commands
}

#[test]
fn every_block_of_commands_says_which_test_runs_it() {
    for block in blocks() {
        if let Some(kind) = block.info.strip_prefix("sh") {
            assert!(KINDS.contains(&kind.trim()), "no test runs this:\n{}", block.text);
        }
        assert!(
            !["bash", "shell", "console", ""].contains(&block.info.as_str()),
            "say `sh` and what it is for: {block:?}"
        );
    }
}

#[test]
#[ignore = "needs curl: cargo xtask test readme"]
fn the_first_command_and_the_lines_to_try_end_in_a_delivered_event() {
    let [run] = commands("run").try_into().unwrap();
    // Only the way to the program and the addresses are others here: a build for release takes minutes, and the default
    // ports may be taken. `cargo xtask prove readme` runs the command as it is written.
    let manifest = run
        .strip_prefix(RUN)
        .unwrap_or_else(|| panic!("`{run}` is not `{RUN}…`"));
    let local = LocalPath::start(&workspace::root().join(manifest));
    try_everything(&local.events, &local.simulator().url);
    // The line that the program itself gives a person to try.
    let line = local.program.line("try: ", SOON);
    let output = Command::new("sh")
        .args(["-c", line.trim_start_matches("try: ")])
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "ok", "{line}: {output:?}");
    assert_eq!(local.simulator().arrived().events("orders-prod").len(), 2);
}

#[test]
fn the_addresses_in_the_text_are_the_defaults() {
    let help = Command::new(workspace::program("firehose-local"))
        .arg("--help")
        .output()
        .unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for address in [EVENTS, SIMULATOR] {
        let default = format!("[default: {}]", address.trim_start_matches("http://"));
        assert!(help.contains(&default), "{default} is not in\n{help}");
    }
}

#[test]
fn the_custom_resource_by_example_is_accepted() {
    let yaml: Vec<_> = blocks().into_iter().filter(|block| block.info == "yaml").collect();
    assert!(!yaml.is_empty(), "the README shows no custom resource");
    for block in yaml {
        let folder = tempfile::tempdir().unwrap();
        let manifest = folder.path().join("example.yaml");
        fs::write(&manifest, &block.text).unwrap();
        LocalPath::of(Program::start(&mut local_path::command(&manifest)));
    }
}

#[test]
fn ci_runs_the_command_that_the_readme_names() {
    let [test] = commands("test").try_into().unwrap();
    let ci = fs::read_to_string(workspace::root().join(".ci/run")).unwrap();
    assert!(ci.lines().any(|line| line == test), "`{test}` is not in .ci/run");
}

#[test]
#[ignore = "builds for release and takes the default ports: cargo xtask prove readme"]
fn the_first_command_as_it_is_written() {
    let [run] = commands("run").try_into().unwrap();
    let program = Program::start(
        Command::new("sh")
            .args(["-c", &format!("exec {run}")])
            .current_dir(workspace::root()),
    );
    program.line("ready ", BUILD);
    try_everything(EVENTS, SIMULATOR);
}

/// Runs each line to try, at these addresses.
fn try_everything(events: &str, simulator: &str) {
    let mut printed = Vec::new();
    for command in commands("try") {
        let command = command.replace(EVENTS, events).replace(SIMULATOR, simulator);
        let output = Command::new("sh").args(["-c", &command]).output().unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        printed.push(String::from_utf8(output.stdout).unwrap());
    }
    let [answer, streams, events] = printed.as_slice() else {
        panic!("three lines to try are known, not {}: {printed:?}", printed.len());
    };
    assert_eq!(answer, "ok");
    let streams: serde_json::Value = serde_json::from_str(streams).unwrap();
    let orders = streams
        .as_array()
        .unwrap()
        .iter()
        .find(|stream| stream["name"] == "orders-prod");
    assert_eq!(orders.unwrap()["records"], 1, "{streams}");
    // As texts and not in base64: a person reads them.
    assert!(events.contains(r#"\"event\":\"Product Added\""#), "{events}");
}
