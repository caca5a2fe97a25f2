//! The finalizer that holds a destination while its pods deliver, and the claims that go with it.

use firehose_operator_api::FirehoseDestination;
use k8s_openapi::{api::core::v1::PersistentVolumeClaim, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams, Preconditions},
};
use serde_json::json;

/// Holds a destination with `spec.deletion.type: Drain`.
const FINALIZER: &str = "firehose-operator.dev/drain";

/// Whether a destination is held.
pub fn is_held(destination: &ObjectMeta) -> bool {
    destination.finalizers.iter().flatten().any(|one| one == FINALIZER)
}

/// Holds a destination, or lets it go. The finalizers of others stay. When it has changed since it was read, nothing
/// happens: a later round sees it as it is.
///
/// # Errors
///
/// When the API server does not take it.
pub async fn hold(client: &Client, destination: &ObjectMeta, is_to_be_held: bool) -> Result<(), kube::Error> {
    let others = destination.finalizers.iter().flatten().filter(|one| *one != FINALIZER);
    let mut finalizers: Vec<String> = others.cloned().collect();
    if is_to_be_held {
        finalizers.push(FINALIZER.to_owned());
    }
    let patch = json!({"metadata": {
        "uid": destination.uid, "resourceVersion": destination.resource_version, "finalizers": finalizers,
    }});
    let resource = ApiResource::erase::<FirehoseDestination>(&());
    let namespace = destination.namespace.as_deref().unwrap_or_default();
    let name = destination.name.as_deref().unwrap_or_default();
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let patched = api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await;
    match patched {
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Ok(()),
    }
}

/// Deletes a claim, and not another one that has taken its name.
///
/// # Errors
///
/// When the API server does not. A claim that is gone is no error.
pub async fn delete_claim(client: &Client, claim: &PersistentVolumeClaim) -> Result<(), kube::Error> {
    let api: Api<PersistentVolumeClaim> = Api::namespaced(client.clone(), &claim.namespace().unwrap_or_default());
    let parameters = DeleteParams {
        preconditions: Some(Preconditions {
            uid: claim.uid(),
            resource_version: None,
        }),
        ..DeleteParams::default()
    };
    match api.delete(&claim.name_any(), &parameters).await {
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Ok(()),
    }
}
