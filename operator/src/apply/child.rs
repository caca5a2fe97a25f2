//! Brings one child to what is wanted, if it is not so already and belongs to the destination or to nobody.

use std::{collections::HashMap, fmt::Debug};

use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{DeleteParams, Patch, PatchParams, PostParams, Preconditions},
    core::Status,
    runtime::reflector::{ObjectRef, Store},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    MANAGER,
    compare::{RENDERED_ANNOTATION, has_all, hash},
    ownership::{Ownership, claim},
};

/// Longest that is repeated of what the API server said, in characters.
const MAX_WORDS: usize = 512;

/// The children of one destination that are known to be as wanted, by kind and name.
#[derive(Debug, Clone, Default)]
pub struct AppliedChildren(HashMap<(String, String), Known>);

/// What is known of a child.
#[derive(Debug, Clone)]
struct Known {
    /// Hash of what was wanted.
    hash: String,
    /// The versions that the watch may show until something happens to the child: the one that was found to be so, or
    /// that was replaced by a write that made it so, and the one that came of that.
    versions: [String; 2],
}

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

/// Brings the child to `wanted`, which belongs to the owner with the UID `owner`.
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
    let mut wanted = wanted.clone();
    // A child that was read from the API server has the hash of what it was.
    wanted.annotations_mut().remove(RENDERED_ANNOTATION);
    if wanted.annotations().is_empty() {
        wanted.meta_mut().annotations = None;
    }
    let rendered = serde_json::to_value(&wanted).expect("an object of plain data serializes");
    let hash = hash(&rendered);
    let child = Child::<K> {
        api: Api::namespaced(client.clone(), &namespace),
        kind: &kind,
        name: &name,
    };
    let key = (kind.clone(), name.clone());
    wanted
        .annotations_mut()
        .insert(RENDERED_ANNOTATION.to_owned(), hash.clone());
    let seen = match store.get(&ObjectRef::new(&name).within(&namespace)) {
        Some(seen) => seen,
        // It may exist without our label, or be older than the watch.
        None => match child.get().await? {
            Some(found) => found.into(),
            None => {
                let created = Box::pin(child.create(&wanted)).await?;
                let version = created.resource_version().unwrap_or_default();
                let versions = [version.clone(), version];
                known.0.insert(key, Known { hash, versions });
                return Ok(Applied::Written(Box::new(created)));
            }
        },
    };
    let ownership = Ownership::of(seen.meta(), wanted.meta(), owner);
    if ownership == Ownership::Foreign {
        return Err(ApplyError::NameConflict { kind, name });
    }
    let version = seen.resource_version().unwrap_or_default();
    let before = known.0.get(&key);
    if before.is_some_and(|known| known.hash == hash && known.versions.contains(&version)) {
        return Ok(Applied::Unchanged);
    }
    let is_as_wanted = || {
        let seen_value = serde_json::to_value(&*seen).expect("an object of plain data serializes");
        seen.annotations().get(RENDERED_ANNOTATION) == Some(&hash) && has_all(&seen_value, &rendered)
    };
    if ownership == Ownership::Ours && is_as_wanted() {
        let versions = [version.clone(), version];
        known.0.insert(key, Known { hash, versions });
        return Ok(Applied::Unchanged);
    }
    let is_first = before.is_none() || ownership == Ownership::Orphaned;
    let applied = Box::pin(child.replace(&seen, wanted, ownership, is_first)).await?;
    let versions = [version, applied.resource_version().unwrap_or_default()];
    known.0.insert(key, Known { hash, versions });
    Ok(Applied::Written(Box::new(applied)))
}

/// One child at the API server.
struct Child<'a, K> {
    api: Api<K>,
    kind: &'a str,
    name: &'a str,
}

impl<K> Child<'_, K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + Serialize + DeserializeOwned,
{
    fn failed(&self, source: kube::Error) -> ApplyError {
        ApplyError::Kubernetes {
            kind: self.kind.to_owned(),
            name: self.name.to_owned(),
            source: Box::new(source),
        }
    }

    async fn get(&self) -> Result<Option<K>, ApplyError> {
        self.api.get_opt(self.name).await.map_err(|error| self.failed(error))
    }

    /// Creates it, and not what somebody else has created under the name a moment before. Then counts what was created
    /// as applied.
    async fn create(&self, wanted: &K) -> Result<K, ApplyError> {
        let parameters = PostParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PostParams::default()
        };
        let created = self.api.create(&parameters, wanted).await;
        let created = created.map_err(|error| self.failed(error))?;
        let claimed = self.claim(&created, wanted, false).await?;
        Ok(claimed.unwrap_or(created))
    }

    /// Applies it in the place of `seen`, and not of another one that has taken the name in the meantime.
    async fn replace(&self, seen: &K, mut wanted: K, ownership: Ownership, is_first: bool) -> Result<K, ApplyError> {
        wanted.meta_mut().uid = seen.uid();
        let is_orphaned = ownership == Ownership::Orphaned;
        // The watch does not show who wrote what.
        if is_first && let Some(found) = self.get().await? {
            let claimed = self.claim(&found, &wanted, is_orphaned).await?;
            if is_orphaned && let Some(claimed) = claimed {
                self.claim(&claimed, &wanted, false).await?; // the owner that the first one has written
            }
        }
        let parameters = PatchParams::apply(MANAGER).force();
        match self.api.patch(self.name, &parameters, &Patch::Apply(&wanted)).await {
            Err(kube::Error::Api(status)) if is_orphaned && self.kind == "StatefulSet" && breaks_a_rule(&status) => {
                self.replace_orphaned(seen, wanted).await
            }
            // An entry that somebody else wrote into a list of ours can be at odds with our own, and an apply does not
            // remove it: a port that was renumbered by hand keeps its name. A merge patch replaces lists whole.
            Err(kube::Error::Api(status)) if self.kind == "Service" && breaks_a_rule(&status) => {
                let merge = PatchParams {
                    field_manager: Some(MANAGER.to_owned()),
                    ..PatchParams::default()
                };
                let merged = self.api.patch(self.name, &merge, &Patch::Merge(&wanted)).await;
                let merged = merged.map_err(|error| self.failed(error))?;
                self.claim(&merged, &wanted, false).await?;
                let applied = self.api.patch(self.name, &parameters, &Patch::Apply(&wanted)).await;
                applied.map_err(|error| self.failed(error))
            }
            applied => applied.map_err(|error| self.failed(error)),
        }
    }

    /// Makes an orphaned workload anew that cannot become what is wanted. Its pods stay and are taken over.
    async fn replace_orphaned(&self, seen: &K, mut wanted: K) -> Result<K, ApplyError> {
        let parameters = DeleteParams {
            preconditions: Some(Preconditions {
                uid: seen.uid(),
                resource_version: None,
            }),
            ..DeleteParams::orphan()
        };
        let deleted = self.api.delete(self.name, &parameters).await;
        deleted.map_err(|error| self.failed(error))?;
        wanted.meta_mut().uid = None;
        // While the garbage collector is at it, the name is still taken; then a later round creates it.
        self.create(&wanted).await
    }

    /// Counts what this operator has written, or with `everything` what anybody has written, as applied by it, and
    /// makes the destination its controller. Not if it has changed since it was `found`.
    async fn claim(&self, found: &K, wanted: &K, everything: bool) -> Result<Option<K>, ApplyError> {
        let Some(managed) = claim(found.managed_fields(), MANAGER, everything) else {
            return Ok(None);
        };
        let patch = json!({
            "metadata": {
                "uid": found.uid(),
                "resourceVersion": found.resource_version(),
                "managedFields": managed,
                "ownerReferences": wanted.owner_references(),
            },
        });
        let parameters = PatchParams {
            field_manager: Some(MANAGER.to_owned()),
            ..PatchParams::default()
        };
        let claimed = self
            .api
            .patch(self.name, &parameters, &Patch::<Value>::Merge(patch))
            .await;
        claimed.map(Some).map_err(|error| self.failed(error))
    }
}

/// Whether the object itself is at fault, and not what a policy or a webhook thinks of it: those name no field.
fn breaks_a_rule(status: &Status) -> bool {
    let causes = status.details.iter().flat_map(|details| &details.causes);
    status.is_invalid() && causes.into_iter().any(|cause| !cause.field.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_that_refuses_an_object_is_not_argued_with() {
        let status = |cause: Value| -> Status {
            let details = json!({"causes": [cause]});
            serde_json::from_value(json!({"code": 422, "reason": "Invalid", "details": details})).unwrap()
        };
        let at_fault = json!({"reason": "FieldValueDuplicate", "message": "m", "field": "spec.ports[1].name"});
        assert!(breaks_a_rule(&status(at_fault)));
        assert!(!breaks_a_rule(&status(json!({"message": "denied by the policy"}))));
    }
}
