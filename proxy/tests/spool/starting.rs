//! Whose spool is it, and may it be touched: what a process does before it serves.

use std::{fs, path::PathBuf};

use firehose_simulator::Availability;
use http::StatusCode;

use crate::pod::{Place, files, run_to_its_end, until};

const SPOOLED: &str = "delivery: {acknowledge: WhenSpooled, lingerMilliseconds: 10}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_does_not_start_and_the_first_goes_on() {
    let place = Place::new(SPOOLED).await;
    let pod = place.start();
    let (status, said) = run_to_its_end(&mut place.command());
    assert!(!status.success());
    assert!(said.contains("is in use by another process"), "{said}");
    assert_eq!(pod.send("event", 10).await.unwrap().status, StatusCode::OK);
    until("it arrives", async || place.arrived().len() == 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_spool_of_a_newer_version_is_not_touched() {
    let place = Place::new(SPOOLED).await;
    place.set_firehose(Availability::Resetting);
    let pod = place.start();
    assert_eq!(pod.send("event", 10).await.unwrap().status, StatusCode::OK);
    pod.kill();
    let (segment, bytes) = make_newer(&place);
    let before = files(&place.spool());
    let (status, said) = run_to_its_end(&mut place.command());
    assert!(!status.success());
    assert!(said.contains("is newer than this program"), "{said}");
    assert_eq!(files(&place.spool()), before);
    assert_eq!(fs::read(&segment).unwrap(), bytes);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_spool_of_another_destination_is_kept_and_never_sent() {
    let place = Place::new(SPOOLED).await;
    place.set_firehose(Availability::Resetting);
    let pod = place.start();
    assert_eq!(pod.send("foreign", 10).await.unwrap().status, StatusCode::OK);
    pod.kill();
    place.set_firehose(Availability::Available);
    place.configure("another", SPOOLED);
    let pod = place.start();
    assert!(pod.said().contains("belongs to another destination"), "{}", pod.said());
    assert_eq!(pod.send("own", 10).await.unwrap().status, StatusCode::OK);
    until("its own event arrives", async || !place.arrived().is_empty()).await;
    assert_eq!(place.arrived().keys().collect::<Vec<_>>(), ["own"]);
    assert!(files(&place.spool()).iter().any(|name| name.ends_with(".foreign")));
}

/// Makes the newest segment one of a newer version of the format: its file and what it holds now.
pub(crate) fn make_newer(place: &Place) -> (PathBuf, Vec<u8>) {
    let names = files(&place.spool()).into_iter();
    let newest = names.filter(|name| name.ends_with(".log")).max().unwrap();
    let segment = place.spool().join(newest);
    let mut bytes = fs::read(&segment).unwrap();
    for copy in [0, 512] {
        let header = &mut bytes[copy..copy + 128];
        header[8] += 1; // the version
        let checksum = crc32c::crc32c(&header[..124]);
        header[124..].copy_from_slice(&checksum.to_le_bytes());
    }
    fs::write(&segment, &bytes).unwrap();
    (segment, bytes)
}
