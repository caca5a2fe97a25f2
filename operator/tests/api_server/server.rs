//! An API server with its store, for one test, and the operators that run against it.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use firehose_operator_api::FirehoseDestination;
use k8s_openapi::{
    api::{
        coordination::v1::Lease,
        core::v1::{ConfigMap, Namespace, Pod},
        rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject},
    },
    apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition,
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use kube::{
    Api, Client, Config,
    api::{DeleteParams, ListParams, PostParams},
    config::AuthInfo,
};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::rights;

/// Of the test, which may do everything.
const ADMINISTRATOR: &str = "the-test-is-the-administrator";

/// Of the operators, which may do what [`ApiServer::grant_everywhere`] and [`ApiServer::grant_in`] let them.
const OPERATOR: &str = "the-operator-is-not";

/// The account that the chart makes for them.
const OPERATOR_ACCOUNT: &str = "system:serviceaccount:firehose-system:firehose-operator";

/// Of somebody who may do what [`ApiServer::grant_tenant`] lets them, and nothing else.
const TENANT: &str = "the-tenant-is-hostile";

/// An API server, its store, and the definition of destinations in it.
pub(crate) struct ApiServer {
    folder: tempfile::TempDir,
    url: String,
    /// Talks to it as the administrator.
    pub(crate) client: Client,
    _processes: Vec<Killed>,
}

/// A running operator.
pub(crate) struct Operator {
    process: Killed,
    log: PathBuf,
}

/// Killed when the test ends, well or badly.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl ApiServer {
    /// Starts it, and puts the definition of destinations in it.
    pub(crate) async fn start() -> Self {
        let server = Self::bare().await;
        let definitions: Api<CustomResourceDefinition> = Api::all(server.client.clone());
        definitions
            .create(&PostParams::default(), &firehose_operator_api::crd())
            .await
            .unwrap();
        let destinations = server.destinations();
        until("the definition is served", async || {
            destinations.list(&ListParams::default()).await.is_ok()
        })
        .await;
        server
    }

    /// Starts it, with nothing of ours in it.
    pub(crate) async fn bare() -> Self {
        let assets = PathBuf::from(std::env::var_os("KUBEBUILDER_ASSETS").expect("KUBEBUILDER_ASSETS names a folder"));
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let key = Command::new("openssl")
            .args(["genrsa", "-out", &at("sa.key"), "2048"])
            .stderr(Stdio::null())
            .status();
        assert!(key.unwrap().success());
        let users =
            format!("{ADMINISTRATOR},admin,1,\"system:masters\"\n{OPERATOR},{OPERATOR_ACCOUNT},2\n{TENANT},tenant,3\n");
        fs::write(at("tokens.csv"), users).unwrap();
        let [clients, peers, port] = free_ports();
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
        let server = Self {
            folder,
            client: client(&url, ADMINISTRATOR),
            url,
            _processes: processes,
        };
        let namespaces: Api<Namespace> = Api::all(server.client.clone());
        until("the API server answers", async || {
            namespaces.get("default").await.is_ok()
        })
        .await;
        server
    }

    /// Talks to it as the tenant does.
    pub(crate) fn tenant_client(&self) -> Client {
        client(&self.url, TENANT)
    }

    /// Grants the tenant these rights in the namespace `default`. Returns when the API server goes by them.
    pub(crate) async fn grant_tenant(&self, rules: &str) {
        self.grant_to("tenant", rules, "tenant").await;
        let destinations: Api<FirehoseDestination> = Api::namespaced(self.tenant_client(), "default");
        until("the tenant has rights", async || {
            destinations
                .delete("none", &DeleteParams::default())
                .await
                .is_err_and(|error| matches!(error, kube::Error::Api(status) if status.code == 404))
        })
        .await;
    }

    /// Talks to it as the operators do.
    pub(crate) fn operator_client(&self) -> Client {
        client(&self.url, OPERATOR)
    }

    /// The destinations of the namespace `default`.
    pub(crate) fn destinations(&self) -> Api<FirehoseDestination> {
        Api::namespaced(self.client.clone(), "default")
    }

    /// The configuration document of a destination of the namespace `default`.
    pub(crate) async fn document(&self, destination: &str) -> Option<String> {
        let config_maps: Api<ConfigMap> = Api::namespaced(self.client.clone(), "default");
        let config_map = config_maps.get(&format!("{destination}-firehose")).await.ok()?;
        config_map.data?.remove("config.yaml")
    }

    /// Grants the operators what the chart grants when they serve every namespace.
    pub(crate) async fn grant_everywhere(&self) {
        let role = ClusterRole {
            metadata: named("firehose-operator"),
            rules: Some(serde_yaml::from_str::<Vec<PolicyRule>>(rights::rules()).unwrap()),
            ..ClusterRole::default()
        };
        let binding = ClusterRoleBinding {
            metadata: named("firehose-operator"),
            role_ref: role_ref("ClusterRole", "firehose-operator"),
            subjects: Some(vec![operator()]),
        };
        let create = PostParams::default();
        Api::all(self.client.clone()).create(&create, &role).await.unwrap();
        Api::all(self.client.clone()).create(&create, &binding).await.unwrap();
        self.grant_lease().await;
    }

    /// Grants the operators what the chart grants when they serve the namespace `default` alone.
    pub(crate) async fn grant_in_default(&self) {
        self.grant("firehose-operator", rights::rules()).await;
        self.grant_lease().await;
    }

    /// The last of the grants. Returns when the API server goes by all of them.
    async fn grant_lease(&self) {
        self.grant("firehose-operator-lease", &rights::lease_rules()).await;
        let operator = client(&self.url, OPERATOR);
        let leases: Api<Lease> = Api::namespaced(operator.clone(), "default");
        let pods: Api<Pod> = Api::namespaced(operator, "default");
        until("the rights are in force", async || {
            leases.get_opt("firehose-operator").await.is_ok() && pods.list(&ListParams::default()).await.is_ok()
        })
        .await;
    }

    /// A role in the namespace `default`, and its binding.
    async fn grant(&self, name: &str, rules: &str) {
        self.grant_to(name, rules, OPERATOR_ACCOUNT).await;
    }

    async fn grant_to(&self, name: &str, rules: &str, user: &str) {
        let role = Role {
            metadata: named(name),
            rules: Some(serde_yaml::from_str::<Vec<PolicyRule>>(rules).unwrap()),
        };
        let binding = RoleBinding {
            metadata: named(name),
            role_ref: role_ref("Role", name),
            subjects: Some(vec![user_named(user)]),
        };
        let create = PostParams::default();
        let roles: Api<Role> = Api::namespaced(self.client.clone(), "default");
        roles.create(&create, &role).await.unwrap();
        let bindings: Api<RoleBinding> = Api::namespaced(self.client.clone(), "default");
        bindings.create(&create, &binding).await.unwrap();
    }

    /// A file by which other programs talk to it as the administrator.
    pub(crate) fn administrators_kubeconfig(&self) -> PathBuf {
        self.kubeconfig(ADMINISTRATOR)
    }

    /// Runs a command of the program to its end, as the administrator.
    pub(crate) fn command(&self, arguments: &[&str]) -> Output {
        self.command_of(ADMINISTRATOR, arguments)
    }

    /// Runs a command of the program to its end, as the tenant.
    pub(crate) fn command_of_tenant(&self, arguments: &[&str]) -> Output {
        self.command_of(TENANT, arguments)
    }

    fn command_of(&self, token: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_firehose-operator"));
        command.args(arguments).env("KUBECONFIG", self.kubeconfig(token));
        command.output().unwrap()
    }

    /// A kubeconfig for who has this token.
    fn kubeconfig(&self, token: &str) -> PathBuf {
        let kubeconfig = self.folder.path().join(format!("kubeconfig-{token}"));
        let content = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url, "insecure-skip-tls-verify": true}}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        });
        fs::write(&kubeconfig, content.to_string()).unwrap();
        kubeconfig
    }

    /// Starts an operator of this name.
    pub(crate) fn operator(&self, name: &str, options: &[&str]) -> Operator {
        let kubeconfig = self.kubeconfig(OPERATOR);
        let log = self.folder.path().join(format!("{name}.log"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_firehose-operator"));
        command.arg("run");
        if !options.iter().any(|option| option.starts_with("--proxy-image=")) {
            command.arg("--proxy-image=registry.example/firehose-proxy:1");
        }
        command
            .args(["--admin-listen=127.0.0.1:0", "--log-format=json"])
            .args(["--identity", name])
            .args(options)
            .env("KUBECONFIG", kubeconfig)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).unwrap());
        Operator {
            process: Killed(command.spawn().unwrap()),
            log,
        }
    }
}

impl Operator {
    /// Whether its log contains `text`.
    pub(crate) fn says(&self, text: &str) -> bool {
        fs::read_to_string(&self.log).unwrap().contains(text)
    }

    /// Whether it has become the leader, now or before.
    pub(crate) fn leads(&self) -> bool {
        self.says("\"leads\":true")
    }

    /// What the kernel says of its memory: now, and at its peak.
    pub(crate) fn memory(&self) -> String {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.0.id())).unwrap();
        let lines = status
            .lines()
            .filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM"));
        lines.map(|line| line.replace('\t', " ")).collect::<Vec<_>>().join(", ")
    }

    /// The sum of a metric over its labels; 0 while nothing of it was counted.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let log = fs::read_to_string(&self.log).unwrap();
        let started = log.lines().find(|line| line.contains("\"started\"")).unwrap();
        let started: serde_json::Value = serde_json::from_str(started).unwrap();
        let address = started["fields"]["admin"].as_str().unwrap().to_owned();
        let text = get(&address, "/metrics").await;
        let of_it = |line: &&str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{']));
        let values = text.lines().filter(of_it).map(|line| line.rsplit_once(' ').unwrap().1);
        values.map(|value| value.parse::<f64>().unwrap()).sum()
    }

    /// Ends it as kubelet would, and returns when it has ended.
    pub(crate) async fn terminate(mut self) -> Self {
        let asked = Command::new("kill").arg(self.process.0.id().to_string()).status();
        assert!(asked.unwrap().success());
        for _ in 0..600 {
            if let Some(status) = self.process.0.try_wait().unwrap() {
                assert!(status.success(), "{status}");
                return self;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the operator does not end");
    }
}

/// Waits for what will be so; how long it takes on a busy machine is not what is tested.
pub(crate) async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    for _ in 0..600 {
        if condition().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    panic!("{what}: not within two minutes");
}

fn start(program: &Path, arguments: &[String], log: &Path) -> Killed {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(fs::File::create(log).unwrap());
    let child = command.spawn();
    Killed(child.unwrap_or_else(|error| panic!("{}: {error}", program.display())))
}

/// Ports that nobody listened on a moment ago. Found together, so that they differ.
fn free_ports<const N: usize>() -> [u16; N] {
    let found = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    found.map(|listener| listener.local_addr().unwrap().port())
}

fn client(url: &str, token: &str) -> Client {
    let mut config = Config::new(url.parse().unwrap());
    config.accept_invalid_certs = true; // it made its certificate itself
    config.auth_info = AuthInfo {
        token: Some(token.to_owned().into()),
        ..AuthInfo::default()
    };
    Client::try_from(config).unwrap()
}

/// The answer to one request, head and body.
async fn get(address: &str, path: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn named(name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        ..ObjectMeta::default()
    }
}

fn role_ref(kind: &str, name: &str) -> RoleRef {
    RoleRef {
        api_group: "rbac.authorization.k8s.io".to_owned(),
        kind: kind.to_owned(),
        name: name.to_owned(),
    }
}

/// The user that the operators' token stands for.
fn operator() -> Subject {
    user_named(OPERATOR_ACCOUNT)
}

fn user_named(name: &str) -> Subject {
    Subject {
        kind: "User".to_owned(),
        name: name.to_owned(),
        ..Subject::default()
    }
}
