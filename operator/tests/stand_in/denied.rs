//! A write that the API server denies is the reason, in its words.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    operator::{Operator, condition, config_map, path, to_stream},
    server::{Fault, Server, until},
};

const PATIENCE: Duration = Duration::from_secs(10);

const WORDS: &str = "admission webhook \"policy.example.com\" denied the request: no team label";

const POD: &str = "/api/v1/namespaces/shop/pods/orders-firehose-0";

#[tokio::test]
async fn a_denied_child_is_told_in_the_api_servers_words_and_no_pod_hears_of_what_was_not_written() {
    let server = Server::start().await;
    server.put(&path("orders"), &to_stream("stream-one"));
    let operator = Operator::start(&server, "a");
    let workload = "/apis/apps/v1/namespaces/shop/statefulsets/orders-firehose";
    until("the workload is there", PATIENCE, || !server.get(workload).is_null()).await;
    let owner = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "orders-firehose", "controller": true,
        "uid": server.get(workload)["metadata"]["uid"],
    });
    let labels = &server.get(workload)["spec"]["template"]["metadata"]["labels"];
    let ready = json!({"conditions": [{"type": "Ready", "status": "True"}]});
    let pod = json!({"metadata": {"labels": labels, "ownerReferences": [owner]}, "status": ready});
    server.put(POD, &pod);
    let revision = || server.get(&path("orders"))["status"]["revision"].clone();
    until("the first revision is told", PATIENCE, || revision().is_string()).await;
    let first = revision();

    let pokes = || {
        let seen = server
            .seen()
            .into_iter()
            .filter(|seen| seen.path == format!("{POD}/status"));
        seen.map(|seen| seen.body).collect::<Vec<Value>>()
    };
    until("the pod is told of the first revision", PATIENCE, || {
        !pokes().is_empty()
    })
    .await;
    server.fail(|seen| (seen.is_write() && seen.path.contains("/configmaps/")).then_some(Fault::Deny(WORDS)));
    server.put(&path("orders"), &to_stream("stream-two"));
    until("the denial is the reason", PATIENCE, || {
        condition(&server, "orders", "Ready")["reason"] == "ApplyFailed"
    })
    .await;
    let message = condition(&server, "orders", "Ready")["message"].clone();
    assert!(message.as_str().unwrap().contains(WORDS), "{message}");
    assert_eq!(condition(&server, "orders", "Accepted")["status"], "True");
    assert_eq!(revision(), first, "a revision is told that no pod can have");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let named = first.as_str().unwrap();
    assert!(
        pokes().iter().all(|poke| poke.to_string().contains(named)),
        "{:?}",
        pokes()
    );

    server.fail(|_| None);
    until("it heals", PATIENCE, || {
        server.get(&config_map("orders")).to_string().contains("stream-two") && revision() != first
    })
    .await;
    operator.terminate().await;
}
