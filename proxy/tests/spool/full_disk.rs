//! A file system that fills up under the spool: 503, nothing corrupted, and on it goes when there is room again.

use std::{fs, path::PathBuf, process::Command};

use firehose_simulator::Availability;
use http::StatusCode;

use crate::pod::{Place, until};

/// A small file system of its own.
pub(crate) struct Mounted(PathBuf);

impl Mounted {
    pub(crate) fn new(path: PathBuf, size: &str) -> Self {
        fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "none"])
            .arg(&path)
            .status();
        assert!(mounted.unwrap().success(), "mounting needs root");
        Self(path)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root: cargo xtask test durability"]
async fn a_full_disk_is_answered_503_and_loses_nothing() {
    let place =
        Place::new("delivery: {acknowledge: WhenSpooled, lingerMilliseconds: 10}\nspool: {maxSizeBytes: 268435456}")
            .await;
    let mounted = Mounted::new(place.spool(), "48m");
    place.set_firehose(Availability::Resetting);
    let pod = place.start();
    let mut answered = Vec::new();
    let mut refused = None;
    for number in 0..2000 {
        let id = format!("event-{number}");
        let answer = pod.send(&id, 100_000).await.unwrap();
        if answer.status != StatusCode::OK {
            refused = Some(answer);
            break;
        }
        answered.push(id);
    }
    let refused = refused.expect("48 MiB hold no 200 MB");
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.retry_after.is_some());
    // Somebody else takes the rest as well, down to the last byte.
    let ballast = place.spool().join("ballast");
    let mut file = fs::File::create(&ballast).unwrap();
    while std::io::Write::write_all(&mut file, &[0; 4096]).is_ok() {}
    for number in 0..20 {
        let answer = pod.send(&format!("refused-{number}"), 100_000).await.unwrap();
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    assert!(pod.admin("/livez").await.starts_with("ok"));
    // Without room for a single acknowledgement, everything is delivered, and delivering makes room.
    place.set_firehose(Availability::Available);
    until("what was answered arrives", async || {
        let arrived = place.arrived();
        answered.iter().all(|id| arrived.contains_key(id))
    })
    .await;
    fs::remove_file(&ballast).unwrap();
    until("events are taken again", async || {
        pod.send("after", 100_000).await.unwrap().status == StatusCode::OK
    })
    .await;
    // The same once more, ended by a kill while the disk is full: the next process reads everything.
    place.set_firehose(Availability::Resetting);
    let mut second = Vec::new();
    for number in 0..2000 {
        let id = format!("second-{number}");
        if pod.send(&id, 100_000).await.unwrap().status != StatusCode::OK {
            break;
        }
        second.push(id);
    }
    assert!(!second.is_empty());
    pod.kill();
    place.set_firehose(Availability::Available);
    let pod = place.start();
    assert!(!pod.said().contains("damaged"), "{}", pod.said());
    until("what was answered arrives", async || {
        let arrived = place.arrived();
        second.iter().all(|id| arrived.contains_key(id))
    })
    .await;
    drop(pod);
    drop(mounted);
}
