//! Few file descriptors under the running process: it serves slowly, and never takes a want of them for a bad disk.

use std::{fs, time::Duration};

use bytes::Bytes;
use firehose_simulator::Availability;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use tokio::{io::AsyncReadExt as _, net::TcpStream};

use crate::pod::{Place, Pod, until};

/// Segments of a sixteenth: many files in little room.
const SPOOLED: &str = "delivery: {acknowledge: WhenSpooled, lingerMilliseconds: 10}\nspool: {maxSizeBytes: 16777216}";
/// Bytes of one event.
const EVENT: usize = 100_000;
/// What the log says while the process is short.
const SHORT: &str = "short of file descriptors";

/// Puts a limit on descriptors in front of a proxy.
fn limited(place: &mut Place, soft: u32, hard: u32) {
    let script = format!(r#"ulimit -Sn {soft} && ulimit -Hn {hard} && exec "$@""#);
    place.wrapper = ["sh", "-c", &script, "sh"].map(str::to_owned).to_vec();
}

/// Changes the limit of a proxy that runs.
fn set_limit(pod: &Pod, limit: u64) {
    let process = Pid::from_raw(pod.id().try_into().unwrap());
    let limit = Rlimit {
        current: Some(limit),
        maximum: Some(20_000),
    };
    prlimit(process, Resource::Nofile, limit).unwrap();
}

fn open_descriptors(pod: &Pod) -> usize {
    fs::read_dir(format!("/proc/{}/fd", pod.id())).unwrap().count()
}

/// A client with one connection, which needs no new descriptor for its next request.
struct Connected(SendRequest<Full<Bytes>>);

impl Connected {
    async fn to(pod: &Pod) -> Self {
        let stream = TcpStream::connect(pod.events).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self(sender)
    }

    async fn send(&mut self, id: &str) -> StatusCode {
        let padding = "x".repeat(EVENT);
        let body = format!(r#"{{"type":"track","anonymousId":"a","messageId":"{id}","pad":"{padding}"}}"#);
        let request = Request::post("/v1/track").header("host", "h");
        let request = request.body(Full::new(body.into())).unwrap();
        self.0.ready().await.unwrap();
        let response = self.0.send_request(request).await.unwrap();
        let status = response.status();
        response.into_body().collect().await.unwrap();
        status
    }

    /// Sends events until one is refused; the ids of those that were taken.
    async fn fill(&mut self, name: &str) -> Vec<String> {
        let mut taken = Vec::new();
        for number in 0.. {
            assert!(number < 1000, "16 MiB hold no 100 MB");
            let id = format!("{name}-{number}");
            match self.send(&id).await {
                StatusCode::OK => taken.push(id),
                refused => {
                    assert_eq!(refused, StatusCode::SERVICE_UNAVAILABLE);
                    return taken;
                }
            }
        }
        unreachable!("more than a thousand are no end")
    }
}

async fn all_arrive(place: &Place, ids: &[String]) {
    until("what was answered arrives", async || {
        let arrived = place.arrived();
        ids.iter().all(|id| arrived.contains_key(id))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_of_more_files_than_descriptors_is_delivered_by_this_process_and_by_the_next() {
    let mut place = Place::new(SPOOLED).await;
    limited(&mut place, 32, 32);
    place.set_firehose(Availability::Resetting);
    let pod = place.start();
    let mut taken = Connected::to(&pod).await.fill("first").await;
    let segments = fs::read_dir(place.spool()).unwrap().count();
    let open = open_descriptors(&pod);
    assert!(segments > 15 && open < 32, "{segments} files, {open} descriptors");
    pod.kill();
    let pod = place.start();
    place.set_firehose(Availability::Available);
    all_arrive(&place, &taken).await;
    place.set_firehose(Availability::Resetting);
    taken.extend(Connected::to(&pod).await.fill("second").await);
    place.set_firehose(Availability::Available);
    all_arrive(&place, &taken).await;
    assert_eq!(pod.admin("/livez").await, "ok");
    let (status, said) = pod.terminate();
    assert!(status.success(), "{status}: {said}");
    assert!(!said.contains("damaged"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_want_of_descriptors_is_a_full_disk_and_passes() {
    let place = Place::new(SPOOLED).await;
    place.set_firehose(Availability::Resetting);
    let pod = place.start();
    let mut client = Connected::to(&pod).await;
    assert_eq!(client.send("before").await, StatusCode::OK);
    set_limit(&pod, 3);
    // On the connection that is open; the next segment cannot be made.
    let mut taken = client.fill("short").await;
    assert!(taken.len() < 30, "{} events in two segments", taken.len());
    tokio::time::sleep(Duration::from_secs(2)).await;
    let lines = pod.said().matches(SHORT).count();
    assert!((1..=2).contains(&lines), "{lines} lines: {}", pod.said());
    set_limit(&pod, 20_000);
    until("there is room again", async || {
        client.send("again").await == StatusCode::OK
    })
    .await;
    taken.extend(["before", "again"].map(str::to_owned));
    // What waits on the disk can be read neither, and is as good as it was.
    taken.extend(client.fill("waits").await);
    set_limit(&pod, 3);
    place.set_firehose(Availability::Available);
    tokio::time::sleep(Duration::from_secs(1)).await;
    set_limit(&pod, 20_000);
    all_arrive(&place, &taken).await;
    let (status, said) = pod.terminate();
    assert!(status.success(), "{status}: {said}");
    assert!(
        !said.contains("damaged") && !said.contains("cannot be read back"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_idle_clients_than_descriptors_take_nothing_from_probes_the_disk_and_delivery() {
    for (soft, hard, clients) in [(1024, 1024, 1050), (256, 2048, 1050), (64, 64, 150)] {
        let mut place = Place::new(SPOOLED).await;
        limited(&mut place, soft, hard);
        let pod = place.start();
        let mut idle = Vec::new();
        for _ in 0..clients {
            idle.push(TcpStream::connect(pod.events).await.unwrap());
        }
        for number in 0..20 {
            assert_eq!(pod.admin("/livez").await, "ok", "{hard}");
            let answer = pod.send(&format!("{hard}-{number}"), EVENT).await.unwrap();
            assert_eq!(answer.status, StatusCode::OK, "{hard}");
        }
        let ids: Vec<String> = (0..20).map(|number| format!("{hard}-{number}")).collect();
        all_arrive(&place, &ids).await;
        let open = open_descriptors(&pod);
        assert!(open < hard as usize, "{open} of {hard}");
        if hard > clients {
            // Nobody had to leave.
            let mut byte = [0];
            for stream in &mut idle {
                let read = tokio::time::timeout(Duration::from_micros(100), stream.read(&mut byte)).await;
                assert!(read.is_err(), "{read:?}");
            }
        }
        let (status, said) = pod.terminate();
        assert!(status.success(), "{status}: {said}");
        assert!(said.matches(SHORT).count() <= 1, "{said}");
    }
}
