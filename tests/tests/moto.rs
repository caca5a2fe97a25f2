//! moto in the simulator's place: the records come out of its S3 objects, so somebody else's Firehose agrees.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{collections::BTreeMap, fs};

use firehose_tests::{local_path::LocalPath, moto::Moto, sdk::ALL, sdk::STREAM_OF, workspace};

const EACH: usize = 100;

#[test]
#[ignore = "needs the SDKs and moto: cargo xtask test moto"]
fn motos_objects_hold_what_the_sdks_sent() {
    let moto = Moto::start(&STREAM_OF.map(|(_, stream)| stream));
    let example = fs::read_to_string(workspace::root().join("examples/orders.yaml")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("orders.yaml");
    fs::write(
        &manifest,
        format!(
            "{example}  endpoints: {{ firehose: {{ type: Custom, custom: {{ url: \"{}\" }} }} }}\n",
            moto.url
        ),
    )
    .unwrap();
    let local = LocalPath::start(&manifest);
    assert!(local.has_no_simulator());

    for sdk in ALL {
        sdk.send(&local.events, EACH);
    }
    let expected: BTreeMap<_, _> = ALL.iter().flat_map(|sdk| sdk.expected(EACH)).collect();
    moto.arrived().assert_exactly(&expected);
}
