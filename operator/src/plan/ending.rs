//! The document of a destination that is about to go: what its pods run, but that none of them takes events.

use firehose_proxy_config::{self as config, FILE_NAME};
use k8s_openapi::api::core::v1::ConfigMap;

use super::{REVISION_ANNOTATION, owned::owned};

/// The ConfigMap under which no pod takes events any more, because of the deletion of `generation`; `None` when it says
/// so already, or when `manager` has applied none that can be read.
pub fn without_intake(config_map: &ConfigMap, generation: i64, manager: &str) -> Option<ConfigMap> {
    let mut document = config::parse(config_map.data.as_ref()?.get(FILE_NAME)?).ok()?;
    let wanted = (0, Some(generation));
    if (document.active_replicas, document.drain_generation) == wanted {
        return None;
    }
    (document.active_replicas, document.drain_generation) = wanted;
    document.revision = config::revision(&document).expect("a document of plain data serializes");
    let text = config::render(&document).expect("a document of plain data serializes");
    let mut ours: ConfigMap = owned(config_map, manager)?;
    ours.data.get_or_insert_default().insert(FILE_NAME.to_owned(), text);
    let annotations = ours.metadata.annotations.get_or_insert_default();
    annotations.insert(REVISION_ANNOTATION.to_owned(), document.revision);
    Some(ours)
}
