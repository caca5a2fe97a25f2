//! The pod: one proxy under the `restricted` Pod Security level, without access to the Kubernetes API.
//!
//! The configuration's revision is deliberately not in it: an edit of the mappings must not restart anything.

use std::collections::BTreeMap;

use firehose_operator_api::Shutdown;
use firehose_proxy_config::Acknowledge;
use k8s_openapi::{
    api::core::v1::{
        Capabilities, Container, ContainerPort, EnvVar, EnvVarSource, HTTPGetAction, LocalObjectReference,
        ObjectFieldSelector, PodSecurityContext, PodSpec, PodTemplateSpec, Probe, SeccompProfile, SecurityContext,
    },
    apimachinery::pkg::{apis::meta::v1::ObjectMeta, util::intstr::IntOrString},
};
use sha2::{Digest as _, Sha256};

use super::{config_map::CA_BUNDLE_KEY, identity, object::non_empty, scheduling, service, volumes};
use crate::plan::{
    ADMIN_PORT, EVENTS_PORT, EgressProxy, Installation, Paths, ProxySettings, ProxyUser, Validated, names, resources,
};

/// The proxy's user and group. Images have no user database; the number is the usual one of distroless images.
const USER_ID: i64 = 65532;

/// What Kubernetes waits for a pod beyond the delays that the proxy is told: to write what it holds, and to end.
const TERMINATION_MARGIN_SECONDS: i32 = 35;

/// Annotation with a hash of the service account's annotations: identity webhooks act when a pod is created, so a new
/// role needs new pods.
pub(in crate::plan) const IDENTITY_ANNOTATION: &str = "firehose-operator.dev/identity";

/// Annotation with what a proxy decides once, when it starts: that events wait on disk, and how many bytes may. A
/// change replaces the pods one after the other.
const SPOOL_ANNOTATION: &str = "firehose-operator.dev/spool-bytes";

/// Annotation with a hash of the installation's certificates, which a proxy reads when it starts: other ones need new
/// pods, one after the other.
pub const TRUST_ANNOTATION: &str = "firehose-operator.dev/ca-bundle";

pub(super) fn template(validated: &Validated, installation: &Installation) -> PodTemplateSpec {
    let proxy = &validated.proxy;
    let mut labels = proxy.pod_labels.clone();
    labels.extend(names::labels(validated.name()));
    let mut annotations = proxy.pod_annotations.clone();
    if !proxy.service_account.annotations.is_empty() {
        let identity = fingerprint(&proxy.service_account.annotations);
        annotations.insert(IDENTITY_ANNOTATION.to_owned(), identity);
    }
    if validated.settings.delivery.acknowledge == Acknowledge::WhenSpooled {
        let bytes = validated.settings.spool.max_size_bytes.to_string();
        annotations.insert(SPOOL_ANNOTATION.to_owned(), bytes);
    }
    if let Some(bundle) = &installation.proxies.ca_bundle {
        annotations.insert(TRUST_ANNOTATION.to_owned(), bundle.fingerprint());
    }
    PodTemplateSpec {
        metadata: Some(ObjectMeta {
            labels: Some(labels),
            annotations: non_empty(&annotations),
            ..ObjectMeta::default()
        }),
        spec: Some(PodSpec {
            service_account_name: Some(identity::account(validated)),
            automount_service_account_token: Some(false),
            enable_service_links: Some(false),
            termination_grace_period_seconds: Some(grace_seconds(&proxy.shutdown)),
            security_context: Some(pod_security(installation.proxy_user)),
            containers: vec![container(validated, installation)],
            volumes: Some(volumes::volumes(validated, installation)),
            node_selector: non_empty(&scheduling::node_selector(proxy, installation)),
            tolerations: list(proxy.tolerations.iter().map(scheduling::toleration)),
            affinity: scheduling::affinity(validated),
            topology_spread_constraints: Some(scheduling::spread(validated)),
            priority_class_name: proxy.priority_class_name.clone(),
            image_pull_secrets: list(pull_secrets(validated, installation).into_iter()),
            ..PodSpec::default()
        }),
    }
}

fn container(validated: &Validated, installation: &Installation) -> Container {
    Container {
        name: "proxy".to_owned(),
        image: Some(installation.proxy_image.clone()),
        image_pull_policy: installation.image_pull_policy.clone(),
        args: Some(vec![
            format!("--config-dir={}", Paths::CONFIG),
            "--log-format=json".to_owned(),
            format!("--drain-delay={}", validated.proxy.shutdown.drain_delay_seconds),
            format!("--drain-timeout={}", validated.proxy.shutdown.timeout_seconds),
        ]),
        env: Some(environment(validated, installation)),
        ports: Some(vec![
            container_port(service::EVENTS, EVENTS_PORT),
            container_port(service::ADMIN, ADMIN_PORT),
        ]),
        readiness_probe: Some(probe("/readyz", 2, 2)),
        liveness_probe: Some(probe("/livez", 10, 6)),
        startup_probe: Some(probe("/livez", 1, 60)),
        resources: Some(resources::of(validated)),
        security_context: Some(container_security()),
        volume_mounts: Some(volumes::mounts(validated, installation)),
        ..Container::default()
    }
}

/// The destination's own, and behind them those of the installation that are not among them.
fn pull_secrets(validated: &Validated, installation: &Installation) -> Vec<LocalObjectReference> {
    let own: Vec<&String> = validated
        .proxy
        .image_pull_secrets
        .iter()
        .map(|secret| &secret.name)
        .collect();
    let others = installation.proxies.image_pull_secrets.iter();
    let others: Vec<&String> = others.filter(|name| !own.contains(name)).collect();
    let all = own.into_iter().chain(others);
    all.map(|name| LocalObjectReference { name: name.clone() }).collect()
}

/// How long Kubernetes waits for a pod that was told to end.
fn grace_seconds(shutdown: &Shutdown) -> i64 {
    i64::from(shutdown.drain_delay_seconds + shutdown.timeout_seconds + TERMINATION_MARGIN_SECONDS)
}

fn environment(validated: &Validated, installation: &Installation) -> Vec<EnvVar> {
    let name = EnvVar {
        // Its ordinal says whether the pod is above activeReplicas.
        name: "POD_NAME".to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                field_path: "metadata.name".to_owned(),
                ..ObjectFieldSelector::default()
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    };
    let identity = identity::environment(validated, installation);
    let outwards = outwards(&installation.proxies);
    std::iter::once(name).chain(identity).chain(outwards).collect()
}

/// What the installation says of the log and of the way to AWS.
fn outwards(settings: &ProxySettings) -> impl Iterator<Item = EnvVar> {
    let log = settings.log_level.iter().map(|level| ("RUST_LOG", level.clone()));
    let bundle = settings.ca_bundle.iter();
    let bundle = bundle.map(|_| ("FIREHOSE_PROXY_CA_BUNDLE", format!("{}/{CA_BUNDLE_KEY}", Paths::TRUST)));
    let proxy = settings.egress_proxy.iter().flat_map(EgressProxy::environment);
    log.chain(bundle).chain(proxy).map(|(name, value)| EnvVar {
        name: name.to_owned(),
        value: Some(value),
        value_from: None,
    })
}

fn pod_security(user: ProxyUser) -> PodSecurityContext {
    let user = (user == ProxyUser::Fixed).then_some(USER_ID);
    PodSecurityContext {
        run_as_non_root: Some(true),
        run_as_user: user,
        run_as_group: user,
        fs_group: user,
        fs_group_change_policy: Some("OnRootMismatch".to_owned()),
        seccomp_profile: Some(SeccompProfile {
            type_: "RuntimeDefault".to_owned(),
            localhost_profile: None,
        }),
        ..PodSecurityContext::default()
    }
}

fn container_security() -> SecurityContext {
    SecurityContext {
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities {
            add: None,
            drop: Some(vec!["ALL".to_owned()]),
        }),
        ..SecurityContext::default()
    }
}

fn container_port(name: &str, number: i32) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: number,
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

fn probe(path: &str, period_seconds: i32, failure_threshold: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::String(service::ADMIN.to_owned()),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(period_seconds),
        timeout_seconds: Some(2),
        failure_threshold: Some(failure_threshold),
        ..Probe::default()
    }
}

fn list<T>(items: impl Iterator<Item = T>) -> Option<Vec<T>> {
    let items: Vec<T> = items.collect();
    Some(items).filter(|items| !items.is_empty())
}

fn fingerprint(map: &BTreeMap<String, String>) -> String {
    let text = serde_json::to_string(map).expect("a map of strings serializes");
    Sha256::digest(text.as_bytes())[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
