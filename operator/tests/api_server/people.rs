//! The commands that people ask a cluster with: `diff`, `status`, `report`.

use std::{fs, path::Path, process::Output};

use k8s_openapi::api::{
    core::v1::{ConfigMap, Pod, Secret},
    events::v1::Event,
};
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use crate::{
    manifest::{apply, destination, reason},
    server::{ApiServer, until},
};

/// In what somebody may have written freely; nothing that is handed on may hold it.
const SECRETS: &[&str] = &[
    "secret-of-the-key-7f3a",
    "secret-external-id",
    "secret-in-an-annotation",
    "secret-in-a-variable",
    "secret-argument-of-a-sidecar",
    "secret-entry",
    "AKIAIOSFODNN7EXAMPLE",
    "content-of-an-event",
];

fn text(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// A file with a manifest, in a folder that goes with the server.
fn file(folder: &Path, manifest: &Value) -> String {
    let path = folder.join("destination.yaml");
    fs::write(&path, serde_yaml::to_string(manifest).unwrap()).unwrap();
    path.display().to_string()
}

#[tokio::test]
async fn a_diff_says_what_would_change_by_child_and_field_and_changes_nothing() {
    let server = ApiServer::start().await;
    server.grant_everywhere().await;
    let folder = tempfile::tempdir().unwrap();
    let ask = |manifest: &Value| server.command(&["diff", "-f", &file(folder.path(), manifest)]);
    let mappings = |stream: &str| {
        json!({"mappings": [
            {"event": "order", "deliveryStreamName": "orders"},
            {"event": "*", "deliveryStreamName": stream},
        ]})
    };

    // Nothing is there yet.
    let new = ask(&destination("orders", &mappings("rest")));
    assert_eq!(new.status.code(), Some(3), "{new:?}");
    for line in [
        "default/orders would change",
        "  + ConfigMap orders-firehose",
        "  + Service orders-firehose-pods",
        "  + StatefulSet orders-firehose",
    ] {
        assert!(text(&new).lines().any(|one| one == line), "{line} in {new:?}");
    }
    assert!(
        server.destinations().get_opt("orders").await.unwrap().is_none(),
        "a diff makes nothing"
    );

    let operator = server.operator("operator", &["--network-policy=Enabled"]);
    apply(&server.destinations(), &destination("orders", &mappings("rest")))
        .await
        .unwrap();
    until("it is accepted", async || {
        reason(&server.destinations(), "orders", "Accepted").await == "Valid"
    })
    .await;
    let same = ask(&destination("orders", &mappings("rest")));
    assert_eq!(text(&same), "default/orders would stay as it is\n");
    assert_eq!(same.status.code(), Some(0), "{same:?}");

    // An edit of mappings is the document's and no pod's.
    let edited = ask(&destination("orders", &mappings("others")));
    assert_eq!(edited.status.code(), Some(3), "{edited:?}");
    assert_eq!(
        text(&edited),
        "default/orders would change\n  ~ ConfigMap orders-firehose\n      \
         ~ data.config.yaml.mappings[event=*].deliveryStreamName: \"rest\" -> \"others\"\n  (no pod is replaced)\n"
    );
    let mut larger = mappings("rest");
    larger["replicas"] = json!(3);
    larger["proxy"] = json!({"resources": {"requests": {"memory": "512Mi"}}});
    let larger = text(&ask(&destination("orders", &larger)));
    for part in [
        "      ~ data.config.yaml.replicas: 2 -> 3\n",
        "      ~ spec.replicas: 2 -> 3\n",
        "spec.template.spec.containers[name=proxy].resources.requests.memory",
        "  (the 3 pods are replaced, one after the other)\n",
    ] {
        assert!(larger.contains(part), "{part} in {larger}");
    }

    // Refusals: of the schema, of the plan, and of a rule that only knows of a change.
    let mut duplicate = mappings("rest");
    duplicate["mappings"][0]["event"] = json!("*");
    for (spec, says) in [
        (json!({"region": "Ireland"}), "spec.region: "),
        (duplicate, "spec.mappings[1].event: row 1 has the same event"),
    ] {
        let refused = ask(&destination("orders", &spec));
        assert_eq!(refused.status.code(), Some(3), "{refused:?}");
        assert!(
            text(&refused).contains("would be refused") && text(&refused).contains(says),
            "{refused:?}"
        );
    }

    // Who may only look gets an answer, with a note.
    server.grant_tenant(VIEWER).await;
    let view = server.command_of_tenant(&[
        "diff",
        "-f",
        &file(folder.path(), &destination("orders", &mappings("others"))),
    ]);
    assert!(text(&view).contains("\"rest\" -> \"others\"\n"), "{view:?}");
    assert!(text(&view).contains("(not tried on the API server: "), "{view:?}");
    assert_eq!(
        serde_json::to_value(&server.destinations().get("orders").await.unwrap().spec.mappings[1]).unwrap()["deliveryStreamName"],
        "rest",
        "a diff changes nothing"
    );
    drop(operator.terminate().await);
}

/// May see destinations and their children, and no Secret.
const VIEWER: &str = r#"
- apiGroups: [firehose-operator.dev]
  resources: [firehosedestinations]
  verbs: [get, list, delete]
- apiGroups: ["", apps, policy, networking.k8s.io, events.k8s.io]
  resources: [configmaps, serviceaccounts, services, pods, persistentvolumeclaims, statefulsets, poddisruptionbudgets, networkpolicies, events]
  verbs: [get, list]
"#;

#[tokio::test]
async fn a_status_says_why_and_a_report_holds_no_secret() {
    let server = ApiServer::start().await;
    server.grant_everywhere().await;
    let client = server.client.clone();
    let secrets: Api<Secret> = Api::namespaced(client.clone(), "default");
    let keys = json!({"metadata": {"name": "aws"}, "stringData": {"secretAccessKey": SECRETS[0]}});
    let keys: Secret = serde_json::from_value(keys).unwrap();
    secrets.create(&PostParams::default(), &keys).await.unwrap();

    let nobody = server.command(&["status", "orders"]);
    assert_eq!(nobody.status.code(), Some(1), "{nobody:?}");
    let credentials = json!({
        "type": "Static", "static": {"secretRef": {"name": "aws"}},
        "assumeRoles": [{"roleARN": "arn:aws:iam::123456789012:role/events", "externalID": SECRETS[1]}],
    });
    let mut manifest = destination("orders", &json!({"credentials": credentials}));
    manifest["metadata"]["annotations"] = json!({"notes": SECRETS[2]});
    apply(&server.destinations(), &manifest).await.unwrap();
    let unseen = server.command(&["status"]);
    assert_eq!(unseen.status.code(), Some(3), "{unseen:?}");
    assert!(text(&unseen).starts_with("default/orders  unknown\n"), "{unseen:?}");
    assert!(
        text(&unseen).contains("! object NotSeen: no operator has looked at it"),
        "{unseen:?}"
    );

    let operator = server.operator("operator", &[]);
    until("it is accepted", async || {
        reason(&server.destinations(), "orders", "Accepted").await == "Valid"
    })
    .await;
    until("the lack of pods is told", async || {
        text(&server.command(&["status", "orders"])).starts_with("default/orders  does NOT work, since ")
    })
    .await;
    let screen = server.command(&["status", "orders"]);
    assert_eq!(screen.status.code(), Some(3), "{screen:?}");
    assert!(!screen.stdout.contains(&0x1b), "no colour in a pipe");
    for part in ["  address   http", "  proxies   0/2\n", "  ! Ready NoReadyProxies"] {
        assert!(text(&screen).contains(part), "{part} in {screen:?}");
    }
    let json: Value = serde_json::from_slice(&server.command(&["status", "-A", "-o", "json"]).stdout).unwrap();
    assert_eq!(
        (&json["verdict"], &json["name"]),
        (&json!("NotWorking"), &json!("orders"))
    );

    hide_secrets(&server).await;
    server.grant_tenant(VIEWER).await;
    let folder = tempfile::tempdir().unwrap();
    let bundle = folder.path().join("bundle");
    let arguments = ["report", "orders", "--directory", bundle.to_str().unwrap()];
    let told = server.command_of_tenant(&arguments);
    assert_eq!(told.status.code(), Some(0), "{told:?}");
    let files = files(&bundle);
    for (name, content) in &files {
        for secret in SECRETS {
            assert!(!content.contains(secret), "{secret} in {name}:\n{content}");
        }
    }
    for (name, part) in [
        ("status.txt", "does NOT work"),
        ("destination.yaml", "role/events"),
        ("children/configmap.yaml", "deliveryStreamName: everything"),
        ("children/statefulset.yaml", "--log-format=json"),
        ("pods/orders-firehose-0/pod.yaml", "image: sidecar.example/sidecar:1"),
        ("events.yaml", "reason: Pulled"),
        ("versions.txt", "Kubernetes v"),
        ("missing.txt", "/status of pod orders-firehose-0: "),
        ("missing.txt", "log of pod orders-firehose-0: "),
        ("missing.txt", "networkpolicy orders-firehose: there is none"),
    ] {
        let found = files.iter().find(|(file, _)| file == name);
        assert!(
            found.is_some_and(|(_, content)| content.contains(part)),
            "{part} in {name}: {found:?}"
        );
    }
    let again = server.command_of_tenant(&arguments);
    assert_eq!(again.status.code(), Some(1), "nothing is overwritten: {again:?}");
    drop(operator.terminate().await);
}

/// Puts secrets where people, webhooks and kubelet may put them.
async fn hide_secrets(server: &ApiServer) {
    let client = &server.client;
    let pod = json!({
        "metadata": {
            "name": "orders-firehose-0", "annotations": {"injected": SECRETS[2]},
            "labels": {"app.kubernetes.io/name": "firehose-proxy", "firehose-operator.dev/destination": "orders"},
        },
        "spec": {"serviceAccountName": "orders-firehose", "automountServiceAccountToken": false, "containers": [
            {"name": "proxy", "image": "registry.example/firehose-proxy:1", "env": [{"name": "A", "value": SECRETS[3]}]},
            {"name": "sidecar", "image": "sidecar.example/sidecar:1", "args": [SECRETS[4]],
             "env": [{"name": "B", "value": SECRETS[3]}]},
        ]},
    });
    let pod: Pod = serde_json::from_value(pod).unwrap();
    let pods: Api<Pod> = Api::namespaced(client.clone(), "default");
    pods.create(&PostParams::default(), &pod).await.unwrap();
    let config_maps: Api<ConfigMap> = Api::namespaced(client.clone(), "default");
    let entry = json!({"data": {"notes": SECRETS[5], "sample.json": SECRETS[7]}});
    let parameters = PatchParams::default();
    config_maps
        .patch("orders-firehose", &parameters, &Patch::Merge(entry))
        .await
        .unwrap();
    let event = json!({
        "metadata": {"name": "orders.1"}, "eventTime": "2026-01-01T00:00:00.000000Z", "type": "Normal",
        "reason": "Pulled", "action": "Pull", "reportingController": "kubelet", "reportingInstance": "node",
        "note": format!("by {}", SECRETS[6]),
        "regarding": {"kind": "Pod", "name": "orders-firehose-0", "namespace": "default"},
    });
    let event: Event = serde_json::from_value(event).unwrap();
    let events: Api<Event> = Api::namespaced(client.clone(), "default");
    events.create(&PostParams::default(), &event).await.unwrap();
}

/// Every file of a folder, by its name in it.
fn files(folder: &Path) -> Vec<(String, String)> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(at) = open.pop() {
        for entry in fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            found.push((name, fs::read_to_string(&path).unwrap()));
        }
    }
    found
}
