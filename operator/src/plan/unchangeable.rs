//! What a destination may ask for and its running pods cannot follow.

use firehose_operator_api::{ByteSize, Reason};
use k8s_openapi::api::apps::v1::StatefulSet;

use super::Invalid;

/// What is asked of a running workload and cannot be done to it. Left to the API server, it would refuse the whole StatefulSet,
/// and with it every other edit of the destination, for as long as the destination asks.
pub fn unchangeable(running: &StatefulSet, wanted: &StatefulSet) -> Option<Invalid> {
    let (running, wanted) = (claim_size(running)?, claim_size(wanted)?);
    // As bytes, because the API server writes 1024Mi as 1Gi.
    let bytes = |size: &str| ByteSize::new(size).bytes();
    if bytes(&running)? == bytes(&wanted)? {
        return None;
    }
    Some(Invalid::new(
        "spec.spool.persistentVolumeClaim.resources.requests.storage",
        Reason::NotImplemented,
        format!("the claims of the pods have {running} and are not resized in this version"),
    ))
}

/// What the pods' claims ask for, as it is written.
fn claim_size(workload: &StatefulSet) -> Option<String> {
    let claim = workload.spec.as_ref()?.volume_claim_templates.as_ref()?.first()?;
    let requests = claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?;
    Some(requests.get("storage")?.0.clone())
}
