//! The operator's commands for people, as a person types them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test reports")]

mod explain;
mod templates;

use std::{
    os::unix::fs::symlink,
    path::Path,
    process::{Command, Output},
};

use firehose_tests::workspace;

/// Runs the program with these arguments, in the repository.
pub(crate) fn run(program: &Path, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .env_remove("KUBECONFIG")
        .current_dir(workspace::root())
        .output()
        .unwrap()
}

pub(crate) fn operator() -> std::path::PathBuf {
    workspace::program("firehose-operator")
}

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The names that the program's help lists.
fn commands() -> Vec<String> {
    let help = text(&run(&operator(), &["--help"]));
    let (_, list) = help.split_once("Commands:\n").unwrap();
    let names = list.lines().take_while(|line| !line.is_empty());
    let names = names.filter_map(|line| {
        line.strip_prefix("  ")?
            .split(' ')
            .next()
            .filter(|name| !name.is_empty())
    });
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[test]
fn each_commands_help_has_an_example_that_runs() {
    let commands = commands();
    assert!(commands.len() >= 7, "{commands:?}");
    for command in commands {
        let help = text(&run(&operator(), &[&command, "--help"]));
        let examples: Vec<&str> = help
            .lines()
            .filter_map(|line| line.strip_prefix("  firehose-operator "))
            .collect();
        assert!(!examples.is_empty(), "{command} has no example:\n{help}");
        if help.contains("Needs a cluster:") {
            continue;
        }
        for example in examples {
            let arguments: Vec<&str> = example.split(' ').collect();
            let output = run(&operator(), &arguments);
            assert!(output.status.success(), "{example}: {output:?}");
            assert!(output.stderr.is_empty(), "{example}: {output:?}");
        }
    }
}

#[test]
fn the_exit_code_tells_a_complaint_from_a_line_that_is_not_understood() {
    for (arguments, code) in [
        (&["check", "examples/orders.yaml"][..], 0),
        (&["check", "Cargo.toml"], 1),
        (&["check"], 2),
        (&["iam-policy", "-f", "examples/orders.yaml", "--account-id", "1"], 2),
        (
            &[
                "iam-policy",
                "-f",
                "examples/orders.yaml",
                "--account-id",
                "123456789012",
                "--document",
                "trust",
            ],
            1,
        ),
        (&["streams", "-f", "examples/orders.yaml", "-o", "ack"], 2),
        (&["--version"], 0),
    ] {
        let output = run(&operator(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {output:?}");
    }
}

#[test]
fn the_same_program_is_a_plugin_of_kubectl() {
    let folder = tempfile::tempdir().unwrap();
    let plugin = folder.path().join("kubectl-firehose");
    symlink(operator(), &plugin).unwrap();
    let help = text(&run(&plugin, &["streams", "--help"]));
    assert!(help.contains("Usage: kubectl firehose streams"), "{help}");
    let output = run(&plugin, &["streams", "-f", "examples/orders.yaml"]);
    assert_eq!(text(&output), "orders-prod\npages-prod\neverything-else\n");
}

#[test]
fn nothing_is_coloured_where_nobody_looks() {
    for arguments in [&["--help"][..], &["check"], &["nonsense"]] {
        let output = run(&operator(), arguments);
        let all = [output.stdout, output.stderr].concat();
        assert!(!all.contains(&0x1b), "{arguments:?}");
    }
}

#[test]
fn every_program_says_its_version() {
    for name in [
        "firehose-operator",
        "firehose-proxy",
        "firehose-simulator",
        "firehose-local",
    ] {
        let said = text(&run(&workspace::program(name), &["--version"]));
        assert_eq!(said.trim(), format!("{name} {}", env!("CARGO_PKG_VERSION")));
    }
}

#[test]
fn completions_and_man_pages_know_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let output = run(&operator(), &["man", "--directory", folder.path().to_str().unwrap()]);
    assert!(output.status.success(), "{output:?}");
    let script = text(&run(&operator(), &["completions", "bash"]));
    for command in commands() {
        assert!(
            folder.path().join(format!("firehose-operator-{command}.1")).is_file(),
            "{command}"
        );
        assert!(script.contains(&command), "{command}");
    }
}
