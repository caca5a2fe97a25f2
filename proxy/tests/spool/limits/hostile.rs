//! Two hundred clients that do everything wrong, and one that does not: it is answered each time.

use std::{net::SocketAddr, time::Duration};

use http::StatusCode;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use super::cell::{self, Cell};
use crate::pod::{Place, Pod, setting};

/// Connections that misbehave at a time.
const HOSTILE: usize = 200;
/// Pause of the well-behaved client between two requests.
const PACE: Duration = Duration::from_millis(20);
/// Longest time that a hostile client stays on one connection.
const STAY: Duration = Duration::from_secs(12);

/// One way to be wrong: what is written, piece by piece, with a pause after each, and whether the client stays to see
/// what comes of it.
struct Wrong {
    pieces: Vec<(Vec<u8>, Duration)>,
    stays: bool,
}

fn wrong(pieces: &[&[u8]], stays: bool) -> Wrong {
    Wrong {
        pieces: pieces.iter().map(|piece| (piece.to_vec(), Duration::ZERO)).collect(),
        stays,
    }
}

fn post(headers: &str, length: usize) -> Vec<u8> {
    format!("POST /v1/batch HTTP/1.1\r\nHost: h\r\n{headers}Content-Length: {length}\r\n\r\n").into_bytes()
}

/// A request whose body is `body` and whose length is said to be `more` than it has.
fn request(headers: &str, body: &[u8], more: usize) -> Vec<u8> {
    [&post(headers, body.len() + more), body].concat()
}

/// Every way, again and again.
fn ways(number: usize) -> Wrong {
    let event = |id: &str| format!(r#"{{"type":"track","event":"e","userId":"u","messageId":"{id}"}}"#);
    let batch = |events: &[String]| format!("{{\"batch\":[{}]}}", events.join(","));
    let large = "x".repeat(1 << 20);
    match number % 20 {
        // Nothing at all, for as long as it is let.
        0 => wrong(&[b""], true),
        1 => wrong(&[b"POST /v1/batch HTTP/1.1\r\nHost: h\r\nX-Half: "], true),
        2 => Wrong {
            pieces: b"GET /health HTTP/1.1\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyy"
                .iter()
                .map(|byte| (vec![*byte], Duration::from_millis(300)))
                .collect(),
            stays: true,
        },
        3 => wrong(&[b"GET / HTTP/1.1\r\nHost: h\r\nX-Long: ", &[b'x'; 62_000]], true),
        4 => wrong(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", &[0; 64]], true),
        5 => wrong(&[b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", &[7; 300]], true),
        6 => wrong(&[&post("", 10 << 20), large.as_bytes()], true),
        7 => wrong(&[&request("", br#"{"batch":[{"type":"track","x":NaN}]}"#, 0)], true),
        8 => wrong(&[&request("Content-Encoding: gzip\r\n", b"not gzip at all", 0)], true),
        9 => wrong(&[&request("", b"\xff\xfe\x00{", 0)], true),
        10 => wrong(&[&request("", "[".repeat(200_000).as_bytes(), 0)], true),
        11 => wrong(
            &[
                b"POST /v1/batch HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nFFFFFFFF\r\n",
                large.as_bytes(),
            ],
            true,
        ),
        12 => wrong(
            &[b"POST /v1/track HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello"],
            true,
        ),
        // A whole batch, and gone.
        13 => wrong(
            &[&request("", batch(&[event("gone-1"), event("gone-2")]).as_bytes(), 0)],
            false,
        ),
        14 => wrong(&[&post("", 5_000_000), &[b'{'; 4_000]], false),
        15 => wrong(&[&request("", batch(&vec![event("same"); 500]).as_bytes(), 0)], true),
        16 => wrong(
            &[b"GET /v1/batch HTTP/1.1\r\nHost: h\r\n\r\n".repeat(50).as_slice()],
            false,
        ),
        17 => wrong(
            &[&request(
                "Authorization: Bearer x\r\n",
                format!("{{\"pad\":\"{large}\"").as_bytes(),
                0,
            )],
            true,
        ),
        18 => wrong(&[&post("Expect: 100-continue\r\n", 1000)], true),
        _ => wrong(&[&[b'\0'; 4096]], false),
    }
}

/// One connection after the other until `end`.
async fn misbehave(to: SocketAddr, first: usize, end: Instant) {
    let mut number = first;
    while Instant::now() < end {
        let Wrong { pieces, stays } = ways(number);
        number += 7;
        let once = async {
            let mut stream = TcpStream::connect(to).await?;
            for (piece, pause) in pieces {
                stream.write_all(&piece).await?;
                sleep(pause).await;
            }
            if stays {
                while stream.read(&mut [0; 4096]).await? > 0 {}
            }
            std::io::Result::Ok(())
        };
        // Whatever comes of it is what it wanted.
        let _ = timeout(STAY.min(end.saturating_duration_since(Instant::now())), once).await;
        sleep(PACE).await;
    }
}

/// How long each answer took a client that does everything right. Panics when it is refused once.
async fn behave(pod: &Pod, what: &str, end: Instant) -> Vec<Duration> {
    let mut took = Vec::new();
    while Instant::now() < end {
        let sent = Instant::now();
        let answer = pod.send(&format!("{what}-{}", took.len()), 500).await;
        let status = answer.map(|answer| answer.status);
        assert_eq!(status, Ok(StatusCode::OK), "{what}, request {}", took.len());
        took.push(sent.elapsed());
        sleep(PACE).await;
    }
    took
}

/// The 99th of a hundred.
fn p99(mut took: Vec<Duration>) -> Duration {
    took.sort();
    took[took.len() * 99 / 100]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a while: cargo xtask test durability"]
async fn clients_that_do_everything_wrong_cost_another_none_of_its_answers() {
    let seconds = setting("HOSTILE_SECONDS", 0);
    let duration = Duration::from_secs(if seconds > 0 { seconds } else { 5 });
    let mut place = Place::new("delivery: {acknowledge: WhenSpooled}").await;
    let limit = 510 << 20;
    let cell = Cell::new(limit);
    let script = format!(r#"{}ulimit -Sn 1024 && exec "$@""#, cell.enter());
    place.wrapper = ["sh", "-c", &script, "sh"].map(str::to_owned).to_vec();
    let pod = place.start();
    behave(&pod, "at first", Instant::now() + duration / 4).await;
    let quiet = behave(&pod, "quiet", Instant::now() + duration).await;

    let end = Instant::now() + duration;
    let hostile: Vec<_> = (0..HOSTILE)
        .map(|number| tokio::spawn(misbehave(pod.events, number, end)))
        .collect();
    let besieged = behave(&pod, "besieged", end).await;
    for client in hostile {
        client.await.unwrap();
    }
    let (answered, before, now) = (quiet.len() + besieged.len(), p99(quiet), p99(besieged));
    println!(
        "{answered} answers, p99 {before:?} quiet and {now:?} besieged; at most {} of {} MiB",
        cell::peak(pod.id()) >> 20,
        limit >> 20
    );
    assert_eq!(cell.killed(), 0);
    assert!(cell::peak(pod.id()) < limit);
    assert_eq!(pod.admin("/livez").await, "ok");
    // A ratio of times is worth something where nobody else uses the machine.
    if seconds > 0 {
        assert!(now <= 2 * before, "p99 is {now:?}, and {before:?} when it is quiet");
    }
}
