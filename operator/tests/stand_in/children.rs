//! Children are written when they are not as wanted, and only if they belong to the destination or to nobody.

use std::time::Duration;

use firehose_operator::plan::DESTINATION_LABEL;
use hyper::Method;
use serde_json::json;

use crate::{
    operator::{Operator, condition, config_map, path, to_stream},
    server::{Fault, Seen, Server, until},
};

const PATIENCE: Duration = Duration::from_secs(20);

const WORKLOAD: &str = "/apis/apps/v1/namespaces/shop/statefulsets/orders-firehose";

/// Writes of children, but not of statuses, pods and events.
fn writes(server: &Server) -> Vec<Seen> {
    let seen = server.seen().into_iter().filter(Seen::is_write);
    seen.filter(|seen| !seen.path.ends_with("/status") && !seen.path.contains("/events"))
        .collect()
}

async fn settled(server: &Server) {
    until("it is accepted", PATIENCE, || {
        condition(server, "orders", "Accepted")["status"] == "True" && !server.get(WORKLOAD).is_null()
    })
    .await;
}

#[tokio::test]
async fn a_child_is_created_and_not_taken_over() {
    let server = Server::start().await;
    server.put(&path("orders"), &to_stream("orders"));
    let operator = Operator::start(&server, "a");
    settled(&server).await;
    let made: Vec<Method> = writes(&server).into_iter().map(|seen| seen.method).collect();
    assert_eq!(made, [Method::POST; 6], "five kinds, and a Service more");
    operator.terminate().await;
}

#[tokio::test]
async fn a_new_leader_and_a_child_whose_status_changes_write_nothing() {
    let server = Server::start().await;
    server.put(&path("orders"), &to_stream("orders"));
    let first = Operator::start(&server, "a");
    settled(&server).await;
    first.terminate().await;
    let before = writes(&server).len();
    let second = Operator::start(&server, "b");
    for replicas in 1..4 {
        server.put(WORKLOAD, &json!({"status": {"replicas": replicas}}));
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    let later: Vec<String> = writes(&server)
        .split_off(before)
        .into_iter()
        .map(|seen| seen.path)
        .collect();
    assert!(later.is_empty(), "{later:?}");
    second.terminate().await;
}

#[tokio::test]
async fn a_child_that_somebody_changed_is_brought_back() {
    let server = Server::start().await;
    server.put(&path("orders"), &to_stream("orders"));
    let operator = Operator::start(&server, "a");
    settled(&server).await;
    server.put(&config_map("orders"), &json!({"data": {"config.yaml": "broken"}}));
    until("it is brought back", PATIENCE, || {
        server.get(&config_map("orders"))["data"]["config.yaml"] != "broken"
    })
    .await;
    operator.terminate().await;
}

#[tokio::test]
async fn an_orphan_is_adopted_and_what_belongs_to_somebody_is_not() {
    let server = Server::start().await;
    let labels = json!({"app.kubernetes.io/managed-by": "firehose-operator", DESTINATION_LABEL: "orders"});
    server.put(
        &config_map("orders"),
        &json!({"metadata": {"labels": labels}, "data": {"config.yaml": "old"}}),
    );
    server.put(&config_map("taken"), &json!({"data": {"config.yaml": "theirs"}}));
    let operator = Operator::start(&server, "a");
    for name in ["orders", "taken"] {
        server.put(&path(name), &to_stream("orders"));
    }
    settled(&server).await;
    let adopted = server.get(&config_map("orders"));
    let uid = &server.get(&path("orders"))["metadata"]["uid"];
    assert_eq!(&adopted["metadata"]["ownerReferences"][0]["uid"], uid);
    assert!(adopted["data"]["config.yaml"].to_string().contains("eu-west-1"));
    until("the conflict is told", PATIENCE, || {
        condition(&server, "taken", "Accepted")["reason"] == "NameConflict"
    })
    .await;
    assert_eq!(server.get(&config_map("taken"))["data"]["config.yaml"], "theirs");
    operator.terminate().await;
}

#[tokio::test]
async fn an_operator_that_may_not_watch_does_not_campaign() {
    let server = Server::start().await;
    server.fail(|seen| {
        let is_watched = seen.method == Method::GET && seen.path.ends_with("/firehosedestinations");
        is_watched.then_some(Fault::Deny("firehosedestinations is forbidden"))
    });
    let operator = Operator::start(&server, "a");
    tokio::time::sleep(Duration::from_secs(4)).await;
    let asked = server.seen();
    assert!(
        !asked.iter().any(|seen| seen.path.contains("/leases")),
        "it campaigns blindly"
    );
    let tries = asked
        .iter()
        .filter(|seen| seen.path.ends_with("/firehosedestinations"))
        .count();
    assert!((1..12).contains(&tries), "{tries} tries in four seconds");
    operator.terminate().await;
}

#[tokio::test]
async fn an_orphaned_workload_that_cannot_become_what_is_wanted_is_made_anew_and_its_pods_are_kept() {
    let server = Server::start().await;
    let labels = json!({"app.kubernetes.io/managed-by": "firehose-operator", DESTINATION_LABEL: "orders"});
    let old = server.put(
        WORKLOAD,
        &json!({"metadata": {"labels": labels}, "spec": {"podManagementPolicy": "OrderedReady"}}),
    );
    server.fail(|seen| (seen.method == Method::PATCH && seen.path == WORKLOAD).then_some(Fault::Invalid("spec")));
    let operator = Operator::start(&server, "a");
    server.put(&path("orders"), &to_stream("orders"));
    until("it is another one", PATIENCE, || {
        let now = server.get(WORKLOAD)["metadata"]["uid"].clone();
        !now.is_null() && now != old["metadata"]["uid"]
    })
    .await;
    let deleted = server
        .seen()
        .into_iter()
        .find(|seen| seen.method == Method::DELETE)
        .unwrap();
    assert_eq!(deleted.body["propagationPolicy"], "Orphan");
    assert_eq!(deleted.body["preconditions"]["uid"], old["metadata"]["uid"]);
    operator.terminate().await;
}
