//! The configuration document as a ConfigMap, which the pods mount and take over without a restart.

use std::collections::BTreeMap;

use firehose_proxy_config::{Document, FILE_NAME, render};
use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::ObjectMeta};

use super::object::{metadata, workload_name};
use crate::plan::Validated;

/// Annotation with the revision of the document in a ConfigMap.
pub const REVISION_ANNOTATION: &str = "firehose-operator.dev/revision";

pub(super) fn config_map(validated: &Validated, document: &Document) -> ConfigMap {
    let text = render(document).expect("a document of plain data serializes");
    ConfigMap {
        metadata: ObjectMeta {
            annotations: Some(BTreeMap::from([(
                REVISION_ANNOTATION.to_owned(),
                document.revision.clone(),
            )])),
            ..metadata(validated, workload_name(validated))
        },
        data: Some(BTreeMap::from([(FILE_NAME.to_owned(), text)])),
        ..ConfigMap::default()
    }
}
