//! The events of the load: track events as an SDK sends them, 1,029 bytes each.

use bytes::Bytes;

/// Bytes of one event, the size that the project's figures are about.
const SIZE: usize = 1_029;

/// Different events, so that neither side sees the same bytes all the time.
const VARIANTS: usize = 64;

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

/// Complete HTTP requests, ready to be written.
pub(crate) fn requests(grouping: Grouping) -> Vec<Bytes> {
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
        Bytes::from(head + &body)
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
        let request = requests(Grouping::Batch(50)).remove(0);
        let text = String::from_utf8(request.to_vec()).unwrap();
        let (_, body) = text.split_once("\r\n\r\n").unwrap();
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["batch"].as_array().map(Vec::len), Some(50));
    }
}
