//! Fewer pods: the number goes down when those above it have said that they are empty.

use k8s_openapi::api::{
    apps::v1::StatefulSet, autoscaling::v2::HorizontalPodAutoscaler, policy::v1::PodDisruptionBudget,
};
use kube::{Api, api::PostParams};
use serde_json::{Value, json};

use crate::{
    manifest::{apply, destination, reason},
    pods::Pods,
    server::{ApiServer, until},
};

fn spooled(replicas: i32, retention: &str) -> Value {
    let claim = json!({"storageClassName": "fast", "resources": {"requests": {"storage": "1Gi"}}});
    let claim = json!({"template": {"spec": claim}, "retentionPolicy": {"whenScaled": retention}});
    let spool = json!({"type": "PersistentVolumeClaim", "persistentVolumeClaim": claim});
    destination("orders", &json!({"spool": spool, "replicas": replicas}))
}

/// A pod that has closed its intake for this generation, with this on its volume.
fn closed(generation: i64, backlog: &str, dead_letters: &str) -> Value {
    json!({
        "intake": "Closed", "drainGeneration": generation, "backlog": backlog, "deadLetters": dead_letters,
        "foreignSpool": "None",
    })
}

#[tokio::test]
async fn the_number_goes_down_when_the_pods_above_it_are_empty_and_dead_letters_stay_with_a_named_claim() {
    let server = ApiServer::start().await;
    server.grant_everywhere().await;
    let destinations = server.destinations();
    let workloads: Api<StatefulSet> = Api::namespaced(server.client.clone(), "default");
    let budgets: Api<PodDisruptionBudget> = Api::namespaced(server.client.clone(), "default");
    let operator = server.operator("operator", &["--allowed-storage-class=fast"]);
    let replicas = async || {
        let spec = workloads.get("orders-firehose").await.unwrap().spec.unwrap();
        spec.replicas.unwrap()
    };
    let status = async || destinations.get("orders").await.unwrap().status.unwrap();
    let generation = async || destinations.get("orders").await.unwrap().metadata.generation.unwrap();
    apply(&destinations, &spooled(3, "Retain")).await.unwrap();
    until("there are to be three", async || {
        workloads.get_opt("orders-firehose").await.unwrap().is_some()
    })
    .await;
    let pods = Pods::of(&server.client, "orders-firehose");
    let open = json!({"intake": "Open", "backlog": "Waiting", "deadLetters": "Empty", "foreignSpool": "None"});
    let mut played = Vec::new();
    for ordinal in 0..3 {
        pods.bind_claim(ordinal).await;
        played.push(pods.run(ordinal, &open).await);
    }

    // Not one that takes events, nor one that says so of another change, nor one that has something.
    apply(&destinations, &spooled(1, "Retain")).await.unwrap();
    until("the drain is told", async || {
        reason(&destinations, "orders", "Reconciling").await == "Draining"
    })
    .await;
    let document = server.document("orders").await.unwrap();
    let now = generation().await;
    assert!(
        document.contains("\nreplicas: 3\n") && document.contains("activeReplicas: 1"),
        "{document}"
    );
    assert!(document.contains(&format!("drainGeneration: {now}")), "{document}");
    assert_eq!(status().await.proxies.unwrap().draining, 2);
    let budget = budgets.get("orders-firehose").await.unwrap().spec.unwrap();
    assert_eq!(serde_json::to_value(budget.max_unavailable).unwrap(), json!(3));
    played[1].say(&closed(now, "Waiting", "Empty"));
    played[2].say(&closed(now - 1, "Empty", "Empty"));
    let waits_for = async |part: &str| {
        let status = status().await;
        let condition = status
            .conditions
            .iter()
            .find(|one| one.kind.to_string() == "Reconciling");
        condition.is_some_and(|one| one.message.contains(part))
    };
    until("one delivers", async || waits_for("firehose-1 has events").await).await;
    until("one is not closed yet", async || {
        waits_for("firehose-2 takes its last requests").await
    })
    .await;
    assert_eq!(replicas().await, 3);

    // The highest goes alone.
    played[2].say(&closed(now, "Empty", "Empty"));
    until("the highest goes", async || replicas().await == 2).await;
    pods.delete(2).await;
    until("one is left to drain", async || {
        status().await.proxies.unwrap().draining == 1
    })
    .await;

    // A pod with dead letters keeps its claim, which is named before it goes.
    played[1].say(&closed(now, "Empty", "Waiting"));
    until("the other goes", async || replicas().await == 1).await;
    pods.delete(1).await;
    let retained = async || {
        let claims = status().await.retained_claims;
        claims.into_iter().map(|claim| claim.name).collect::<Vec<_>>()
    };
    assert_eq!(retained().await, ["spool-orders-firehose-1"]);
    until("nothing drains", async || status().await.proxies.unwrap().draining == 0).await;
    until("the document asks for one", async || {
        server.document("orders").await.unwrap().contains("\nreplicas: 1\n")
    })
    .await;
    assert_eq!(retained().await, ["spool-orders-firehose-1"]);
    assert!(!operator.says("is forbidden"), "the chart's rights are not enough");

    // With its pod back, it is no claim that nobody uses.
    apply(&destinations, &spooled(2, "Retain")).await.unwrap();
    until("there are to be two again", async || replicas().await == 2).await;
    until("it is in use", async || retained().await.is_empty()).await;

    // A claim that would be deleted with its pod holds it as long as there are dead letters in it.
    played[1] = pods.run(1, &open).await;
    apply(&destinations, &spooled(1, "Delete")).await.unwrap();
    let now = generation().await;
    played[1].say(&closed(now, "Empty", "Waiting"));
    until("a person is asked", async || {
        waits_for("firehose-1 has dead letters").await
    })
    .await;
    assert_eq!((replicas().await, retained().await), (2, vec![]));

    // A higher number ends it.
    apply(&destinations, &spooled(2, "Delete")).await.unwrap();
    until("nothing drains any more", async || {
        let document = server.document("orders").await.unwrap();
        document.contains("activeReplicas: 2") && !document.contains("drainGeneration")
    })
    .await;
    assert_eq!(replicas().await, 2);
}

#[tokio::test]
async fn the_autoscalers_of_the_examples_are_admitted_and_name_what_has_a_scale() {
    let server = ApiServer::start().await;
    apply(&server.destinations(), &destination("orders", &json!({})))
        .await
        .unwrap();
    let scale = server.destinations().get_scale("orders").await.unwrap();
    assert_eq!(scale.spec.unwrap().replicas, Some(2));
    let autoscalers: Api<HorizontalPodAutoscaler> = Api::namespaced(server.client.clone(), "default");
    for (name, text) in [
        ("by-cpu", include_str!("../../../examples/autoscaling/hpa-cpu.yaml")),
        (
            "by-events",
            include_str!("../../../examples/autoscaling/hpa-events.yaml"),
        ),
    ] {
        let mut autoscaler: HorizontalPodAutoscaler = serde_yaml::from_str(text).unwrap();
        autoscaler.metadata.name = Some(name.to_owned());
        let made = autoscalers.create(&PostParams::default(), &autoscaler).await.unwrap();
        let target = made.spec.unwrap().scale_target_ref;
        assert_eq!(
            (target.kind.as_str(), target.name.as_str()),
            ("FirehoseDestination", "orders")
        );
    }
}
