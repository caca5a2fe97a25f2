//! An operator that serves one namespace, with a role in it and none in the cluster.

use firehose_operator_api::FirehoseDestination;
use k8s_openapi::{
    api::{apps::v1::StatefulSet, core::v1::Namespace},
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{Api, api::PostParams};

use crate::{
    manifest::{apply, to_stream},
    server::{ApiServer, until},
};

#[tokio::test]
async fn an_operator_of_one_namespace_needs_rights_there_only_and_leaves_others_alone() {
    let server = ApiServer::start().await;
    server.grant_in_default().await;
    let other = Namespace {
        metadata: ObjectMeta {
            name: Some("other".to_owned()),
            ..ObjectMeta::default()
        },
        ..Namespace::default()
    };
    let namespaces: Api<Namespace> = Api::all(server.client.clone());
    namespaces.create(&PostParams::default(), &other).await.unwrap();
    let elsewhere: Api<FirehoseDestination> = Api::namespaced(server.client.clone(), "other");
    apply(&elsewhere, &to_stream("orders", "stream-elsewhere"))
        .await
        .unwrap();

    let operator = server.operator("operator", &["--watch-namespaces=default"]);
    apply(&server.destinations(), &to_stream("orders", "stream-here"))
        .await
        .unwrap();
    let workloads: Api<StatefulSet> = Api::namespaced(server.client.clone(), "default");
    until("the last child is there", async || {
        workloads.get("orders-firehose").await.is_ok()
    })
    .await;
    until("the status is written", async || operator.says("configuration changed")).await;
    assert_eq!(elsewhere.get("orders").await.unwrap().status, None);
    assert!(!operator.says("is forbidden"), "it asks for more than it may");
}
