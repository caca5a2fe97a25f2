//! Many large requests at a time: memory is one account, in which nobody takes everything. Seen on the endpoint itself,
//! without a public report: six stalled bodies refused everybody else's, and unfinished heads had no bound together.

use std::time::Duration;

use firehose_proxy::account::{Account, Use};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::server::{Server, document};

const MIB: usize = 1 << 20;
const SOON: Duration = Duration::from_secs(30);
/// Those who connect here are trusted to say whose request it is.
const TRUSTED: &str = "ingest: {maxRequestSizeBytes: 12582912, trustedProxies: [127.0.0.0/8]}";

async fn started(bytes: usize) -> (Server, Account) {
    let account = Account::new(bytes);
    let of_endpoint = account.clone();
    let server = Server::start_without_configuration(|endpoint| endpoint.account = of_endpoint).await;
    server.configure(document("[{event: '*', deliveryStreamName: all}]", TRUSTED));
    (server, account)
}

/// A client that sends all of a body but its last byte.
async fn stalled(server: &Server, headers: &str, bytes: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("POST /v1/track HTTP/1.1\r\nHost: h\r\n{headers}Content-Length: {bytes}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    // One that is refused may not take all of it.
    let _ = timeout(SOON, stream.write_all(&vec![b'x'; bytes - 1])).await.unwrap();
    stream
}

fn event(bytes: usize) -> String {
    format!(r#"{{"userId":"u","x":"{}"}}"#, "x".repeat(bytes))
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, waiting).await.expect(what);
}

#[tokio::test]
async fn bodies_that_stall_do_not_refuse_everybody_elses() {
    let (server, account) = started(160 * MIB).await;
    let mut stalling = Vec::new();
    for _ in 0..12 {
        stalling.push(stalled(&server, "X-Forwarded-For: 203.0.113.1\r\n", 10 * MIB).await);
    }
    // 85 MiB are there for bodies, of which one peer has eight ninths.
    until("seven are being read", || account.used(Use::Bodies) >= 70 * MIB - 7).await;
    for (peer, bytes) in [
        ("203.0.113.2", 5 * MIB / 6),
        ("203.0.113.3", 1000),
        ("203.0.113.1", 1000),
    ] {
        let from = format!("X-Forwarded-For: {peer}\r\n");
        let reply = server.post_with("/v1/track", &from, event(bytes)).await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "ok"), "{peer} {bytes}");
    }
    let reply = server
        .post_with("/v1/batch", "X-Forwarded-For: 203.0.113.2\r\n", vec![b'x'; 5 * MIB])
        .await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (400, "invalid json"),
        "it was read"
    );
    assert!(account.used(Use::Bodies) < 80 * MIB);
    drop(stalling);
    until("it is given back", || Use::ALL.iter().all(|of| account.used(*of) == 0)).await;
    account.check().unwrap();
}

#[tokio::test]
async fn everybody_behind_one_sidecar_may_use_everything_and_small_bodies_get_in() {
    let (server, account) = started(160 * MIB).await;
    let mut stalling = Vec::new();
    for _ in 0..12 {
        stalling.push(stalled(&server, "", 10 * MIB).await);
    }
    until("eight are being read", || account.used(Use::Bodies) >= 80 * MIB - 8).await;
    let reply = server.post("/v1/track", event(9 * MIB)).await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (503, "too many requests at the same time")
    );
    assert!(reply.head.to_lowercase().contains("retry-after: "), "{}", reply.head);
    for _ in 0..50 {
        assert_eq!(server.post("/v1/track", event(1000)).await.status, 200);
    }
}

#[tokio::test]
async fn heads_are_bound_together_and_whoever_is_refused_is_told() {
    let (server, account) = started(8 * MIB).await;
    let mut stalling = Vec::new();
    let unfinished = format!("POST /v1/track HTTP/1.1\r\nHost: h\r\nX: {}", "x".repeat(60 * 1024));
    for _ in 0..100 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let _ = stream.write_all(unfinished.as_bytes()).await;
        stalling.push(stream);
    }
    let refused = "firehose_proxy_requests_refused_total{reason=\"HeadsBusy\"} ";
    until("some are refused", || {
        let page = server.metrics.render();
        page.lines()
            .any(|line| line.starts_with(refused) && !line.ends_with(" 0"))
    })
    .await;
    assert!(account.used(Use::Heads) <= 5 * MIB, "{}", account.used(Use::Heads));
    let mut told = 0;
    for mut stream in stalling {
        let mut answer = [0; 12];
        let read = timeout(Duration::from_millis(20), stream.read_exact(&mut answer)).await;
        told += u32::from(read.is_ok_and(|read| read.is_ok()) && &answer == b"HTTP/1.1 431");
    }
    assert!(told > 0);
    // Heads of an ordinary size need nothing of it.
    assert_eq!(server.post("/v1/track", event(10)).await.status, 200);
    until("it is given back", || account.used(Use::Heads) == 0).await;
    let large = format!("Cookie: {}\r\n", "c".repeat(30 * 1024));
    assert_eq!(server.post_with("/v1/track", &large, event(10)).await.status, 200);
}

#[tokio::test]
async fn a_decoder_is_refused_before_it_holds_its_window() {
    let (server, account) = started(8 * MIB).await;
    // A window of 8 MiB: 4 MiB are there.
    let window = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x68, 0, 0, 0];
    let reply = server
        .post_with("/v1/track", "Content-Encoding: zstd\r\n", window)
        .await;
    assert_eq!(reply.status, 503);
    let small = zstd::encode_all(event(1000).as_bytes(), 3).unwrap();
    let reply = server.post_with("/v1/track", "Content-Encoding: zstd\r\n", small).await;
    assert_eq!(reply.status, 200);
    assert_eq!(account.used(Use::Decoders), 0);
}
