//! segmentio/analytics-php#65: clients that write a request and close at once. hyperium/hyper#1981: clients that close their
//! side and wait for the answer.

use std::time::Duration;

use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{sleep, timeout},
};

use crate::server::{Server, read_reply};

fn request(id: usize) -> String {
    let body = format!(r#"{{"batch":[{{"type":"track","userId":"u","messageId":"m{id}"}}]}}"#);
    format!(
        "POST /v1/batch HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Waits until so many records have arrived.
async fn until_arrived(server: &Server, count: usize) {
    let arriving = async {
        while server.records.lock().unwrap().len() < count {
            sleep(Duration::from_millis(5)).await;
        }
    };
    let arrived = timeout(Duration::from_secs(20), arriving).await;
    assert!(arrived.is_ok(), "{} of {count}", server.records.lock().unwrap().len());
}

#[tokio::test]
async fn every_event_of_clients_that_close_at_once_arrives() {
    let server = Server::start("").await;
    for id in 0..50 {
        let mut client = TcpStream::connect(server.address).await.unwrap();
        client.write_all(request(id).as_bytes()).await.unwrap();
        drop(client);
    }
    until_arrived(&server, 50).await;
}

#[tokio::test]
async fn a_client_that_closes_its_side_is_answered() {
    let server = Server::start_delivering(Some(Duration::from_millis(200)), |_| {}).await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(request(1).as_bytes()).await.unwrap();
    client.shutdown().await.unwrap();
    let reply = read_reply(client).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "ok"));
}

#[tokio::test]
async fn the_events_of_a_client_that_has_left_are_sent_past_the_deadline_and_counted_as_unanswered() {
    let server = Server::start_delivering(Some(Duration::from_millis(1200)), |endpoint| {
        endpoint.acknowledge_timeout = Duration::from_millis(800);
    })
    .await;
    let mut client = TcpStream::connect(server.address).await.unwrap();
    client.write_all(request(1).as_bytes()).await.unwrap();
    drop(client);
    until_arrived(&server, 1).await;
    let metrics = server.metrics.render();
    assert!(
        metrics.contains("firehose_proxy_unanswered_requests_total 1"),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_client_that_waits_is_told_503_at_the_deadline_and_nothing_of_it_is_sent() {
    let server = Server::start_delivering(Some(Duration::from_millis(1200)), |endpoint| {
        endpoint.acknowledge_timeout = Duration::from_millis(800);
    })
    .await;
    let reply = server.post("/v1/track", r#"{"userId":"u"}"#).await;
    assert_eq!(reply.status, 503);
    sleep(Duration::from_millis(1000)).await;
    assert!(server.take_records().is_empty());
}
