//! Who answers for Firehose, and with whose key: what the manifest and the caller say, and nothing else.

use std::{fs, process::Command};

use firehose_tests::{
    http,
    local_path::{self, LocalPath},
    program::Program,
    simulator::Simulator,
    wait::SOON,
    workspace,
};
use serde_json::json;

use crate::manifest::{Manifest, endpoint, with_rows};

/// A Firehose of its own, as a manifest names one.
fn firehose(options: &[&str]) -> (Program, Simulator) {
    let mut command = Command::new(workspace::program("firehose-simulator"));
    command
        .args(["--listen", "127.0.0.1:0", "--create-on-demand"])
        .args(options);
    let program = Program::start(&mut command);
    let ready = program.line("ready ", SOON);
    let url = ready.trim_start_matches("ready simulator=").to_owned();
    (program, Simulator { url })
}

fn track(local: &LocalPath, event: &str) {
    let body = json!({"userId": "u", "event": event}).to_string();
    let answer = http::post(&format!("{}/v1/track", local.events), body).unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (200, "ok"), "{event}");
}

#[test]
fn an_edit_that_takes_the_endpoint_away_does_not_lead_to_aws() {
    let (_firehose, simulator) = firehose(&[]);
    let rows = with_rows(&[("*", "everything")]);
    let manifest = Manifest::new(&[]);
    manifest.save(&format!("{rows}{}", endpoint(&simulator.url)));
    let local = LocalPath::start(&manifest.path());
    assert!(local.has_no_simulator());
    track(&local, "before");

    manifest.save(&rows);
    local.program.says("spec.endpoints.firehose", SOON);
    track(&local, "after");
    assert_eq!(simulator.arrived().events("everything").len(), 2);
}

#[test]
fn aws_is_talked_to_only_when_the_caller_says_so() {
    let manifest = Manifest::new(&[("*", "everything")]);
    // No event is sent, so nothing leaves this machine.
    let mut local = LocalPath::start_with(&manifest.path(), &["--aws"]);
    assert!(local.has_no_simulator());
    assert!(local.program.terminate(SOON).success(), "{}", local.program.errors());
}

#[test]
fn static_credentials_are_those_of_the_environment_and_their_absence_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let access = folder.path().join("access.json");
    // The key that every local path of these tests has in its environment.
    let known = json!({"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": "none"});
    let verified = json!({"signatures": "Verified", "credentials": [known]});
    fs::write(&access, verified.to_string()).unwrap();
    let (_firehose, simulator) = firehose(&["--region", "eu-west-1", "--access", access.to_str().unwrap()]);
    let manifest = Manifest::new(&[]);
    manifest.save(&format!(
        "{}{}  credentials: {{ type: Static, static: {{ secretRef: {{ name: only-in-a-cluster }} }} }}\n",
        with_rows(&[("*", "everything")]),
        endpoint(&simulator.url)
    ));

    let local = LocalPath::start(&manifest.path());
    track(&local, "signed");
    assert_eq!(simulator.arrived().events("everything").len(), 1);

    let mut command = local_path::command(&manifest.path());
    let mut program = Program::start(command.env_remove("AWS_SECRET_ACCESS_KEY"));
    assert!(!program.ends(SOON).success());
    program.says("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", SOON);
}
