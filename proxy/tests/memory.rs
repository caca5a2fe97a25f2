//! Every input that is made to break a reader has one fixed answer and costs what its size may cost; memory stays flat,
//! and the process lives. A process of its own, because it resets the peak of a process and looks at it.
#![cfg(target_os = "linux")]
// All of it runs in tests: a panic is the report.
#![allow(clippy::unwrap_used)]

use std::{fs, io::Write as _, net::SocketAddr, sync::Arc};

use firehose_proxy::{
    config::{Live, Snapshot},
    http::{Metrics, gateway},
    queue,
    routing::Table,
    shutdown::{Controller, shutdown},
    stream::Streams,
};
use firehose_proxy_config::parse;
use firehose_tests::document::DocumentText;
use flate2::{Compression, write::GzEncoder};
use prometheus_client::registry::Registry;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// Most bytes of a body that are read (`ingest.maxRequestSizeBytes`, by default).
const MOST_READ_KIB: u64 = 10 * 1024;
/// What a request may cost besides its body: connections, tasks, the allocator's rounding, the client in this process.
const MARGIN_KIB: u64 = 4 * 1024;
/// What all of them together may leave behind: what the allocator keeps of the largest.
const MOST_KEPT_KIB: u64 = 3 * MOST_READ_KIB + MARGIN_KIB;

/// A body in pieces that are repeated, so that it costs the client no memory either.
struct Nasty {
    what: &'static str,
    path: &'static str,
    coding: &'static str,
    pieces: Vec<(Vec<u8>, usize)>,
    /// Bytes that `Content-Length` says more than there are.
    missing: isize,
    status: u16,
    answer: &'static str,
}

fn nasty(what: &'static str, body: &[u8], status: u16, answer: &'static str) -> Nasty {
    repeated(what, &[(body, 1)], status, answer)
}

fn repeated(what: &'static str, pieces: &[(&[u8], usize)], status: u16, answer: &'static str) -> Nasty {
    Nasty {
        what,
        path: "/v1/track",
        coding: "identity",
        pieces: pieces.iter().map(|(piece, times)| (piece.to_vec(), *times)).collect(),
        missing: 0,
        status,
        answer,
    }
}

fn gzip(megabytes_of_zeros: usize, text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..megabytes_of_zeros {
        encoder.write_all(&[0; 1_000_000]).unwrap();
    }
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn all() -> Vec<Nasty> {
    const GOOD: &[u8] = br#"{"userId":"u"}"#;
    const NOT_JSON: &str = "invalid json";
    const TOO_LARGE: &str = "request size exceeds max limit";
    const UNREADABLE: &str = "failed to read body from request";
    let zipped = gzip(0, GOOD);
    vec![
        repeated("100,000 opening brackets", &[(b"[", 100_000)], 400, NOT_JSON),
        repeated("ten million of them", &[(b"[", 10_000_000)], 400, NOT_JSON),
        Nasty {
            coding: "gzip",
            ..repeated("a gzip bomb of 10 GB", &[(&gzip(1000, b""), 10)], 413, TOO_LARGE)
        },
        repeated(
            "a string of 10 MiB",
            &[(br#"{"userId":"u","a":""#, 1), (b"x", 10 << 20), (br#""}"#, 1)],
            413,
            TOO_LARGE,
        ),
        repeated(
            "a string without end",
            &[(b"\"xxxxxxxxxxxxxxx", 4_000_000)],
            413,
            TOO_LARGE,
        ),
        Nasty {
            path: "/v1/batch",
            ..repeated(
                "a million empty objects",
                &[(br#"{"batch":[{}"#, 1), (b",{}", 999_999), (b"]}", 1)],
                400,
                "request neither has anonymousId nor userId",
            )
        },
        nasty("invalid UTF-8", b"{\"userId\":\"u\",\"a\":\"\xff\"}", 400, NOT_JSON),
        nasty("a byte order mark", b"\xef\xbb\xbf{\"userId\":\"u\"}", 200, "ok"),
        nasty("equal keys", br#"{"userId":1,"userId":"u","a":1,"a":2}"#, 200, "ok"),
        nasty("keys in escapes", br#"{"\u0075ser\u0049d":"u"}"#, 200, "ok"),
        nasty("an escaped zero", br#"{"userId":"u","a\u0000":"\u0000"}"#, 200, "ok"),
        nasty(
            "half a character where it is read",
            br#"{"userId":"\ud800"}"#,
            200,
            "ok",
        ),
        Nasty {
            path: "/v1/batch",
            ..repeated(
                "an element that is not JSON and five million levels deep",
                &[
                    (br#"{"batch":[{"userId":"u"},x"#, 1),
                    (b"[", 5_000_000),
                    (b"]", 5_000_000),
                    (b"]}", 1),
                ],
                200,
                "ok",
            )
        },
        Nasty {
            path: "/v1/batch",
            ..repeated(
                "ten million bytes that are not UTF-8",
                &[
                    (br#"{"batch":[{"userId":"u"},""#, 1),
                    (b"\xff", 10_000_000),
                    (br#""]}"#, 1),
                ],
                200,
                "ok",
            )
        },
        nasty(
            "half a character elsewhere",
            br#"{"userId":"u","\ud800":"\udc00"}"#,
            200,
            "ok",
        ),
        nasty(
            "a number that no float holds",
            br#"{"userId":"u","a":1e999}"#,
            200,
            "ok",
        ),
        Nasty {
            missing: 100,
            ..nasty("a body that ends early", GOOD, 400, UNREADABLE)
        },
        Nasty {
            missing: -7,
            ..nasty("a body longer than it says", br#"{"userId":"u"}surplus"#, 200, "ok")
        },
        Nasty {
            coding: "gzip",
            ..nasty("gzip cut in half", &zipped[..zipped.len() / 2], 400, UNREADABLE)
        },
    ]
}

#[tokio::test]
async fn every_nasty_input_has_one_answer_and_costs_what_the_limits_say() {
    let (address, _controller) = serve().await;
    let all = all();
    send(address, &nasty("a first event", br#"{"userId":"u"}"#, 200, "ok")).await;
    let at_first = memory("VmRSS");
    for nasty in &all {
        for _ in 0..3 {
            let before = reset_peak();
            let answer = send(address, nasty).await;
            let growth = memory("VmHWM") - before;
            assert_eq!(answer, (nasty.status, nasty.answer.to_owned()), "{}", nasty.what);
            let most = nasty.most_growth_kib();
            assert!(growth <= most, "{}: {growth} KiB, {most} are its due", nasty.what);
        }
    }
    let kept = memory("VmRSS").saturating_sub(at_first);
    assert!(kept <= MOST_KEPT_KIB, "{kept} KiB were not given back");
    assert_eq!(
        send(address, &nasty("a good event", br#"{"userId":"u"}"#, 200, "ok")).await,
        (200, "ok".to_owned())
    );
}

/// An endpoint behind which everything is delivered at once.
async fn serve() -> (SocketAddr, Controller) {
    let (live, streams) = (Arc::new(Live::default()), Streams::default());
    let document = parse(&DocumentText::everything_to("all").to_string()).unwrap();
    let table = Table::new(&document.mappings, &streams).unwrap();
    live.replace(Arc::new(Snapshot::new(document, table)));
    let (intake, mut outlet) = queue::memory(1024 * 1024);
    tokio::spawn(async move {
        while let Some(batch) = outlet.next().await {
            for _ in batch.entries() {
                batch.settle(1);
            }
        }
    });
    let endpoint = gateway::Endpoint::new(live, intake, Metrics::register(&mut Registry::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (controller, shutdown) = shutdown();
    tokio::spawn(gateway::serve(listener.into(), endpoint, shutdown));
    (address, controller)
}

/// Status and body of the answer.
async fn send(address: SocketAddr, nasty: &Nasty) -> (u16, String) {
    let length: usize = nasty.pieces.iter().map(|(piece, times)| piece.len() * times).sum();
    let announced = length.checked_add_signed(nasty.missing).unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST {} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Encoding: {}\r\nContent-Length: {announced}\r\n\r\n",
        nasty.path, nasty.coding
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for (piece, times) in &nasty.pieces {
        let at_once = (64 * 1024 / piece.len()).clamp(1, *times);
        let chunk = piece.repeat(at_once);
        let mut left = piece.len() * times;
        while left > 0 {
            let length = left.min(chunk.len());
            if stream.write_all(&chunk[..length]).await.is_err() {
                break; // the answer came before the end
            }
            left -= length;
        }
    }
    if nasty.missing > 0 {
        stream.shutdown().await.unwrap();
    }
    let mut answer = Vec::new();
    // A server that has not read everything may end the connection the hard way, behind its answer.
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

impl Nasty {
    /// What is read of it, in a buffer that doubles, and its record.
    fn most_growth_kib(&self) -> u64 {
        let length: usize = self.pieces.iter().map(|(piece, times)| piece.len() * times).sum();
        let read = match self.coding {
            "identity" => (length as u64).div_ceil(1024).min(MOST_READ_KIB),
            _ => MOST_READ_KIB,
        };
        3 * read + MARGIN_KIB
    }
}

/// Forgets the peak so far, so that the next one is that of what follows; returns the memory in use now, in KiB.
///
/// See `clear_refs` in [proc_pid_clear_refs(5)](https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html).
fn reset_peak() -> u64 {
    fs::write("/proc/self/clear_refs", "5").unwrap();
    let (peak, now) = (memory("VmHWM"), memory("VmRSS"));
    assert!(
        peak - now < MARGIN_KIB / 4,
        "the peak was not reset: {peak} KiB, {now} in use"
    );
    now
}

/// A line of this process's status in KiB: `VmRSS` is what it has in use, `VmHWM` the most since the last reset.
fn memory(line: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|text| text.strip_prefix(line)).unwrap();
    line.trim_matches([':', ' ', '\t', 'k', 'B']).parse().unwrap()
}
