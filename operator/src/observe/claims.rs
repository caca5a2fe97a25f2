//! What of a claim matters to this operator: whether it has a volume.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use k8s_openapi::api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimStatus};

/// Whether a claim has a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClaimPhase {
    /// It has none yet, or there is no such claim.
    Pending,
    /// It has one.
    Bound,
    /// It had one, which is gone.
    Lost,
}

impl ClaimPhase {
    /// The phase of a claim as its controller tells it.
    pub fn of(claim: &PersistentVolumeClaim) -> Self {
        let phase = claim.status.as_ref().and_then(|status| status.phase.as_deref());
        match phase {
            Some("Bound") => Self::Bound,
            Some("Lost") => Self::Lost,
            _ => Self::Pending,
        }
    }
}

/// Name of the claim of the pod with this ordinal. The StatefulSet's controller makes it so.
pub fn claim_name(template: &str, workload: &str, ordinal: i32) -> String {
    format!("{template}-{workload}-{ordinal}")
}

/// Drops what nobody here reads: there is a claim for each pod of the cluster.
pub(super) fn trim(claim: &mut PersistentVolumeClaim) {
    claim.metadata.managed_fields = None;
    claim.metadata.annotations = None;
    claim.spec = None;
    claim.status = claim.status.take().map(|status| PersistentVolumeClaimStatus {
        phase: status.phase,
        ..PersistentVolumeClaimStatus::default()
    });
}

/// Changes when something changes that a reconcile looks at.
pub(super) fn matters(claim: &PersistentVolumeClaim) -> Option<u64> {
    let mut hasher = DefaultHasher::new();
    claim.metadata.uid.hash(&mut hasher);
    claim.metadata.deletion_timestamp.is_some().hash(&mut hasher);
    ClaimPhase::of(claim).hash(&mut hasher);
    Some(hasher.finish())
}
