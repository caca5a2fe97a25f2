//! A paused destination is observed and not changed.

use std::time::Duration;

use serde_json::json;

use crate::{
    operator::{Operator, condition, config_map, path, to_stream},
    server::{Server, until},
};

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn changes_of_a_paused_spec_wait_and_are_followed_when_it_is_active_again() {
    let server = Server::start().await;
    server.put(&path("orders"), &to_stream("stream-one"));
    let operator = Operator::start(&server, "a");
    until("it is accepted", PATIENCE, || {
        condition(&server, "orders", "Accepted")["reason"] == "Valid"
    })
    .await;
    server.put(&path("orders"), &json!({"spec": {"reconciliation": "Paused"}}));
    until("it says so", PATIENCE, || {
        condition(&server, "orders", "Accepted")["reason"] == "ReconciliationPaused"
    })
    .await;
    assert_eq!(
        condition(&server, "orders", "Reconciling")["reason"],
        "RollingOut",
        "pods are missing"
    );
    server.put(&path("orders"), &to_stream("stream-two"));
    until("the change is said to wait", PATIENCE, || {
        condition(&server, "orders", "Ready")["reason"] == "ReconciliationPaused"
    })
    .await;
    assert_eq!(condition(&server, "orders", "Reconciling")["status"], "True");
    assert!(server.get(&config_map("orders")).to_string().contains("stream-one"));
    server.put(&path("orders"), &json!({"spec": {"reconciliation": "Active"}}));
    until("it is followed", PATIENCE, || {
        server.get(&config_map("orders")).to_string().contains("stream-two")
    })
    .await;
    operator.terminate().await;
}
