//! What the custom resource has and this version does not do yet. A destination that uses it is refused, never half served.
//!
//! The one list of such fields: whoever builds one deletes its line here.

use firehose_operator_api::{DeletionPolicy, FirehoseDestinationSpec, Reason};

use super::Invalid;

type Uses = fn(&FirehoseDestinationSpec) -> bool;

const UNBUILT: &[(&str, Uses)] = &[
    ("spec.deletionPolicy", |spec| {
        spec.deletion_policy == DeletionPolicy::Drain
    }),
    ("spec.drainTimeoutSeconds", |spec| spec.drain_timeout_seconds.is_some()),
];

/// One [`Invalid`] for each unbuilt feature that `spec` uses.
pub(super) fn unbuilt(spec: &FirehoseDestinationSpec) -> impl Iterator<Item = Invalid> + '_ {
    let used = UNBUILT.iter().filter(|(_, uses)| uses(spec));
    used.map(|(field, _)| Invalid::new(*field, Reason::NotImplemented, "is not implemented in this version"))
}
