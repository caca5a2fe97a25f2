//! The events of the load: track events as an SDK sends them, 1,029 bytes each.

use std::{io::Write as _, sync::Arc};

use flate2::{Compression, write::GzEncoder};
use memchr::memmem;

/// Bytes of one event, the size that the project's figures are about.
const SIZE: usize = 1_029;

/// Different events, so that neither side sees the same bytes all the time.
const VARIANTS: usize = 64;

/// Where each event's number stands, and its digits: the end of its `messageId`.
const MESSAGE_ID: &str = r#""messageId":"7b2e19a4-5f63-4f0a-8f5d-"#;
pub(crate) const NUMBER_DIGITS: usize = 12;

/// The name of the events that go to the stream of this place, of at most 100.
pub(crate) fn name(stream: usize) -> String {
    format!("Product Added {stream:02}")
}

/// How events are grouped into requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grouping {
    /// `POST /v1/track`, one event.
    Single,
    /// `POST /v1/batch` with so many.
    Batch(usize),
}

impl Grouping {
    pub(crate) fn events(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Batch(events) => events,
        }
    }
}

/// An HTTP request, but for the numbers of its events.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    path: &'static str,
    body: Arc<[u8]>,
    /// Where the number of each event stands in the body.
    numbers: Arc<[usize]>,
    is_compressed: bool,
}

impl Request {
    fn new(path: &'static str, body: String, is_compressed: bool) -> Self {
        let numbers = memmem::find_iter(body.as_bytes(), MESSAGE_ID)
            .map(|at| at + MESSAGE_ID.len())
            .collect();
        Self {
            path,
            body: body.into_bytes().into(),
            numbers,
            is_compressed,
        }
    }

    /// How many events it has.
    pub(crate) fn events(&self) -> usize {
        self.numbers.len()
    }

    /// Writes the request with the number `first` in its first event's `messageId`, and those that follow in the
    /// others': an SDK never sends an id twice, and what is sent twice may be answered without being delivered
    /// again.
    pub(crate) fn write(&self, first: usize, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
        let mut body = self.body.to_vec();
        for (number, at) in (first..).zip(self.numbers.iter()) {
            let digits = format!("{number:0NUMBER_DIGITS$x}");
            body[*at..*at + NUMBER_DIGITS].copy_from_slice(digits.as_bytes());
        }
        let mut encoding = "";
        if self.is_compressed {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            encoder.write_all(&body)?;
            body = encoder.finish()?;
            encoding = "content-encoding: gzip\r\n";
        }
        buffer.clear();
        let (path, length) = (self.path, body.len());
        write!(
            buffer,
            "POST {path} HTTP/1.1\r\nhost: events\r\ncontent-type: application/json\r\nauthorization: Basic a2V5Og==\r\n{encoding}content-length: {length}\r\n\r\n"
        )?;
        buffer.extend_from_slice(&body);
        Ok(())
    }
}

/// The requests of a load, each as often as it is needed.
pub(crate) fn requests(grouping: Grouping, streams: usize, is_compressed: bool) -> Vec<Request> {
    let request = |first: usize| {
        let (path, body) = match grouping {
            Grouping::Single => ("/v1/track", event(first, streams)),
            Grouping::Batch(count) => {
                let events: Vec<_> = (0..count)
                    .map(|offset| event(first * count + offset, streams))
                    .collect();
                ("/v1/batch", format!(r#"{{"batch":[{}]}}"#, events.join(",")))
            }
        };
        Request::new(path, body, is_compressed)
    };
    (0..VARIANTS).map(request).collect()
}

/// The stream of an event: of those of many events, the n-th has an n-th as many as the first (Zipf's law).
fn stream(number: usize, streams: usize) -> usize {
    let weight = |stream: usize| 5_040 / (stream + 1);
    let all: usize = (0..streams).map(weight).sum();
    // A multiple of the golden ratio: neighbours are far from each other, and all of them together are even.
    let mut place = (number.wrapping_mul(0x9e37_79b9) % 0x1_0000_0000 * all) >> 32;
    let mut stream = 0;
    while place >= weight(stream) {
        place -= weight(stream);
        stream += 1;
    }
    stream
}

fn event(number: usize, streams: usize) -> String {
    let id = number * 7_919 + 104_729;
    let name = name(stream(number, streams));
    let mut event = format!(
        concat!(
            r#"{{"type":"track","event":"{name}","userId":"user-{id:08}","anonymousId":"c9c1b5f0-6a4b-4d2e-9d3f-{id:012x}","#,
            r#""messageId":"7b2e19a4-5f63-4f0a-8f5d-{id:012x}","originalTimestamp":"2026-08-14T09:31:27.418Z","#,
            r#""sentAt":"2026-08-14T09:31:28.006Z","properties":{{"product_id":"P-{id}","sku":"G-32-{id}","category":"Games","#,
            r#""name":"Monopoly: 3rd Edition","brand":"Hasbro","variant":"200 pieces","price":18.99,"quantity":2,"coupon":"MAYDEALS","#,
            r#""currency":"usd","position":3,"value":37.98,"url":"https://shop.example.com/product/{id}","in_stock":true}},"#,
            r#""context":{{"app":{{"name":"shop","version":"4.18.2","build":"1842"}},"ip":"203.0.113.20","locale":"en-GB","#,
            r#""library":{{"name":"rudder-sdk-node","version":"2.1.6"}},"userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","#,
            r#""traits":{{"plan":"premium","logins":42}}}},"integrations":{{"All":true}},"note":"{{pad}}"}}"#
        ),
        id = id,
        name = name
    );
    let padding = SIZE + "{pad}".len() - event.len();
    event = event.replace("{pad}", &"x".repeat(padding));
    event
}

#[cfg(test)]
mod tests {
    use std::{collections::HashSet, io::Read as _};

    use super::*;

    #[test]
    fn every_event_is_json_of_the_stated_size() {
        for number in [0, 1, 63, 3_199] {
            let event = event(number, 20);
            assert_eq!(event.len(), SIZE);
            let parsed: serde_json::Value = serde_json::from_str(&event).unwrap();
            assert_eq!(parsed["event"], name(stream(number, 20)));
        }
    }

    #[test]
    fn the_second_stream_has_half_as_many_events_as_the_first() {
        let mut counts = [0; 20];
        for number in 0..100_000 {
            counts[stream(number, 20)] += 1;
        }
        for (place, count) in counts.iter().enumerate() {
            let expected = counts[0] / (place + 1);
            assert!(expected.abs_diff(*count) <= expected / 20 + 2, "{place}: {counts:?}");
        }
        assert!((0..1_000).all(|number| stream(number, 1) == 0));
    }

    #[test]
    fn a_batch_holds_as_many_events_as_it_says() {
        let mut written = Vec::new();
        for is_compressed in [false, true] {
            let request = &requests(Grouping::Batch(50), 1, is_compressed)[0];
            request.write(0, &mut written).unwrap();
            assert_eq!((events(&written).len(), request.events()), (50, 50));
        }
    }

    #[test]
    fn no_message_id_is_sent_twice() {
        let (mut seen, mut written) = (HashSet::new(), Vec::new());
        let requests = requests(Grouping::Batch(50), 1, false);
        for number in 0..70 {
            requests[number % requests.len()]
                .write(number * 50, &mut written)
                .unwrap();
            for event in events(&written) {
                assert!(seen.insert(event["messageId"].to_string()), "{event}");
            }
        }
        assert_eq!(seen.len(), 3_500);
    }

    fn events(request: &[u8]) -> Vec<serde_json::Value> {
        let end = memmem::find(request, b"\r\n\r\n").unwrap();
        let (head, mut body) = (std::str::from_utf8(&request[..end]).unwrap(), &request[end + 4..]);
        let mut inflated = Vec::new();
        if head.contains("gzip") {
            flate2::read::GzDecoder::new(body).read_to_end(&mut inflated).unwrap();
            body = &inflated;
        }
        let body: serde_json::Value = serde_json::from_slice(body).unwrap();
        body["batch"].as_array().unwrap().clone()
    }
}
