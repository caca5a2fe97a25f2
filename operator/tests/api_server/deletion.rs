//! Deletions: at once, or after the pods have delivered; by whatever way, and with nobody there.

use firehose_operator_api::FirehoseDestination;
use k8s_openapi::api::core::v1::{Namespace, PersistentVolumeClaim};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    manifest::{apply, destination, reason},
    pods::Pods,
    server::{ApiServer, until},
};

const FINALIZER: &str = "firehose-operator.dev/drain";

/// A destination of two pods with claims that go with it, and this about its deletion.
fn claimed(deletion: &Value) -> Value {
    let claim = json!({"storageClassName": "fast", "resources": {"requests": {"storage": "1Gi"}}});
    let claim = json!({"template": {"spec": claim}, "retentionPolicy": {"whenDeleted": "Delete"}});
    let spool = json!({"type": "PersistentVolumeClaim", "persistentVolumeClaim": claim});
    destination("orders", &json!({"spool": spool, "replicas": 2, "deletion": deletion}))
}

fn draining(seconds: i32) -> Value {
    claimed(&json!({"type": "Drain", "drain": {"timeoutSeconds": seconds}}))
}

async fn is_held(destinations: &Api<FirehoseDestination>) -> bool {
    let found = destinations.get_opt("orders").await.unwrap();
    found.is_some_and(|found| found.finalizers().iter().any(|one| one == FINALIZER))
}

fn closed(generation: i64, backlog: &str) -> Value {
    json!({
        "intake": "Closed", "drainGeneration": generation, "backlog": backlog, "deadLetters": "Empty",
        "foreignSpool": "None",
    })
}

#[tokio::test]
async fn a_destination_that_drains_goes_when_its_pods_are_empty_and_takes_their_claims_with_it() {
    let server = ApiServer::start().await;
    server.grant_everywhere().await;
    let destinations = server.destinations();
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(server.client.clone(), "default");
    let operator = server.operator("operator", &["--allowed-storage-class=fast"]);
    apply(&destinations, &draining(86_400)).await.unwrap();
    until("it is held", async || is_held(&destinations).await).await;
    until("its workload is there", async || {
        reason(&destinations, "orders", "Accepted").await == "Valid"
    })
    .await;
    let pods = Pods::of(&server.client, "orders-firehose");
    let policy = pods
        .workload()
        .await
        .spec
        .unwrap()
        .persistent_volume_claim_retention_policy
        .unwrap();
    assert_eq!(
        policy.when_deleted.as_deref(),
        Some("Retain"),
        "a claim that is not empty would go"
    );
    let open = json!({"intake": "Open", "backlog": "Waiting", "deadLetters": "Empty", "foreignSpool": "None"});
    let mut played = Vec::new();
    for ordinal in 0..2 {
        pods.bind_claim(ordinal).await;
        played.push(pods.run(ordinal, &open).await);
    }

    destinations
        .delete("orders", &DeleteParams::foreground())
        .await
        .unwrap();
    until("no pod is to take events", async || {
        server.document("orders").await.unwrap().contains("activeReplicas: 0")
    })
    .await;
    let now = destinations.get("orders").await.unwrap().metadata.generation.unwrap();
    assert!(
        server
            .document("orders")
            .await
            .unwrap()
            .contains(&format!("drainGeneration: {now}"))
    );
    played[0].say(&closed(now, "Empty"));
    played[1].say(&closed(now, "Waiting"));
    until("it says what it waits for", async || {
        let status = destinations.get("orders").await.unwrap().status.unwrap();
        let condition = status
            .conditions
            .into_iter()
            .find(|one| one.kind.to_string() == "Reconciling");
        condition.is_some_and(|one| one.message.contains("orders-firehose-1 has events"))
    })
    .await;
    assert!(is_held(&destinations).await);
    assert!(claims.get_opt("spool-orders-firehose-0").await.unwrap().is_some());

    played[1].say(&closed(now, "Empty"));
    until("it is let go", async || !is_held(&destinations).await).await;
    for ordinal in 0..2 {
        let claim = claims
            .get_opt(&format!("spool-orders-firehose-{ordinal}"))
            .await
            .unwrap();
        assert!(
            claim.is_none_or(|claim| claim.metadata.deletion_timestamp.is_some()),
            "{ordinal}"
        );
    }
    // The collector of garbage is not there; its finalizer is not ours to take.
    let left = destinations.get("orders").await.unwrap();
    assert_eq!(left.finalizers(), ["foregroundDeletion"]);
    assert!(!operator.says("is forbidden"), "the chart's rights are not enough");
}

#[tokio::test]
async fn a_destination_is_held_only_as_long_as_it_asks_for_it_and_its_time_and_its_namespace_last() {
    let server = ApiServer::start().await;
    server.grant_everywhere().await;
    let destinations = server.destinations();
    let operator = server.operator("operator", &["--allowed-storage-class=fast"]);
    let gone = async || destinations.get_opt("orders").await.unwrap().is_none();
    let busy = json!({"intake": "Open", "backlog": "Waiting", "deadLetters": "Empty", "foreignSpool": "None"});
    let immediate = claimed(&json!({}));

    // Without a drain there is no finalizer, and an edit takes it away again.
    apply(&destinations, &immediate).await.unwrap();
    until("it is accepted", async || {
        reason(&destinations, "orders", "Accepted").await == "Valid"
    })
    .await;
    assert!(!is_held(&destinations).await);
    apply(&destinations, &draining(86_400)).await.unwrap();
    until("it is held", async || is_held(&destinations).await).await;
    apply(&destinations, &immediate).await.unwrap();
    until("it is not held", async || !is_held(&destinations).await).await;

    // One that is already being deleted, likewise.
    apply(&destinations, &draining(86_400)).await.unwrap();
    until("it is held again", async || is_held(&destinations).await).await;
    let pods = Pods::of(&server.client, "orders-firehose");
    pods.bind_claim(0).await;
    let _played = pods.run(0, &busy).await;
    destinations
        .delete("orders", &DeleteParams::background())
        .await
        .unwrap();
    until("it drains", async || {
        server.document("orders").await.unwrap().contains("activeReplicas: 0")
    })
    .await;
    assert!(is_held(&destinations).await);
    apply(&destinations, &immediate).await.unwrap();
    until("it goes when it asks for no drain", async || gone().await).await;

    // Its children are left here without a collector of garbage; they are another's now, and adopted by nobody.
    pods.delete_children().await;
    apply(&destinations, &draining(1)).await.unwrap();
    until("it is held for a second", async || is_held(&destinations).await).await;
    until("its workload is there", async || {
        reason(&destinations, "orders", "Accepted").await == "Valid"
    })
    .await;
    let _played = pods.run(0, &busy).await;
    destinations
        .delete("orders", &DeleteParams::background())
        .await
        .unwrap();
    until("it goes when its time has passed", async || gone().await).await;
    assert!(pods.has_claim(0).await, "what is not empty stays");

    // With its namespace, at once.
    let namespaces: Api<Namespace> = Api::all(server.client.clone());
    let doomed: Namespace = serde_json::from_value(json!({"metadata": {"name": "doomed"}})).unwrap();
    namespaces.create(&PostParams::default(), &doomed).await.unwrap();
    let there: Api<FirehoseDestination> = Api::namespaced(server.client.clone(), "doomed");
    apply(&there, &draining(86_400)).await.unwrap();
    until("it is held there", async || is_held(&there).await).await;
    namespaces.delete("doomed", &DeleteParams::default()).await.unwrap();
    there.delete("orders", &DeleteParams::background()).await.unwrap();
    until("it goes with its namespace", async || {
        there.get_opt("orders").await.unwrap().is_none()
    })
    .await;
    assert!(!operator.says("is forbidden"), "the chart's rights are not enough");

    // With no operator there, by the documented command.
    apply(&destinations, &destination("orders", &json!({}))).await.unwrap();
    operator.terminate().await;
    let alone = server.destinations();
    let held = json!({"metadata": {"finalizers": [FINALIZER]}});
    alone
        .patch("orders", &PatchParams::default(), &Patch::Merge(&held))
        .await
        .unwrap();
    alone.delete("orders", &DeleteParams::background()).await.unwrap();
    assert!(!gone().await);
    let released = json!({"metadata": {"finalizers": null}});
    alone
        .patch("orders", &PatchParams::default(), &Patch::Merge(&released))
        .await
        .unwrap();
    assert!(gone().await);
}
