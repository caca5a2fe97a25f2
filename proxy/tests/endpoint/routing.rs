//! Every case of `cases/routing.json`: mappings and an event in, a delivery stream out, or none.

use firehose_proxy_config::Mapping;
use serde_json::Value;

use crate::server::{Server, document};

#[tokio::test]
async fn every_case_ends_in_the_stream_it_names_and_nowhere_else() {
    let cases: Vec<Value> = serde_json::from_str(include_str!("../cases/routing.json")).unwrap();
    assert!(cases.len() >= 36, "the file has lost cases");
    let server = Server::start("").await;
    for case in cases {
        let name = case["name"].as_str().unwrap();
        let mut document = document("[]", "");
        document.mappings = serde_json::from_value::<Vec<Mapping>>(case["mappings"].clone()).unwrap();
        server.configure(document);

        let reply = server
            .post("/v1/batch", format!(r#"{{"batch":[{}]}}"#, case["event"]))
            .await;
        assert_eq!((reply.status, reply.body.as_str()), (200, "ok"), "{name}");

        let streams: Vec<_> = server.take_records().into_iter().map(|(stream, _)| stream).collect();
        let expected: Vec<_> = case["expectedStream"].as_str().into_iter().collect();
        assert_eq!(streams, expected, "{name}");
    }
}
