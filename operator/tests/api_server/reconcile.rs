//! Children, repairs, refusals by the plan.

use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{ConfigMap, Service},
};
use kube::{
    Api,
    api::{DeleteParams, Patch, PatchParams, PostParams},
};
use serde_json::json;

use crate::{
    manifest::{apply, destination, reason},
    server::{ApiServer, until},
};

#[tokio::test]
async fn a_destination_is_reconciled_repaired_and_refused_on_a_real_api_server() {
    let server = ApiServer::start().await;
    let destinations = server.destinations();

    server.grant_everywhere().await;
    let operator = server.operator("operator", &["--allowed-storage-class=fast"]);
    apply(&destinations, &destination("orders", &json!({}))).await.unwrap();
    let config_maps: Api<ConfigMap> = Api::namespaced(server.client.clone(), "default");
    let services: Api<Service> = Api::namespaced(server.client.clone(), "default");
    let workloads: Api<StatefulSet> = Api::namespaced(server.client.clone(), "default");
    until("the last child is there", async || {
        workloads.get("orders-firehose").await.is_ok()
    })
    .await;
    let document = async || server.document("orders").await;
    let first = document().await.unwrap();
    assert!(first.contains("everything"), "{first}");
    let status = async || destinations.get("orders").await.unwrap().status;
    until("the status names the revision", async || {
        status()
            .await
            .and_then(|status| status.revision)
            .is_some_and(|revision| first.contains(&revision))
    })
    .await;

    // A broken and a deleted child come back.
    let broken = json!({"data": {"config.yaml": "broken"}});
    config_maps
        .patch("orders-firehose", &PatchParams::default(), &Patch::Merge(&broken))
        .await
        .unwrap();
    until("the ConfigMap is repaired", async || {
        document().await.as_ref() == Some(&first)
    })
    .await;
    let renumbered = json!([{"op": "replace", "path": "/spec/ports/0/port", "value": 8081}]);
    let renumbered: Patch<()> = Patch::Json(serde_json::from_value(renumbered).unwrap());
    services
        .patch("orders-firehose", &PatchParams::default(), &renumbered)
        .await
        .unwrap();
    let ports = async || {
        let spec = services.get("orders-firehose").await.unwrap().spec.unwrap();
        spec.ports.unwrap().iter().map(|port| port.port).collect::<Vec<_>>()
    };
    until("the Service's port is repaired", async || ports().await == [8080]).await;
    services
        .delete("orders-firehose", &DeleteParams::default())
        .await
        .unwrap();
    until("the Service is there again", async || {
        services.get("orders-firehose").await.is_ok()
    })
    .await;

    // An edit changes the document and not the workload.
    let generation = workloads.get("orders-firehose").await.unwrap().metadata.generation;
    let edit = json!({"mappings": [{"event": "*", "deliveryStreamName": "elsewhere"}]});
    apply(&destinations, &destination("orders", &edit)).await.unwrap();
    until("the edit is in the ConfigMap", async || {
        document().await.is_some_and(|text| text.contains("elsewhere"))
    })
    .await;
    assert_eq!(
        workloads.get("orders-firehose").await.unwrap().metadata.generation,
        generation
    );

    // What only the plan sees is refused in the status, and the last good configuration stays.
    let twice = json!({"mappings": [
        {"event": "page", "deliveryStreamName": "a"},
        {"event": "Page", "deliveryStreamName": "b"},
    ]});
    apply(&destinations, &destination("orders", &twice)).await.unwrap();
    until("the edit is refused", async || {
        reason(&destinations, "orders", "Accepted").await == "DuplicateEvent"
    })
    .await;
    assert!(document().await.unwrap().contains("elsewhere"));

    // A child's name that somebody else has is left alone.
    let taken: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "taken-firehose"}})).unwrap();
    config_maps.create(&PostParams::default(), &taken).await.unwrap();
    apply(&destinations, &destination("taken", &json!({}))).await.unwrap();
    until("the conflict is told", async || {
        reason(&destinations, "taken", "Accepted").await == "NameConflict"
    })
    .await;
    assert_eq!(config_maps.get("taken-firehose").await.unwrap().data, None);

    // What the StatefulSet cannot follow is refused by its field and does not come in the way of other edits.
    let spooled = |storage: &str, replicas: i32| {
        let claim = json!({"storageClassName": "fast", "resources": {"requests": {"storage": storage}}});
        let claim = json!({"template": {"spec": claim}});
        let spool = json!({"type": "PersistentVolumeClaim", "persistentVolumeClaim": claim});
        destination("spooled", &json!({"spool": spool, "replicas": replicas}))
    };
    apply(&destinations, &spooled("1Gi", 2)).await.unwrap();
    until("the spool's workload is there", async || {
        workloads.get("spooled-firehose").await.is_ok()
    })
    .await;
    apply(&destinations, &spooled("1024Mi", 3)).await.unwrap();
    until("the same size in other words is none", async || {
        let spec = workloads.get("spooled-firehose").await.unwrap().spec;
        spec.and_then(|spec| spec.replicas) == Some(3)
    })
    .await;
    apply(&destinations, &spooled("2Gi", 3)).await.unwrap();
    until("the other size is refused", async || {
        reason(&destinations, "spooled", "Accepted").await == "NotImplemented"
    })
    .await;

    // An object of another class is another installation's: nothing is written to it.
    let foreign = destination("foreign", &json!({"className": "internal"}));
    apply(&destinations, &foreign).await.unwrap();
    apply(&destinations, &destination("after", &json!({}))).await.unwrap();
    until("one that came later is served", async || {
        workloads.get("after-firehose").await.is_ok()
    })
    .await;
    assert_eq!(destinations.get("foreign").await.unwrap().status, None);
    assert!(workloads.get_opt("foreign-firehose").await.unwrap().is_none());
    assert!(!operator.says("is forbidden"), "the chart's rights are not enough");
}
