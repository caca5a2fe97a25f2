//! Clients that send batches as fast as they are answered, and try again soon after a 503.

use std::{collections::BTreeMap, fmt::Write as _, net::SocketAddr, time::Duration};

use firehose_tests::client::Client;
use http::StatusCode;
use tokio::{
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::pod::Pod;

/// Longest wait for an answer: longer than the proxy takes to say that it could not.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause after a 503, shorter than the answer asks for.
const IMPATIENCE: Duration = Duration::from_millis(200);

#[derive(Debug, Clone, Copy)]
pub(super) struct Load {
    pub(super) clients: usize,
    /// Events of a batch.
    pub(super) events: usize,
    pub(super) event_bytes: usize,
}

/// What the clients know in the end.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Events of requests that were answered 200.
    pub(super) answered: Vec<String>,
    /// How many requests were answered how.
    pub(super) statuses: BTreeMap<u16, usize>,
    pub(super) without_answer: usize,
    /// Batches that were never taken.
    pub(super) given_up: usize,
}

impl Load {
    /// Sends to all streams in turn until `end`; what is not taken by then is sent again until it is, or until
    /// `given_up`.
    pub(super) async fn send(self, pod: &Pod, streams: usize, end: Instant, given_up: Instant) -> Sent {
        let client = Client::default();
        let clients = (0..self.clients).map(|number| {
            let (client, events) = (client.clone(), pod.events);
            tokio::spawn(async move { self.client(number, client, events, streams, (end, given_up)).await })
        });
        let mut all = Sent::default();
        for sent in clients.collect::<Vec<_>>() {
            let sent = sent.await.unwrap();
            all.answered.extend(sent.answered);
            all.without_answer += sent.without_answer;
            all.given_up += sent.given_up;
            for (status, count) in sent.statuses {
                *all.statuses.entry(status).or_default() += count;
            }
        }
        all
    }

    async fn client(
        self,
        number: usize,
        client: Client,
        to: SocketAddr,
        streams: usize,
        (end, given_up): (Instant, Instant),
    ) -> Sent {
        let mut sent = Sent::default();
        let padding = "x".repeat(self.event_bytes);
        let mut batch = 0;
        while Instant::now() < end {
            let ids: Vec<String> = (0..self.events)
                .map(|event| format!("{number}-{batch}-{event}"))
                .collect();
            let stream = |event: usize| (number + batch * self.events + event) % streams;
            let mut body = String::from("{\"batch\":[");
            for (event, id) in ids.iter().enumerate() {
                let comma = if event == 0 { "" } else { "," };
                write!(
                    body,
                    r#"{comma}{{"type":"track","event":"stream-{}","userId":"u","messageId":"{id}","pad":"{padding}"}}"#,
                    stream(event)
                )
                .unwrap();
            }
            body.push_str("]}");
            batch += 1;
            let body = bytes::Bytes::from(body);
            // As SDKs do.
            loop {
                let answer = timeout(PATIENCE, client.post(to, "/v1/batch", body.clone())).await;
                match answer {
                    Ok(Ok(answer)) => {
                        *sent.statuses.entry(answer.status.as_u16()).or_default() += 1;
                        if answer.status == StatusCode::OK {
                            sent.answered.extend(ids);
                            break;
                        }
                    }
                    _ => sent.without_answer += 1,
                }
                if Instant::now() >= given_up {
                    sent.given_up += 1;
                    break;
                }
                sleep(IMPATIENCE).await;
            }
        }
        sent
    }
}

/// Connections that send nothing.
pub(super) async fn connect(pod: &Pod, connections: usize) -> Vec<TcpStream> {
    let mut open = Vec::new();
    for _ in 0..connections {
        if let Ok(Ok(stream)) = timeout(Duration::from_secs(5), TcpStream::connect(pod.events)).await {
            open.push(stream);
        }
    }
    open
}

/// The ids of the events of a record.
pub(super) fn ids(record: &[u8]) -> impl Iterator<Item = String> {
    let lines = record.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| {
        let text = str::from_utf8(line).unwrap();
        let (_, rest) = text.split_once(r#""messageId":""#).unwrap();
        rest.split_once('"').unwrap().0.to_owned()
    })
}
