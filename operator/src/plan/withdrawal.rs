//! What an installation no longer allows is taken from what runs, whatever the spec says meanwhile: the last good
//! children go on without it, and where events went to an address that is forbidden now, nothing goes out.
//!
//! Not for what cannot be taken: the class and the metadata of claims that exist.

use std::collections::BTreeMap;

use firehose_proxy_config::{self as config, CredentialsType, Document, FILE_NAME};
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{ConfigMap, EnvVar, PodSpec, PodTemplateSpec, Service, ServiceAccount},
    networking::v1::NetworkPolicy,
};

use super::{
    AllowList, Allowed, Clients, NodeRole, REVISION_ANNOTATION,
    allowed::{is_reserved, is_reserved_label},
    children::{ARCHITECTURE_LABEL, IDENTITY_ANNOTATION, NO_METADATA, of_namespace},
    endpoints,
    names::is_own,
    owned::owned,
};

/// The children that may hold something of the kind, as the API server has them, with the managers of their fields.
#[derive(Debug, Clone, Copy, Default)]
pub struct Running<'a> {
    /// The configuration document.
    pub config_map: Option<&'a ConfigMap>,
    /// The identity of the pods.
    pub service_account: Option<&'a ServiceAccount>,
    /// The event endpoint.
    pub service: Option<&'a Service>,
    /// Who may talk to the pods.
    pub network_policy: Option<&'a NetworkPolicy>,
    /// The pods.
    pub stateful_set: Option<&'a StatefulSet>,
}

/// What is to be applied in place of children that hold something forbidden; `None` for one that holds nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Withdrawal {
    /// The configuration document, without its forbidden address. Nothing is accepted and nothing sent under it.
    pub config_map: Option<ConfigMap>,
    /// The identity of the pods.
    pub service_account: Option<ServiceAccount>,
    /// The event endpoint.
    pub service: Option<Service>,
    /// Who may talk to the pods.
    pub network_policy: Option<NetworkPolicy>,
    /// The pods.
    pub stateful_set: Option<StatefulSet>,
}

/// What is to be applied so that nothing runs that is forbidden. Of each child, only what `manager` applied is looked
/// at and applied again: what others wrote is theirs.
pub fn withdraw(running: &Running<'_>, allowed: &Allowed, manager: &str) -> Withdrawal {
    let service_account = running.service_account.and_then(|one| {
        let mut ours: ServiceAccount = owned(one, manager)?;
        let is_changed = retain(ours.metadata.annotations.as_mut(), |key| {
            is_annotation(key, &allowed.service_account_annotations)
        });
        is_changed.then_some(ours)
    });
    let service = running.service.and_then(|one| {
        let mut ours: Service = owned(one, manager)?;
        let is_changed = retain(ours.metadata.annotations.as_mut(), |key| {
            is_annotation(key, &allowed.service_annotations)
        });
        is_changed.then_some(ours)
    });
    let is_ambient = running
        .config_map
        .and_then(read)
        .is_some_and(|document| document.credentials.kind == CredentialsType::Ambient);
    let stateful_set = running.stateful_set.and_then(|one| {
        let before: StatefulSet = owned(one, manager)?;
        let mut ours = before.clone();
        let own_account = ours.metadata.name.clone();
        let namespace = ours.metadata.namespace.clone().unwrap_or_default();
        let template = &mut ours.spec.as_mut()?.template;
        withdraw_from_pods(template, own_account, &namespace, allowed);
        if is_ambient && allowed.node_role == NodeRole::Denied {
            template.spec.iter_mut().for_each(deny_node_role);
        }
        if service_account.is_some() {
            // An identity is given to a pod when it is created: those that have it must go.
            retain(annotations(template), |key| key != IDENTITY_ANNOTATION);
        }
        (ours != before).then_some(ours)
    });
    Withdrawal {
        config_map: running.config_map.and_then(|one| stopped(one, allowed, manager)),
        service_account,
        service,
        network_policy: running.network_policy.and_then(|one| narrowed(one, allowed, manager)),
        stateful_set,
    }
}

fn is_annotation(key: &str, list: &AllowList) -> bool {
    is_own(key) || (!is_reserved(key) && list.has(key))
}

fn withdraw_from_pods(template: &mut PodTemplateSpec, own_account: Option<String>, namespace: &str, allowed: &Allowed) {
    let labels = template.metadata.as_mut().and_then(|metadata| metadata.labels.as_mut());
    retain(labels, |key| {
        is_own(key) || (!is_reserved_label(key) && allowed.labels.has(key))
    });
    retain(annotations(template), |key| {
        is_annotation(key, &allowed.pod_annotations)
    });
    let Some(pod) = &mut template.spec else { return };
    let is_node_label = |key: &str| key == ARCHITECTURE_LABEL || allowed.node_selectors.has(key);
    retain(pod.node_selector.as_mut(), is_node_label);
    let nodes = pod.affinity.as_mut().map(|affinity| &mut affinity.node_affinity);
    if let Some(nodes) = nodes {
        let required = nodes
            .iter()
            .flat_map(|nodes| &nodes.required_during_scheduling_ignored_during_execution);
        let required = required.flat_map(|selector| &selector.node_selector_terms);
        let preferred = nodes
            .iter()
            .flat_map(|nodes| &nodes.preferred_during_scheduling_ignored_during_execution);
        let preferred = preferred.flatten().map(|preferred| &preferred.preference);
        let mut expressions = required
            .chain(preferred)
            .flat_map(|term| &term.match_expressions)
            .flatten();
        if expressions.any(|expression| !is_node_label(&expression.key)) {
            *nodes = None; // without one of its conditions a term would mean something else
        }
    }
    if let Some(tolerations) = &mut pod.tolerations {
        tolerations.retain(|one| {
            let value = one
                .value
                .as_deref()
                .filter(|_| one.operator.as_deref() != Some("Exists"));
            allowed.tolerates(one.key.as_deref(), value)
        });
    }
    pod.priority_class_name
        .take_if(|name| !allowed.has_priority_class(name));
    let is_foreign =
        |name: &String| Some(name) != own_account.as_ref() && !allowed.has_service_account(namespace, name);
    if pod.service_account_name.as_ref().is_some_and(is_foreign) {
        pod.service_account_name = own_account;
    }
}

fn annotations(template: &mut PodTemplateSpec) -> Option<&mut BTreeMap<String, String>> {
    template.metadata.as_mut()?.annotations.as_mut()
}

/// Says whether something went.
fn retain(map: Option<&mut BTreeMap<String, String>>, keep: impl Fn(&str) -> bool) -> bool {
    let Some(map) = map else { return false };
    let before = map.len();
    map.retain(|key, _| keep(key));
    map.len() != before
}

fn deny_node_role(pod: &mut PodSpec) {
    for container in &mut pod.containers {
        let variables = container.env.get_or_insert_default();
        if variables.iter().all(|variable| variable.name != NO_METADATA) {
            variables.push(EnvVar {
                name: NO_METADATA.to_owned(),
                value: Some("true".to_owned()),
                ..EnvVar::default()
            });
        }
    }
}

fn read(config_map: &ConfigMap) -> Option<Document> {
    config::parse(config_map.data.as_ref()?.get(FILE_NAME)?).ok()
}

/// The policy under which only the destination's own namespace gets in, if this one lets in more than is allowed.
fn narrowed(policy: &NetworkPolicy, allowed: &Allowed, manager: &str) -> Option<NetworkPolicy> {
    let mut ours: NetworkPolicy = owned(policy, manager)?;
    let own = vec![of_namespace(ours.metadata.namespace.as_deref().unwrap_or_default())];
    // Of events; the second rule is that of the admin port.
    let events = ours.spec.as_mut()?.ingress.as_mut()?.first_mut()?;
    if allowed.clients != Clients::Same || events.from.as_ref() == Some(&own) {
        return None;
    }
    events.from = Some(own);
    Some(ours)
}

/// The document under which nothing is accepted and nothing sent, if this one names an address that is forbidden.
fn stopped(config_map: &ConfigMap, allowed: &Allowed, manager: &str) -> Option<ConfigMap> {
    // One that cannot be read is none of this version's, and no proxy of this version applies it.
    let mut document = read(config_map)?;
    if !endpoints::has_forbidden(&document, &allowed.endpoints) {
        return None;
    }
    document.endpoint_url = None;
    let credentials = &mut document.credentials;
    for role in [&mut credentials.assume_role, &mut credentials.second_role] {
        role.iter_mut().for_each(|role| role.sts.endpoint_url = None);
    }
    if let Some(identity) = &mut credentials.web_identity {
        identity.sts.endpoint_url = None;
    }
    document.ingest.state = config::IngestState::Unavailable;
    document.delivery.state = config::DeliveryState::Paused;
    document.revision = config::revision(&document).expect("a document of plain data serializes");
    let mut ours: ConfigMap = owned(config_map, manager)?;
    let text = config::render(&document).expect("a document of plain data serializes");
    ours.data.get_or_insert_default().insert(FILE_NAME.to_owned(), text);
    let annotations = ours.metadata.annotations.get_or_insert_default();
    annotations.insert(REVISION_ANNOTATION.to_owned(), document.revision);
    Some(ours)
}
