//! The load: so many connections, each with one request at a time. Writes prepared bytes and reads as little of the
//! answers as it can.
//!
//! Closed, a connection sends its next request when the last is answered. Open, requests are due at a constant rate,
//! and a latency counts from when its request was due, whether a connection was free or not: what waits for a slow
//! answer is part of how long it took.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, bail};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep_until, timeout},
};

use crate::{event::Request, latency::Latencies};

/// Longest wait for one answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(60);

/// One sending of a load.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    /// What is sent, in turn.
    pub(crate) requests: Arc<[Request]>,
    /// Requests to send.
    pub(crate) count: usize,
    /// The number of the first event; no number may be sent twice to one program.
    pub(crate) first: usize,
    /// Time between one request and the next; none when each connection sends as fast as it is answered.
    pub(crate) interval: Option<Duration>,
}

/// Connections that loads are sent on, one after the other: to open them is no part of what an event costs.
#[derive(Debug)]
pub(crate) struct Connections(Vec<TcpStream>);

impl Connections {
    /// Opens so many.
    pub(crate) async fn open(target: SocketAddr, count: usize) -> anyhow::Result<Self> {
        let mut streams = Vec::with_capacity(count);
        for _ in 0..count {
            let stream = TcpStream::connect(target).await.context("failed to connect")?;
            stream.set_nodelay(true)?;
            streams.push(stream);
        }
        Ok(Self(streams))
    }

    /// Sends a load and wants a 200 for each request.
    pub(crate) async fn send(&mut self, load: Load) -> anyhow::Result<Latencies> {
        let next = Arc::new(AtomicUsize::new(0));
        let mut senders: JoinSet<anyhow::Result<(TcpStream, Latencies)>> = JoinSet::new();
        let begun = Instant::now();
        for stream in self.0.drain(..) {
            senders.spawn(sender(stream, load.clone(), Arc::clone(&next), begun));
        }
        let mut latencies = Latencies::default();
        while let Some(sender) = senders.join_next().await {
            let (stream, found) = sender.context("a sender panicked")??;
            self.0.push(stream);
            latencies.merge(&found);
        }
        Ok(latencies)
    }
}

/// Sends what is next until nothing is.
async fn sender(
    mut stream: TcpStream,
    load: Load,
    next: Arc<AtomicUsize>,
    begun: Instant,
) -> anyhow::Result<(TcpStream, Latencies)> {
    let (mut buffer, mut written) = (vec![0; 4_096], Vec::new());
    let mut latencies = Latencies::default();
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= load.count {
            return Ok((stream, latencies));
        }
        let request = &load.requests[number % load.requests.len()];
        request.write(load.first + number * request.events(), &mut written)?;
        let due = match load.interval {
            None => Instant::now(),
            Some(interval) => begun + interval.mul_f64(u32::try_from(number).map_or(f64::MAX, f64::from)),
        };
        sleep_until(due).await;
        stream.write_all(&written).await?;
        timeout(ANSWER_DEADLINE, read_answer(&mut stream, &mut buffer))
            .await
            .context("no answer")??;
        latencies.add(due.elapsed());
    }
}

async fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> anyhow::Result<()> {
    let mut filled = 0;
    loop {
        let read = stream.read(&mut buffer[filled..]).await?;
        if read == 0 {
            bail!("the connection was closed instead of answered");
        }
        filled += read;
        if is_whole(&buffer[..filled])? {
            return Ok(());
        }
    }
}

/// Whether these bytes are a complete answer; an error unless it is a 200.
fn is_whole(answer: &[u8]) -> anyhow::Result<bool> {
    let Some(end) = memchr::memmem::find(answer, b"\r\n\r\n") else {
        return Ok(false);
    };
    let head = std::str::from_utf8(&answer[..end])?;
    if !head.starts_with("HTTP/1.1 200") {
        bail!("answered {}", head.lines().next().unwrap_or_default());
    }
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().ok())?
    });
    Ok(answer.len() >= end + 4 + length.context("an answer without a length")?)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;
    use crate::event::{Grouping, requests};

    #[test]
    fn an_answer_is_whole_with_its_last_byte() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
        assert!(is_whole(answer).unwrap());
        assert!(!is_whole(&answer[..answer.len() - 1]).unwrap());
        assert!(!is_whole(&answer[..20]).unwrap());
    }

    #[test]
    fn anything_but_200_ends_the_run() {
        assert!(is_whole(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").is_err());
    }

    /// A generator that waits for an answer before it starts the next clock would report the one slow answer and
    /// call the others fast.
    #[tokio::test]
    async fn who_waits_behind_a_slow_answer_waits_from_when_it_was_due() {
        const SLOW: Duration = Duration::from_millis(100);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = vec![0; 1 << 16];
            for number in 0..20 {
                let mut filled = 0;
                while memchr::memmem::find(&buffer[..filled], b"true},\"note\":").is_none()
                    || !buffer[..filled].ends_with(b"}")
                {
                    filled += stream.read(&mut buffer[filled..]).await.unwrap();
                }
                if number == 0 {
                    tokio::time::sleep(SLOW).await;
                }
                stream
                    .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                    .await
                    .unwrap();
            }
        });
        let load = Load {
            requests: requests(Grouping::Single, 1, false).into(),
            count: 20,
            first: 0,
            interval: Some(Duration::from_millis(1)),
        };
        let latencies = Connections::open(target, 1).await.unwrap().send(load).await.unwrap();
        server.await.unwrap();
        // All but the first were answered at once, and all of them were due in the first 20 ms.
        assert!(
            latencies.quantile(50) >= SLOW - Duration::from_millis(20),
            "{:?}",
            latencies.quantile(50)
        );
    }
}
