//! What is in force for a destination in one round, whether its spec was accepted or not.

use std::sync::Arc;

use firehose_operator_api::{Effective, FirehoseDestination};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::StatefulSet,
        core::v1::{ConfigMap, Pod, Service, ServiceAccount},
        networking::v1::NetworkPolicy,
    },
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{
    Resource, ResourceExt as _,
    runtime::reflector::{ObjectRef, Store},
};

use super::{absence::Looked, context::Context, surplus::retained_claims};
use crate::{
    lifecycle::{Scale, Wait},
    observe::pods_of,
    plan::{
        Children, EVENTS_PORT, Installation, Names, REVISION_ANNOTATION, Running, Validated, advice, effective,
        selector, subjects,
    },
    rollout::image,
    verify::{Acceptance, Durability, Findings, Proxy},
};

/// A plan.
pub(super) struct Plan {
    pub(super) validated: Validated,
    pub(super) children: Children,
    /// Whether the StatefulSet is left as it is, because what is new in it waits for its turn.
    pub(super) leaves_workload: bool,
}

/// Boxed, because it is large and is carried across every await of a round.
pub(super) type Planned = Box<Plan>;

/// What the watches have shown of a destination's own children, before a round changes any.
pub(super) struct Observed {
    pub(super) stateful_set: Option<Arc<StatefulSet>>,
    pub(super) config_map: Option<Arc<ConfigMap>>,
    service_account: Option<Arc<ServiceAccount>>,
    service: Option<Arc<Service>>,
    network_policy: Option<Arc<NetworkPolicy>>,
}

/// How far a round got with the children.
#[derive(Default)]
pub(super) struct Progress {
    /// The ConfigMap was written: pods have to hear of it.
    pub(super) has_written_config_map: bool,
    /// The ConfigMap is as planned.
    pub(super) has_config_map: bool,
    /// The StatefulSet as this round has written it, if it has: the watch shows it only later.
    pub(super) stateful_set: Option<StatefulSet>,
}

/// What is in force: the plan just applied, or what an earlier one left.
pub(super) struct Situation {
    validated: Option<Validated>,
    effective: Option<Effective>,
    /// The revision that the proxies are to run; `None` while no spec was ever accepted.
    pub(super) revision: Option<String>,
    /// Whether pods have to hear of it now.
    pub(super) is_news: bool,
    stateful_set: Option<Arc<StatefulSet>>,
    desired: i32,
    /// How many pods there must be; `None` while the spec is not followed.
    scale: Option<Scale>,
}

/// Looks for the destination's own children in the stores.
pub(super) fn observe(destination: &FirehoseDestination, context: &Context) -> Observed {
    let stores = &context.stores;
    Observed {
        stateful_set: own(&stores.stateful_sets, destination),
        config_map: own(&stores.config_maps, destination),
        service_account: own(&stores.service_accounts, destination),
        service: own(&stores.services, destination),
        network_policy: own(&stores.network_policies, destination),
    }
}

/// The child of one kind that has the name of the workload.
fn own<K>(store: &Store<K>, destination: &FirehoseDestination) -> Option<Arc<K>>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + 'static,
{
    let name = Names::of(&destination.name_any()).workload;
    let namespace = destination.namespace().unwrap_or_default();
    let found = store.get(&ObjectRef::new(&name).within(&namespace));
    found.filter(|one| is_owned(one.owner_references(), destination))
}

impl Observed {
    /// The children that may hold something that the installation forbids.
    pub(super) fn running(&self) -> Running<'_> {
        Running {
            config_map: self.config_map.as_deref(),
            service_account: self.service_account.as_deref(),
            service: self.service.as_deref(),
            network_policy: self.network_policy.as_deref(),
            stateful_set: self.stateful_set.as_deref(),
        }
    }

    /// The revision of the document in the ConfigMap.
    pub(super) fn revision(&self) -> Option<String> {
        let config_map = self.config_map.as_deref()?;
        config_map.annotations().get(REVISION_ANNOTATION).cloned()
    }
}

impl Situation {
    /// What was planned and written and, where nothing was, what was there before. A revision whose ConfigMap could not
    /// be written is not in force, and no pod is told of it.
    pub(super) fn new(
        observed: Observed,
        planned: Option<Planned>,
        written: Progress,
        scale: Option<Scale>,
        installation: &Installation,
    ) -> Self {
        let observed_revision = observed.revision();
        let stateful_set = written.stateful_set.map(Arc::new).or(observed.stateful_set);
        let (validated, revision) = planned.map_or((None, None), |planned| {
            let Plan {
                validated, children, ..
            } = *planned;
            (
                Some(validated),
                Some(children.revision).filter(|_| written.has_config_map),
            )
        });
        let stored = stateful_set.as_ref().and_then(|one| one.spec.as_ref()?.replicas);
        let desired = match &validated {
            Some(validated) => i32::try_from(validated.replicas()).unwrap_or(i32::MAX),
            None => stored.unwrap_or(0),
        };
        let running_image = stateful_set.as_deref().and_then(image).map(str::to_owned);
        let effective = validated.as_ref().map(|validated| Effective {
            image: running_image.clone(), // a new one waits for its turn
            ..effective(validated, installation)
        });
        Self {
            effective,
            validated,
            is_news: written.has_written_config_map,
            revision: revision.or(observed_revision),
            stateful_set,
            desired,
            scale,
        }
    }

    /// The pods that are not on their way out and those that are, each by name.
    pub(super) fn pods(&self, context: &Context) -> (Vec<Arc<Pod>>, Vec<Arc<Pod>>) {
        let mut pods = self
            .stateful_set
            .as_ref()
            .map_or_else(Vec::new, |one| pods_of(&context.stores, one));
        pods.sort_by_key(|pod| pod.name_any());
        pods.into_iter()
            .partition(|pod| pod.metadata.deletion_timestamp.is_none())
    }

    /// The workload as it is, and how many pods it is to have.
    pub(super) fn workload(&self) -> Option<(&StatefulSet, i32)> {
        Some((self.stateful_set.as_deref()?, self.desired))
    }

    /// The pods that do not run the revision. One that cannot be asked counts while it is ready and not given up.
    pub(super) fn behind(&self, pods: &[Arc<Pod>], proxies: &[Proxy], patient: bool) -> Vec<Arc<Pod>> {
        let Some(revision) = &self.revision else {
            return Vec::new();
        };
        let is_behind = |proxy: &Proxy| match &proxy.report {
            Some(report) => report.revision != *revision,
            None => proxy.ready && !patient,
        };
        let behind = pods.iter().zip(proxies).filter(|(_, proxy)| is_behind(proxy));
        behind.map(|(pod, _)| Arc::clone(pod)).collect()
    }

    /// The pods that are about to go, by name.
    fn draining(&self, destination: &str) -> Vec<(String, Wait)> {
        let workload = Names::of(destination).workload;
        let waits = self.scale.iter().flat_map(|scale| &scale.waits);
        waits
            .map(|(ordinal, wait)| (format!("{workload}-{ordinal}"), *wait))
            .collect()
    }

    /// What the status follows from.
    pub(super) fn findings<'a>(
        &self,
        destination: &FirehoseDestination,
        context: &Context,
        acceptance: Acceptance,
        apply_error: Option<String>,
        proxies: &'a [Proxy],
        looked: Looked,
    ) -> Findings<'a> {
        let (name, namespace) = (destination.name_any(), destination.namespace().unwrap_or_default());
        let validated = self.validated.as_ref();
        let selector: Vec<String> = selector(&name)
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        Findings {
            namespace: namespace.clone(),
            troubles: looked.troubles,
            unbound_claims: looked.unbound_claims,
            generation: destination.metadata.generation,
            acceptance,
            apply_error,
            revision: self.revision.clone(),
            desired: self.desired,
            is_halting: false, // the rollout knows
            is_replacing: self.stateful_set.as_deref().is_some_and(is_replacing),
            proxies,
            draining: self.draining(&name),
            retained_claims: retained_claims(destination, context, self.scale.as_ref()),
            advice: validated.and_then(advice),
            durability: validated.map(|validated| Durability {
                acknowledge: validated.acknowledge(),
                is_persistent: validated.is_spool_persistent(),
                sets_aside: validated.sets_aside(),
            }),
            requires_write_keys: validated.map(Validated::requires_write_keys),
            address: format!(
                "{}://{}.{namespace}.svc:{EVENTS_PORT}",
                if validated.is_some_and(Validated::serves_tls) {
                    "https"
                } else {
                    "http"
                },
                Names::of(&name).workload
            ),
            selector: selector.join(","),
            mappings: validated.and_then(|validated| i32::try_from(validated.mappings()).ok()),
            effective: self.effective.clone(),
            subjects: validated.map(subjects),
        }
    }
}

/// Those of `behind` that a poke can help: one that refuses the document reads the same one again.
///
/// Not to be asked for the first pokes after an edit, when what a pod refuses may still be the document before.
pub(super) fn willing(behind: &[Arc<Pod>], pods: &[Arc<Pod>], proxies: &[Proxy]) -> Vec<Arc<Pod>> {
    let refuses = |proxy: &Proxy| {
        proxy
            .report
            .as_ref()
            .is_some_and(|report| report.config_error.is_some())
    };
    let refusing: Vec<&Arc<Pod>> = pods
        .iter()
        .zip(proxies)
        .filter(|(_, proxy)| refuses(proxy))
        .map(|(pod, _)| pod)
        .collect();
    let willing = behind
        .iter()
        .filter(|one| !refusing.iter().any(|pod| Arc::ptr_eq(pod, one)));
    willing.cloned().collect()
}

/// Whether pods of an older template are left, or its controller has not looked at the newest one yet.
fn is_replacing(workload: &StatefulSet) -> bool {
    let Some(status) = &workload.status else {
        return true;
    };
    status.observed_generation < workload.metadata.generation || status.current_revision != status.update_revision
}

fn is_owned(owners: &[OwnerReference], destination: &FirehoseDestination) -> bool {
    let uid = destination.uid();
    owners
        .iter()
        .any(|owner| owner.controller == Some(true) && Some(&owner.uid) == uid.as_ref())
}

#[cfg(test)]
mod tests {
    use firehose_proxy_config::report::Report;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pod_that_refuses_the_document_is_not_poked() {
        let pods: Vec<Arc<Pod>> = vec![Arc::default(), Arc::default(), Arc::default()];
        let report = |error: Option<&str>| -> Report {
            let report = json!({"destinationUid": "u", "revision": "old", "ready": true, "configError": error});
            serde_json::from_value(report).unwrap()
        };
        let proxy = |report: Option<Report>| Proxy {
            name: String::new(),
            ready: true,
            has_write_keys: false,
            report,
        };
        let proxies = [
            proxy(Some(report(None))),
            proxy(Some(report(Some("unknown field")))),
            proxy(None),
        ];
        let poked = willing(&pods, &pods, &proxies);
        assert!(poked.len() == 2 && Arc::ptr_eq(&poked[0], &pods[0]) && Arc::ptr_eq(&poked[1], &pods[2]));
    }
}
