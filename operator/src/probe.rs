//! `firehose-operator probe`: asks a running operator, or a proxy, whether it is ready. For `helm test`, in an image
//! that holds no other program.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream, ToSocketAddrs as _},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail, ensure};
use url::Url;

/// For a connection, and for its answer.
const STEP: Duration = Duration::from_secs(5);
/// Between two questions.
const PAUSE: Duration = Duration::from_secs(1);
/// More of an answer is not read.
const MAX_ANSWER_BYTES: u64 = 4096;

/// Asks until the answer is 200, for at most `patience` and the question that is open then. Returns what was answered.
///
/// # Errors
///
/// When `url` is not one of plain HTTP, or with the last answer that was none.
pub fn probe(url: &Url, patience: Duration) -> anyhow::Result<String> {
    ensure!(url.scheme() == "http", "{url} is not an http:// address");
    let end = Instant::now() + patience;
    loop {
        match ask(url) {
            Ok(said) => return Ok(said),
            Err(error) if Instant::now() + PAUSE >= end => return Err(error.context(format!("{url} is not ready"))),
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

fn ask(url: &Url) -> anyhow::Result<String> {
    let host = url.host_str().context("the address names no host")?;
    let port = url.port_or_known_default().unwrap_or(80);
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let addresses = (bare, port)
        .to_socket_addrs()
        .with_context(|| format!("{bare} has no address"))?;
    let mut stream = connected(addresses)?;
    stream.set_read_timeout(Some(STEP))?;
    stream.set_write_timeout(Some(STEP))?;
    let request = format!(
        "GET {} HTTP/1.0\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n",
        url.path()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer is not HTTP")?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    ensure!(status == "200", "answered {status}: {}", body.trim());
    Ok(body.trim().to_owned())
}

fn connected(addresses: impl Iterator<Item = SocketAddr>) -> anyhow::Result<TcpStream> {
    let mut last = None;
    for address in addresses {
        match TcpStream::connect_timeout(&address, STEP) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = Some((address, error)),
        }
    }
    match last {
        Some((address, error)) => Err(error).with_context(|| format!("failed to connect to {address}")),
        None => bail!("the name has no address"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Answers one question after the other, each on a connection of its own; the address of that.
    fn answering(answers: &'static [&'static str]) -> Url {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for answer in answers {
                let (mut stream, _) = listener.accept().unwrap();
                let mut question = [0; 1024];
                let length = stream.read(&mut question).unwrap();
                assert!(question[..length].starts_with(b"GET /readyz HTTP/1.0\r\n"));
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        format!("http://{address}/readyz").parse().unwrap()
    }

    #[test]
    fn one_that_is_not_ready_yet_is_asked_again() {
        let url = answering(&[
            "HTTP/1.0 503 Service Unavailable\r\n\r\nthe watches have not listed yet",
            "HTTP/1.0 200 OK\r\n\r\nok",
        ]);
        assert_eq!(probe(&url, Duration::from_secs(60)).unwrap(), "ok");
    }

    #[test]
    fn what_is_said_at_last_is_why_it_is_not_ready() {
        let url = answering(&["HTTP/1.0 503 Service Unavailable\r\n\r\nthe watches have not listed yet"]);
        let error = format!("{:#}", probe(&url, Duration::ZERO).unwrap_err());
        assert_eq!(
            error,
            format!("{url} is not ready: answered 503: the watches have not listed yet")
        );
        let elsewhere = "https://127.0.0.1:1/readyz".parse().unwrap();
        assert!(probe(&elsewhere, Duration::ZERO).is_err(), "never TLS");
    }
}
