//! A running endpoint, a client that says exactly what it is told to, and the records that arrived.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use firehose_proxy::{
    config::{Live, Snapshot},
    event::Timestamp,
    http::{
        Metrics,
        gateway::{self, Endpoint},
    },
    queue,
    routing::Table,
    shutdown::{Controller, shutdown},
    stream::Streams,
    telemetry::Exposition,
};
use firehose_proxy_config::{Document, parse};
use prometheus_client::registry::Registry;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::{Instant, sleep, timeout},
};

/// When every request arrives: 2026-01-02T03:04:05.678Z.
pub(crate) const NOW: &str = "2026-01-02T03:04:05.678Z";
const NOW_MILLISECONDS: i64 = 1_767_323_045_678;

/// An endpoint on a port of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) records: Records,
    pub(crate) metrics: Exposition,
    live: Arc<Live>,
    streams: Arc<Streams>,
    /// Decides the phase; ends the server when dropped.
    pub(crate) controller: Controller,
    serving: JoinHandle<()>,
}

/// Stream and bytes of each record that was accepted, in order.
type Records = Arc<Mutex<Vec<(String, String)>>>;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

/// A document with `mappings` and whatever else `rest` says.
pub(crate) fn document(mappings: &str, rest: &str) -> Document {
    parse(&format!(
        "formatVersion: 1\nrevision: ''\ndestination: {{namespace: n, name: d, uid: u}}\nregion: eu-west-1\n\
         mappings: {mappings}\n{rest}\n"
    ))
    .unwrap()
}

impl Server {
    /// Starts one that sends every event to the stream `all`.
    pub(crate) async fn start(rest: &str) -> Self {
        let server = Self::start_without_configuration(|_| {}).await;
        server.configure(document("[{event: '*', deliveryStreamName: all}]", rest));
        server
    }

    /// Starts one behind which nothing is ever delivered.
    pub(crate) async fn start_without_delivery(adjust: impl FnOnce(&mut Endpoint)) -> Self {
        Self::start_delivering(None, adjust).await
    }

    /// Starts one behind which events are delivered after so long, as far as they may still be sent; `None` for never.
    pub(crate) async fn start_delivering(after: Option<Duration>, adjust: impl FnOnce(&mut Endpoint)) -> Self {
        let server = Self::run(adjust, after).await;
        server.configure(document("[{event: '*', deliveryStreamName: all}]", ""));
        server
    }

    /// Starts one that has not read a configuration yet.
    pub(crate) async fn start_without_configuration(adjust: impl FnOnce(&mut Endpoint)) -> Self {
        Self::run(adjust, Some(Duration::ZERO)).await
    }

    async fn run(adjust: impl FnOnce(&mut Endpoint), after: Option<Duration>) -> Self {
        let (live, streams) = (Arc::new(Live::default()), Arc::new(Streams::default()));
        let (intake, mut outlet) = queue::memory(64 * 1024 * 1024);
        let mut registry = Registry::default();
        let mut endpoint = Endpoint::new(Arc::clone(&live), intake, Metrics::register(&mut registry));
        endpoint.clock = Arc::new(|| Timestamp::from_unix_milliseconds(NOW_MILLISECONDS).unwrap());
        endpoint.random = Arc::new(|| [7; 16]);
        adjust(&mut endpoint);

        let records = Records::default();
        let (kept, names) = (Arc::clone(&records), Arc::clone(&streams));
        tokio::spawn(async move {
            while let Some(batch) = outlet.next().await {
                let Some(after) = after else { continue };
                sleep(after).await;
                if batch.is_too_late(Instant::now()) {
                    continue;
                }
                for entry in batch.entries() {
                    let record = String::from_utf8(entry.record.to_vec()).unwrap();
                    kept.lock()
                        .unwrap()
                        .push((names.name(entry.stream).to_string(), record));
                    batch.settle(1);
                }
            }
        });

        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (controller, shutdown) = shutdown();
        let serving = tokio::spawn(gateway::serve(listener.into(), endpoint, shutdown));
        Self {
            address,
            records,
            metrics: Exposition::new(registry),
            live,
            streams,
            controller,
            serving,
        }
    }

    /// Puts a document in force.
    pub(crate) fn configure(&self, document: Document) {
        let table = Table::new(&document.mappings, &self.streams).unwrap();
        self.live.replace(Arc::new(Snapshot::new(document, table)));
    }

    /// Sends bytes on a connection of their own and reads the answer until the server closes it.
    pub(crate) async fn say(&self, bytes: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        // A server that refuses a body before its end may close while we still write.
        let _ = stream.write_all(bytes).await;
        read_reply(stream).await
    }

    /// Posts a body.
    pub(crate) async fn post(&self, path: &str, body: impl AsRef<[u8]>) -> Reply {
        self.post_with(path, "", body).await
    }

    /// Posts a body under more headers, each ended by CR LF.
    pub(crate) async fn post_with(&self, path: &str, headers: &str, body: impl AsRef<[u8]>) -> Reply {
        let body = body.as_ref();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        self.say(&[head.as_bytes(), body].concat()).await
    }

    /// Asks for something.
    pub(crate) async fn get(&self, target: &str) -> Reply {
        reply(&self.get_bytes(target).await)
    }

    /// Asks for something that is not text.
    pub(crate) async fn get_bytes(&self, target: &str) -> Vec<u8> {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {target} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        read_to_end(stream).await
    }

    /// Posts again and again until the answer has a status, at most some seconds.
    pub(crate) async fn until(&self, path: &str, headers: &str, body: &str, status: u16) {
        let waiting = async {
            while self.post_with(path, headers, body).await.status != status {
                sleep(Duration::from_millis(20)).await;
            }
        };
        timeout(Duration::from_secs(30), waiting)
            .await
            .expect("the status comes");
    }

    /// Resolves when the endpoint has ended.
    pub(crate) async fn ended(&mut self) {
        (&mut self.serving).await.unwrap();
    }

    /// The records accepted since the last call.
    pub(crate) fn take_records(&self) -> Vec<(String, String)> {
        std::mem::take(&mut *self.records.lock().unwrap())
    }
}

/// Reads an answer to the end of its connection.
pub(crate) async fn read_reply(stream: TcpStream) -> Reply {
    reply(&read_to_end(stream).await)
}

async fn read_to_end(mut stream: TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let reading = timeout(Duration::from_secs(20), stream.read_to_end(&mut bytes));
    let _ = reading.await.expect("the server answers and closes");
    bytes
}

fn reply(bytes: &[u8]) -> Reply {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer has a head");
    Reply {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head: head.to_ascii_lowercase(),
        body: body.to_owned(),
    }
}
