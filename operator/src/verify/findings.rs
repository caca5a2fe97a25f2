//! Everything that a status follows from.

use firehose_operator_api::{Effective, Reason};
use firehose_proxy_config::{Acknowledge, report::Report};

use crate::{
    lifecycle::Wait,
    observe::{ClaimPhase, Trouble},
    plan::Subjects,
};

/// Whether the spec can be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Acceptance {
    /// It can.
    Accepted,
    /// It can and is not, because the destination is paused.
    Paused {
        /// Whether it asks for another configuration than what runs.
        waits: bool,
    },
    /// It cannot, for this reason; the message is for a person.
    Refused(Reason, String),
}

/// One proxy pod that is not on its way out.
#[derive(Debug)]
pub struct Proxy {
    /// Name of the pod.
    pub name: String,
    /// Whether the pod is ready, as kubelet sees it.
    pub ready: bool,
    /// Whether the pod was made with a place for write keys.
    pub has_write_keys: bool,
    /// What it reports; `None` when it could not be asked.
    pub report: Option<Report>,
}

/// What keeps a pod from being there, or from being ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodTrouble {
    /// Name of the pod, which may not exist.
    pub pod: String,
    /// What it is.
    pub trouble: Trouble,
    /// The object that says more about it, as `kubectl describe` takes it: `pod/orders-firehose-1`.
    pub look_at: String,
}

/// Everything that a status follows from.
#[derive(Debug)]
pub struct Findings<'a> {
    /// The destination's namespace.
    pub namespace: String,
    /// Generation of the spec that was looked at.
    pub generation: Option<i64>,
    /// Whether the spec can be followed.
    pub acceptance: Acceptance,
    /// What could not be written, for a person; the operator tries again.
    pub apply_error: Option<String>,
    /// The revision the proxies are to run; `None` while no spec was ever accepted.
    pub revision: Option<String>,
    /// Number of pods asked for.
    pub desired: i32,
    /// Whether the pods get a new image and do not become available with it, so that no other destination gets it.
    pub is_halting: bool,
    /// Whether pods of an older template are still to be replaced.
    pub is_replacing: bool,
    /// The pods there are.
    pub proxies: &'a [Proxy],
    /// The pods above the number asked for, by name, and why each is still there.
    pub draining: Vec<(String, Wait)>,
    /// The claims that no pod uses and that hold something; `None` keeps what the status says.
    pub retained_claims: Option<Vec<String>>,
    /// What keeps pods from being there or ready, by name.
    pub troubles: Vec<PodTrouble>,
    /// The claims of wanted pods that have no volume, by name.
    pub unbound_claims: Vec<(String, ClaimPhase)>,
    /// What a 200 means and whether the spool outlives its pod; `None` keeps what the status says.
    pub durability: Option<(Acknowledge, bool)>,
    /// Whether senders present a write key; `None` keeps what the status says.
    pub requires_write_keys: Option<bool>,
    /// Where events are sent to.
    pub address: String,
    /// Selector of the pods.
    pub selector: String,
    /// Number of mappings in force; `None` keeps what the status says.
    pub mappings: Option<i32>,
    /// What is in force where the spec leaves a choice open; `None` keeps what the status says.
    pub effective: Option<Effective>,
    /// What is in force, by name, for messages; `None` while the spec is refused.
    pub subjects: Option<Subjects>,
}

impl Findings<'_> {
    /// The pods that take events, or are to.
    pub(super) fn active(&self) -> impl Iterator<Item = &Proxy> {
        let proxies = self.proxies.iter();
        proxies.filter(|proxy| self.draining(&proxy.name).is_none())
    }

    /// Why a pod that is about to go is still there.
    pub(super) fn draining(&self, pod: &str) -> Option<Wait> {
        let found = self.draining.iter().find(|(name, _)| name == pod);
        found.map(|(_, wait)| *wait)
    }
}
