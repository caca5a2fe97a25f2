//! The chart, installed by Helm 3 and by Helm 4: what becomes of the definition of destinations, whoever put it there,
//! and that the API server takes everything that is rendered. No node runs what is installed.

use std::{env, path::PathBuf, process::Command};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, ResourceExt as _};

use crate::server::ApiServer;

/// The name of the definition.
const DEFINITION: &str = "firehosedestinations.firehose-operator.dev";
/// What brings a definition into a release that somebody else has put there.
const TAKE: [&str; 3] = ["--take-ownership", "--set", "crds.takeOwnership=true"];

struct Helm {
    program: PathBuf,
    kubeconfig: PathBuf,
}

impl Helm {
    fn of(variable: &str, server: &ApiServer) -> Self {
        let program = env::var_os(variable).unwrap_or_else(|| panic!("{variable} names no program"));
        Self {
            program: program.into(),
            kubeconfig: server.administrators_kubeconfig(),
        }
    }

    /// What it prints. `line` is split at its spaces.
    fn run(&self, line: &str, more: &[&str]) -> String {
        let output = Command::new(&self.program)
            .args(line.split(' '))
            .args(more)
            .env("KUBECONFIG", &self.kubeconfig)
            .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
            .output()
            .unwrap();
        assert!(output.status.success(), "{line} {more:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn install(&self, release: &str, more: &[&str]) -> String {
        let line = format!(
            "install {release} charts/firehose-operator --namespace {} --create-namespace",
            namespace(release)
        );
        self.run(&line, more)
    }

    fn upgrade(&self, release: &str, more: &[&str]) -> String {
        let line = format!(
            "upgrade {release} charts/firehose-operator --namespace {}",
            namespace(release)
        );
        self.run(&line, more)
    }

    fn uninstall(&self, release: &str) {
        self.run(&format!("uninstall {release} --namespace {}", namespace(release)), &[]);
    }

    /// Whether the definition is one of the objects of a release.
    fn has_definition(&self, release: &str) -> bool {
        let line = format!("get manifest {release} --namespace {}", namespace(release));
        self.run(&line, &[]).contains("kind: CustomResourceDefinition")
    }
}

/// Of a release: one each, so that two of them stand side by side.
fn namespace(release: &str) -> String {
    format!("of-{release}")
}

/// Whose the definition is: the name of a release, or nothing.
async fn keeper(server: &ApiServer) -> Option<String> {
    let definitions: Api<CustomResourceDefinition> = Api::all(server.client.clone());
    let definition = definitions.get(DEFINITION).await.unwrap();
    definition.annotations().get("meta.helm.sh/release-name").cloned()
}

async fn a_definition_of_kubectl_is_left_to_it_until_it_is_taken(variable: &str) {
    let server = ApiServer::start().await;
    let helm = Helm::of(variable, &server);

    let notes = helm.install("first", &[]);
    assert!(notes.contains("belongs to no release"), "{notes}");
    assert!(!helm.has_definition("first"));
    assert_eq!(keeper(&server).await, None);

    // A second one beside it, with everything set that can be set.
    helm.install(
        "second",
        &[
            "--values",
            "tests/tests/chart/values/everything.yaml",
            "--set",
            "crds.enabled=true",
        ],
    );
    assert!(!helm.has_definition("second"));

    let notes = helm.upgrade("first", &TAKE);
    assert!(!notes.contains("belongs to"), "{notes}");
    assert_eq!(keeper(&server).await.as_deref(), Some("first"));
    let notes = helm.upgrade("second", &[]);
    assert!(
        notes.contains("belongs to the release first of namespace of-first"),
        "{notes}"
    );

    helm.uninstall("second");
    helm.uninstall("first");
    assert_eq!(keeper(&server).await.as_deref(), Some("first"), "it was kept");
}

async fn a_definition_of_the_release_is_upgraded_with_it_and_outlives_it(variable: &str) {
    let server = ApiServer::bare().await;
    let helm = Helm::of(variable, &server);

    let notes = helm.install("first", &[]);
    assert!(!notes.contains("belongs to"), "{notes}");
    assert_eq!(keeper(&server).await.as_deref(), Some("first"));
    helm.upgrade("first", &["--set", "logLevel=debug"]);
    assert!(helm.has_definition("first"), "else Helm would not upgrade it");
    helm.uninstall("first");

    // Reinstalled under another name.
    helm.install("second", &[]);
    assert!(!helm.has_definition("second"));
    helm.upgrade("second", &TAKE);
    assert_eq!(keeper(&server).await.as_deref(), Some("second"));
    // It is the release's own now, with no flag.
    helm.upgrade("second", &["--set", "crds.keep=false,crds.takeOwnership=false"]);
    assert!(helm.has_definition("second"));
    helm.uninstall("second");
    let definitions: Api<CustomResourceDefinition> = Api::all(server.client.clone());
    crate::server::until("it goes with its release where that was asked for", async || {
        definitions.get_opt(DEFINITION).await.unwrap().is_none()
    })
    .await;
}

#[tokio::test]
async fn helm_3_leaves_a_definition_of_kubectl_until_it_is_taken() {
    a_definition_of_kubectl_is_left_to_it_until_it_is_taken("HELM_3").await;
}

#[tokio::test]
async fn helm_4_leaves_a_definition_of_kubectl_until_it_is_taken() {
    a_definition_of_kubectl_is_left_to_it_until_it_is_taken("HELM_4").await;
}

#[tokio::test]
async fn helm_3_upgrades_a_definition_of_its_release_and_keeps_it() {
    a_definition_of_the_release_is_upgraded_with_it_and_outlives_it("HELM_3").await;
}

#[tokio::test]
async fn helm_4_upgrades_a_definition_of_its_release_and_keeps_it() {
    a_definition_of_the_release_is_upgraded_with_it_and_outlives_it("HELM_4").await;
}
