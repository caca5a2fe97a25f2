//! Makes kubelet look at a pod again, and with it at the ConfigMap that the pod mounts.
//!
//! Through `pods/status`, which may change a pod's annotations but not its spec: whoever holds this right cannot swap
//! an image.

use k8s_openapi::api::core::v1::Pod;
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;

/// The annotation whose change wakes kubelet.
const ANNOTATION: &str = "firehose-operator.dev/revision";

/// Pokes a pod. `number` makes the value another one each time; the same value would change nothing and wake nobody.
///
/// # Errors
///
/// When the API server does not take the patch. A pod that is gone is no error.
pub async fn poke(client: &Client, namespace: &str, pod: &str, revision: &str, number: u32) -> Result<(), kube::Error> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let patch = json!({"metadata": {"annotations": {ANNOTATION: format!("{revision}.{number}")}}});
    match api
        .patch_status(pod, &PatchParams::default(), &Patch::Merge(&patch))
        .await
    {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}
