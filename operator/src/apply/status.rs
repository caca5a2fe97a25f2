//! Writes the status of a destination.

use firehose_operator_api::{FirehoseDestination, FirehoseDestinationStatus};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, Patch, PatchParams},
};
use serde_json::json;

/// Field manager of the status: another than the children's, because they are written at different times.
const MANAGER: &str = "firehose-operator-status";

/// What became of a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Written {
    /// It is stored, and the destination has this resource version now.
    As(String),
    /// The destination is not as it was when the status was judged: changed or gone. Nothing was written.
    Outdated,
}

/// Applies a status that was judged on `version` of the destination. The answer is read as an object of any shape,
/// because the spec of one that cannot be read is in it too.
///
/// # Errors
///
/// When the API server does not take it.
pub async fn write_status(
    client: &Client,
    namespace: &str,
    name: &str,
    version: &str,
    status: &FirehoseDestinationStatus,
) -> Result<Written, kube::Error> {
    let resource = ApiResource::erase::<FirehoseDestination>(&());
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), namespace, &resource);
    let object = json!({
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": name, "resourceVersion": version},
        "status": status,
    });
    match api
        .patch_status(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&object))
        .await
    {
        Ok(stored) => Ok(Written::As(stored.metadata.resource_version.unwrap_or_default())),
        Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(Written::Outdated),
        Err(error) => Err(error),
    }
}
