//! Many destinations: what a leader takes of memory, and what the next one writes. `cargo xtask prove scale` has it do
//! more of them than a run of all tests does.

use std::{collections::BTreeMap, env, fmt::Debug};

use futures::{StreamExt as _, stream};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{ConfigMap, Service, ServiceAccount},
    policy::v1::PodDisruptionBudget,
};
use kube::{Api, Resource, ResourceExt as _, api::ListParams};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::{
    manifest::{apply, destination, reason},
    server::{ApiServer, until},
};

/// How many are made at a time.
const AT_A_TIME: usize = 8;

fn setting(name: &str, default: usize) -> usize {
    env::var(name).map_or(default, |number| number.parse().unwrap())
}

fn manifest(number: usize, mappings: usize) -> Value {
    let mappings: Vec<Value> = (0..mappings)
        .map(|row| json!({"event": format!("event {row}"), "deliveryStreamName": format!("stream-{number}-{row}")}))
        .collect();
    destination(&format!("orders-{number}"), &json!({"mappings": mappings}))
}

/// Versions of all objects of a kind, by name.
async fn versions<K>(server: &ApiServer) -> BTreeMap<String, String>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(server.client.clone(), "default");
    let all = api.list(&ListParams::default()).await.unwrap().items;
    let ours = all.into_iter().filter(|one| one.name_any().starts_with("orders-"));
    ours.map(|one| {
        (
            format!("{} {}", K::kind(&()), one.name_any()),
            one.resource_version().unwrap(),
        )
    })
    .collect()
}

async fn everything(server: &ApiServer) -> BTreeMap<String, String> {
    let mut all = versions::<ConfigMap>(server).await;
    all.extend(versions::<ServiceAccount>(server).await);
    all.extend(versions::<Service>(server).await);
    all.extend(versions::<PodDisruptionBudget>(server).await);
    all.extend(versions::<StatefulSet>(server).await);
    all.extend(versions::<firehose_operator_api::FirehoseDestination>(server).await);
    all
}

#[tokio::test]
async fn a_new_leader_writes_nothing_where_nothing_has_changed() {
    let (count, mappings) = (
        setting("FIREHOSE_SCALE_DESTINATIONS", 20),
        setting("FIREHOSE_SCALE_MAPPINGS", 20),
    );
    let server = ApiServer::start().await;
    server.grant_everywhere().await;
    let destinations = server.destinations();
    let first = server.operator("first", &[]);
    stream::iter(0..count)
        .for_each_concurrent(AT_A_TIME, |number| {
            let destinations = destinations.clone();
            async move {
                apply(&destinations, &manifest(number, mappings)).await.unwrap();
            }
        })
        .await;
    until("every destination is followed", async || {
        let all = destinations.list(&ListParams::default()).await.unwrap();
        let is_told = |one: &firehose_operator_api::FirehoseDestination| {
            let status = one.status.as_ref();
            status.is_some_and(|status| status.observed_generation.is_some() && !status.conditions.is_empty())
        };
        all.items.iter().filter(|one| is_told(one)).count() == count
    })
    .await;
    println!("{count} × {mappings}: the leader that made them has {}", first.memory());
    let before = everything(&server).await;
    assert_eq!(
        before.len(),
        7 * count,
        "a destination, its five children and the second Service"
    );
    first.terminate().await;

    let second = server.operator("second", &[]);
    apply(&destinations, &destination("last", &json!({}))).await.unwrap();
    until("the next one follows what came later", async || {
        reason(&destinations, "last", "Accepted").await == "Valid"
    })
    .await;
    until("it has looked at every destination", async || {
        let rounds = second.metric("firehose_operator_reconciles_total").await;
        rounds >= count as f64
    })
    .await;
    println!("{count} × {mappings}: a leader that found them has {}", second.memory());
    assert_eq!(
        second.metric("firehose_operator_applies_total").await,
        6.0,
        "children of the one that is new"
    );
    let after = everything(&server).await;
    let changed: Vec<_> = after
        .iter()
        .filter(|(name, version)| before.get(*name) != Some(version))
        .collect();
    assert!(changed.is_empty(), "written once more: {changed:?}");
}
