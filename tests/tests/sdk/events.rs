//! Events arrive: all of them, where they belong, with every field as the SDK wrote it.

use std::{collections::BTreeMap, fs, path::Path, thread};

use firehose_tests::{
    arrived::{Arrived, name},
    local_path::LocalPath,
    program::Program,
    sdk::{ALL, BROWSERS, Sdk},
    wait::{SOON, until},
    workspace,
};
use serde_json::Value;

/// Events of each type that an SDK sends: more than one batch of any of them.
const EACH: usize = 150;
/// The same for a browser, where every round is a click.
const EACH_CLICK: usize = 10;

/// What the proxy may write into an event: see "Enrichment" in its documentation.
const OWNED: [&str; 6] = [
    "rudderId",
    "request_ip",
    "receivedAt",
    "originalTimestamp",
    "sentAt",
    "timestamp",
];

fn example() -> LocalPath {
    LocalPath::start(&workspace::root().join("examples/orders.yaml"))
}

fn each(sdk: Sdk) -> usize {
    if BROWSERS.contains(&sdk) { EACH_CLICK } else { EACH }
}

#[test]
#[ignore = "needs the SDKs: cargo xtask test sdk"]
fn events_of_each_sdk_are_where_the_manifest_says_and_as_the_sdk_wrote_them() {
    for sdk in ALL.into_iter().chain(BROWSERS) {
        let local = example();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sent");
        let recorder = Program::start(&mut Sdk::recorder(&local.events, &file));
        let listening = recorder.line("listening ", SOON);

        sdk.send(listening.trim_start_matches("listening "), each(sdk));
        let arrived = local.simulator().arrived();
        arrived.assert_exactly(&sdk.expected(each(sdk)));
        assert_said(sdk, &arrived);
        assert_as_sent(sdk, &arrived, &file);
    }
}

#[test]
#[ignore = "needs the SDKs: cargo xtask test sdk"]
fn events_of_all_sdks_at_once_do_not_mix() {
    let local = example();
    let sdks = || ALL.into_iter().chain(BROWSERS);
    thread::scope(|scope| {
        for sdk in sdks() {
            let url = &local.events;
            scope.spawn(move || sdk.send(url, each(sdk)));
        }
    });
    let expected: BTreeMap<_, _> = sdks().flat_map(|sdk| sdk.expected(each(sdk))).collect();
    local.simulator().arrived().assert_exactly(&expected);
}

#[test]
#[ignore = "needs the SDKs: cargo xtask test sdk"]
fn what_is_left_when_a_page_is_left_arrives_by_beacon() {
    for sdk in BROWSERS {
        let local = example();
        let mut browser = Program::start(&mut sdk.leave(&local.events, EACH_CLICK));
        browser.line("left", SOON * 6);
        let expected = sdk.expected(EACH_CLICK);
        let simulator = local.simulator();
        until("every event arrives", SOON, || match simulator.arrived().count() {
            count if count >= expected.len() => Ok(()),
            count => Err(format!("{count} of {}\n{}", expected.len(), browser.errors())),
        });
        browser.terminate(SOON);
        simulator.arrived().assert_exactly(&expected);
    }
}

/// What the script said is in the records.
fn assert_said(sdk: Sdk, arrived: &Arrived) {
    for event in arrived.events("orders-prod") {
        let number = name(event).rsplit('-').next().unwrap();
        assert_eq!(event["userId"], format!("user-{number}"), "{sdk:?}: {event}");
        assert_eq!(event["type"], "track", "{sdk:?}: {event}");
        assert_eq!(event["event"], "Product Added", "{sdk:?}: {event}");
        assert_eq!(event["properties"]["price"], 9.5, "{sdk:?}: {event}");
        assert_eq!(event["properties"]["currency"], "EUR", "{sdk:?}: {event}");
        assert!(event["receivedAt"].is_string(), "{sdk:?}: {event}");
    }
    for event in arrived.events("everything-else") {
        assert_eq!(event["type"], "identify", "{sdk:?}: {event}");
        let traits = [&event["traits"], &event["context"]["traits"]];
        assert!(traits.iter().any(|traits| traits["plan"] == "pro"), "{sdk:?}: {event}");
    }
    for event in arrived.events("pages-prod") {
        assert_eq!(event["type"], "page", "{sdk:?}: {event}");
        assert_eq!(event["name"], "Home", "{sdk:?}: {event}");
    }
}

/// Every field that the SDK sent has arrived as it was, and the proxy has added its own and no others.
fn assert_as_sent(sdk: Sdk, arrived: &Arrived, file: &Path) {
    let without_owned = |event: &Value| {
        let mut fields = event.as_object().unwrap().clone();
        fields.retain(|key, _| !OWNED.contains(&key.as_str()));
        fields
    };
    let sent = fs::read_to_string(file).unwrap();
    let mut sent: Vec<Value> = sent.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let mut records: Vec<&Value> = arrived.all().collect();
    sent.sort_by_cached_key(|event| name(event).to_owned());
    records.sort_by_cached_key(|event| name(event).to_owned());
    assert_eq!(sent.len(), records.len(), "{sdk:?}");
    for (sent, record) in sent.iter().zip(records) {
        assert_eq!(without_owned(record), without_owned(sent), "{sdk:?}");
        for field in OWNED {
            assert!(record[field].is_string(), "{sdk:?}: {field} in {record}");
        }
    }
}
