//! Named senders: whose key a request presents decides its source, and that where its events go and what they say.

use std::fs;

use tempfile::TempDir;

use crate::server::{Server, document};

const MAPPINGS: &str = "[{event: page, deliveryStreamName: shop-pages, source: shop},
  {event: page, deliveryStreamName: blog-pages, source: blog},
  {event: '*', deliveryStreamName: blog-rest, source: blog},
  {event: page, deliveryStreamName: pages},
  {event: '*', deliveryStreamName: rest}]";
const PAGE: &str = r#"{"type":"page","anonymousId":"a","messageId":"m","context":{"source":"forged"}}"#;

/// A server with the keys of nobody, of the shop and of the blog in files of the returned directory.
async fn server(more: &str) -> (Server, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    for (file, keys) in [
        ("writeKeys", "plain-key\n"),
        ("shop", "shop-key\n"),
        ("blog", "blog-old\nblog-new\n"),
    ] {
        fs::write(directory.path().join(file), keys).unwrap();
    }
    let path = directory.path().display();
    let server = Server::start_without_configuration(|_| {}).await;
    server.configure(document(
        MAPPINGS,
        &format!(
            "ingest: {{writeKeys: {{directory: {path}}}, sources: {{directory: {path}, names: [shop, blog]}}, {more}}}"
        ),
    ));
    server.until("/v1/page", &basic("shop-key"), PAGE, 200).await;
    server.take_records();
    (server, directory)
}

fn basic(key: &str) -> String {
    let user = base64_simd::STANDARD.encode_to_string(format!("{key}:"));
    format!("Authorization: Basic {user}\r\n")
}

fn streams(server: &Server) -> Vec<String> {
    server.take_records().into_iter().map(|(stream, _)| stream).collect()
}

#[tokio::test]
async fn the_pages_of_two_tenants_go_to_two_streams_however_their_keys_are_presented() {
    let (server, _keys) = server("").await;
    let with_key = |key: &str| PAGE.replace(r#""context""#, &format!(r#""writeKey":"{key}","context""#));
    let track = r#"{"type":"track","event":"e","anonymousId":"a"}"#;
    for (path, headers, body, stream) in [
        ("/v1/page", basic("shop-key"), PAGE.to_owned(), "shop-pages"),
        ("/v1/page", basic("blog-old"), PAGE.to_owned(), "blog-pages"),
        ("/v1/page", basic("blog-new"), PAGE.to_owned(), "blog-pages"),
        ("/v1/page", basic("plain-key"), PAGE.to_owned(), "pages"),
        (
            "/beacon/v1/batch?writeKey=blog-old",
            String::new(),
            format!(r#"{{"batch":[{PAGE}]}}"#),
            "blog-pages",
        ),
        ("/v1/page", String::new(), with_key("shop-key"), "shop-pages"),
        ("/v1/page", String::new(), with_key("plain-key"), "pages"),
        // The rows of a source come before those without one, and only as far as they lead.
        ("/v1/track", basic("blog-old"), track.to_owned(), "blog-rest"),
        ("/v1/track", basic("shop-key"), track.to_owned(), "rest"),
    ] {
        let reply = server.post_with(path, &headers, &body).await;
        assert_eq!(reply.status, 200, "{path} {headers} {body}");
        assert_eq!(streams(&server), [stream], "{path} {headers} {body}");
    }
    server.get("/pixel/v1/page?writeKey=shop-key&userId=u&name=n").await;
    assert_eq!(streams(&server), ["shop-pages"]);
    let metrics = server.metrics.render();
    assert!(
        metrics.contains(r#"firehose_proxy_source_events_total{source="blog",outcome="Routed"} 4"#),
        "{metrics}"
    );
}

#[tokio::test]
async fn a_key_that_is_no_sources_is_refused_and_one_that_is_taken_away_too() {
    let (server, keys) = server("").await;
    let reply = server.post_with("/v1/page", &basic("other"), PAGE).await;
    assert_eq!((reply.status, reply.body.as_str()), (401, "invalid write key"));
    fs::write(keys.path().join("blog"), "blog-new\nblog-newest\n").unwrap();
    server.until("/v1/page", &basic("blog-newest"), PAGE, 200).await;
    server.take_records();
    assert_eq!(server.post_with("/v1/page", &basic("blog-old"), PAGE).await.status, 401);
    assert_eq!(server.post_with("/v1/page", &basic("blog-new"), PAGE).await.status, 200);
    assert_eq!(streams(&server), ["blog-pages"]);
    // While the keys of one are missing, an unknown key may be one of them; the others go on.
    fs::remove_file(keys.path().join("shop")).unwrap();
    server.until("/v1/page", &basic("shop-key"), PAGE, 503).await;
    assert_eq!(server.post_with("/v1/page", &basic("blog-new"), PAGE).await.status, 200);
}

#[tokio::test]
async fn a_record_says_its_source_whatever_its_client_says() {
    let (server, _keys) = server("sourceField: context.source").await;
    for (key, source) in [("shop-key", r#""shop""#), ("plain-key", "null")] {
        let reply = server.post_with("/v1/page", &basic(key), PAGE).await;
        assert_eq!(reply.status, 200);
        let records = server.take_records();
        let record = &records[0].1;
        assert!(
            record.contains(&format!(r#""context":{{"source":{source}}}"#)),
            "{record}"
        );
        assert!(!record.contains("forged") && record.ends_with("}\n"), "{record}");
    }
}
