//! An object that this version cannot read is not left alone with a status that is no longer true.

use std::time::Duration;

use serde_json::json;

use crate::{
    operator::{Operator, condition, config_map, path, to_stream},
    server::{Server, until},
};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn an_object_that_cannot_be_read_is_told_so_and_keeps_what_runs() {
    let server = Server::start().await;
    server.put(&path("orders"), &to_stream("stream-one"));
    let operator = Operator::start(&server, "a");
    until("it is accepted", PATIENCE, || {
        condition(&server, "orders", "Accepted")["status"] == "True"
    })
    .await;
    let address = server.get(&path("orders"))["status"]["address"].clone();
    server.put(&path("orders"), &json!({"spec": {"mappings": "all of them"}}));
    until("it is refused", PATIENCE, || {
        condition(&server, "orders", "Stalled")["status"] == "True"
    })
    .await;
    for kind in ["Accepted", "Ready"] {
        assert_eq!(condition(&server, "orders", kind)["status"], "False");
        assert_eq!(condition(&server, "orders", kind)["reason"], "Invalid");
    }
    let object = server.get(&path("orders"));
    assert_eq!(object["status"]["observedGeneration"], object["metadata"]["generation"]);
    assert_eq!(object["status"]["address"], address);
    assert!(server.get(&config_map("orders")).to_string().contains("stream-one"));
    server.put(&path("orders"), &to_stream("stream-two"));
    until("it is accepted again", PATIENCE, || {
        condition(&server, "orders", "Accepted")["status"] == "True"
    })
    .await;
    operator.terminate().await;
}

#[tokio::test]
async fn a_status_with_unknown_words_does_not_stop_its_destination() {
    let server = Server::start().await;
    server.put(&path("orders"), &to_stream("stream-one"));
    let newer = json!({"streams": [{"deliveryStreamName": "orders", "state": "Simmering", "reason": "Succeeded"}]});
    server.put(&format!("{}/status", path("orders")), &json!({"status": newer}));
    let operator = Operator::start(&server, "a");
    until("it is accepted", PATIENCE, || {
        condition(&server, "orders", "Accepted")["status"] == "True"
    })
    .await;
    operator.terminate().await;
}
