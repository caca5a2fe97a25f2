//! An installation that allows less than before: what was allowed is taken from what runs, and nothing else.

use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::ServiceAccount};
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{
    manifest::{apply, destination, reason},
    server::{ApiServer, until},
};

#[tokio::test]
async fn what_an_installation_stops_allowing_is_taken_from_running_children() {
    let server = ApiServer::start().await;
    let destinations = server.destinations();
    server.grant_everywhere().await;
    let wide = [
        "--allowed-endpoint=collector.example",
        "--allowed-label=team,squad",
        "--allowed-toleration=dedicated",
        "--allowed-service-account-annotation=example.com/role",
        "--allowed-priority-class=system-node-critical",
    ];
    let operator = server.operator("wide", &wide);
    let spec = json!({
        "endpoints": {"firehose": {"type": "Custom", "custom": {"url": "http://collector.example"}}},
        "proxy": {
            "podLabels": {"team": "analytics", "squad": "a"},
            "serviceAccount": {"annotations": {"example.com/role": "admin"}},
            "tolerations": [{"key": "dedicated", "operator": "Exists"}],
            "priorityClassName": "system-node-critical",
        },
    });
    apply(&destinations, &destination("orders", &spec)).await.unwrap();
    let workloads: Api<StatefulSet> = Api::namespaced(server.client.clone(), "default");
    let accounts: Api<ServiceAccount> = Api::namespaced(server.client.clone(), "default");
    until("the workload is there", async || {
        workloads.get("orders-firehose").await.is_ok()
    })
    .await;
    let before = server.document("orders").await.unwrap();
    assert!(before.contains("http://collector.example"), "{before}");
    let restart =
        json!({"spec": {"template": {"metadata": {"annotations": {"kubectl.kubernetes.io/restartedAt": "now"}}}}});
    workloads
        .patch("orders-firehose", &PatchParams::default(), &Patch::Merge(&restart))
        .await
        .unwrap();
    operator.terminate().await;

    let operator = server.operator("tight", &[]);
    until("the spec is refused", async || {
        reason(&destinations, "orders", "Accepted").await == "NotAllowedHere"
    })
    .await;
    until("the workload has lost what is forbidden", async || {
        let pod = workloads.get("orders-firehose").await.unwrap().spec.unwrap().template;
        pod.spec.unwrap().priority_class_name.is_none()
    })
    .await;
    let workload = workloads.get("orders-firehose").await.unwrap();
    let template = workload.spec.as_ref().unwrap().template.clone();
    let (metadata, pod) = (template.metadata.unwrap(), template.spec.unwrap());
    let labels = metadata.labels.unwrap();
    assert!(
        labels.contains_key("team") && !labels.contains_key("squad"),
        "{labels:?}"
    );
    assert_eq!(pod.tolerations, None);
    let annotations: Vec<String> = metadata.annotations.unwrap().into_keys().collect();
    assert_eq!(
        annotations,
        ["kubectl.kubernetes.io/restartedAt"],
        "what others wrote is theirs"
    );
    let account = accounts.get("orders-firehose").await.unwrap();
    let annotations: Vec<&String> = account.annotations().keys().collect();
    assert_eq!(annotations, ["firehose-operator.dev/rendered"]);
    let document = server.document("orders").await.unwrap();
    assert!(!document.contains("collector.example"), "{document}");
    assert!(
        document.contains("Unavailable") && document.contains("Paused"),
        "{document}"
    );

    // Nothing is written again while nothing changes, and what is allowed heals.
    let generation = workload.metadata.generation;
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    assert_eq!(
        workloads.get("orders-firehose").await.unwrap().metadata.generation,
        generation
    );
    apply(
        &destinations,
        &destination("orders", &json!({"endpoints": {}, "proxy": {}})),
    )
    .await
    .unwrap();
    until("delivery is back", async || {
        server
            .document("orders")
            .await
            .is_some_and(|text| !text.contains("Unavailable"))
    })
    .await;
    assert!(!operator.says("is forbidden"), "the chart's rights are not enough");
}
