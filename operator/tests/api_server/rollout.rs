//! A new image, from destination to destination. The test plays the controller of StatefulSets.

use k8s_openapi::api::{apps::v1::StatefulSet, core::v1::Pod};
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    manifest::{apply, destination, reason},
    server::{ApiServer, Operator, until},
};

const OLD: &str = "registry.example/firehose-proxy:1";
const BAD: &str = "registry.example/firehose-proxy:bad";
const GOOD: &str = "registry.example/firehose-proxy:3";

/// StatefulSets of the namespace `default`, and the controller that they do not have here.
struct Workloads {
    api: Api<StatefulSet>,
    server: ApiServer,
}

impl Workloads {
    async fn of(&self, destination: &str) -> StatefulSet {
        self.api.get(&format!("{destination}-firehose")).await.unwrap()
    }

    /// The image of its template, and whether a rollout is said to be under way.
    async fn image(&self, destination: &str) -> (String, bool) {
        let workload = self.of(destination).await;
        let is_marked = workload.annotations().contains_key("firehose-operator.dev/rollout");
        let container = workload.spec.unwrap().template.spec.unwrap().containers.remove(0);
        (container.image.unwrap(), is_marked)
    }

    /// Says that its one pod of the newest template is available or not.
    async fn say(&self, destination: &str, is_available: bool) {
        let workload = self.of(destination).await;
        let available = i32::from(is_available);
        let status = json!({"status": {
            "observedGeneration": workload.metadata.generation, "replicas": 1, "updatedReplicas": 1,
            "readyReplicas": available, "availableReplicas": available,
            "currentRevision": if is_available { "newest" } else { "older" }, "updateRevision": "newest",
        }});
        let (name, parameters) = (workload.name_any(), PatchParams::default());
        self.api
            .patch_status(&name, &parameters, &Patch::Merge(&status))
            .await
            .unwrap();
    }

    /// Makes a pod of the newest template whose image cannot be pulled.
    async fn fail(&self, destination: &str) {
        let workload = self.of(destination).await;
        let mut labels = workload.spec.unwrap().template.metadata.unwrap().labels.unwrap();
        labels.insert("controller-revision-hash".to_owned(), "newest".to_owned());
        let name = format!("{destination}-firehose-0");
        let pod = json!({
            "metadata": {"name": name, "labels": labels, "ownerReferences": [{
                "apiVersion": "apps/v1", "kind": "StatefulSet", "controller": true,
                "name": workload.metadata.name, "uid": workload.metadata.uid,
            }]},
            "spec": {"containers": [{"name": "proxy", "image": BAD}], "automountServiceAccountToken": false},
        });
        let waiting = json!({"reason": "ImagePullBackOff", "message": "Back-off pulling image"});
        let container = json!({
            "name": "proxy", "image": BAD, "imageID": "", "ready": false, "restartCount": 0,
            "state": {"waiting": waiting},
        });
        let pods: Api<Pod> = Api::namespaced(self.server.client.clone(), "default");
        let accounts =
            Api::<k8s_openapi::api::core::v1::ServiceAccount>::namespaced(self.server.client.clone(), "default");
        let account = json!({"metadata": {"name": "default"}});
        drop(accounts.create(&PostParams::default(), &from(&account)).await);
        pods.create(&PostParams::default(), &from(&pod)).await.unwrap();
        let status = json!({"status": {"phase": "Pending", "containerStatuses": [container]}});
        pods.patch_status(&name, &PatchParams::default(), &Patch::Merge(&status))
            .await
            .unwrap();
    }

    fn operator(&self, name: &str, image: &str) -> Operator {
        let image = format!("--proxy-image={image}");
        let options = [
            image.as_str(),
            "--max-concurrent-rollouts=1",
            "--rollout-first=rollout=first",
        ];
        self.server.operator(name, &options)
    }
}

fn from<K: serde::de::DeserializeOwned>(value: &Value) -> K {
    serde_json::from_value(value.clone()).unwrap()
}

#[tokio::test]
async fn a_new_image_goes_from_destination_to_destination_halts_at_the_first_that_fails_and_heals_with_a_good_one() {
    let server = ApiServer::start().await;
    server.grant_everywhere().await;
    let destinations = server.destinations();
    let workloads = Workloads {
        api: Api::namespaced(server.client.clone(), "default"),
        server,
    };
    let all = ["a", "b", "canary"];
    let manifest = |name: &str, spec: Value| {
        let mut manifest = destination(name, &json!({"replicas": 1}));
        if name == "canary" {
            manifest["metadata"]["labels"] = json!({"rollout": "first"});
        }
        for (field, value) in spec.as_object().unwrap() {
            manifest["spec"][field] = value.clone();
        }
        manifest
    };
    let first = workloads.operator("first", OLD);
    for name in all {
        apply(&destinations, &manifest(name, json!({}))).await.unwrap();
        until("it is accepted", async || {
            reason(&destinations, name, "Accepted").await == "Valid"
        })
        .await;
        workloads.say(name, true).await;
        assert_eq!(
            workloads.image(name).await,
            (OLD.to_owned(), false),
            "a first image is no rollout"
        );
    }
    first.terminate().await;

    // The one with the label comes first, and alone.
    let second = workloads.operator("second", BAD);
    until("the first one gets the image", async || {
        workloads.image("canary").await == (BAD.to_owned(), true)
    })
    .await;
    workloads.say("canary", false).await;
    workloads.fail("canary").await;
    until("it has halted the rollout", async || {
        reason(&destinations, "canary", "Stalled").await == "RolloutHalted"
    })
    .await;
    let status = destinations.get("canary").await.unwrap().status.unwrap();
    let said = status
        .conditions
        .iter()
        .find(|one| one.kind.to_string() == "Stalled")
        .unwrap();
    assert!(
        said.message.contains(BAD) && said.message.contains("cannot be pulled"),
        "{}",
        said.message
    );
    second.terminate().await;

    // Another leader finds it so, and follows an edit with the image that runs.
    let third = workloads.operator("third", BAD);
    let edit = json!({"proxy": {"podLabels": {"team": "events"}}});
    apply(&destinations, &manifest("b", edit)).await.unwrap();
    until("the edit is followed", async || {
        let template = workloads.of("b").await.spec.unwrap().template;
        template.metadata.unwrap().labels.unwrap().contains_key("team")
    })
    .await;
    workloads.say("b", true).await;
    until("the status tells of the image that runs", async || {
        let status = destinations.get("b").await.unwrap().status.unwrap_or_default();
        status.observed_generation == Some(2)
            && status.effective.and_then(|effective| effective.image).as_deref() == Some(OLD)
    })
    .await;
    until("it is halted for the other leader too", async || {
        third.says("the rollout is halted")
    })
    .await;
    for name in ["a", "b"] {
        assert_eq!(workloads.image(name).await, (OLD.to_owned(), false), "{name}");
    }
    third.terminate().await;

    // What was broken gets a good image first, then all the others, one after the other.
    let _fourth = workloads.operator("fourth", GOOD);
    until("what was broken gets it first", async || {
        workloads.image("canary").await == (GOOD.to_owned(), true)
    })
    .await;
    let mut left = vec!["a", "b"];
    let pods: Api<Pod> = Api::namespaced(workloads.server.client.clone(), "default");
    pods.delete("canary-firehose-0", &kube::api::DeleteParams::default().grace_period(0))
        .await
        .unwrap();
    let mut under_way = "canary";
    loop {
        for waiting in &left {
            assert_eq!(
                workloads.image(waiting).await.0,
                OLD,
                "{waiting} did not wait for {under_way}"
            );
        }
        workloads.say(under_way, true).await;
        until("it is done", async || {
            workloads.image(under_way).await == (GOOD.to_owned(), false)
        })
        .await;
        if left.is_empty() {
            break;
        }
        until("the next one gets it", async || {
            futures::future::join_all(left.iter().map(|name| workloads.image(name)))
                .await
                .iter()
                .any(|one| one.0 == GOOD)
        })
        .await;
        for name in left.clone() {
            if workloads.image(name).await.0 == GOOD {
                under_way = name;
            }
        }
        left.retain(|name| *name != under_way);
    }
    until("nothing is halted any more", async || {
        reason(&destinations, "canary", "Stalled").await == "Settled"
    })
    .await;
}
