//! The connection under the requests: framing, reuse, slow clients, too many clients, and the end of the process.

use std::time::Duration;

use firehose_proxy::{account::Account, http::BodyPace, shutdown::Phase};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    task::yield_now,
    time::{Instant, timeout},
};

use crate::server::{Server, document, read_reply};

const EVENT: &str = r#"{"userId":"u1"}"#;
/// Generous, since machines may be busy.
const SOON: Duration = Duration::from_secs(30);

async fn configured(adjust: impl FnOnce(&mut firehose_proxy::http::gateway::Endpoint)) -> Server {
    let server = Server::start_without_configuration(adjust).await;
    server.configure(document("[{event: '*', deliveryStreamName: all}]", ""));
    server
}

/// Reads until `end` has come.
async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let reading = async {
        while !text.ends_with(end) {
            let mut bytes = [0; 4096];
            let length = stream.read(&mut bytes).await.unwrap();
            assert_ne!(length, 0, "the connection ended: {text}");
            text.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
        }
    };
    timeout(SOON, reading).await.expect("the answer comes");
    text
}

#[tokio::test]
async fn bodies_are_framed_as_http_says() {
    let server = configured(|_| {}).await;
    let post = "POST /v1/track HTTP/1.1\r\nHost: h\r\nConnection: close\r\n";
    for (what, rest, status, body) in [
        (
            "chunked",
            "Transfer-Encoding: chunked\r\n\r\n7\r\n{\"userI\r\n8;x=y\r\nd\":\"u1\"}\r\n0\r\n\r\n",
            200,
            "ok",
        ),
        (
            "chunked with trailers",
            "Transfer-Encoding: chunked\r\n\r\nf\r\n{\"userId\":\"u1\"}\r\n0\r\nA: b\r\n\r\n",
            200,
            "ok",
        ),
        ("no body", "\r\n", 400, "invalid json"),
        ("an empty body", "Content-Length: 0\r\n\r\n", 400, "invalid json"),
        (
            "a body longer than it says",
            "Content-Length: 15\r\n\r\n{\"userId\":\"u1\"}surplus",
            200,
            "ok",
        ),
        (
            "a broken chunk",
            "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            400,
            "failed to read body from request",
        ),
        ("no length", "Content-Length: x\r\n\r\n", 400, ""),
        (
            "two lengths",
            "Content-Length: 15\r\nContent-Length: 16\r\n\r\n{\"userId\":\"u1\"}",
            400,
            "",
        ),
    ] {
        let reply = server.say(format!("{post}{rest}").as_bytes()).await;
        assert_eq!((reply.status, reply.body.as_str()), (status, body), "{what}");
    }
    assert_eq!(server.take_records().len(), 3);
}

#[tokio::test]
async fn a_body_that_ends_early_is_unreadable() {
    let server = configured(|_| {}).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!("POST /v1/track HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\n{EVENT}");
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let reply = read_reply(stream).await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (400, "failed to read body from request")
    );
    assert_eq!(server.take_records(), []);
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let server = configured(|_| {}).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let post = |body: &str| {
        format!(
            "POST /v1/track HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        )
    };
    for _ in 0..3 {
        stream.write_all(post(EVENT).as_bytes()).await.unwrap();
        assert!(read_until(&mut stream, "\r\n\r\nok").await.starts_with("HTTP/1.1 200"));
        stream.write_all(post("{").as_bytes()).await.unwrap();
        assert!(
            read_until(&mut stream, "invalid json")
                .await
                .starts_with("HTTP/1.1 400")
        );
    }
    assert_eq!(server.take_records().len(), 3);
}

#[tokio::test]
async fn a_client_that_waits_to_be_told_to_go_on_is_told() {
    let server = configured(|_| {}).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /v1/track HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 15\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    read_until(&mut stream, "100 Continue\r\n\r\n").await;
    stream.write_all(EVENT.as_bytes()).await.unwrap();
    read_until(&mut stream, "\r\n\r\nok").await;
}

#[tokio::test]
async fn slow_clients_are_cut_off() {
    let server = configured(|endpoint| {
        endpoint.connections.head_timeout = Duration::from_millis(200);
        endpoint.connections.idle_timeout = Duration::from_millis(300);
        endpoint.body_pace = BodyPace {
            window: Duration::from_millis(100),
            ..BodyPace::default()
        };
    })
    .await;
    for beginning in ["", "POST /v1/tr", "POST /v1/track HTTP/1.1\r\nHost: h\r\n"] {
        let start = Instant::now();
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(beginning.as_bytes()).await.unwrap();
        let mut rest = Vec::new();
        timeout(SOON, stream.read_to_end(&mut rest))
            .await
            .expect("the connection is closed")
            .unwrap();
        assert!(start.elapsed() >= Duration::from_millis(150), "{beginning:?}");
    }
    let slow = "POST /v1/track HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 15\r\n\r\n{\"user";
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(slow.as_bytes()).await.unwrap();
    let answer = read_until(&mut stream, "in time").await;
    // It may be the network's fault, so the client is to try again.
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.to_lowercase().contains("retry-after: "), "{answer}");
}

#[tokio::test]
async fn a_client_that_reads_no_answers_loses_its_place() {
    let server = configured(|endpoint| {
        endpoint.connections.most = 1;
        endpoint.connections.unread_timeout = Duration::from_millis(500);
    })
    .await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(server.address).await.unwrap();
    let asking = async {
        while stream
            .write_all(b"GET /health HTTP/1.1\r\nHost: h\r\n\r\n")
            .await
            .is_ok()
        {}
    };
    let ended = async {
        assert_eq!(server.get("/version").await.status, 200);
    };
    // While it goes on asking no other client gets in, until the kernel gives it up.
    let (asking, ended) = (timeout(SOON, asking), timeout(SOON, ended));
    let (asking, ended) = tokio::join!(asking, ended);
    asking.expect("the connection is closed");
    ended.expect("there is a place");
}

#[tokio::test]
async fn a_client_beyond_the_cap_waits_for_a_place() {
    let server = configured(|endpoint| endpoint.connections.most = 2).await;
    let mut places = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream
            .write_all(b"GET /version HTTP/1.1\r\nHost: h\r\n\r\n")
            .await
            .unwrap();
        read_until(&mut stream, "}").await;
        places.push(stream);
    }
    let waiting = server.get("/version");
    tokio::pin!(waiting);
    assert!(timeout(Duration::from_millis(200), &mut waiting).await.is_err());
    places.pop();
    assert_eq!(timeout(SOON, waiting).await.expect("there is a place").status, 200);
}

#[tokio::test]
async fn bodies_take_the_memory_there_is_for_them_and_give_it_back() {
    let server = configured(|endpoint| endpoint.account = Account::new(376_460)).await;
    for _ in 0..5 {
        let refused = server.post("/v1/track", "y".repeat(200_001)).await;
        let reason = (refused.status, refused.body.as_str());
        assert_eq!(reason, (503, "too many requests at the same time"));
        assert_eq!(server.post("/v1/track", "y".repeat(199_999)).await.body, "invalid json");
    }
}

/// Was: waited for until its time was over, and all of the shutdown with it.
#[tokio::test]
async fn a_head_that_has_not_ended_is_not_waited_for_at_the_end() {
    let mut server = configured(|endpoint| endpoint.connections.head_timeout = Duration::from_secs(3600)).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(b"HEAD /health HTTP/1.1\r\nHost: h\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut stream, "\r\n\r\n").await;
    stream.write_all(b"POST /v1/track HTTP/1.1\r\nHo").await.unwrap();
    // What has come before these is read before them.
    for _ in 0..3 {
        assert_eq!(server.get("/health").await.status, 200);
    }
    server.controller.advance(Phase::Stopping);
    timeout(SOON, server.ended())
        .await
        .expect("the endpoint ends with its last request");
}

#[tokio::test]
async fn at_the_end_open_requests_are_answered_and_no_new_ones_taken() {
    let mut server = configured(|_| {}).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /v1/track HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 15\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    // From here on the server waits for the body.
    read_until(&mut stream, "100 Continue\r\n\r\n").await;
    server.controller.advance(Phase::Stopping);
    let closed = async {
        while TcpStream::connect(server.address).await.is_ok() {
            yield_now().await;
        }
    };
    timeout(SOON, closed).await.expect("the port closes");
    stream.write_all(EVENT.as_bytes()).await.unwrap();
    let reply = read_reply(stream).await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "ok"));
    timeout(SOON, server.ended())
        .await
        .expect("the endpoint ends with its last request");
}
