//! Nothing is written by an operator that may have been succeeded.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::{
    operator::{Operator, config_map, path, to_stream},
    server::{Fault, Seen, Server, until},
};

const PATIENCE: Duration = Duration::from_secs(10);

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/system/leases/firehose-operator";

fn is_config_map(seen: &Seen) -> bool {
    seen.is_write() && seen.path.contains("/configmaps/")
}

/// The first write of a round is answered 8 s late and the lease cannot be renewed meanwhile, so the round outlives the
/// leadership between its first and its second write.
#[tokio::test]
async fn a_round_that_outlives_the_leadership_writes_nothing_more() {
    let server = Server::start().await;
    let operator = Operator::start(&server, "a");
    until("it leads", PATIENCE, || !server.get(LEASE).is_null()).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.fail(|seen| {
        if seen.path.contains("/leases") {
            return Some(Fault::Deny("not now"));
        }
        is_config_map(seen).then_some(Fault::Late(Duration::from_secs(8)))
    });
    tokio::time::sleep(Duration::from_secs(4)).await;
    server.put(&path("orders"), &to_stream("orders"));
    until("the first write is sent", PATIENCE, || {
        server.seen().iter().any(is_config_map)
    })
    .await;
    until("the first write is done", PATIENCE, || {
        !server.get(&config_map("orders")).is_null()
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let writes: Vec<String> = server
        .seen()
        .into_iter()
        .filter(Seen::is_write)
        .map(|seen| seen.path)
        .collect();
    assert_eq!(writes, [config_map("orders")]);
    operator.terminate().await;
}

#[tokio::test]
async fn at_the_end_rounds_are_cut_off_and_the_lease_is_released_after_what_they_have_sent() {
    let server = Server::start().await;
    server.fail(|seen| is_config_map(seen).then_some(Fault::Late(Duration::from_secs(2))));
    server.put(&path("orders"), &to_stream("orders"));
    let operator = Operator::start(&server, "a");
    until("the first write is sent", PATIENCE, || {
        server.seen().iter().any(is_config_map)
    })
    .await;
    let told = Instant::now();
    operator.terminate().await;
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
    assert!(
        !server.get(&config_map("orders")).is_null(),
        "the lease went before the write was done"
    );
    assert_eq!(server.get(LEASE)["spec"]["holderIdentity"], "");
    let begun: Vec<Seen> = server
        .seen()
        .into_iter()
        .filter(|seen| seen.is_write() && seen.at > told)
        .collect();
    assert!(begun.is_empty(), "{begun:?}");
}

#[tokio::test]
async fn a_lease_is_kept_when_it_is_not_known_what_became_of_a_write() {
    let server = Server::start().await;
    server.fail(|seen| is_config_map(seen).then_some(Fault::StallBody));
    server.put(&path("orders"), &to_stream("orders"));
    let operator = Operator::start(&server, "a");
    until("the first write is sent", PATIENCE, || {
        server.seen().iter().any(is_config_map)
    })
    .await;
    let told = Instant::now();
    operator.terminate().await;
    assert!(told.elapsed() < Duration::from_secs(5), "{:?}", told.elapsed());
    assert_eq!(server.get(LEASE)["spec"]["holderIdentity"], "a");
}

#[tokio::test]
async fn a_child_is_written_by_its_uid() {
    let server = Server::start().await;
    server.put(&path("orders"), &to_stream("stream-one"));
    let operator = Operator::start(&server, "a");
    until("the child is there", PATIENCE, || {
        !server.get(&config_map("orders")).is_null()
    })
    .await;
    let uid = server.get(&config_map("orders"))["metadata"]["uid"].clone();
    server.put(&path("orders"), &to_stream("stream-two"));
    let edits = || server.seen().into_iter().filter(is_config_map);
    until("the edit is written", PATIENCE, || {
        edits().any(|seen| seen.body.to_string().contains("stream-two"))
    })
    .await;
    let last = edits().next_back().unwrap();
    assert_eq!(last.body["metadata"]["uid"], uid);
    assert_ne!(uid, json!(null));
    operator.terminate().await;
}
