//! The rights that the chart grants, as its templates write them: they hold no template language, so they can be read
//! without rendering the chart.

/// The chart's templates of its roles.
pub(crate) const RBAC: &str = include_str!("../../../charts/firehose-operator/templates/rbac.yaml");
const HELPERS: &str = include_str!("../../../charts/firehose-operator/templates/_helpers.tpl");

/// What the operator may do with destinations and their children, as YAML.
pub(crate) fn rules() -> &'static str {
    let (_, rules) = HELPERS
        .split_once("{{- define \"firehose-operator.rules\" -}}")
        .unwrap();
    rules.split_once("{{- end }}").unwrap().0
}

/// What it may do with its lease, as YAML.
pub(crate) fn lease_rules() -> &'static str {
    let (_, role) = RBAC.split_once("-lease\n").unwrap();
    let (_, rules) = role.split_once("rules:\n").unwrap();
    rules.split_once("---").unwrap().0
}
