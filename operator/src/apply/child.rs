//! Applies one child, if it is not as wanted already and belongs to the destination.

use std::{
    collections::{HashMap, hash_map::DefaultHasher},
    fmt::Debug,
    hash::{Hash as _, Hasher as _},
};

use k8s_openapi::{NamespaceResourceScope, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{Patch, PatchParams},
    runtime::reflector::{ObjectRef, Store},
};
use serde::{Serialize, de::DeserializeOwned};

use super::MANAGER;

/// Longest that is repeated of what the API server said, in characters.
const MAX_WORDS: usize = 512;

/// The children of one destination as they were after they were applied: by kind and name, what was wanted, and the
/// resource version that came of it. As long as both are the same, nothing is written.
#[derive(Debug, Clone, Default)]
pub struct AppliedChildren(HashMap<(String, String), (u64, String)>);

/// What an apply did.
#[derive(Debug)]
pub enum Applied<K> {
    /// The child was as wanted.
    Unchanged,
    /// The child was written, and is this now. The watch shows it later.
    Written(Box<K>),
}

impl<K> Applied<K> {
    /// How many objects were written.
    pub fn count(&self) -> u64 {
        match self {
            Self::Unchanged => 0,
            Self::Written(_) => 1,
        }
    }
}

/// Why a child was not applied.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// An object of that name belongs to somebody else. It is not touched.
    #[error("{kind} \"{name}\" exists and does not belong to this destination")]
    NameConflict {
        /// Kind of the object.
        kind: String,
        /// Its name.
        name: String,
    },
    /// The API server did not take it.
    #[error("failed to apply {kind} \"{name}\": {}", said(source))]
    Kubernetes {
        /// Kind of the object.
        kind: String,
        /// Its name.
        name: String,
        /// What it said.
        source: Box<kube::Error>,
    },
}

impl ApplyError {
    /// Whether the namespace is on its way out, and the destination with it: nothing is left to do and nobody to tell.
    pub fn is_namespace_terminating(&self) -> bool {
        let Self::Kubernetes { source, .. } = self else {
            return false;
        };
        let kube::Error::Api(status) = &**source else {
            return false;
        };
        let causes = status.details.iter().flat_map(|details| &details.causes);
        causes.into_iter().any(|cause| cause.reason == "NamespaceTerminating")
    }
}

/// What the API server said, without the rest of its answer: it goes into a condition, where people read it. A webhook
/// may say a lot.
fn said(error: &kube::Error) -> String {
    let words = match error {
        kube::Error::Api(status) => status.message.clone(),
        other => other.to_string(),
    };
    words.chars().take(MAX_WORDS).collect()
}

/// Applies `wanted`, which belongs to the owner with the UID `owner`.
///
/// # Errors
///
/// See [`ApplyError`].
pub async fn apply<K>(
    client: &Client,
    store: &Store<K>,
    wanted: &K,
    owner: &str,
    known: &mut AppliedChildren,
) -> Result<Applied<K>, ApplyError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + Serialize
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let (kind, name) = (K::kind(&()).into_owned(), wanted.name_any());
    let namespace = wanted.namespace().unwrap_or_default();
    let api: Api<K> = Api::namespaced(client.clone(), &namespace);
    let failed = |source: kube::Error| ApplyError::Kubernetes {
        kind: kind.clone(),
        name: name.clone(),
        source: Box::new(source),
    };
    let fingerprint = fingerprint(wanted);
    let key = (kind.clone(), name.clone());
    let seen = store.get(&ObjectRef::new(&name).within(&namespace));
    let seen = match seen {
        Some(seen) => Some(seen.meta().clone()),
        // It may exist without our label, or be older than the watch.
        None => api
            .get_metadata_opt(&name)
            .await
            .map_err(failed)?
            .map(|found| found.metadata),
    };
    let exists = seen.is_some();
    let uid = seen.as_ref().and_then(|seen| seen.uid.clone());
    if let Some(seen) = seen {
        if !is_controlled_by(&seen, owner) {
            return Err(ApplyError::NameConflict { kind, name });
        }
        let version = seen.resource_version.unwrap_or_default();
        if known
            .0
            .get(&key)
            .is_some_and(|before| *before == (fingerprint, version))
        {
            return Ok(Applied::Unchanged);
        }
    }
    let mut wanted = wanted.clone();
    // Not another one that has taken the name in the meantime.
    wanted.meta_mut().uid = uid;
    let parameters = PatchParams::apply(MANAGER).force();
    let applied = match api.patch(&name, &parameters, &Patch::Apply(&wanted)).await {
        // An entry that somebody else wrote into a list of ours can be at odds with our own, and an apply does not
        // remove it: a port that was renumbered by hand keeps its name. A merge patch replaces lists whole.
        Err(kube::Error::Api(status)) if status.is_invalid() && exists => {
            let merge = api.patch(&name, &PatchParams::default(), &Patch::Merge(&wanted)).await;
            merge.map_err(failed)?;
            api.patch(&name, &parameters, &Patch::Apply(&wanted))
                .await
                .map_err(failed)?
        }
        applied => applied.map_err(failed)?,
    };
    known
        .0
        .insert(key, (fingerprint, applied.resource_version().unwrap_or_default()));
    Ok(Applied::Written(Box::new(applied)))
}

fn is_controlled_by(metadata: &ObjectMeta, owner: &str) -> bool {
    let owners = metadata.owner_references.as_deref().unwrap_or_default();
    owners
        .iter()
        .any(|reference| reference.controller == Some(true) && reference.uid == owner)
}

fn fingerprint<K: Serialize>(wanted: &K) -> u64 {
    let mut hasher = DefaultHasher::new();
    serde_json::to_vec(wanted)
        .expect("an object of plain data serializes")
        .hash(&mut hasher);
    hasher.finish()
}
