//! The rights that the chart grants, as its templates write them: they hold hardly any template language, so they can
//! be read without rendering the chart.

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

/// What it may do with its lease, as YAML, in a release `firehose-operator`.
pub(crate) fn lease_rules() -> String {
    let (_, role) = RBAC.split_once(" }}-lease\n").unwrap();
    let (_, rules) = role.split_once("rules:\n").unwrap();
    let (rules, _) = rules.split_once("---").unwrap();
    let name = "{{ include \"firehose-operator.fullname\" . }}";
    assert!(rules.contains(name), "the lease is named after the release");
    rules.replace(name, "firehose-operator")
}

/// What people of a namespace may do with destinations, as YAML.
const TENANTS: &str = include_str!("../../../charts/firehose-operator/templates/tenantroles.yaml");

/// The rights that the chart adds to the cluster's role `edit`, as YAML.
pub(crate) fn edit_rules() -> &'static str {
    let (_, role) = TENANTS.split_once(" }}-edit\n").unwrap();
    role.split_once("rules:\n")
        .unwrap()
        .1
        .split_once("{{- end }}")
        .unwrap()
        .0
}

/// The chart's template of its admission policies.
const POLICIES: &str = include_str!("../../../charts/firehose-operator/templates/admissionpolicy.yaml");

/// What stands for the template language in the policies.
const RENDERED: &[(&str, &str)] = &[
    (".Release.Namespace", "firehose-system"),
    ("include \"firehose-operator.fullname\" .", "firehose-operator"),
    (
        "include \"firehose-operator.clusterName\" .",
        "firehose-system.firehose-operator",
    ),
    (".Values.proxy.image.repository", "registry.example/firehose-proxy"),
    (".Values.proxy.webIdentityAudience", "sts.amazonaws.com"),
    ("- include \"firehose-operator.labels\" . | nindent 4 ", " {}"),
];

/// The admission policies of an installation `firehose-operator` in the namespace `firehose-system`, as YAML.
pub(crate) fn admission_policies() -> Vec<String> {
    let (_, policies) = POLICIES
        .split_once("{{- if .Values.admissionPolicy.enabled }}\n---\n")
        .unwrap();
    let (policies, _) = policies.split_once("{{- range list").unwrap();
    let mut text = policies.to_owned();
    for (expression, value) in RENDERED {
        let written = if expression.starts_with('-') {
            format!("{{{{{expression}}}}}")
        } else {
            format!("{{{{ {expression} }}}}")
        };
        assert!(text.contains(&written), "{written}");
        text = text.replace(&written, value);
    }
    assert!(!text.contains("{{"), "template language that this test does not know");
    text.split("---\n").map(str::to_owned).collect()
}
