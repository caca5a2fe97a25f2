//! A pod on its way out: it serves until its clients have gone elsewhere.

use std::time::Duration;

use firehose_proxy::shutdown::Phase;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::yield_now,
    time::timeout,
};

use crate::server::{Server, read_reply};

const KEPT_ALIVE: &str =
    "POST /v1/track HTTP/1.1\r\nHost: h\r\nContent-Length: 26\r\n\r\n{\"userId\":\"u\",\"event\":\"x\"}";

#[tokio::test]
async fn a_draining_pod_accepts_events_and_asks_its_clients_to_go_elsewhere() {
    let server = Server::start("").await;
    let mut open = TcpStream::connect(server.address).await.unwrap();
    server.controller.advance(Phase::Draining);
    open.write_all(KEPT_ALIVE.as_bytes()).await.unwrap();
    // Reads to the end of the connection, which only a server that closes it ends.
    let reply = read_reply(open).await;
    assert_eq!(reply.status, 200);
    assert!(reply.head.contains("connection: close"), "{}", reply.head);
    assert_eq!(server.take_records().len(), 1);
    assert_eq!(server.post("/v1/track", r#"{"userId":"u"}"#).await.status, 200);
}

#[tokio::test]
async fn a_stopping_pod_ends_idle_connections_and_takes_no_new_ones() {
    let server = Server::start("").await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    // The first request proves that the server has accepted the connection before it.
    assert_eq!(server.post("/v1/track", r#"{"userId":"u"}"#).await.status, 200);
    server.controller.advance(Phase::Stopping);
    assert_eq!(idle.read(&mut [0]).await.unwrap(), 0);
    let refused = async {
        while TcpStream::connect(server.address).await.is_ok() {
            yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), refused)
        .await
        .expect("the listener closes");
}
