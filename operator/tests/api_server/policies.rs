//! What a stolen token of the operator could write, on a real API server behind the chart's admission policies; and
//! that the operator itself works behind them.

use k8s_openapi::api::{
    admissionregistration::v1::{ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding},
    apps::v1::StatefulSet,
    core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount},
    networking::v1::NetworkPolicy,
};
use kube::{
    Api, ResourceExt as _,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    manifest::{apply, destination},
    rights,
    server::{ApiServer, until},
};

async fn install_policies(server: &ApiServer) {
    let policies: Api<ValidatingAdmissionPolicy> = Api::all(server.client.clone());
    let bindings: Api<ValidatingAdmissionPolicyBinding> = Api::all(server.client.clone());
    for text in rights::admission_policies() {
        let policy: ValidatingAdmissionPolicy = serde_yaml::from_str(&text).unwrap();
        let name = policy.name_any();
        policies.create(&PostParams::default(), &policy).await.unwrap();
        let binding = json!({"metadata": {"name": name}, "spec": {"policyName": name, "validationActions": ["Deny"]}});
        let binding = serde_json::from_value(binding).unwrap();
        bindings.create(&PostParams::default(), &binding).await.unwrap();
    }
}

/// That a request was refused, by a policy with this message or, where none is expected, by the role.
fn is_refused<T: std::fmt::Debug>(what: &str, answer: Result<T, kube::Error>, message: &str) {
    match answer {
        Err(kube::Error::Api(status)) => {
            let is_named = status.message.contains(message);
            assert!(is_named && [403, 422].contains(&status.code), "{what}: {status:?}");
        }
        other => panic!("{what}: {other:?}"),
    }
}

/// By the role: there is no such right.
const NO_RIGHT: &str = "is forbidden: User";
const NOT_OURS: &str = "the operator writes only objects with its label that a FirehoseDestination controls";

#[tokio::test]
async fn behind_the_charts_policies_the_operator_works_and_its_token_buys_nothing_else() {
    let server = ApiServer::start().await;
    server.grant_everywhere().await;
    install_policies(&server).await;
    let operator = server.operator("operator", &["--network-policy=Enabled"]);
    let destinations = server.destinations();
    apply(&destinations, &destination("orders", &json!({}))).await.unwrap();
    let workloads: Api<StatefulSet> = Api::namespaced(server.client.clone(), "default");
    until("the last child is there", async || {
        workloads.get("orders-firehose").await.is_ok()
    })
    .await;
    let policies: Api<NetworkPolicy> = Api::namespaced(server.client.clone(), "default");
    assert!(policies.get("orders-firehose").await.is_ok(), "the API server takes it");
    let edit = json!({"mappings": [{"event": "*", "deliveryStreamName": "elsewhere"}], "replicas": 3});
    apply(&destinations, &destination("orders", &edit)).await.unwrap();
    until("an edit goes through", async || {
        let replicas = workloads.get("orders-firehose").await.unwrap().spec.unwrap().replicas;
        replicas == Some(3)
            && server
                .document("orders")
                .await
                .is_some_and(|text| text.contains("elsewhere"))
    })
    .await;
    let own = workloads.get("orders-firehose").await.unwrap();
    assert!(
        !operator.says("denied request"),
        "the operator needs what the policies forbid"
    );
    drop(operator.terminate().await);

    objects_of_others(&server).await;
    another_workload(&server, &own).await;
    pods(&server).await;
    deletes_and_secrets(&server).await;
}

async fn objects_of_others(server: &ApiServer) {
    let create = PostParams::default();
    let aws_auth: ConfigMap = named("aws-auth", json!({"data": {"mapRoles": "[]"}}));
    let system: Api<ConfigMap> = Api::namespaced(server.client.clone(), "kube-system");
    system.create(&create, &aws_auth).await.unwrap();
    let stolen: Api<ConfigMap> = Api::namespaced(server.operator_client(), "kube-system");
    let evil = json!({"data": {"mapRoles": "- system:masters"}});
    // A binding is in force a little after it was written.
    until("the policies are in force", async || {
        let answer = stolen
            .patch("aws-auth", &PatchParams::default(), &Patch::Merge(json!({})))
            .await;
        answer.is_err()
    })
    .await;
    let answer = stolen
        .patch("aws-auth", &PatchParams::default(), &Patch::Merge(&evil))
        .await;
    is_refused("aws-auth", answer, NOT_OURS);
    let labels = json!({"metadata": {"labels": {"app.kubernetes.io/managed-by": "firehose-operator"}}});
    let answer = stolen
        .patch("aws-auth", &PatchParams::default(), &Patch::Merge(&labels))
        .await;
    is_refused("aws-auth under our label", answer, NOT_OURS);

    let shop: Service = named(
        "shop",
        json!({"spec": {"selector": {"app": "shop"}, "ports": [{"port": 80}]}}),
    );
    let services: Api<Service> = Api::namespaced(server.client.clone(), "default");
    services.create(&create, &shop).await.unwrap();
    let stolen: Api<Service> = Api::namespaced(server.operator_client(), "default");
    let elsewhere = json!({"spec": {"selector": {"app": "thief"}}});
    let answer = stolen
        .patch("shop", &PatchParams::default(), &Patch::Merge(&elsewhere))
        .await;
    is_refused("a foreign Service", answer, NOT_OURS);
    let answer = stolen
        .create(&create, &named("new", json!({"spec": {"ports": [{"port": 80}]}})))
        .await;
    is_refused("a new Service", answer, NOT_OURS);
    let stolen: Api<NetworkPolicy> = Api::namespaced(server.operator_client(), "default");
    let answer = stolen
        .create(
            &create,
            &named("open", json!({"spec": {"podSelector": {}, "ingress": [{}]}})),
        )
        .await;
    is_refused("a policy that opens everything", answer, NOT_OURS);
}

async fn another_workload(server: &ApiServer, own: &StatefulSet) {
    let own = serde_json::to_value(own).unwrap();
    let stolen: Api<StatefulSet> = Api::namespaced(server.operator_client(), "default");
    let pod = "/spec/template/spec";
    let change = |pointer: &str, value: Value| {
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let mut changed = own.clone();
        match changed.pointer_mut(&format!("{pod}{parent}")).unwrap() {
            Value::Array(items) => items.push(value),
            parent => parent[name] = value,
        }
        json!({"spec": {"template": changed["spec"]["template"]}})
    };
    for (what, changed, message) in [
        (
            "another image",
            change("/containers/0/image", json!("evil.example/shell:1")),
            "a proxy's image is of the installation's repository",
        ),
        (
            "a command",
            change("/containers/0/command", json!(["sh"])),
            "a proxy's container runs what its image says",
        ),
        (
            "the node's disk",
            change("/volumes/-", json!({"name": "node", "hostPath": {"path": "/"}})),
            "a proxy's volumes are",
        ),
        (
            "a token of the Kubernetes API",
            change(
                "/volumes/-",
                json!({"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}),
            ),
            "a proxy's volumes are",
        ),
        (
            "one more container",
            change(
                "/containers/-",
                json!({"name": "shell", "image": "registry.example/firehose-proxy:1"}),
            ),
            "a proxy's pod has one container",
        ),
    ] {
        let parameters = PatchParams::default();
        let answer = stolen
            .patch("orders-firehose", &parameters, &Patch::Merge(&changed))
            .await;
        is_refused(what, answer, message);
    }
    let mut elsewhere = own.clone();
    elsewhere["metadata"] = json!({
        "name": "orders-firehose",
        "labels": own["metadata"]["labels"],
        "ownerReferences": own["metadata"]["ownerReferences"],
    });
    let elsewhere: StatefulSet = serde_json::from_value(elsewhere).unwrap();
    let system: Api<StatefulSet> = Api::namespaced(server.operator_client(), "kube-system");
    let answer = system.create(&PostParams::default(), &elsewhere).await;
    is_refused("kube-system", answer, "the operator runs nothing in kube-system");
}

async fn pods(server: &ApiServer) {
    let create = PostParams::default();
    let labels = json!({"app.kubernetes.io/name": "firehose-proxy", "firehose-operator.dev/destination": "orders"});
    let spec = json!({"containers": [{"name": "proxy", "image": "registry.example/firehose-proxy:1"}], "automountServiceAccountToken": false});
    let own: Pod = with_labels("orders-firehose-0", labels, json!({"spec": spec}));
    let foreign: Pod = with_labels("shop", json!({"app": "shop"}), json!({"spec": spec}));
    let pods: Api<Pod> = Api::namespaced(server.client.clone(), "default");
    // Pods must have one, and no controller makes it here.
    let accounts: Api<ServiceAccount> = Api::namespaced(server.client.clone(), "default");
    accounts.create(&create, &named("default", json!({}))).await.unwrap();
    for pod in [&own, &foreign] {
        pods.create(&create, pod).await.unwrap();
    }
    let stolen: Api<Pod> = Api::namespaced(server.operator_client(), "default");
    let patch = async |name: &str, change: Value| {
        let parameters = PatchParams::default();
        stolen.patch_status(name, &parameters, &Patch::Merge(&change)).await
    };
    let poke = json!({"metadata": {"annotations": {"firehose-operator.dev/revision": "a.1"}}});
    patch("orders-firehose-0", poke.clone()).await.unwrap();
    let address = json!({"status": {"podIP": "10.0.0.66", "podIPs": [{"ip": "10.0.0.66"}]}});
    is_refused(
        "a pod's address",
        patch("orders-firehose-0", address).await,
        "the operator does not change what kubelet says about a pod",
    );
    // The API server ignores labels that come with a status, or a policy refuses them: either way they stay.
    drop(patch("orders-firehose-0", json!({"metadata": {"labels": {"app": "shop"}}})).await);
    assert_eq!(pods.get("orders-firehose-0").await.unwrap().labels().get("app"), None);
    is_refused(
        "a foreign pod",
        patch("shop", poke).await,
        "the operator writes to no pods but those of its destinations",
    );
}

async fn deletes_and_secrets(server: &ApiServer) {
    let client = server.operator_client();
    let parameters = DeleteParams::default();
    let config_maps: Api<ConfigMap> = Api::namespaced(client.clone(), "kube-system");
    is_refused("a delete", config_maps.delete("aws-auth", &parameters).await, NO_RIGHT);
    let secrets: Api<Secret> = Api::namespaced(client.clone(), "default");
    is_refused(
        "Secrets",
        secrets.list(&kube::api::ListParams::default()).await,
        NO_RIGHT,
    );
    let pods: Api<Pod> = Api::namespaced(client.clone(), "default");
    let evict = kube::api::EvictParams::default();
    is_refused("an eviction", pods.evict("shop", &evict).await, NO_RIGHT);
    is_refused("a pod", pods.delete("shop", &parameters).await, NO_RIGHT);
    let claim = json!({
        "metadata": {"name": "data"},
        "spec": {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
    });
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(server.client.clone(), "default");
    let claim = serde_json::from_value(claim).unwrap();
    claims.create(&PostParams::default(), &claim).await.unwrap();
    let claims: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), "default");
    is_refused(
        "a claim",
        claims.delete("data", &parameters).await,
        "the operator changes and deletes no claims but those of its destinations",
    );
    let destinations: Api<firehose_operator_api::FirehoseDestination> = Api::namespaced(client, "default");
    for (what, change, message) in [
        (
            "a destination's spec",
            json!({"spec": {"replicas": 1}}),
            "of a destination the operator changes finalizers and its status",
        ),
        (
            "a destination's finalizers",
            json!({"metadata": {"finalizers": ["example.com/theirs"]}}),
            "of a destination's finalizers the operator changes firehose-operator.dev/drain and no other",
        ),
    ] {
        let answer = destinations
            .patch("orders", &PatchParams::default(), &Patch::Merge(&change))
            .await;
        is_refused(what, answer, message);
    }
}

fn named<K: serde::de::DeserializeOwned>(name: &str, object: Value) -> K {
    with_labels(name, json!({}), object)
}

fn with_labels<K: serde::de::DeserializeOwned>(name: &str, labels: Value, mut object: Value) -> K {
    let metadata = ObjectMeta {
        name: Some(name.to_owned()),
        labels: Some(serde_json::from_value(labels).unwrap()),
        ..ObjectMeta::default()
    };
    object["metadata"] = serde_json::to_value(metadata).unwrap();
    serde_json::from_value(object).unwrap()
}
