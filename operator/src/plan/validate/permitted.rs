//! What a destination asks of the cluster, beside what its installation allows.

use std::collections::BTreeMap;

use firehose_operator_api::{
    FirehoseDestinationSpec, NamespacesFrom, NodeAffinity, NodeSelectorTerm, Reason, TolerationOperator,
};

use crate::plan::{
    AllowList, Allowed, Clients, Rejection,
    allowed::{is_reserved, is_reserved_label},
    names::is_own,
};

/// Adds a rejection for each field that asks for more than is allowed.
pub(super) fn check(
    spec: &FirehoseDestinationSpec,
    namespace: &str,
    allowed: &Allowed,
    rejections: &mut Vec<Rejection>,
) {
    let mut checker = Checker { rejections };
    let proxy = &spec.proxy;
    checker.labels("spec.proxy.podLabels", &proxy.pod_labels, allowed);
    let annotations = [
        (
            "spec.proxy.podAnnotations",
            &proxy.pod_annotations,
            &allowed.pod_annotations,
            "--allowed-pod-annotation",
        ),
        (
            "spec.proxy.serviceAccount.annotations",
            &proxy.service_account.annotations,
            &allowed.service_account_annotations,
            "--allowed-service-account-annotation",
        ),
        (
            "spec.proxy.service.annotations",
            &proxy.service.annotations,
            &allowed.service_annotations,
            "--allowed-service-annotation",
        ),
    ];
    for (field, map, list, flag) in annotations {
        checker.keys(field, map, list, flag);
    }
    checker.nodes("spec.proxy.nodeSelector", proxy.node_selector.keys(), allowed);
    let nodes = proxy
        .affinity
        .as_ref()
        .and_then(|affinity| affinity.node_affinity.as_ref());
    for (field, term) in nodes.map(terms).unwrap_or_default() {
        checker.nodes(&field, term.match_expressions.iter().map(|one| &one.key), allowed);
    }
    for (index, toleration) in proxy.tolerations.iter().enumerate() {
        let value = match toleration.operator {
            TolerationOperator::Equal => Some(toleration.value.as_deref().unwrap_or_default()),
            TolerationOperator::Exists => None,
        };
        if !allowed.tolerates(toleration.key.as_deref(), value) {
            let field = format!("spec.proxy.tolerations[{index}]");
            checker.refuse(field, &allowed.tolerations, "--allowed-toleration");
        }
    }
    if let Some(name) = &proxy.priority_class_name
        && !allowed.has_priority_class(name)
    {
        let field = "spec.proxy.priorityClassName";
        checker.refuse(field, &allowed.priority_classes, "--allowed-priority-class");
    }
    if let Some(name) = &proxy.service_account_name
        && !allowed.has_service_account(namespace, name)
    {
        let field = "spec.proxy.serviceAccountName";
        checker.refuse(field, &allowed.service_accounts, "--allowed-service-account");
    }
    let from = spec
        .ingest
        .allowed_clients
        .as_ref()
        .map(|clients| clients.namespaces.from);
    let message = match (from, allowed.clients) {
        (Some(NamespacesFrom::All | NamespacesFrom::Selector), Clients::Same) => {
            Some("the installation lets in pods of the same namespace only, and that can only be narrowed")
        }
        (Some(NamespacesFrom::Same | NamespacesFrom::Selector), Clients::Unenforced) => {
            Some("the installation leaves network policies to the cluster, so nothing would keep others out")
        }
        _ => None,
    };
    if let Some(message) = message {
        let field = "spec.ingest.allowedClients.namespaces.from";
        checker
            .rejections
            .push(Rejection::new(field, Reason::NotAllowedHere, message));
    }
    if let Some(claim) = &spec.spool.persistent_volume_claim {
        let template = &claim.template;
        let field = "spec.spool.persistentVolumeClaim.template";
        checker.labels(&format!("{field}.metadata.labels"), &template.metadata.labels, allowed);
        checker.keys(
            &format!("{field}.metadata.annotations"),
            &template.metadata.annotations,
            &allowed.claim_annotations,
            "--allowed-claim-annotation",
        );
        let class = template.spec.storage_class_name.as_deref();
        if class.is_some_and(|class| !allowed.storage_classes.has(class)) {
            let field = format!("{field}.spec.storageClassName");
            checker.refuse(field, &allowed.storage_classes, "--allowed-storage-class");
        }
    }
}

/// The terms of an affinity to nodes, each with its field.
fn terms(affinity: &NodeAffinity) -> Vec<(String, &NodeSelectorTerm)> {
    let field = "spec.proxy.affinity.nodeAffinity";
    let required = affinity.required_during_scheduling_ignored_during_execution.iter();
    let required = required.flat_map(|selector| &selector.node_selector_terms).enumerate();
    let required = required.map(|(index, term)| {
        let required = "requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
        (format!("{field}.{required}[{index}]"), term)
    });
    let preferred = affinity.preferred_during_scheduling_ignored_during_execution.iter();
    let preferred = preferred.enumerate().map(|(index, preferred)| {
        let field = format!("{field}.preferredDuringSchedulingIgnoredDuringExecution[{index}].preference");
        (field, &preferred.preference)
    });
    required.chain(preferred).collect()
}

struct Checker<'a> {
    rejections: &'a mut Vec<Rejection>,
}

impl Checker<'_> {
    fn refuse(&mut self, field: impl Into<String>, list: &AllowList, flag: &str) {
        let message = format!(
            "is not allowed in this installation: {list} allowed, and whoever installed the operator can allow more with {flag}"
        );
        self.rejections
            .push(Rejection::new(field, Reason::NotAllowedHere, message));
    }

    fn refuse_reserved(&mut self, field: String) {
        let message = "is reserved, because others in the cluster act on it";
        self.rejections
            .push(Rejection::new(field, Reason::NotAllowedHere, message));
    }

    fn labels(&mut self, field: &str, map: &BTreeMap<String, String>, allowed: &Allowed) {
        // What is the operator's own is refused as such, elsewhere.
        for key in map.keys().filter(|key| !is_own(key)) {
            if is_reserved_label(key) {
                self.refuse_reserved(format!("{field}.{key}"));
            } else if !allowed.labels.has(key) {
                self.refuse(format!("{field}.{key}"), &allowed.labels, "--allowed-label");
            }
        }
    }

    fn keys(&mut self, field: &str, map: &BTreeMap<String, String>, list: &AllowList, flag: &str) {
        for key in map.keys().filter(|key| !is_own(key)) {
            if is_reserved(key) {
                self.refuse_reserved(format!("{field}.{key}"));
            } else if !list.has(key) {
                self.refuse(format!("{field}.{key}"), list, flag);
            }
        }
    }

    fn nodes<'a>(&mut self, field: &str, keys: impl Iterator<Item = &'a String>, allowed: &Allowed) {
        let list = &allowed.node_selectors;
        for key in keys.filter(|key| !list.has(key)) {
            self.refuse(format!("{field}.{key}"), list, "--allowed-node-selector");
        }
    }
}
