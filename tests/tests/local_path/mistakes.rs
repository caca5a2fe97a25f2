//! A user's mistake is answered by one clear line, from every program, and never by a stack.

use std::{fs, process::Command};

use firehose_tests::workspace;

#[test]
fn no_mistake_prints_a_backtrace() {
    let folder = tempfile::tempdir().unwrap();
    let broken = folder.path().join("broken.yaml");
    fs::write(&broken, "kind: [").unwrap();
    let broken = broken.to_str().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    let config = folder.path().join("config.yaml");
    fs::write(
        &config,
        "formatVersion: 1\nrevision: ''\ndestination: {namespace: n, name: d, uid: u}\nregion: eu-west-1\n\
         mappings: [{event: '*', deliveryStreamName: all}]\n",
    )
    .unwrap();
    let folder = folder.path().to_str().unwrap();
    let none = format!("{folder}/none");
    let simulator_anywhere = ["--simulator-listen", "localhost:0"];
    for (program, arguments, says) in [
        ("firehose-local", vec![none.as_str()], "No such file"),
        ("firehose-local", vec![broken], "line 1: unclosed bracket"),
        (
            "firehose-local",
            vec!["examples/orders.yaml", "--simulator-listen", &taken],
            "another port with --simulator-listen, 0",
        ),
        (
            "firehose-local",
            [&["examples/orders.yaml", "--listen", &taken], &simulator_anywhere[..]].concat(),
            "another port with --listen, 0",
        ),
        (
            "firehose-local",
            [
                &[
                    "examples/orders.yaml",
                    "--listen",
                    "localhost:0",
                    "--admin-listen",
                    &taken,
                ],
                &simulator_anywhere[..],
            ]
            .concat(),
            "another port with --admin-listen, 0",
        ),
        ("firehose-operator", vec!["check", &none], "No such file"),
        ("firehose-operator", vec!["check", broken], "line 1: unclosed bracket"),
        (
            "firehose-proxy",
            vec!["--config-dir", folder, "--spool-dir", folder, "--listen", &taken],
            "in use",
        ),
        (
            "firehose-proxy",
            vec!["--spool-dir", folder, "dead-letters", "list"],
            "failed to reach a proxy",
        ),
        ("firehose-simulator", vec!["--access", &none], "No such file"),
        ("firehose-simulator", vec!["--access", broken], "failed to understand"),
        ("firehose-simulator", vec!["--listen", &taken], "in use"),
    ] {
        let output = Command::new(workspace::program(program))
            .args(&arguments)
            .env("RUST_BACKTRACE", "1")
            .env("RUST_LIB_BACKTRACE", "1")
            .env("RUST_LOG", "error")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(workspace::root())
            .output()
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        let what = format!("{program} {arguments:?}: {errors}");
        assert_eq!(output.status.code(), Some(1), "{what}");
        let lines: Vec<&str> = errors.lines().collect();
        let [line] = lines[..] else {
            panic!("not one line: {what}");
        };
        assert!(
            line.starts_with(&format!("{program}: ")) && line.contains(says),
            "{what}"
        );
    }
}
