//! Leader election over one `Lease` object, and the fence that keeps every write on the leader's side of it.
//!
//! The API server does not know of the fence: a process that stalls between the fence and its socket may still send one
//! write. A status carries the resource version that it was judged on and children carry their UID, so such a write
//! finds out.

mod clock;
mod decide;
mod fence;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::{MicroTime, ObjectMeta},
    jiff::Timestamp,
};
use kube::{Api, Client, api::PostParams};
use tokio::sync::watch;
use tracing::{info, warn};

pub use fence::{Fence, Permit};

use clock::since_boot;
use decide::{Decision, LEASE_DURATION, Memory, Observed, RENEW_DEADLINE, RETRY_PERIOD, decide};

/// Takes part in the election until it is told to stop.
#[derive(Debug)]
pub struct Elector {
    api: Api<Lease>,
    /// Name of the lease object.
    name: String,
    me: String,
    leadership: Leadership,
    changes: watch::Sender<bool>,
}

/// Whether this process leads, asked before every act.
#[derive(Debug, Clone, Default)]
pub struct Leadership {
    memory: Arc<Mutex<Memory>>,
}

impl Leadership {
    /// How long ago the lease was renewed; `None` while this process does not lead.
    pub fn renewed_ago(&self) -> Option<Duration> {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.renewed.map(|renewed| since_boot().saturating_sub(renewed))
    }

    /// Whether this process may act now.
    pub fn leads(&self) -> bool {
        let memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.leads(since_boot())
    }
}

impl Elector {
    /// An elector under the name `me`, which no other process may have, for the lease `name` of `namespace`.
    pub fn new(client: Client, namespace: &str, name: String, me: String) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            name,
            me,
            leadership: Leadership::default(),
            changes: watch::Sender::new(false),
        }
    }

    /// Whether this process leads.
    pub fn leadership(&self) -> Leadership {
        self.leadership.clone()
    }

    /// Tells of every change of leadership.
    pub fn changes(&self) -> watch::Receiver<bool> {
        self.changes.subscribe()
    }

    /// Looks, decides and writes every [`RETRY_PERIOD`] until `stop` resolves; then gives the lease back, if it holds
    /// it and `stop` says so. A lease that is not given back expires.
    pub async fn run(self, stop: impl Future<Output = bool>) {
        tokio::pin!(stop);
        let is_to_release = loop {
            let round = tokio::time::timeout(RENEW_DEADLINE / 2, self.round());
            match round.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => warn!(%error, "failed to look after the lease"),
                Err(_) => warn!("failed to look after the lease: the API server does not answer"),
            }
            self.tell();
            tokio::select! {
                () = tokio::time::sleep(RETRY_PERIOD) => {}
                is_to_release = &mut stop => break is_to_release,
            }
        };
        if !is_to_release {
            warn!("keeping the lease; another operator takes over when it expires");
            return;
        }
        let release = tokio::time::timeout(Duration::from_secs(3), self.release());
        if !matches!(release.await, Ok(Ok(()))) {
            warn!("failed to release the lease; another operator takes over when it expires");
        }
    }

    fn tell(&self) {
        let leads = self.leadership.leads();
        let changed = self
            .changes
            .send_if_modified(|before| std::mem::replace(before, leads) != leads);
        if changed {
            info!(leads, "leadership changed");
        }
    }

    fn memory<T>(&self, look: impl FnOnce(&mut Memory, Duration) -> T) -> T {
        let now = since_boot();
        let mut memory = self.leadership.memory.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut memory, now)
    }

    async fn round(&self) -> Result<(), kube::Error> {
        let lease = self.api.get_opt(&self.name).await?;
        let observed = lease.as_ref().map(observe);
        let (decision, begun) = self.memory(|memory, now| {
            if let Some(observed) = &observed {
                memory.see(observed, now);
            }
            (decide(observed.as_ref(), &self.me, memory, now), now)
        });
        let written = match (decision, lease) {
            (Decision::Wait, _) => {
                self.memory(|memory, _| memory.renewed = None);
                return Ok(());
            }
            (Decision::Create, _) | (Decision::Renew | Decision::TakeOver, None) => {
                self.api
                    .create(&PostParams::default(), &self.lease(None, &self.me))
                    .await
            }
            (Decision::Renew | Decision::TakeOver, Some(lease)) => {
                self.api
                    .replace(&self.name, &PostParams::default(), &self.lease(Some(&lease), &self.me))
                    .await
            }
        };
        match written {
            Ok(written) => {
                self.memory(|memory, now| {
                    memory.see(&observe(&written), now);
                    // Counted from before the write: the API server may have taken it then.
                    memory.renewed = Some(begun);
                });
                Ok(())
            }
            Err(kube::Error::Api(status)) if status.is_conflict() || status.is_already_exists() => Ok(()), /* lost the race */
            Err(error) => Err(error),
        }
    }

    async fn release(&self) -> Result<(), kube::Error> {
        self.memory(|memory, _| memory.renewed = None);
        match self.api.get_opt(&self.name).await? {
            Some(lease) if observe(&lease).holder == self.me => {
                self.api
                    .replace(&self.name, &PostParams::default(), &self.lease(Some(&lease), ""))
                    .await?;
                info!("released the lease");
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The lease to write. With the resource version of the one it replaces, so that a race has one winner.
    fn lease(&self, before: Option<&Lease>, holder: &str) -> Lease {
        let spec = before.and_then(|lease| lease.spec.as_ref());
        let same_holder = spec.and_then(|spec| spec.holder_identity.as_deref()) == Some(holder);
        let transitions = spec.and_then(|spec| spec.lease_transitions).unwrap_or(0);
        let now = MicroTime(Timestamp::now());
        let acquired = spec.and_then(|spec| spec.acquire_time.clone()).filter(|_| same_holder);
        Lease {
            metadata: ObjectMeta {
                name: Some(self.name.clone()),
                resource_version: before.and_then(|lease| lease.metadata.resource_version.clone()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(holder.to_owned()),
                lease_duration_seconds: i32::try_from(LEASE_DURATION.as_secs()).ok(),
                acquire_time: Some(acquired.unwrap_or_else(|| now.clone())),
                renew_time: Some(now),
                lease_transitions: Some(if same_holder {
                    transitions
                } else {
                    transitions.saturating_add(1)
                }),
                ..LeaseSpec::default()
            }),
        }
    }
}

fn observe(lease: &Lease) -> Observed {
    let spec = lease.spec.as_ref();
    Observed {
        holder: spec.and_then(|spec| spec.holder_identity.clone()).unwrap_or_default(),
        resource_version: lease.metadata.resource_version.clone().unwrap_or_default(),
        duration: spec
            .and_then(|spec| u64::try_from(spec.lease_duration_seconds?).ok())
            .filter(|seconds| *seconds > 0)
            .map_or(LEASE_DURATION, Duration::from_secs),
    }
}
