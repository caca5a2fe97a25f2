//! The load: so many connections, each sending its next request when the last is answered. Writes prepared bytes and
//! reads as little of the answers as it can.

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
    time::timeout,
};

use crate::event::{Grouping, requests};

/// Longest wait for one answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(30);

/// One sending of a load.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) grouping: Grouping,
    pub(crate) connections: usize,
    /// Requests to send.
    pub(crate) count: usize,
    /// The number of the first event; no number may be sent twice to one program.
    pub(crate) first: usize,
}

/// Sends a load to `target` and wants a 200 for each request.
pub(crate) async fn send(target: SocketAddr, load: Load) -> anyhow::Result<()> {
    let Load {
        grouping,
        connections,
        count,
        first,
    } = load;
    let requests = requests(grouping);
    let next = Arc::new(AtomicUsize::new(0));
    let mut senders: JoinSet<anyhow::Result<()>> = JoinSet::new();
    for _ in 0..connections {
        let (next, requests) = (Arc::clone(&next), requests.clone());
        senders.spawn(async move {
            let mut stream = TcpStream::connect(target).await.context("failed to connect")?;
            stream.set_nodelay(true)?;
            let (mut buffer, mut written) = (vec![0; 4_096], Vec::new());
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return Ok(());
                }
                requests[number % requests.len()].write(first + number * grouping.events(), &mut written);
                stream.write_all(&written).await?;
                timeout(ANSWER_DEADLINE, read_answer(&mut stream, &mut buffer))
                    .await
                    .context("no answer")??;
            }
        });
    }
    while let Some(sender) = senders.join_next().await {
        sender.context("a sender panicked")??;
    }
    Ok(())
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
    use super::is_whole;

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
}
