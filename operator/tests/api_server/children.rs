//! Who owns what of a child, on an API server that keeps count of it.

use k8s_openapi::api::core::v1::{ConfigMap, ServiceAccount};
use kube::{
    Api, ResourceExt as _,
    api::{ListParams, PostParams},
};
use serde_json::json;

use crate::{
    manifest::{apply, destination, reason},
    server::{ApiServer, until},
};

#[tokio::test]
async fn what_is_created_or_adopted_is_the_operators_to_decide_alone_and_changes_are_told_in_events() {
    let server = ApiServer::start().await;
    server.grant_everywhere().await;
    let destinations = server.destinations();
    let config_maps: Api<ConfigMap> = Api::namespaced(server.client.clone(), "default");
    let labels = json!({
        "app.kubernetes.io/managed-by": "firehose-operator", "firehose-operator.dev/destination": "restored",
    });
    let orphan = json!({
        "metadata": {"name": "restored-firehose", "labels": labels, "annotations": {"left": "over"}},
        "data": {"config.yaml": "old", "extra": "of the backup"},
    });
    let orphan: ConfigMap = serde_json::from_value(orphan).unwrap();
    config_maps.create(&PostParams::default(), &orphan).await.unwrap();

    let operator = server.operator("operator", &[]);
    for name in ["orders", "restored"] {
        apply(&destinations, &destination(name, &json!({}))).await.unwrap();
        until("it is accepted", async || {
            reason(&destinations, name, "Accepted").await == "Valid"
        })
        .await;
    }
    let adopted = config_maps.get("restored-firehose").await.unwrap();
    let owner = destinations.get("restored").await.unwrap().uid();
    assert_eq!(adopted.owner_references()[0].uid, owner.unwrap());
    let data = adopted.data.clone().unwrap();
    assert_eq!(
        data.keys().collect::<Vec<_>>(),
        ["config.yaml"],
        "an apply keeps what others wrote"
    );
    assert!(!adopted.annotations().contains_key("left"));
    for config_map in [adopted, config_maps.get("orders-firehose").await.unwrap()] {
        let managers: Vec<_> = config_map
            .managed_fields()
            .iter()
            .map(|entry| (entry.manager.clone().unwrap(), entry.operation.clone().unwrap()))
            .collect();
        assert_eq!(managers, [("firehose-operator".to_owned(), "Apply".to_owned())]);
    }

    // What is rendered no more goes, although the child was created with it.
    let accounts: Api<ServiceAccount> = Api::namespaced(server.client.clone(), "default");
    let with_role = json!({"proxy": {"serviceAccount": {"annotations": {
        "eks.amazonaws.com/role-arn": "arn:aws:iam::123456789012:role/writer",
    }}}});
    let has_role = async || {
        let account = accounts.get_opt("roled-firehose").await.unwrap();
        account.map(|account| account.annotations().contains_key("eks.amazonaws.com/role-arn"))
    };
    apply(&destinations, &destination("roled", &with_role)).await.unwrap();
    until("the account has the role", async || has_role().await == Some(true)).await;
    apply(&destinations, &destination("roled", &json!({}))).await.unwrap();
    until("the account has it no more", async || has_role().await == Some(false)).await;

    let events: Api<k8s_openapi::api::events::v1::Event> = Api::namespaced(server.client.clone(), "default");
    until("the change is told", async || {
        let told = events.list(&ListParams::default()).await.unwrap();
        told.items.iter().any(|event| {
            let regarding = event.regarding.as_ref().and_then(|object| object.name.as_deref());
            regarding == Some("orders") && event.action.as_deref() == Some("Ready")
        })
    })
    .await;
    assert!(!operator.says("is forbidden"), "the chart's rights are not enough");
}
