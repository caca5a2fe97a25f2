//! The operator against a real API server, without nodes. `KUBEBUILDER_ASSETS` names the folder with `kube-apiserver` and,
//! unless it is on the path, `etcd`. Cargo runs it only by name:
//!
//!     KUBEBUILDER_ASSETS=… cargo test -p firehose-operator --test api_server
#![cfg(feature = "controller")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test reports")]

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use firehose_operator_api::FirehoseDestination;
use k8s_openapi::{
    api::{
        apps::v1::StatefulSet,
        core::v1::{ConfigMap, Namespace, Service},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, Patch, PatchParams, PostParams},
    config::AuthInfo,
};
use serde_json::{Value, json};

const TOKEN: &str = "the-test-is-the-administrator";

/// Everything is killed when the test ends, well or badly.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

struct ApiServer {
    folder: tempfile::TempDir,
    url: String,
    client: Client,
    _processes: Vec<Killed>,
}

fn start(program: &Path, arguments: &[String], log: &Path) -> Killed {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(log).unwrap());
    Killed(
        command
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display())),
    )
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl ApiServer {
    async fn start() -> Self {
        let assets = PathBuf::from(std::env::var_os("KUBEBUILDER_ASSETS").expect("KUBEBUILDER_ASSETS names a folder"));
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let key = Command::new("openssl")
            .args(["genrsa", "-out", &at("sa.key"), "2048"])
            .stderr(Stdio::null())
            .status();
        assert!(key.unwrap().success());
        fs::write(at("tokens.csv"), format!("{TOKEN},admin,1,\"system:masters\"\n")).unwrap();
        let (clients, peers, port) = (free_port(), free_port(), free_port());
        let (clients, peers) = (
            format!("http://127.0.0.1:{clients}"),
            format!("http://127.0.0.1:{peers}"),
        );
        let etcd = assets.join("etcd");
        let etcd = if etcd.exists() { etcd } else { PathBuf::from("etcd") };
        let processes = vec![
            start(
                &etcd,
                &[
                    format!("--data-dir={}", at("etcd")),
                    format!("--listen-client-urls={clients}"),
                    format!("--advertise-client-urls={clients}"),
                    format!("--listen-peer-urls={peers}"),
                    format!("--initial-advertise-peer-urls={peers}"),
                    format!("--initial-cluster=default={peers}"),
                    "--unsafe-no-fsync".to_owned(),
                ],
                &folder.path().join("etcd.log"),
            ),
            start(
                &assets.join("kube-apiserver"),
                &[
                    format!("--etcd-servers={clients}"),
                    format!("--secure-port={port}"),
                    "--bind-address=127.0.0.1".to_owned(),
                    format!("--cert-dir={}", at("certificates")),
                    format!("--token-auth-file={}", at("tokens.csv")),
                    format!("--service-account-key-file={}", at("sa.key")),
                    format!("--service-account-signing-key-file={}", at("sa.key")),
                    "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
                    "--authorization-mode=RBAC".to_owned(),
                    "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
                    "--endpoint-reconciler-type=none".to_owned(),
                ],
                &folder.path().join("api.log"),
            ),
        ];
        let url = format!("https://127.0.0.1:{port}");
        let mut config = Config::new(url.parse().unwrap());
        config.accept_invalid_certs = true; // it made its certificate itself
        config.auth_info = AuthInfo {
            token: Some(TOKEN.to_owned().into()),
            ..AuthInfo::default()
        };
        let client = Client::try_from(config).unwrap();
        let server = Self {
            folder,
            url,
            client,
            _processes: processes,
        };
        let namespaces: Api<Namespace> = Api::all(server.client.clone());
        until("the API server answers", async || {
            namespaces.get("default").await.is_ok()
        })
        .await;
        let definitions: Api<CustomResourceDefinition> = Api::all(server.client.clone());
        definitions
            .create(&PostParams::default(), &firehose_operator_api::crd())
            .await
            .unwrap();
        let destinations = server.destinations();
        until("the definition is served", async || {
            destinations.list(&kube::api::ListParams::default()).await.is_ok()
        })
        .await;
        server
    }

    fn destinations(&self) -> Api<FirehoseDestination> {
        Api::namespaced(self.client.clone(), "default")
    }

    /// Starts an operator of its own, under the administrator's rights: rights are the chart's test.
    fn operator(&self) -> Killed {
        let kubeconfig = self.folder.path().join("kubeconfig");
        let content = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url, "insecure-skip-tls-verify": true}}],
            "users": [{"name": "test", "user": {"token": TOKEN}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        });
        fs::write(&kubeconfig, content.to_string()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_firehose-operator"));
        command
            .args(["run", "--proxy-image=proxy:1", "--admin-listen=127.0.0.1:0"])
            .env("KUBECONFIG", kubeconfig);
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(fs::File::create(self.folder.path().join("operator.log")).unwrap());
        Killed(command.spawn().unwrap())
    }
}

/// Waits for what will be so; how long it takes on a busy machine is not what is tested.
async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    for _ in 0..600 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{what}: not within two minutes");
}

fn destination(name: &str, spec: &Value) -> Value {
    let mut manifest = json!({
        "apiVersion": "firehose-operator.dev/v1alpha1",
        "kind": "FirehoseDestination",
        "metadata": {"name": name},
        "spec": {"region": "eu-west-1", "mappings": [{"event": "*", "deliveryStreamName": "everything"}]},
    });
    for (field, value) in spec.as_object().unwrap() {
        manifest["spec"][field] = value.clone();
    }
    manifest
}

async fn apply(api: &Api<FirehoseDestination>, manifest: &Value) -> Result<FirehoseDestination, kube::Error> {
    let parameters = PatchParams {
        field_validation: Some(kube::api::ValidationDirective::Strict),
        ..PatchParams::apply("test").force()
    };
    api.patch(
        manifest["metadata"]["name"].as_str().unwrap(),
        &parameters,
        &Patch::Apply(manifest),
    )
    .await
}

#[tokio::test]
async fn a_destination_is_admitted_reconciled_repaired_and_refused_by_a_real_api_server() {
    let server = ApiServer::start().await;
    let destinations = server.destinations();

    // The API server refuses by the same rules as our own admission, and names the field.
    for (spec, field) in [
        (json!({"region": "Ireland"}), "spec.region"),
        (json!({"mappings": []}), "spec.mappings"),
        (
            json!({"mappings": [{"event": " ", "deliveryStreamName": "a"}]}),
            "spec.mappings[0].event",
        ),
        (json!({"replicas": 0}), "spec.replicas"),
        (json!({"credentials": {"type": "Static"}}), "spec.credentials.static"),
        (
            json!({"endpointURL": "https://a.example", "useFIPS": "Enabled"}),
            "spec.endpointURL",
        ),
        (
            json!({"spool": {"type": "PersistentVolumeClaim"}}),
            "spec.spool.persistentVolumeClaim",
        ),
        (
            json!({"ingest": {"maxRequestSize": "10 MB"}}),
            "spec.ingest.maxRequestSize",
        ),
        (json!({"unknown": 1}), "spec.unknown"),
    ] {
        let manifest = destination("refused", &spec);
        let error = apply(&destinations, &manifest)
            .await
            .expect_err(&format!("{spec} was admitted"))
            .to_string();
        assert!(error.contains(field), "{spec}: {error}");
        let refusals = firehose_operator_api::admission::admit(&manifest).unwrap_err();
        assert_eq!(refusals[0].field, field, "our own admission of {spec}");
    }

    let _operator = server.operator();
    apply(&destinations, &destination("orders", &json!({}))).await.unwrap();
    let config_maps: Api<ConfigMap> = Api::namespaced(server.client.clone(), "default");
    let services: Api<Service> = Api::namespaced(server.client.clone(), "default");
    let workloads: Api<StatefulSet> = Api::namespaced(server.client.clone(), "default");
    until("the last child is there", async || {
        workloads.get("orders-firehose").await.is_ok()
    })
    .await;
    let document = async || {
        config_maps
            .get("orders-firehose")
            .await
            .ok()?
            .data?
            .remove("config.yaml")
    };
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
    let accepted = async || {
        let conditions = status().await.unwrap_or_default().conditions;
        let found = conditions.into_iter().find(|one| one.kind.to_string() == "Accepted");
        found.map(|one| one.reason.to_string()).unwrap_or_default()
    };
    until("the edit is refused", async || accepted().await == "DuplicateEvent").await;
    assert!(document().await.unwrap().contains("elsewhere"));

    // A child's name that somebody else has is left alone.
    let taken: ConfigMap = serde_json::from_value(json!({"metadata": {"name": "taken-firehose"}})).unwrap();
    config_maps.create(&PostParams::default(), &taken).await.unwrap();
    apply(&destinations, &destination("taken", &json!({}))).await.unwrap();
    until("the conflict is told", async || {
        let status = destinations.get("taken").await.unwrap().status.unwrap_or_default();
        status
            .conditions
            .iter()
            .any(|one| one.reason.to_string() == "NameConflict")
    })
    .await;
    assert_eq!(config_maps.get("taken-firehose").await.unwrap().data, None);
}
