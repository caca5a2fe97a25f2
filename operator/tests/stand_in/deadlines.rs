//! An API server that stops in the middle of an answer holds up nothing for good.

use std::time::{Duration, Instant};

use firehose_operator::client::CALL_DEADLINE;
use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::{
    Api,
    api::{WatchEvent, WatchParams},
};
use serde_json::json;

use crate::{
    operator::{Operator, config_map, path, to_stream},
    server::{Fault, Server, until},
};

#[tokio::test]
async fn a_body_that_stalls_ends_the_call() {
    let server = Server::start().await;
    server.fail(|_| Some(Fault::StallBody));
    let api: Api<ConfigMap> = Api::namespaced(server.client(Duration::from_millis(200)), "shop");
    let begun = Instant::now();
    let said = tokio::time::timeout(Duration::from_secs(5), api.get("orders")).await;
    let said = said.expect("the call ends by itself").unwrap_err();
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert!(format!("{said:?}").contains("DeadlineExceeded"), "{said:?}");
}

#[tokio::test]
async fn a_watch_outlives_the_deadline_of_calls() {
    let server = Server::start().await;
    let api: Api<ConfigMap> = Api::namespaced(server.client(Duration::from_millis(200)), "shop");
    let events = api.watch(&WatchParams::default(), "0").await.unwrap();
    let mut events = std::pin::pin!(events);
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.put(&config_map("orders"), &json!({"kind": "ConfigMap", "apiVersion": "v1"}));
    let event = events.try_next().await.unwrap().unwrap();
    assert!(matches!(event, WatchEvent::Added(_)), "{event:?}");
}

/// Twenty are more than are reconciled at a time, and than one namespace may have.
#[tokio::test]
async fn twenty_answers_that_stall_delay_their_own_namespace_and_that_not_for_good() {
    let server = Server::start().await;
    server.fail(|seen| (seen.is_write() && seen.path.contains("configmaps/stuck")).then_some(Fault::StallBody));
    for number in 0..20 {
        server.put(&path(&format!("stuck-{number:02}")), &to_stream("orders"));
    }
    let operator = Operator::start(&server, "a");
    until(
        "every worker of the namespace has met a stall",
        Duration::from_secs(10),
        || server.seen().iter().filter(|seen| seen.is_write()).count() >= 8,
    )
    .await;
    let elsewhere = |path: String| path.replace("/namespaces/shop/", "/namespaces/other/");
    server.put(&elsewhere(path("healthy")), &to_stream("orders"));
    server.put(&path("healthy"), &to_stream("orders"));
    until(
        "the one in another namespace is served at once",
        CALL_DEADLINE / 2,
        || !server.get(&elsewhere(config_map("healthy"))).is_null(),
    )
    .await;
    // It may come behind all twenty, eight at a time.
    until(
        "the one in the same namespace is served",
        3 * CALL_DEADLINE + Duration::from_secs(5),
        || !server.get(&config_map("healthy")).is_null(),
    )
    .await;
    operator.terminate().await;
}
