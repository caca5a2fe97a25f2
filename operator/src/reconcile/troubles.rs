//! What is in the way of a destination's pods: those there are, and those that cannot be made.

use std::{sync::Arc, time::Duration};

use firehose_operator_api::Reason;
use k8s_openapi::api::{
    apps::v1::StatefulSet,
    core::v1::{Event, Pod},
};
use kube::{Api, ResourceExt as _, api::ListParams, runtime::reflector::ObjectRef};
use tracing::debug;

use super::{
    absence::{Absence, Looked},
    context::Context,
};
use crate::{
    observe::{ClaimPhase, Trouble, claim_name, is_on_a_lost_node, is_ready, not_made, trouble},
    verify::PodTrouble,
};

/// Most of what the workload's controller said that is read at a time.
const MAX_EVENTS: u32 = 100;

/// Looks at `pods`, at those that are `leaving` and at those that are neither.
pub(super) async fn look(
    context: &Context,
    workload: Option<(&StatefulSet, i32)>,
    pods: &[Arc<Pod>],
    leaving: &[Arc<Pod>],
    absence: &mut Absence,
    namespace: &str,
) -> Looked {
    let Some((workload, desired)) = workload else {
        return Looked::default();
    };
    let unbound_claims = unbound_claims(context, workload, desired);
    let mut troubles: Vec<PodTrouble> = pods
        .iter()
        .filter(|pod| !is_ready(pod))
        .filter_map(|pod| of_pod(pod, &unbound_claims))
        .collect();
    let lost = leaving.iter().filter(|pod| is_on_a_lost_node(pod));
    troubles.extend(lost.filter_map(|pod| of_pod(pod, &unbound_claims)));
    let is_there = |name: &String| pods.iter().chain(leaving).any(|pod| pod.name_any() == *name);
    let absent: Vec<String> = (0..desired)
        .map(|ordinal| format!("{}-{ordinal}", workload.name_any()))
        .filter(|name| !is_there(name))
        .collect();
    let due = ask(context, workload, &absent, absence, namespace).await;
    troubles.extend(absence.troubles.iter().filter(|one| absent.contains(&one.pod)).cloned());
    troubles.sort_by(|one, other| one.pod.cmp(&other.pod));
    Looked {
        troubles,
        unbound_claims,
        due,
    }
}

/// Asks why pods are absent, if it is time to. Returns how long until it is time again.
async fn ask(
    context: &Context,
    workload: &StatefulSet,
    absent: &[String],
    absence: &mut Absence,
    namespace: &str,
) -> Option<Duration> {
    if absent.is_empty() {
        *absence = Absence::default();
        return None;
    }
    let (is_due, wait) = absence.is_due(context.now());
    if !is_due {
        return Some(wait);
    }
    match said(context, workload, namespace).await {
        Ok(events) => {
            let look_at = format!("statefulset/{}", workload.name_any());
            let told = absent.iter().filter_map(|pod| {
                Some(PodTrouble {
                    pod: pod.clone(),
                    trouble: not_made(pod, &events)?,
                    look_at: look_at.clone(),
                })
            });
            absence.troubles = told.collect();
        }
        // The pods are absent all the same, which the status says.
        Err(error) => debug!(workload = %workload.name_any(), %error, "failed to ask why a pod is absent"),
    }
    Some(wait)
}

/// What the workload's controller said about it.
async fn said(context: &Context, workload: &StatefulSet, namespace: &str) -> Result<Vec<Event>, kube::Error> {
    let uid = workload.uid().unwrap_or_default();
    let api: Api<Event> = Api::namespaced(context.client.clone(), namespace);
    let about_it = ListParams::default()
        .fields(&format!("involvedObject.uid={uid},reason=FailedCreate"))
        .limit(MAX_EVENTS);
    let events = api.list(&about_it).await?.items;
    let is_about_it = |event: &Event| event.involved_object.uid.as_deref() == Some(&uid);
    Ok(events.into_iter().filter(is_about_it).collect())
}

/// The trouble of one pod. One that only waits for a claim is told so.
fn of_pod(pod: &Pod, unbound: &[(String, ClaimPhase)]) -> Option<PodTrouble> {
    let name = pod.name_any();
    let found = trouble(pod);
    let waits_for_a_claim = found.as_ref().is_none_or(|found| {
        found.reason == Reason::Unschedulable && found.message.to_lowercase().contains("persistentvolumeclaim")
    });
    // The claim's name ends with the pod's.
    let claim = unbound.iter().find(|(claim, _)| claim.ends_with(&format!("-{name}")));
    if waits_for_a_claim && let Some((claim, phase)) = claim {
        let reason = match phase {
            ClaimPhase::Lost => Reason::ClaimLost,
            ClaimPhase::Pending | ClaimPhase::Bound => Reason::ClaimPending,
        };
        let message = match &found {
            Some(found) => format!("claim {claim}: {}", found.message),
            None => format!("claim {claim}: {}", reason.sentence()),
        };
        return Some(PodTrouble {
            pod: name,
            trouble: Trouble { reason, message },
            look_at: format!("pvc/{claim}"),
        });
    }
    Some(PodTrouble {
        look_at: format!("pod/{name}"),
        pod: name,
        trouble: found?,
    })
}

/// The claims of the wanted pods that have no volume.
fn unbound_claims(context: &Context, workload: &StatefulSet, desired: i32) -> Vec<(String, ClaimPhase)> {
    let spec = workload.spec.as_ref();
    let templates = spec.and_then(|spec| spec.volume_claim_templates.as_deref());
    let Some(template) = templates.and_then(|templates| templates.first()) else {
        return Vec::new();
    };
    let namespace = workload.namespace().unwrap_or_default();
    let claims = (0..desired).map(|ordinal| {
        let name = claim_name(&template.name_any(), &workload.name_any(), ordinal);
        let claim = context.stores.claims.get(&ObjectRef::new(&name).within(&namespace));
        let phase = claim.map_or(ClaimPhase::Pending, |claim| ClaimPhase::of(&claim));
        (name, phase)
    });
    claims.filter(|(_, phase)| *phase != ClaimPhase::Bound).collect()
}
