//! The pods above the number that a spec asks for: what the watches, the API server and the pods' own reports say of
//! them.

use std::{collections::HashMap, sync::Arc};

use firehose_operator_api::FirehoseDestination;
use firehose_proxy_config::report::Report;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{PersistentVolumeClaim, Pod},
};
use kube::{Api, ResourceExt as _, runtime::reflector::ObjectRef};

use super::{context::Context, error::Error};
use crate::{
    lifecycle::{self, Claim, Scale, Surplus, scale},
    observe::{ClaimPhase, claim_name, pods_of},
    plan::{Names, SPOOL_VOLUME, Validated},
};

/// How many pods there must be for a destination, and why.
///
/// # Errors
///
/// When the API server does not say how many there are.
pub(super) async fn survey(
    destination: &FirehoseDestination,
    context: &Context,
    workload: Option<&StatefulSet>,
    validated: &Validated,
) -> Result<Scale, Error> {
    let active = validated.replicas();
    let generation = destination.metadata.generation.unwrap_or_default();
    let Some(workload) = workload else {
        return Ok(scale(active, generation, &[], false));
    };
    if stored_replicas(workload) <= active {
        return Ok(scale(active, generation, &[], false));
    }
    // The watch of pods may already show those gone that the watch of workloads still shows wanted. Taken together,
    // they would be pods that are missing, and made again.
    let namespace = destination.namespace().unwrap_or_default();
    let api: Api<StatefulSet> = Api::namespaced(context.client.clone(), &namespace);
    let current = api.get_opt(&workload.name_any()).await;
    let current = current.map_err(|error| Error::Read(Box::new(error)))?;
    let stored = current.filter(|current| current.uid() == workload.uid());
    let stored = stored.as_ref().map_or(active, stored_replicas);
    let uid = destination.uid().unwrap_or_default();
    let seen = Seen {
        context,
        pods: pods_of(&context.stores, workload),
        reports: context.asker.reports(&uid),
        listed: listed(destination),
        namespace,
    };
    let surplus: Vec<Surplus> = (active..stored)
        .map(|ordinal| seen.surplus(&workload.name_any(), ordinal))
        .collect();
    Ok(scale(
        active,
        generation,
        &surplus,
        validated.keeps_claims_when_scaled(),
    ))
}

/// The claims that a status names as kept, and those of pods that are about to go and keep theirs.
pub(super) fn retained_claims(
    destination: &FirehoseDestination,
    context: &Context,
    scale: Option<&Scale>,
) -> Option<Vec<String>> {
    let scale = scale?;
    let (name, namespace) = (destination.name_any(), destination.namespace().unwrap_or_default());
    let workload = Names::of(&name).workload;
    let claim_of = |ordinal: u32| claim(&workload, ordinal);
    let prefix = format!("{SPOOL_VOLUME}-{workload}-");
    let is_unused = |claim: &String| {
        let ordinal = claim
            .strip_prefix(&prefix)
            .and_then(|ordinal| ordinal.parse::<u32>().ok());
        ordinal.is_some_and(|ordinal| ordinal >= scale.pods) && find(context, &namespace, claim).is_some()
    };
    let mut claims: Vec<String> = listed(destination).into_iter().filter(is_unused).collect();
    claims.extend(scale.retained.iter().map(|ordinal| claim_of(*ordinal)));
    claims.sort();
    claims.dedup();
    Some(claims)
}

fn listed(destination: &FirehoseDestination) -> Vec<String> {
    let status = destination.status.iter();
    let claims = status.flat_map(|status| &status.retained_claims);
    claims.map(|claim| claim.name.clone()).collect()
}

fn stored_replicas(workload: &StatefulSet) -> u32 {
    let replicas = workload.spec.as_ref().and_then(|spec| spec.replicas);
    replicas.unwrap_or(1).unsigned_abs()
}

fn claim(workload: &str, ordinal: u32) -> String {
    claim_name(SPOOL_VOLUME, workload, i32::try_from(ordinal).unwrap_or(i32::MAX))
}

fn find(context: &Context, namespace: &str, claim: &str) -> Option<Arc<PersistentVolumeClaim>> {
    context.stores.claims.get(&ObjectRef::new(claim).within(namespace))
}

/// What is known of the pods of one destination.
struct Seen<'a> {
    context: &'a Context,
    pods: Vec<Arc<Pod>>,
    reports: HashMap<String, Report>,
    listed: Vec<String>,
    namespace: String,
}

impl Seen<'_> {
    fn surplus(&self, workload: &str, ordinal: u32) -> Surplus {
        let name = format!("{workload}-{ordinal}");
        let pod = self.pods.iter().find(|pod| pod.name_any() == name);
        let claim_name = claim(workload, ordinal);
        let claim = find(self.context, &self.namespace, &claim_name);
        Surplus {
            ordinal,
            pod: pod.map_or(lifecycle::Pod::Absent, |pod| self.pod(pod)),
            claim: match claim.map(|claim| ClaimPhase::of(&claim)) {
                None => Claim::Absent,
                Some(ClaimPhase::Pending) => Claim::Unbound,
                Some(ClaimPhase::Bound | ClaimPhase::Lost) => Claim::Bound,
            },
            is_listed: self.listed.contains(&claim_name),
        }
    }

    fn pod(&self, pod: &Pod) -> lifecycle::Pod {
        if pod.metadata.deletion_timestamp.is_some() {
            return lifecycle::Pod::Leaving;
        }
        let is_scheduled = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
        if !is_scheduled {
            return lifecycle::Pod::Unscheduled;
        }
        let report = pod.uid().and_then(|uid| self.reports.get(&uid).cloned());
        lifecycle::Pod::There(report.map(Box::new))
    }
}
