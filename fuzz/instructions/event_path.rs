//! What happens to each event between the body and the queue, again and again, so that `cargo xtask prove instructions`
//! can count its instructions. Measures nothing itself.
//!
//! `event-path proxy N` admits a batch of 50 events N times, as the proxy does on this machine; with `avx2` or
//! `portable` in its place it does so by instructions that not every machine has, or without them. `event-path
//! reference N` reads and writes the same bytes with serde_json, which is the measure.

use std::{env, hint::black_box};

use firehose_proxy::{
    event::{self, Context, Timestamp},
    queue::IdentityKey,
    routing::Table,
    stream::Streams,
};
use firehose_proxy_config::{Mapping, RecordDelimiter};
use firehose_proxy_marks::Method;
use serde_json::{Value, json};

fn main() {
    let mut arguments = env::args().skip(1);
    let (Some(what), Some(Ok(times))) = (arguments.next(), arguments.next().map(|times| times.parse())) else {
        panic!("usage: event-path proxy|avx2|portable|reference N");
    };
    let body = body(50);
    let bytes = match what.as_str() {
        "reference" => reference(&body, times),
        "proxy" => proxy(Method::chosen(), &body, times),
        "avx2" => proxy(Method::avx2().expect("the machine has AVX2"), &body, times),
        "portable" => proxy(Method::PORTABLE, &body, times),
        other => panic!("\"{other}\" is none of proxy, avx2, portable and reference"),
    };
    println!("{bytes} bytes of records");
}

/// Bytes of the records that the proxy makes of the body, so many times, its marks found by this method.
fn proxy(method: Method, body: &[u8], times: usize) -> usize {
    method.choose().expect("nothing was read before");
    let rows = [("product added", "orders"), ("page", "pages"), ("*", "orders")];
    let mappings = rows.map(|(event, stream)| Mapping {
        event: event.to_owned(),
        delivery_stream_name: stream.to_owned(),
    });
    let table = Table::new(&mappings, &Streams::default()).expect("the names are valid");
    let received_at = Timestamp::from_unix_milliseconds(1_786_700_000_000).expect("a time of 2026");
    let identity_key = IdentityKey::random();
    let mut bytes = 0;
    for _ in 0..times {
        let mut context = Context {
            table: &table,
            delimiter: RecordDelimiter::Newline,
            received_at,
            request_ip: "203.0.113.20",
            privacy: None,
            max_frame_bytes: 64 << 20,
            identity_key: Some(&identity_key),
            random: &mut || [7; 16],
        };
        let admission = event::batch(black_box(body), &mut context).expect("the body is valid");
        assert_eq!(admission.counts.routed, 50);
        bytes += black_box(&admission.batch).size();
    }
    bytes
}

/// Bytes of the same body read and written by serde_json, so many times.
fn reference(body: &[u8], times: usize) -> usize {
    let mut bytes = 0;
    for _ in 0..times {
        let value: Value = serde_json::from_slice(black_box(body)).expect("the body is valid");
        for event in value["batch"].as_array().expect("a batch is a list") {
            bytes += black_box(serde_json::to_vec(event).expect("a value can be written")).len();
        }
    }
    bytes
}

/// A batch of track events of about 1 KiB, as an SDK sends them.
fn body(events: usize) -> Vec<u8> {
    let event = |number: usize| {
        json!({
            "type": "track", "event": "Product Added", "userId": format!("user-{number:08}"),
            "anonymousId": format!("c9c1b5f0-6a4b-4d2e-9d3f-{number:012x}"),
            "messageId": format!("7b2e19a4-5f63-4f0a-8f5d-{number:012x}"),
            "originalTimestamp": "2026-08-14T09:31:27.418Z", "sentAt": "2026-08-14T09:31:28.006Z",
            "properties": {
                "product_id": format!("P-{number}"), "sku": "G-32", "category": "Games", "name": "Monopoly: 3rd Edition",
                "brand": "Hasbro", "variant": "200 pieces", "price": 18.99, "quantity": 2, "coupon": "MAYDEALS",
                "currency": "usd", "position": 3, "value": 37.98, "url": "https://shop.example.com/product/1",
                "in_stock": true,
            },
            "context": {
                "app": {"name": "shop", "version": "4.18.2", "build": "1842"}, "ip": "203.0.113.20", "locale": "en-GB",
                "library": {"name": "rudder-sdk-node", "version": "2.1.6"},
                "userAgent": "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 \"quoted\" Größe",
                "traits": {"plan": "premium", "logins": 42},
            },
            "integrations": {"All": true}, "note": "x".repeat(64),
        })
    };
    let events: Vec<_> = (0..events).map(event).collect();
    json!({ "batch": events }).to_string().into_bytes()
}
