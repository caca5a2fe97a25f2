//! The benchmark runs and counts. Says nothing about speed: the profile is debug and the load tiny.

use std::{path::Path, process::Command};

#[test]
fn a_tiny_run_delivers_every_event_and_prints_a_ratio_for_each_scenario() {
    let bench = Path::new(env!("CARGO_BIN_EXE_firehose-bench"));
    let mut command = Command::new(bench);
    command.args(["--quick", "--pairs", "1", "--thousand-events", "1", "single", "batch"]);
    // A test of the whole workspace has built the proxy already; a build of it alone has other features and takes
    // minutes.
    let proxy = bench.with_file_name("firehose-proxy");
    if proxy.exists() {
        command.arg("--proxy").arg(proxy);
    }
    let output = command.output().unwrap();
    let (printed, complaint) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    // It fails by itself unless every event is answered 200 and counted at the sink.
    assert!(output.status.success(), "{printed}\n{complaint}");
    for scenario in ["single", "batch"] {
        let ratio = printed
            .lines()
            .find(|line| line.starts_with(scenario) && line.contains(" ratio "));
        assert!(ratio.is_some(), "no ratio for \"{scenario}\" in:\n{printed}");
    }
}
