//! The events of the load: track events as an SDK sends them, 1,029 bytes each.

use std::sync::Arc;

use bytes::Bytes;
use memchr::memmem;

/// Bytes of one event, the size that the project's figures are about.
const SIZE: usize = 1_029;

/// Different events, so that neither side sees the same bytes all the time.
const VARIANTS: usize = 64;

/// Where each event's number stands, and its digits: the end of its `messageId`.
const MESSAGE_ID: &str = r#""messageId":"7b2e19a4-5f63-4f0a-8f5d-"#;
const DIGITS: usize = 12;

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

/// A complete HTTP request, but for the numbers of its events.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    bytes: Bytes,
    /// Where the number of each event stands.
    numbers: Arc<[usize]>,
}

impl Request {
    fn new(bytes: Bytes) -> Self {
        let numbers = memmem::find_iter(&bytes, MESSAGE_ID)
            .map(|at| at + MESSAGE_ID.len())
            .collect();
        Self { bytes, numbers }
    }

    /// Writes the request with the number `first` in its first event's `messageId`, and those that follow in the
    /// others': an SDK never sends an id twice, and what is sent twice may be answered without being delivered
    /// again.
    pub(crate) fn write(&self, first: usize, buffer: &mut Vec<u8>) {
        buffer.clear();
        buffer.extend_from_slice(&self.bytes);
        for (number, at) in (first..).zip(self.numbers.iter()) {
            let digits = format!("{number:0DIGITS$x}");
            buffer[*at..*at + DIGITS].copy_from_slice(digits.as_bytes());
        }
    }
}

/// The requests of a load, each as often as it is needed.
pub(crate) fn requests(grouping: Grouping) -> Vec<Request> {
    let request = |first: usize| {
        let (path, body) = match grouping {
            Grouping::Single => ("/v1/track", event(first)),
            Grouping::Batch(count) => {
                let events: Vec<_> = (0..count).map(|offset| event(first * count + offset)).collect();
                ("/v1/batch", format!(r#"{{"batch":[{}]}}"#, events.join(",")))
            }
        };
        let length = body.len();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: events\r\ncontent-type: application/json\r\nauthorization: Basic a2V5Og==\r\ncontent-length: {length}\r\n\r\n"
        );
        Request::new(Bytes::from(head + &body))
    };
    (0..VARIANTS).map(request).collect()
}

fn event(number: usize) -> String {
    let id = number * 7_919 + 104_729;
    let mut event = format!(
        concat!(
            r#"{{"type":"track","event":"Product Added","userId":"user-{id:08}","anonymousId":"c9c1b5f0-6a4b-4d2e-9d3f-{id:012x}","#,
            r#""messageId":"7b2e19a4-5f63-4f0a-8f5d-{id:012x}","originalTimestamp":"2026-08-14T09:31:27.418Z","#,
            r#""sentAt":"2026-08-14T09:31:28.006Z","properties":{{"product_id":"P-{id}","sku":"G-32-{id}","category":"Games","#,
            r#""name":"Monopoly: 3rd Edition","brand":"Hasbro","variant":"200 pieces","price":18.99,"quantity":2,"coupon":"MAYDEALS","#,
            r#""currency":"usd","position":3,"value":37.98,"url":"https://shop.example.com/product/{id}","in_stock":true}},"#,
            r#""context":{{"app":{{"name":"shop","version":"4.18.2","build":"1842"}},"ip":"203.0.113.20","locale":"en-GB","#,
            r#""library":{{"name":"rudder-sdk-node","version":"2.1.6"}},"userAgent":"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36","#,
            r#""traits":{{"plan":"premium","logins":42}}}},"integrations":{{"All":true}},"note":"{{pad}}"}}"#
        ),
        id = id
    );
    let padding = SIZE + "{pad}".len() - event.len();
    event = event.replace("{pad}", &"x".repeat(padding));
    event
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::{Grouping, SIZE, event, requests};

    #[test]
    fn every_event_is_json_of_the_stated_size() {
        for number in [0, 1, 63, 3_199] {
            let event = event(number);
            assert_eq!(event.len(), SIZE);
            let parsed: serde_json::Value = serde_json::from_str(&event).unwrap();
            assert_eq!(parsed["event"], "Product Added");
        }
    }

    #[test]
    fn a_batch_holds_as_many_events_as_it_says() {
        let mut written = Vec::new();
        requests(Grouping::Batch(50))[0].write(0, &mut written);
        assert_eq!(events(&written).len(), 50);
    }

    #[test]
    fn no_message_id_is_sent_twice() {
        let (mut seen, mut written) = (HashSet::new(), Vec::new());
        let requests = requests(Grouping::Batch(50));
        for number in 0..200 {
            requests[number % requests.len()].write(number * 50, &mut written);
            for event in events(&written) {
                assert!(seen.insert(event["messageId"].to_string()), "{event}");
            }
        }
        assert_eq!(seen.len(), 10_000);
    }

    fn events(request: &[u8]) -> Vec<serde_json::Value> {
        let text = std::str::from_utf8(request).unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        body["batch"].as_array().unwrap().clone()
    }
}
