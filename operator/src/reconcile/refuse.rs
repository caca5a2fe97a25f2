//! One round of an object that cannot be read: its status says so, and nothing else is touched.

use firehose_operator_api::FirehoseDestinationStatus;
use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

use tracing::warn;

use super::{
    context::{Context, Remembered},
    error::Error,
};
use crate::{
    apply::{Written, write_status},
    observe::Unreadable,
    verify::unreadable,
};

/// Writes the status if it says something new.
pub(super) async fn refuse(object: &Unreadable, context: &Context, remembered: &mut Remembered) -> Result<(), Error> {
    let metadata = &object.metadata;
    let (before, version) = remembered.status.newest(metadata, Some(&object.status));
    let status: FirehoseDestinationStatus =
        unreadable(&object.error, metadata.generation, &before, &Time(Timestamp::now()));
    if before == status {
        return Ok(());
    }
    warn!(namespace = ?metadata.namespace, name = ?metadata.name, error = %object.error, "failed to read a destination");
    let namespace = metadata.namespace.as_deref().unwrap_or_default();
    let name = metadata.name.as_deref().unwrap_or_default();
    let written = write_status(&context.client, namespace, name, &version, &status).await;
    // Where it is outdated, the watch is about to show a newer object.
    if let Written::As(written) = written.map_err(|error| Error::Status(Box::new(error)))? {
        context.metrics.status_writes.inc();
        remembered.status.wrote(status, version, written);
    }
    Ok(())
}
