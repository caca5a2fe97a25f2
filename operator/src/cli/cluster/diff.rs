//! `firehose-operator diff`: what would become of a destination's children, by child and field, if a file were applied.
//!
//! Two plans are compared, of the object in the cluster and of the one in the file. What belongs to the installation of
//! the operator is the same in both, so it need not be known. Where the object in the cluster is refused, what runs is
//! older than it; then the file is compared with what the operator has applied.

use firehose_operator_api::{
    FirehoseDestination, Reconciliation,
    admission::{admit, is_destination},
    manifests::{self, Unreadable},
};
use k8s_openapi::{NamespaceResourceScope, api::networking::v1::NetworkPolicy};
use kube::{Api, ResourceExt as _, api::PostParams};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    changes::{Change, changes},
    connection::Cluster,
};
use crate::{
    apply::MANAGER,
    plan::{
        self, Allowed, Children, Installation, Networks, PodIdentityAgent, ProxyUser, Validated, owned, unchangeable,
    },
};

/// What would become of one destination.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Difference {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Why it would be refused, a line each. Then nothing would change.
    pub refusals: Vec<String>,
    /// The children that would change, in the order in which they are applied.
    pub children: Vec<ChildChange>,
    /// What a person should know beside it.
    pub notes: Vec<String>,
}

/// What would become of a child.
#[derive(Debug, Clone, PartialEq)]
pub enum ChildChange {
    /// It would be made.
    Created {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// Its fields would change.
    Changed {
        /// Its kind.
        kind: &'static str,
        /// Its name.
        name: String,
        /// The fields.
        fields: Vec<Change>,
    },
}

impl Difference {
    /// Whether applying the file would be refused or change something.
    pub fn is_any(&self) -> bool {
        !self.refusals.is_empty() || !self.children.is_empty()
    }
}

/// Why it cannot be said.
#[derive(Debug, thiserror::Error)]
pub enum NoDifference {
    /// The file is no file of manifests.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// It holds no destination.
    #[error("the file holds no FirehoseDestination")]
    None,
    /// The API server does not answer, or does not let this person see.
    #[error("failed to read {what} {name:?} in {namespace:?}")]
    Call {
        /// Kind of what was asked for.
        what: &'static str,
        /// Its name.
        name: String,
        /// Its namespace.
        namespace: String,
        /// What happened.
        source: Box<kube::Error>,
    },
}

/// What would become of every destination of a file. A list of the installation that is not given is not checked.
///
/// # Errors
///
/// See [`NoDifference`].
pub async fn diff(cluster: &Cluster, text: &str, allowed: &Allowed) -> Result<Vec<Difference>, NoDifference> {
    let mut found = Vec::new();
    for manifest in manifests::objects(text)?
        .iter()
        .filter(|manifest| is_destination(manifest))
    {
        found.push(Box::pin(of_manifest(cluster, manifest, allowed)).await?);
    }
    match found.is_empty() {
        true => Err(NoDifference::None),
        false => Ok(found),
    }
}

async fn of_manifest(cluster: &Cluster, manifest: &Value, allowed: &Allowed) -> Result<Difference, NoDifference> {
    let text = |field: &str| manifest["metadata"][field].as_str();
    let children = Reader {
        cluster,
        namespace: text("namespace").unwrap_or(&cluster.namespace),
    };
    let mut difference = Difference {
        namespace: children.namespace.to_owned(),
        name: text("name").unwrap_or_default().to_owned(),
        ..Difference::default()
    };
    let running: Option<FirehoseDestination> = children.get("FirehoseDestination", &difference.name).await?;
    let Some(wanted) = children.admitted(manifest, running.as_ref(), &mut difference).await? else {
        return Ok(difference);
    };
    let installation = children
        .installation(running.as_ref(), &difference.name, allowed)
        .await?;
    let validated = match plan::validate(&wanted, allowed) {
        Ok(validated) => validated,
        Err(rejections) => {
            difference.refusals = rejections.iter().map(ToString::to_string).collect();
            return Ok(difference);
        }
    };
    if wanted.spec.reconciliation == Reconciliation::Paused {
        difference
            .notes
            .push("spec.reconciliation is Paused: none of it happens until it is Active".to_owned());
    }
    let after = plan::children(&validated, &installation);
    let before = running.as_ref().map(|running| plan::validate(running, allowed));
    let before = match before {
        Some(Ok(before)) => Some(plan::children(&before, &installation)),
        Some(Err(rejections)) => {
            difference.notes.push(format!(
                "the object in the cluster is refused ({}), so the file is compared with what runs",
                rejections.first().map(ToString::to_string).unwrap_or_default()
            ));
            None
        }
        None => None,
    };
    children.compare(before.as_ref(), &after, &mut difference).await?;
    if let Some(restart) = restart(&difference, &validated) {
        difference.notes.push(restart);
    }
    Ok(difference)
}

/// Whether pods would be replaced: the one thing that an edit of mappings never does.
fn restart(difference: &Difference, validated: &Validated) -> Option<String> {
    let is_of_pods = |child: &ChildChange| match child {
        ChildChange::Changed { kind, fields, .. } => {
            *kind == "StatefulSet" && fields.iter().any(|change| change.field.starts_with("spec.template"))
        }
        ChildChange::Created { .. } => false,
    };
    let is_created = |child: &ChildChange| {
        matches!(
            child,
            ChildChange::Created {
                kind: "StatefulSet",
                ..
            }
        )
    };
    if difference.children.iter().any(is_created) || difference.children.is_empty() {
        return None;
    }
    Some(match difference.children.iter().any(is_of_pods) {
        true => format!("the {} pods are replaced, one after the other", validated.replicas()),
        false => "no pod is replaced".to_owned(),
    })
}

/// Reads what is in the cluster.
struct Reader<'a> {
    cluster: &'a Cluster,
    namespace: &'a str,
}

impl Reader<'_> {
    async fn get<K>(&self, kind: &'static str, name: &str) -> Result<Option<K>, NoDifference>
    where
        K: kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + DeserializeOwned,
    {
        let api: Api<K> = Api::namespaced(self.cluster.client.clone(), self.namespace);
        let got = api.get_opt(name).await;
        got.map_err(|source| self.failed(kind, name, source))
    }

    fn failed(&self, what: &'static str, name: &str, source: kube::Error) -> NoDifference {
        NoDifference::Call {
            what,
            name: name.to_owned(),
            namespace: self.namespace.to_owned(),
            source: Box::new(source),
        }
    }

    /// The object as the API server would store it, which it is asked for without storing anything: its defaults, its
    /// rules about what may change, and its policies. `None` when it refuses it.
    async fn admitted(
        &self,
        manifest: &Value,
        running: Option<&FirehoseDestination>,
        difference: &mut Difference,
    ) -> Result<Option<FirehoseDestination>, NoDifference> {
        let mut admitted = match admit(manifest) {
            Ok(admitted) => admitted,
            Err(errors) => {
                difference.refusals = errors.iter().map(ToString::to_string).collect();
                return Ok(None);
            }
        };
        admitted.metadata.namespace = Some(self.namespace.to_owned());
        admitted.status = None;
        let api: Api<FirehoseDestination> = Api::namespaced(self.cluster.client.clone(), self.namespace);
        let try_it = PostParams {
            dry_run: true,
            field_manager: Some("kubectl-firehose".to_owned()),
        };
        let asked = match running {
            None => api.create(&try_it, &admitted).await,
            Some(running) => {
                admitted.metadata.uid = running.uid();
                admitted.metadata.resource_version = running.resource_version();
                admitted.metadata.finalizers.clone_from(&running.metadata.finalizers);
                api.replace(&difference.name, &try_it, &admitted).await
            }
        };
        match asked {
            Ok(stored) => Ok(Some(stored)),
            Err(kube::Error::Api(status)) if status.code == 422 => {
                let causes = status.details.iter().flat_map(|details| &details.causes);
                difference.refusals = causes
                    .map(|cause| format!("{}: {}", cause.field, cause.message))
                    .collect();
                if difference.refusals.is_empty() {
                    difference.refusals.push(status.message.clone());
                }
                Ok(None)
            }
            // Who may only look gets an answer, too.
            Err(kube::Error::Api(status)) if status.code == 403 => {
                difference
                    .notes
                    .push(format!("not tried on the API server: {}", status.message));
                Ok(Some(admitted))
            }
            Err(source) => Err(self.failed("FirehoseDestination", &difference.name, source)),
        }
    }

    /// What can be seen of the installation. The rest of it is the same in both plans.
    async fn installation(
        &self,
        running: Option<&FirehoseDestination>,
        name: &str,
        allowed: &Allowed,
    ) -> Result<Installation, NoDifference> {
        let effective = running.and_then(|running| running.status.as_ref()?.effective.as_ref());
        let image = effective.and_then(|effective| effective.image.clone());
        let policy: Option<NetworkPolicy> = match running {
            Some(_) => self.get("NetworkPolicy", &plan::Names::of(name).workload).await?,
            None => None,
        };
        Ok(Installation {
            proxy_image: image.unwrap_or_else(|| "(of the installation)".to_owned()),
            image_pull_policy: None,
            architecture: None,
            allowed: allowed.clone(),
            proxy_user: ProxyUser::Fixed,
            web_identity_audience: "(of the installation)".to_owned(),
            pod_identity_agent: PodIdentityAgent::default(),
            networks: policy.map(|_| Networks {
                operator_namespace: "(of the installation)".to_owned(),
                monitoring_namespaces: Vec::new(),
            }),
            proxies: plan::ProxySettings::default(),
        })
    }

    /// Every child, in the order in which they are applied.
    async fn compare(
        &self,
        before: Option<&Children>,
        after: &Children,
        difference: &mut Difference,
    ) -> Result<(), NoDifference> {
        let config_map = before.map(|all| &all.config_map);
        self.child("ConfigMap", config_map, &after.config_map, difference)
            .await?;
        let account = before.map(|all| &all.service_account);
        self.child("ServiceAccount", account, &after.service_account, difference)
            .await?;
        let headless = before.map(|all| &all.headless_service);
        self.child("Service", headless, &after.headless_service, difference)
            .await?;
        let service = before.map(|all| &all.service);
        self.child("Service", service, &after.service, difference).await?;
        let budget = before.map(|all| &all.disruption_budget);
        self.child("PodDisruptionBudget", budget, &after.disruption_budget, difference)
            .await?;
        if let Some(policy) = &after.network_policy {
            let old = before.and_then(|all| all.network_policy.as_ref());
            self.child("NetworkPolicy", old, policy, difference).await?;
        }
        let workload = before.map(|all| &all.stateful_set);
        let running = self
            .child("StatefulSet", workload, &after.stateful_set, difference)
            .await?;
        if let Some(rejection) = running.and_then(|running| unchangeable(&running, &after.stateful_set)) {
            difference.refusals.push(rejection.to_string());
            difference.children.clear();
        }
        Ok(())
    }

    /// Notes what would become of a child; returns what is there.
    async fn child<K>(
        &self,
        kind: &'static str,
        before: Option<&K>,
        after: &K,
        difference: &mut Difference,
    ) -> Result<Option<K>, NoDifference>
    where
        K: k8s_openapi::Resource<Scope = NamespaceResourceScope>
            + kube::Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + std::fmt::Debug
            + Serialize
            + DeserializeOwned,
    {
        let name = after.name_any();
        let Some(running) = self.get::<K>(kind, &name).await? else {
            difference.children.push(ChildChange::Created { kind, name });
            return Ok(None);
        };
        let before = before.cloned().or_else(|| owned(&running, MANAGER));
        let before = before.map(|before| comparable(&before)).unwrap_or_default();
        let fields = changes(&before, &comparable(after));
        if !fields.is_empty() {
            difference.children.push(ChildChange::Changed { kind, name, fields });
        }
        Ok(Some(running))
    }
}

/// A child without what follows from the rest of it, and with the document in it as a value.
fn comparable<K: Serialize>(child: &K) -> Value {
    let mut value = serde_json::to_value(child).unwrap_or_default();
    if let Some(metadata) = value["metadata"].as_object_mut() {
        metadata.remove("ownerReferences");
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.retain(|key, _| !FOLLOWS.contains(&key.as_str()));
        }
    }
    for name in ["apiVersion", "kind"] {
        if let Some(fields) = value.as_object_mut() {
            fields.remove(name);
        }
    }
    let document = value["data"]["config.yaml"]
        .as_str()
        .and_then(|text| serde_yaml::from_str::<Value>(text).ok());
    if let Some(mut document) = document {
        if let Some(fields) = document.as_object_mut() {
            fields.remove("revision");
        }
        value["data"] = json!({"config.yaml": document});
    }
    value
}

/// Annotations that say in one hash what else says in fields.
const FOLLOWS: &[&str] = &[plan::REVISION_ANNOTATION, "firehose-operator.dev/rendered"];
