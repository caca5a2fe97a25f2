//! schemathesis reads the description of the event endpoint and looks for requests that are answered otherwise.
//!
//! The test is ignored where nothing has installed schemathesis; `cargo xtask test` installs it and runs this.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{fs, process::Command};

use firehose_tests::{local_path::LocalPath, workspace};

/// Requests of each operation that are thought up.
const EXAMPLES: &str = "5";

/// Sends nothing to Firehose, so that no request waits for it.
const MANIFEST: &str = "\
apiVersion: firehose-operator.dev/v1alpha1
kind: FirehoseDestination
metadata:
  name: described
spec:
  region: eu-west-1
  mappings:
    - event: what nobody calls an event
      deliveryStreamName: nothing
";

/// Paths that stand for all: those of the other types of events differ from them by name only.
const EACH_KIND: &str =
    "^/(v1/(track|batch|m|projects/.*)|beacon/v1/batch|pixel/v1/track|sourceConfig|health|version)$";

#[test]
#[ignore = "needs schemathesis: cargo xtask test openapi"]
fn every_request_is_answered_as_the_description_says() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("described.yaml");
    fs::write(&manifest, MANIFEST).unwrap();
    let local = LocalPath::start(&manifest);
    for phase in [
        // What the description suggests by itself: each bound, each type, each method that is not described.
        &["--phases", "coverage", "--include-path-regex", EACH_KIND][..],
        &["--phases", "fuzzing", "--max-examples", EXAMPLES],
    ] {
        // One worker and one seed: a failure is the same failure the next time.
        let checked = Command::new(workspace::schemathesis())
            .arg("run")
            .arg(format!("{}/openapi.json", local.admin))
            .args(["--url", &local.events, "--checks", "all", "--continue-on-failure"])
            .args(["--workers", "1", "--seed", "1"])
            .args(phase)
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
    }
}
