//! Memory stays flat under bodies that are made to grow. A process of its own, because it looks at the peak of a process.
#![cfg(target_os = "linux")]
// All of it runs in tests: a panic is the report.
#![allow(clippy::unwrap_used)]

use std::{fs, sync::Arc};

use firehose_proxy::{
    http::{Metrics, events},
    routing::{Live, Snapshot, Table},
    shutdown::shutdown,
    spool,
    stream::Streams,
};
use firehose_proxy_config::parse;
use prometheus_client::registry::Registry;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// What one request may cost: its body, at most 10 MiB in a buffer that doubles, room for its record, and a margin for
/// everything else.
const MOST_GROWTH_KIB: u64 = (2 * 10 + 10 + 10) * 1024;

/// The most memory that this process has had in use at a time, in KiB.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test]
async fn bodies_that_grow_cost_what_the_limits_say_and_no_more() {
    let (live, streams) = (Arc::new(Live::default()), Streams::default());
    let document = parse(
        "formatVersion: 1\nrevision: ''\ndestination: {namespace: n, name: d, uid: u}\nregion: eu-west-1\n\
         mappings: [{event: '*', deliveryStreamName: all}]\n",
    )
    .unwrap();
    let table = Table::new(&document.mappings, &streams).unwrap();
    live.replace(Arc::new(Snapshot { document, table }));
    let (intake, _outlet) = spool::memory(1024 * 1024);
    let endpoint = events::Endpoint::new(live, intake, Metrics::register(&mut Registry::default()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (_controller, shutdown) = shutdown();
    tokio::spawn(events::serve(listener, endpoint, shutdown));

    // A gigabyte of zeros in a member, repeated without being kept: the client costs no memory either.
    let member = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        for _ in 0..1000 {
            std::io::Write::write_all(&mut encoder, &[0; 1_000_000]).unwrap();
        }
        encoder.finish().unwrap()
    };
    let before = peak();
    for (what, coding, piece, times, status) in [
        ("a bomb of 10 GB", "gzip", member.as_slice(), 10, "413"),
        ("nesting", "identity", b"[[[[[[[[[[".as_slice(), 1_000_000, "400"),
        (
            "empty objects",
            "identity",
            b"{},{},{},{},{},".as_slice(),
            600_000,
            "400",
        ),
        (
            "an endless string",
            "identity",
            b"\"xxxxxxxxxxxxxxx".as_slice(),
            4_000_000,
            "413",
        ),
    ] {
        for _ in 0..3 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let head = format!(
                "POST /v1/track HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n",
                piece.len() * times
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let chunk = piece.repeat(times.min(64 * 1024 / piece.len()).max(1));
            let mut left = piece.len() * times;
            while left > 0 {
                let length = left.min(chunk.len());
                if stream.write_all(&chunk[..length]).await.is_err() {
                    break; // the answer came before the end
                }
                left -= length;
            }
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{what}: {answer}");
        }
        let growth = peak() - before;
        assert!(growth < MOST_GROWTH_KIB, "{what}: {growth} KiB");
    }
}
