//! An event that is sent again.

use firehose_tests::{
    http,
    local_path::LocalPath,
    wait::{SOON, until},
};

use crate::manifest::Manifest;

/// Was: nothing arrived, and nothing said why.
#[test]
fn an_event_that_is_sent_again_is_told_as_repeated_and_arrives_once() {
    let manifest = Manifest::new(&[("*", "everything")]);
    let local = LocalPath::start(&manifest.path());
    let event = r#"{"userId":"u","event":"Product Added","messageId":"the only one"}"#;
    for _ in 0..2 {
        let answer = http::post(&format!("{}/v1/track", local.events), event).unwrap();
        assert_eq!(answer.status, 200);
    }
    local.program.says("Repeated", SOON);
    let simulator = local.simulator();
    until("it arrives", SOON, || match simulator.arrived().places().len() {
        0 => Err("nothing has arrived"),
        _ => Ok(()),
    });
    let arrived = simulator.arrived();
    assert_eq!(arrived.places()["the only one"].len(), 1);
}
