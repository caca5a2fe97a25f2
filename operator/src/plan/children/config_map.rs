//! The configuration document as a ConfigMap, which the pods mount and take over without a restart.

use std::collections::BTreeMap;

use firehose_proxy_config::{Document, FILE_NAME, render};
use k8s_openapi::{api::core::v1::ConfigMap, apimachinery::pkg::apis::meta::v1::ObjectMeta};

use super::object::{metadata, workload_name};
use crate::plan::{Installation, Validated};

/// Annotation with the revision of the document in a ConfigMap.
pub const REVISION_ANNOTATION: &str = "firehose-operator.dev/revision";

/// Key of the installation's certificates, and name of the file that a pod sees.
pub(super) const CA_BUNDLE_KEY: &str = "ca-bundle.pem";

pub(super) fn config_map(validated: &Validated, document: &Document, installation: &Installation) -> ConfigMap {
    let text = render(document).expect("a document of plain data serializes");
    let bundle = installation.proxies.ca_bundle.iter();
    let bundle = bundle.map(|bundle| (CA_BUNDLE_KEY.to_owned(), bundle.pem().to_owned()));
    ConfigMap {
        metadata: ObjectMeta {
            annotations: Some(BTreeMap::from([(
                REVISION_ANNOTATION.to_owned(),
                document.revision.clone(),
            )])),
            ..metadata(validated, workload_name(validated))
        },
        data: Some(bundle.chain([(FILE_NAME.to_owned(), text)]).collect()),
        ..ConfigMap::default()
    }
}
