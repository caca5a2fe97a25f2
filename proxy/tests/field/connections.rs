//! dwave-cloud-client#439: a body that arrives slowly and steadily. Idle time of balancers and pools, heads that never
//! end, connections that never close, and what is not HTTP/1.1: seen on the endpoint itself, without a public report.

use std::{sync::Arc, time::Duration};

use firehose_proxy::http::{
    BodyPace,
    admin::{self, Admin},
    gateway::Endpoint,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    time::{Instant, sleep, timeout},
};

use crate::server::{Server, document, read_reply};

const EVENT: &str = r#"{"userId":"u1"}"#;
/// Generous, since machines may be busy.
const SOON: Duration = Duration::from_secs(30);

async fn started(adjust: impl FnOnce(&mut Endpoint)) -> Server {
    let server = Server::start_without_configuration(adjust).await;
    server.configure(document("[{event: '*', deliveryStreamName: all}]", ""));
    server
}

fn counted(server: &Server, reason: &str) -> bool {
    let line = format!("firehose_proxy_requests_refused_total{{reason=\"{reason}\"}} 1");
    server.metrics.render().contains(&line)
}

/// How long the server keeps a connection that sends `beginning` and nothing more.
async fn kept(server: &Server, beginning: &str) -> Duration {
    let start = Instant::now();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let _ = stream.write_all(beginning.as_bytes()).await;
    let mut rest = Vec::new();
    // One that is refused before its end may be reset.
    let closed = timeout(SOON, stream.read_to_end(&mut rest)).await;
    let _ = closed.expect("the connection is closed");
    start.elapsed()
}

#[tokio::test]
async fn a_body_that_arrives_steadily_is_waited_for() {
    let server = started(|endpoint| {
        endpoint.body_pace = BodyPace {
            window: Duration::from_millis(500),
            bytes: 2048,
            ..BodyPace::default()
        };
    })
    .await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let event = format!(r#"{{"userId":"u","x":"{}"}}"#, "x".repeat(60_000));
    let head = format!(
        "POST /v1/track HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        event.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    // Five windows long, at four times the least pace.
    for piece in event.as_bytes().chunks(1000) {
        stream.write_all(piece).await.unwrap();
        sleep(Duration::from_millis(40)).await;
    }
    assert_eq!(read_reply(stream).await.body, "ok");
}

#[tokio::test]
async fn a_body_that_trickles_is_not() {
    let server = started(|endpoint| {
        endpoint.body_pace = BodyPace {
            window: Duration::from_millis(200),
            bytes: 2048,
            ..BodyPace::default()
        };
    })
    .await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = "POST /v1/track HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 60000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    let trickling = async {
        while writing.write_all(b"x").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    let mut answer = Vec::new();
    tokio::select! {
        () = trickling => {}
        read = timeout(SOON, reading.read_to_end(&mut answer)) => { let _ = read.expect("it is cut off"); }
    }
    assert!(
        String::from_utf8_lossy(&answer).starts_with("HTTP/1.1 503"),
        "{answer:?}"
    );
    assert!(counted(&server, "SlowBody"));
}

#[tokio::test]
async fn a_head_has_a_deadline_from_its_first_byte_and_an_idle_connection_a_longer_one() {
    let server = started(|endpoint| {
        endpoint.connections.head_timeout = Duration::from_millis(200);
        endpoint.connections.idle_timeout = Duration::from_secs(2);
    })
    .await;
    assert!(kept(&server, "").await >= Duration::from_millis(1900));
    assert!(!counted(&server, "SlowHead"));
    for beginning in ["P", "POST /v1/track HTTP/1.1\r\nHost: h\r\n"] {
        let kept = kept(&server, beginning).await;
        assert!(
            (Duration::from_millis(150)..Duration::from_millis(1900)).contains(&kept),
            "{kept:?}"
        );
    }
    let refused = server.metrics.render();
    assert!(refused.contains("{reason=\"SlowHead\"} 2"), "{refused}");
    // Idle between two requests is idle.
    let request = "GET /version HTTP/1.1\r\nHost: h\r\n\r\n";
    assert!(kept(&server, request).await >= Duration::from_millis(1900));
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_has_no_more_time() {
    let server = started(|endpoint| endpoint.connections.head_timeout = Duration::from_millis(300)).await;
    let start = Instant::now();
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let sending = async {
        while stream.write_all(b"G").await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(SOON, sending).await.expect("the connection is closed");
    assert!(start.elapsed() >= Duration::from_millis(250));
    assert!(counted(&server, "SlowHead"));
}

#[tokio::test]
async fn an_old_connection_is_told_to_close_with_an_answer_and_not_before() {
    let server = started(|endpoint| endpoint.connections.max_age = Duration::from_millis(500)).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "POST /v1/track HTTP/1.1\r\nHost: h\r\nContent-Length: {}\r\n\r\n{EVENT}",
        EVENT.len()
    );
    let mut answers = Vec::new();
    stream.write_all(request.as_bytes()).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    // Older than its age with a fifth, and open: it sends nothing, so it is told nothing.
    stream.write_all(request.as_bytes()).await.unwrap();
    timeout(SOON, stream.read_to_end(&mut answers))
        .await
        .expect("it is closed")
        .unwrap();
    let answers = String::from_utf8(answers).unwrap().to_lowercase();
    assert_eq!(answers.matches("http/1.1 200").count(), 2, "{answers}");
    assert_eq!(answers.matches("connection: close").count(), 1, "{answers}");
    let (first, _) = answers.split_once("ok").unwrap();
    assert!(!first.contains("connection: close"), "{answers}");
}

#[tokio::test]
async fn heads_as_meshes_and_browsers_write_them_are_served() {
    let server = started(|_| {}).await;
    let many: String = (0..150).map(|index| format!("X-Header-{index}: {index}\r\n")).collect();
    let cookies = format!("Cookie: a={}\r\n", "c".repeat(16 * 1024));
    for headers in [many.as_str(), &cookies, &format!("{cookies}{many}")] {
        assert_eq!(server.post_with("/v1/track", headers, EVENT).await.body, "ok");
    }
    assert_eq!(
        server.post("http://events.example:8080/v1/track", EVENT).await.body,
        "ok"
    );
    assert_eq!(server.take_records().len(), 4);
}

#[tokio::test]
async fn what_is_no_request_is_counted_as_what_it_is() {
    for (bytes, reason) in [
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), "Http2"),
        ("\u{16}\u{3}\u{1}\u{2}\r\n\r\n".to_owned(), "NotHttp"),
        ("hello there\r\n\r\n".to_owned(), "NotHttp"),
        (
            format!("GET / HTTP/1.1\r\nA: {}\r\n\r\n", "a".repeat(200_000)),
            "HeadTooLarge",
        ),
        (
            format!("GET / HTTP/1.1\r\n{}\r\n", "A: b\r\n".repeat(300)),
            "HeadTooLarge",
        ),
    ] {
        let server = started(|_| {}).await;
        kept(&server, &bytes).await;
        assert!(counted(&server, reason), "{reason}\n{}", server.metrics.render());
    }
}

#[tokio::test]
async fn two_thousand_clients_at_once_are_served() {
    let server = started(|_| {}).await;
    let clients = (0..2000).map(|_| {
        let address = server.address;
        async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = "GET /version HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
            stream.write_all(request.as_bytes()).await.unwrap();
            read_reply(stream).await.status
        }
    });
    let answers = timeout(SOON, futures::future::join_all(clients))
        .await
        .expect("all are answered");
    assert!(answers.iter().all(|status| *status == 200));
}

#[tokio::test]
async fn probes_get_through_whatever_else_the_admin_port_holds() {
    let server = started(|_| {}).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let report = || serde_json::from_str(r#"{"ready":true}"#).unwrap();
    let serving = tokio::spawn(admin::serve(
        listener.into(),
        Admin {
            exposition: server.metrics.clone(),
            report: Arc::new(report),
            most_connections: 256,
        },
    ));
    let mut silent = Vec::new();
    for index in 0..400 {
        let mut stream = TcpStream::connect(address).await.unwrap();
        if index % 2 == 0 {
            // A scraper that would keep its connection.
            stream
                .write_all(b"GET /metrics HTTP/1.1\r\nHost: h\r\n\r\n")
                .await
                .unwrap();
        }
        silent.push(stream);
    }
    for _ in 0..12 {
        let mut probe = TcpStream::connect(address).await.unwrap();
        probe
            .write_all(b"GET /livez HTTP/1.1\r\nHost: h\r\n\r\n")
            .await
            .unwrap();
        // A second is kubelet's default, beside the one that a silent connection is kept.
        let reply = timeout(Duration::from_secs(5), read_reply(probe)).await;
        assert_eq!(reply.expect("a probe is answered").body, "ok");
    }
    serving.abort();
}

#[tokio::test]
async fn when_places_run_out_an_idle_connection_leaves_and_none_that_sends() {
    let server = started(|endpoint| endpoint.connections.most = 20).await;
    let mut sending = TcpStream::connect(server.address).await.unwrap();
    sending
        .write_all(b"GET /version HTTP/1.1\r\nHost: h\r\n")
        .await
        .unwrap();
    let mut idle = Vec::new();
    for _ in 0..19 {
        idle.push(TcpStream::connect(server.address).await.unwrap());
    }
    for _ in 0..10 {
        let reply = timeout(SOON, server.get("/version")).await;
        assert_eq!(reply.expect("there is a place").status, 200);
    }
    sending.write_all(b"Connection: close\r\n\r\n").await.unwrap();
    assert_eq!(read_reply(sending).await.status, 200);
}

#[tokio::test]
async fn an_edit_of_lifetimes_applies_to_connections_that_are_open() {
    let server = started(|_| {}).await;
    let ask = b"GET /version HTTP/1.1\r\nHost: h\r\n\r\n";
    let mut open = Vec::new();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(ask).await.unwrap();
        let mut answer = vec![0; 4096];
        let read = stream.read(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer[..read]).to_lowercase();
        assert!(!answer.contains("connection: close"), "{answer}");
        open.push(stream);
    }
    let edited = |rest: &str| server.configure(document("[{event: '*', deliveryStreamName: all}]", rest));
    // Old already, and told with its next answer only.
    edited("ingest: {connections: {maxAgeSeconds: 0, idleTimeoutSeconds: 620}}");
    let mut byte = [0];
    for stream in &mut open {
        assert!(
            timeout(Duration::from_millis(100), stream.read(&mut byte))
                .await
                .is_err()
        );
    }
    let mut asking = open.pop().unwrap();
    asking.write_all(ask).await.unwrap();
    let answer = read_reply(asking).await;
    assert!(
        answer.head.to_lowercase().contains("connection: close"),
        "{}",
        answer.head
    );
    edited("ingest: {connections: {maxAgeSeconds: 600, idleTimeoutSeconds: 1}}");
    for mut stream in open {
        let closed = timeout(SOON, stream.read(&mut byte)).await.expect("it is closed");
        assert_eq!(closed.unwrap(), 0);
    }
}
