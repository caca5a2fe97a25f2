//! Bodies that broke somebody: each has one fixed answer, and what is accepted is kept byte for byte.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

use crate::server::{NOW, Server};

/// What the proxy adds to an event of user `u1` that has nothing of its own.
fn added() -> String {
    format!(
        ",\"type\":\"track\",\"messageId\":\"07070707-0707-4707-8707-070707070707\",\
         \"rudderId\":\"5eff0fc3-0944-48fa-9c04-38f62e3890ca\",\"request_ip\":\"127.0.0.1\",\"receivedAt\":\"{NOW}\",\
         \"originalTimestamp\":\"{NOW}\",\"sentAt\":\"{NOW}\",\"timestamp\":\"{NOW}\"}}\n"
    )
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn every_nasty_body_has_its_answer() {
    let server = Server::start("").await;
    let with = |text: &str| format!(r#"{{"userId":"u1",{text}}}"#).into_bytes();
    let nested = |depth: usize| with(&format!(r#""a":{}{}"#, "[".repeat(depth), "]".repeat(depth)));
    let not_json = (400, "invalid json");
    let ok = (200, "ok");
    for (what, body, expected) in [
        ("100,000 opening brackets", "[".repeat(100_000).into_bytes(), not_json),
        (
            "100,000 opening objects",
            r#"{"a":"#.repeat(100_000).into_bytes(),
            not_json,
        ),
        ("512 levels", nested(511), ok),
        ("513 levels", nested(512), not_json),
        ("a byte order mark", b"\xef\xbb\xbf{\"userId\":\"u1\"}".to_vec(), ok),
        (
            "invalid UTF-8",
            b"{\"userId\":\"u1\",\"a\":\"\xff\"}".to_vec(),
            not_json,
        ),
        (
            "UTF-8 cut in the middle",
            b"{\"userId\":\"u1\",\"a\":\"\xc3\"}".to_vec(),
            not_json,
        ),
        (
            "a surrogate in UTF-8",
            b"{\"userId\":\"u1\",\"a\":\"\xed\xa0\x80\"}".to_vec(),
            not_json,
        ),
        (
            "UTF-16",
            "{\"userId\":\"u1\"}"
                .encode_utf16()
                .flat_map(u16::to_le_bytes)
                .collect(),
            not_json,
        ),
        ("a raw zero", b"{\"userId\":\"u1\",\"a\":\"\0\"}".to_vec(), not_json),
        ("an escaped zero", with(r#""a":"\u0000""#), ok),
        (
            "half a character where nobody reads",
            with(r#""a":"\ud800","\udc00":1"#),
            ok,
        ),
        ("half a character in the name", with(r#""event":"\ud800""#), ok),
        ("half a character in the user", br#"{"userId":"\udfff"}"#.to_vec(), ok),
        (
            "half a character in the messageId",
            with(r#""messageId":"a\ud800""#),
            ok,
        ),
        ("a number that no float holds", with(r#""a":1e999,"b":-1e-999"#), ok),
        ("a number with a leading zero", with(r#""a":01"#), not_json),
        ("not a number", with(r#""a":NaN"#), not_json),
        ("equal keys", with(r#""a":1,"a":2,"userId":"u1""#), ok),
        ("a key in escapes", br#"{"\u0075serId":"u1"}"#.to_vec(), ok),
        ("a body cut short", br#"{"userId":"u1","a":"b"#.to_vec(), not_json),
        ("two events", br#"{"userId":"u1"}{"userId":"u1"}"#.to_vec(), not_json),
        ("a comma too many", br#"{"userId":"u1",}"#.to_vec(), not_json),
        ("white space only", b" \r\n\t ".to_vec(), not_json),
        (
            "a string of 9 MiB",
            with(&format!(r#""a":"{}""#, "x".repeat(9 << 20))),
            (413, "request size exceeds max limit"),
        ),
        (
            "a string of 10 MiB",
            with(&format!(r#""a":"{}""#, "x".repeat(10 << 20))),
            (413, "request size exceeds max limit"),
        ),
    ] {
        let reply = server.post("/v1/track", &body).await;
        assert_eq!((reply.status, reply.body.as_str()), expected, "{what}");
        let zipped = server
            .post_with("/v1/track", "Content-Encoding: gzip\r\n", gzip(&body))
            .await;
        assert_eq!((zipped.status, zipped.body.as_str()), expected, "{what}, compressed");
        for (_, record) in server.take_records() {
            let sent = String::from_utf8(body.clone()).unwrap();
            let sent = sent.trim_start_matches('\u{feff}');
            let kept = record.starts_with(&sent[..sent.len() - 1]);
            assert!(kept, "{what}: {record}");
        }
    }
}

#[tokio::test]
async fn a_million_empty_objects_are_a_million_bad_events() {
    let server = Server::start("").await;
    let empty = vec!["{}"; 1_000_000].join(",");
    let reply = server.post("/v1/batch", format!(r#"{{"batch":[{empty}]}}"#)).await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (400, "request neither has anonymousId nor userId")
    );
    let reply = server
        .post("/v1/batch", format!(r#"{{"batch":[{empty},{{"userId":"u1"}}]}}"#))
        .await;
    assert_eq!((reply.status, reply.body.as_str()), (200, "ok"));
    assert_eq!(server.take_records().len(), 1);
    assert!(server.metrics.render().contains("{reason=\"NoIdentity\"} 2000000"));
}

#[tokio::test]
async fn events_that_would_grow_without_measure_are_too_large() {
    let server = Server::start("ingest: {maxRequestSizeBytes: 1000000}").await;
    let tiny = vec![r#"{"userId":1}"#; 60_000].join(",");
    let reply = server.post("/v1/batch", format!(r#"{{"batch":[{tiny}]}}"#)).await;
    assert_eq!(
        (reply.status, reply.body.as_str()),
        (413, "request size exceeds max limit")
    );
    assert_eq!(server.take_records(), []);
}

#[tokio::test]
async fn compressed_bodies_are_read_as_far_as_they_are_good() {
    let server = Server::start("").await;
    let good = gzip(br#"{"userId":"u1"}"#);
    let unreadable = (400, "failed to read body from request");
    let unknown = (
        415,
        "this content encoding is not supported, use gzip, deflate, zstd, br or none",
    );
    // A thousand members of 10 MB of zeros each, compressed a thousandfold.
    let member = gzip(&vec![0; 10_000_000]);
    for (what, coding, body, expected) in [
        ("gzip", "gzip", good.clone(), (200, "ok")),
        ("gzip by its old name", "x-gzip", good.clone(), (200, "ok")),
        ("gzip in capitals", "GZIP", good.clone(), (200, "ok")),
        ("nothing", "identity", br#"{"userId":"u1"}"#.to_vec(), (200, "ok")),
        (
            "two members",
            "gzip",
            [gzip(br#"{"userId":"#), gzip(br#""u1"}"#)].concat(),
            (200, "ok"),
        ),
        ("gzip cut in half", "gzip", good[..good.len() / 2].to_vec(), unreadable),
        (
            "gzip without its end",
            "gzip",
            good[..good.len() - 4].to_vec(),
            unreadable,
        ),
        (
            "a wrong checksum",
            "gzip",
            good.iter().rev().skip(8).rev().copied().chain([0; 8]).collect(),
            unreadable,
        ),
        ("no gzip", "gzip", br#"{"userId":"u1"}"#.to_vec(), unreadable),
        ("another coding", "lzma", good.clone(), unknown),
        ("no zstd", "zstd", good.clone(), unreadable),
        ("no brotli", "br", br#"{"userId":"u1"}"#.to_vec(), unreadable),
        ("no deflate", "deflate", good.clone(), unreadable),
        (
            "zstd",
            "zstd",
            zstd::encode_all(&br#"{"userId":"u1"}"#[..], 3).unwrap(),
            (200, "ok"),
        ),
        (
            "a bomb of zstd",
            "zstd",
            zstd::encode_all(&vec![0; 50_000_000][..], 3).unwrap(),
            (413, "request size exceeds max limit"),
        ),
        ("two codings", "gzip, gzip", gzip(&good), unknown),
        (
            "nothing and gzip on two lines",
            "identity\r\nContent-Encoding: gzip",
            good.clone(),
            (200, "ok"),
        ),
        ("gzip and nothing", "gzip, identity", good.clone(), (200, "ok")),
        (
            "a bomb of 10 GB",
            "gzip",
            member.repeat(1000),
            (413, "request size exceeds max limit"),
        ),
        ("an empty body", "gzip", gzip(b""), (400, "invalid json")),
    ] {
        let headers = format!("Content-Encoding: {coding}\r\nContent-Type: application/x-www-form-urlencoded\r\n");
        let reply = server.post_with("/v1/track", &headers, body).await;
        assert_eq!((reply.status, reply.body.as_str()), expected, "{what}");
    }
}

#[tokio::test]
async fn frames_that_hold_nothing_are_read_as_far_as_a_body_may_be_long() {
    let server = Server::start("ingest: {maxRequestSizeBytes: 1024}").await;
    let skipped = [&0x184d_2a5f_u32.to_le_bytes()[..], &0_u32.to_le_bytes()].concat();
    let event = br#"{"userId":"u1"}"#;
    for (coding, nothing, good) in [
        ("gzip", gzip(b""), gzip(event)),
        (
            "zstd",
            zstd::encode_all(&b""[..], 1).unwrap(),
            zstd::encode_all(&event[..], 1).unwrap(),
        ),
        ("zstd", skipped, zstd::encode_all(&event[..], 1).unwrap()),
    ] {
        let headers = format!("Content-Encoding: {coding}\r\n");
        for (bytes, status) in [(10_000, 200), (100_000, 413)] {
            let body = [&nothing.repeat(bytes / nothing.len())[..], &good].concat();
            assert_eq!(
                server.post_with("/v1/track", &headers, body).await.status,
                status,
                "{coding} {bytes}"
            );
        }
        let garbage = [&good[..], b"x"].concat();
        assert_eq!(
            server.post_with("/v1/track", &headers, garbage).await.status,
            400,
            "{coding}"
        );
    }
}

#[tokio::test]
async fn the_client_s_bytes_are_the_record() {
    let server = Server::start("").await;
    for body in [
        r#"{"userId":"u1"}"#,
        r#"{"z":1,"userId":"u1","a":2}"#,
        r#"{"userId":"u1","n":[1.50,12345678901234567890123,-0,0.1e+1,1E5,1e999]}"#,
        r#"{"userId":"u1","s":"\u00e9é\/\ud83d\ude00😀<>&'\u2028"}"#,
        "{\"userId\":\"u1\",\"s\":\"\u{2028}\u{85}\u{7f}\"}",
        r#"{ "userId" : "u1" , "deep" : { "a" : [ ] , "b" : { } } }"#,
        r#"{"userId":"u1","k":1,"k":2,"\u006b":3}"#,
        r#"{"userId":"u1","__proto__":{"a":1},"constructor":null}"#,
        "{\t\"userId\":\t\"u1\"\t}",
        "{\n  \"userId\": \"u1\",\r\n  \"text\": \"a\\r\\nb\"\n}",
        r#"{"userId":"u1","":"","event":null,"integrations":{"All":true}}"#,
    ] {
        let expected = format!("{}{}", body[..body.len() - 1].replace(['\n', '\r'], " "), added());
        assert_eq!(server.post("/v1/track", body).await.body, "ok", "{body}");
        let single = server.take_records().remove(0).1;
        assert_eq!(single, expected);

        let typed = |event: &str| format!(r#"{event},"type":"track"}}"#);
        let event = typed(&body[..body.len() - 1]);
        let batch = format!("{{\"batch\" : [\n{event}\n,{event} ] }}");
        assert_eq!(server.post("/v1/batch", batch).await.body, "ok", "{body}");
        let records: Vec<_> = server.take_records().into_iter().map(|(_, record)| record).collect();
        assert_eq!(records, [expected.clone(), expected]);
    }
}

#[tokio::test]
async fn fields_of_the_proxy_are_corrected_where_they_stand() {
    let server = Server::start("").await;
    let received = "\"receivedAt\":\"2026-01-02T03:04:05.678Z\"";
    for (event, expected) in [
        (
            // The client's clock is an hour behind; two seconds passed between the event and its sending.
            r#"{"userId":"u1","type":"x","messageId":"m","originalTimestamp":"2026-01-02T02:04:03.600Z","sentAt":"2026-01-02T02:04:05.600Z","z":1}"#,
            format!(
                r#"{{"userId":"u1","type":"x","messageId":"m","originalTimestamp":"2026-01-02T02:04:03.600Z","sentAt":"2026-01-02T02:04:05.600Z","z":1,"rudderId":"5eff0fc3-0944-48fa-9c04-38f62e3890ca","request_ip":"127.0.0.1",{received},"timestamp":"2026-01-02T03:04:03.678Z"}}"#
            ),
        ),
        (
            r#"{"timestamp":"2026-01-01T00:00:00+01:00","rudderId":5,"receivedAt":{"a":[]},"userId":"u1","sentAt":null,"originalTimestamp":"soon","messageId":" \u200b","request_ip":"1.2.3.4"}"#,
            format!(
                r#"{{"timestamp":"2025-12-31T23:00:00.000Z","rudderId":"5eff0fc3-0944-48fa-9c04-38f62e3890ca",{received},"userId":"u1","sentAt":"{NOW}","originalTimestamp":"{NOW}","messageId":"07070707-0707-4707-8707-070707070707","request_ip":"1.2.3.4","unreadTimes":{{"originalTimestamp":"soon"}}}}"#
            ),
        ),
    ] {
        assert_eq!(
            server.post("/v1/batch", format!(r#"{{"batch":[{event}]}}"#)).await.body,
            "ok"
        );
        assert_eq!(server.take_records().remove(0).1, format!("{expected}\n"));
    }
}

#[tokio::test]
async fn the_batch_s_time_of_sending_is_that_of_its_events_wherever_it_stands() {
    let server = Server::start("").await;
    let sent_at = r#""sentAt":"2026-01-02T03:00:05.000Z""#;
    let events = r#"{"userId":"u1","originalTimestamp":"2026-01-02T03:00:00.000Z"},{"userId":"u1","sentAt":"2026-01-02T03:00:09.000Z"}"#;
    for batch in [
        format!(r#"{{"batch":[{events}],{sent_at}}}"#),
        format!(r#"{{{sent_at},"batch":[{events}]}}"#),
        format!(r#"{{"batch":[{events}],{sent_at},"context":{{"list":[]}}}}"#),
        format!(r#"{{"batch":[{{}}],"batch":[{events}],"sentAt":1,"s\u0065ntAt":"2026-01-02T03:00:05.000Z"}}"#),
    ] {
        assert_eq!(server.post("/v1/batch", &batch).await.body, "ok", "{batch}");
        let records = server.take_records();
        assert_eq!(records.len(), 2);
        assert!(records[0].1.contains(sent_at), "{}", records[0].1);
        assert!(
            records[0].1.contains(r#""timestamp":"2026-01-02T03:04:00.678Z""#),
            "{}",
            records[0].1
        );
        assert!(
            records[1].1.contains(r#""sentAt":"2026-01-02T03:00:09.000Z""#),
            "{}",
            records[1].1
        );
    }
}

#[tokio::test]
async fn without_a_delimiter_a_record_is_the_event_alone() {
    let server = Server::start("delivery: {recordDelimiter: None}").await;
    assert_eq!(server.post("/v1/track", r#"{"userId":"u1"}"#).await.body, "ok");
    assert!(server.take_records()[0].1.ends_with('}'));
}
