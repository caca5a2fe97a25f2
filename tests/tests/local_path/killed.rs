//! `acknowledge: WhenSpooled`: what was answered 200 outlives the process.

use std::{collections::BTreeMap, net::TcpListener, process::Command};

use firehose_tests::{
    http,
    local_path::LocalPath,
    program::Program,
    simulator::Simulator,
    wait::{SOON, until},
    workspace,
};

use crate::manifest::{Manifest, endpoint, with_rows};

const EVENTS: usize = 200;

#[test]
fn what_was_answered_survives_a_kill_and_arrives_once_firehose_is_back() {
    // A port that was free a moment ago: nobody answers for Firehose until the simulator takes it.
    let firehose = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let manifest = Manifest::new(&[]);
    manifest.save(&format!(
        "{}{}  delivery: {{ acknowledge: WhenSpooled }}\n",
        with_rows(&[("*", "everything")]),
        endpoint(&format!("http://{firehose}"))
    ));
    let data = manifest.folder().join("data");
    let options = ["--data-dir", data.to_str().unwrap()];

    let local = LocalPath::start_with(&manifest.path(), &options);
    let expected: BTreeMap<_, _> = (0..EVENTS)
        .map(|number| {
            let id = format!("event-{number}");
            let body = format!(r#"{{"messageId":"{id}","userId":"u"}}"#);
            let answer = http::post(&format!("{}/v1/track", local.events), body).unwrap();
            assert_eq!((answer.status, answer.body.as_str()), (200, "ok"), "{id}");
            (id, "everything".to_owned())
        })
        .collect();
    drop(local); // by SIGKILL

    let mut command = Command::new(workspace::program("firehose-simulator"));
    command.args(["--listen", &firehose.to_string(), "--create-on-demand"]);
    let process = Program::start(&mut command);
    let ready = process.line("ready ", SOON);
    assert_eq!(ready, format!("ready simulator=http://{firehose}"));
    let simulator = Simulator {
        url: format!("http://{firehose}"),
    };

    let _again = LocalPath::start_with(&manifest.path(), &options);
    let arrived = until("all events arrive", SOON, || match simulator.arrived() {
        arrived if arrived.count() >= EVENTS => Ok(arrived),
        arrived => Err(arrived.count()),
    });
    arrived.assert_exactly(&expected);
}
