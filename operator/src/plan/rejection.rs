//! What a destination is rejected for beyond the rules of [`super::validate()`]: what this version does not do, and what its
//! running pods cannot follow. A destination that asks for either is refused by field, never half served.

use firehose_operator_api::{ByteSize, DeletionPolicy, FirehoseDestinationSpec, Reason};
use k8s_openapi::api::apps::v1::StatefulSet;

/// One reason for which a spec is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Rejection {
    /// The field, for example `spec.mappings[3].event`.
    pub field: String,
    /// What the `Accepted` condition says.
    pub reason: Reason,
    /// What is wrong with the field, for a person.
    pub message: String,
}

impl Rejection {
    pub(super) fn new(field: impl Into<String>, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason,
            message: message.into(),
        }
    }
}

type Uses = fn(&FirehoseDestinationSpec) -> bool;

/// What the custom resource has and this version does not do yet. The one list of such fields: whoever builds one deletes
/// its line here.
const NOT_IMPLEMENTED: &[(&str, Uses)] = &[
    ("spec.deletionPolicy", |spec| {
        spec.deletion_policy == DeletionPolicy::Drain
    }),
    ("spec.drainTimeoutSeconds", |spec| spec.drain_timeout_seconds.is_some()),
];

/// One [`Rejection`] for each field of [`NOT_IMPLEMENTED`] that `spec` uses.
pub(super) fn not_implemented(spec: &FirehoseDestinationSpec) -> impl Iterator<Item = Rejection> + '_ {
    let used = NOT_IMPLEMENTED.iter().filter(|(_, uses)| uses(spec));
    used.map(|(field, _)| Rejection::new(*field, Reason::NotImplemented, "is not implemented in this version"))
}

/// What is asked of a running workload and cannot be done to it. Left to the API server, it would refuse the whole StatefulSet,
/// and with it every other edit of the destination, for as long as the destination asks.
pub fn unchangeable(running: &StatefulSet, wanted: &StatefulSet) -> Option<Rejection> {
    let (running, wanted) = (claim_size(running)?, claim_size(wanted)?);
    // As bytes, because the API server writes 1024Mi as 1Gi.
    let bytes = |size: &str| ByteSize::new(size).bytes();
    if bytes(&running)? == bytes(&wanted)? {
        return None;
    }
    Some(Rejection::new(
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
