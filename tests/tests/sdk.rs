//! Unmodified SDKs send to the running local path: every event is in the stream that its mapping names, and nowhere else.
//!
//! The tests are ignored where nothing has installed the SDKs; `cargo xtask test` installs them and runs these.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::collections::BTreeMap;

use firehose_tests::{
    arrived::Arrived,
    local_path::LocalPath,
    sdk::{ALL, Sdk},
    workspace,
};

/// Events of each type that an SDK sends: more than one batch of any of them.
const EACH: usize = 150;

fn example() -> LocalPath {
    LocalPath::start(&workspace::root().join("examples/orders.yaml"))
}

#[test]
#[ignore = "needs the SDKs: cargo xtask test sdk"]
fn events_of_each_sdk_are_in_the_stream_that_the_manifest_names() {
    for sdk in ALL {
        let local = example();
        sdk.send(&local.events, EACH);
        let arrived = local.simulator().arrived();
        arrived.assert_exactly(&sdk.expected(EACH));
        assert_fields(sdk, &arrived);
    }
}

#[test]
#[ignore = "needs the SDKs: cargo xtask test sdk"]
fn events_of_all_sdks_at_once_do_not_mix() {
    let local = example();
    std::thread::scope(|scope| {
        for sdk in ALL {
            let url = &local.events;
            scope.spawn(move || sdk.send(url, EACH));
        }
    });
    let expected: BTreeMap<_, _> = ALL.iter().flat_map(|sdk| sdk.expected(EACH)).collect();
    local.simulator().arrived().assert_exactly(&expected);
}

/// What the script set is in the record as it was set.
fn assert_fields(sdk: Sdk, arrived: &Arrived) {
    for event in arrived.events("orders-prod") {
        let number = event["messageId"].as_str().unwrap().rsplit('-').next().unwrap();
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
