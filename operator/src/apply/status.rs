//! Writes the status of a destination.

use firehose_operator_api::{FirehoseDestination, FirehoseDestinationStatus};
use kube::{
    Api, Client,
    api::{Patch, PatchParams},
};
use serde_json::json;

/// Field manager of the status: another than the children's, because they are written at different times.
const MANAGER: &str = "firehose-operator-status";

/// Applies a status. A destination that is gone is no error.
///
/// # Errors
///
/// When the API server does not take it.
pub async fn write_status(
    client: &Client,
    namespace: &str,
    name: &str,
    status: &FirehoseDestinationStatus,
) -> Result<(), kube::Error> {
    let api: Api<FirehoseDestination> = Api::namespaced(client.clone(), namespace);
    let object = json!({
        "apiVersion": "firehose-operator.dev/v1alpha1",
        "kind": "FirehoseDestination",
        "metadata": {"name": name},
        "status": status,
    });
    match api
        .patch_status(name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&object))
        .await
    {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => Ok(()),
        Err(error) => Err(error),
    }
}
