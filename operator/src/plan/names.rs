//! Names, labels and ports of a destination's children.

use std::collections::BTreeMap;

/// Port of the event endpoint.
pub const EVENTS_PORT: i32 = 8080;

/// Port of metrics, probes and the report. Reached by the operator on the pods, not through the Service.
pub const ADMIN_PORT: i32 = 9090;

/// Label that names the destination of a child. Also what the pods of one destination are selected by.
pub const DESTINATION_LABEL: &str = "firehose-operator.dev/destination";

/// Selects every child that this operator applies.
pub const MANAGED_SELECTOR: &str = "app.kubernetes.io/managed-by=firehose-operator";

/// Selects the pods of every destination.
pub const POD_SELECTOR: &str = "app.kubernetes.io/name=firehose-proxy";

/// Prefixes of labels and annotations that tenants may not set on pods.
const OWN_PREFIXES: &[&str] = &["firehose-operator.dev/", "app.kubernetes.io/"];

const COMPONENT: &str = "firehose-proxy";

/// Names of a destination's children. A destination's name has at most 40 characters, which leaves room for these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// ConfigMap, ServiceAccount, StatefulSet, Service and PodDisruptionBudget.
    pub workload: String,
    /// The headless Service.
    pub headless: String,
}

impl Names {
    /// The names of the children of the destination `name`.
    pub fn of(name: &str) -> Self {
        Self {
            workload: format!("{name}-firehose"),
            headless: format!("{name}-firehose-pods"),
        }
    }
}

/// Labels that select the pods of the destination `name`. They cannot change: a StatefulSet's selector is immutable.
pub fn selector(name: &str) -> BTreeMap<String, String> {
    BTreeMap::from([
        ("app.kubernetes.io/name".to_owned(), COMPONENT.to_owned()),
        (DESTINATION_LABEL.to_owned(), name.to_owned()),
    ])
}

/// Whether a key of a label or an annotation is for the operator alone to set.
pub(super) fn is_own(key: &str) -> bool {
    OWN_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
}

/// Labels of every child of the destination `name`.
pub(super) fn labels(name: &str) -> BTreeMap<String, String> {
    let mut labels = selector(name);
    labels.insert("app.kubernetes.io/instance".to_owned(), name.to_owned());
    labels.insert(
        "app.kubernetes.io/managed-by".to_owned(),
        "firehose-operator".to_owned(),
    );
    labels
}
