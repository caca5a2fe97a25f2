//! A pod on its way out: it serves until its clients have gone elsewhere.

use std::time::Duration;

use firehose_proxy::{
    http::gateway::{Gate, Position},
    shutdown::Phase,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::yield_now,
    time::timeout,
};

use crate::server::{Server, document, read_reply};

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

/// There are to be fewer pods. The Service takes the pod out when it is not ready; whoever still comes is sent on.
#[tokio::test]
async fn a_pod_that_is_to_go_accepts_events_first_and_then_sends_its_clients_elsewhere() {
    let gate = Gate::default();
    let server = Server::start_without_configuration(|endpoint| endpoint.gate = gate.clone()).await;
    server.configure(document("[{event: '*', deliveryStreamName: all}]", ""));
    gate.leave();
    let mut open = TcpStream::connect(server.address).await.unwrap();
    open.write_all(KEPT_ALIVE.as_bytes()).await.unwrap();
    let reply = read_reply(open).await;
    assert_eq!(reply.status, 200);
    assert!(reply.head.contains("connection: close"), "{}", reply.head);
    assert_eq!(server.take_records().len(), 1);
    gate.close();
    let mut open = TcpStream::connect(server.address).await.unwrap();
    open.write_all(KEPT_ALIVE.as_bytes()).await.unwrap();
    let reply = read_reply(open).await;
    assert_eq!(reply.status, 503);
    assert!(reply.head.contains("connection: close"), "{}", reply.head);
    assert_eq!(server.get("/health").await.status, 503);
    assert_eq!(server.get("/version").await.status, 200);
    assert_eq!(server.take_records().len(), 0);
    gate.open();
    assert_eq!(server.post("/v1/track", r#"{"userId":"u"}"#).await.status, 200);
}

/// Its report says that it is empty, and the operator believes it.
#[tokio::test]
async fn a_pod_is_not_closed_while_a_request_that_it_has_let_in_is_open() {
    let gate = Gate::default();
    let server = Server::start_without_configuration(|endpoint| endpoint.gate = gate.clone()).await;
    server.configure(document("[{event: '*', deliveryStreamName: all}]", ""));
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    let (beginning, rest) = KEPT_ALIVE.as_bytes().split_at(KEPT_ALIVE.len() - 5);
    slow.write_all(beginning).await.unwrap();
    // Closed as soon as the request is let in: before that it would be refused.
    while gate.is_empty() {
        yield_now().await;
    }
    gate.close();
    assert_eq!(gate.position(), Position::Closing);
    slow.write_all(rest).await.unwrap();
    assert_eq!(read_reply(slow).await.status, 200);
    while gate.position() != Position::Closed {
        yield_now().await;
    }
    assert_eq!(server.take_records().len(), 1);
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
