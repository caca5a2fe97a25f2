//! What keeps pods from starting is named where people look: in `Ready`, in `Durable`, and in one event.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    operator::{Operator, condition, path, to_stream},
    server::{Server, until},
};

const PATIENCE: Duration = Duration::from_secs(20);

const WORKLOAD: &str = "/apis/apps/v1/namespaces/shop/statefulsets/orders-firehose";

/// A destination whose workload is there, and whose pods are not.
async fn applied(spec: &Value) -> (Server, Operator) {
    let server = Server::start().await;
    let mut destination = to_stream("orders");
    destination["spec"]
        .as_object_mut()
        .unwrap()
        .extend(spec.as_object().unwrap().clone());
    server.put(&path("orders"), &destination);
    let operator = Operator::start(&server, "a");
    until("the workload is there", PATIENCE, || !server.get(WORKLOAD).is_null()).await;
    (server, operator)
}

fn put_pod(server: &Server, ordinal: u32, status: &Value) {
    let workload = server.get(WORKLOAD);
    let owner = json!({
        "apiVersion": "apps/v1", "kind": "StatefulSet", "name": "orders-firehose", "controller": true,
        "uid": workload["metadata"]["uid"],
    });
    let labels = &workload["spec"]["template"]["metadata"]["labels"];
    let pod = json!({"metadata": {"labels": labels, "ownerReferences": [owner]}, "status": status});
    server.put(&format!("/api/v1/namespaces/shop/pods/orders-firehose-{ordinal}"), &pod);
}

fn told(server: &Server, reason: &str) -> Vec<Value> {
    let seen = server.seen().into_iter();
    seen.filter(|seen| seen.is_write() && seen.path.contains("/events.k8s.io/") && seen.body["reason"] == reason)
        .map(|seen| seen.body)
        .collect()
}

#[tokio::test]
async fn a_pod_that_no_node_takes_is_the_reason_and_one_event() {
    let (server, operator) = applied(&json!({"replicas": 1})).await;
    let unschedulable = json!({"conditions": [{
        "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/2 nodes: Insufficient cpu",
    }]});
    put_pod(&server, 0, &unschedulable);
    until("it is named", PATIENCE, || {
        condition(&server, "orders", "Ready")["reason"] == "Unschedulable"
    })
    .await;
    let message = condition(&server, "orders", "Ready")["message"].to_string();
    for part in [
        "orders-firehose-0",
        "Insufficient cpu",
        "kubectl -n shop describe pod/orders-firehose-0",
    ] {
        assert!(message.contains(part), "{message}");
    }
    until("it is told", PATIENCE, || !told(&server, "Unschedulable").is_empty()).await;
    put_pod(&server, 0, &json!({"podIP": "127.0.0.1"}));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let events = told(&server, "Unschedulable");
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0]["type"], "Warning");
    assert_eq!(events[0]["regarding"]["name"], "orders");
    assert!(events[0]["note"].to_string().contains("Insufficient cpu"));
    operator.terminate().await;
}

#[tokio::test]
async fn a_quota_that_leaves_no_room_for_a_pod_is_the_reason() {
    let (server, operator) = applied(&json!({"replicas": 1})).await;
    let words = "create Pod orders-firehose-0 in StatefulSet orders-firehose failed error: pods \"orders-firehose-0\" \
                 is forbidden: exceeded quota: small";
    let event = json!({
        "involvedObject": {"uid": server.get(WORKLOAD)["metadata"]["uid"]},
        "reason": "FailedCreate", "message": words, "lastTimestamp": "2026-01-01T00:00:00Z",
    });
    server.put("/api/v1/namespaces/shop/events/one", &event);
    until("it is named", PATIENCE, || {
        condition(&server, "orders", "Ready")["reason"] == "QuotaExceeded"
    })
    .await;
    let message = condition(&server, "orders", "Ready")["message"].to_string();
    assert!(message.contains("exceeded quota: small"), "{message}");
    assert!(message.contains("describe statefulset/orders-firehose"), "{message}");
    operator.terminate().await;
}

#[tokio::test]
async fn a_spool_is_not_durable_before_its_claim_has_a_volume() {
    let claim = json!({"template": {"spec": {"resources": {"requests": {"storage": "1Gi"}}}}});
    let spool = json!({"type": "PersistentVolumeClaim", "persistentVolumeClaim": claim});
    let (server, operator) = applied(&json!({"replicas": 1, "spool": spool})).await;
    let labels = &server.get(WORKLOAD)["spec"]["volumeClaimTemplates"][0]["metadata"]["labels"];
    let path = "/api/v1/namespaces/shop/persistentvolumeclaims/spool-orders-firehose-0";
    server.put(
        path,
        &json!({"metadata": {"labels": labels}, "status": {"phase": "Pending"}}),
    );
    put_pod(&server, 0, &json!({}));
    until("it is named", PATIENCE, || {
        condition(&server, "orders", "Durable")["reason"] == "ClaimPending"
            && condition(&server, "orders", "Ready")["reason"] == "ClaimPending"
    })
    .await;
    assert_eq!(condition(&server, "orders", "Durable")["status"], "Unknown");
    server.put(path, &json!({"status": {"phase": "Bound"}}));
    until("it is durable", PATIENCE, || {
        condition(&server, "orders", "Durable")["status"] == "True"
    })
    .await;
    operator.terminate().await;
}
