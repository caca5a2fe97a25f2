//! Everything that is rendered, one golden file for each file of values.

use std::{collections::BTreeSet, fs};

use crate::by_both;

fn golden(case: &str) {
    let values = format!("{}/tests/chart/values/{case}.yaml", env!("CARGO_MANIFEST_DIR"));
    let rendered = by_both("firehose-operator", &["--values", &values]);
    insta::assert_snapshot!(case, rendered);
}

#[test]
#[ignore = "needs Helm: cargo xtask test chart"]
fn the_chart_without_a_value() {
    golden("defaults");
}

#[test]
#[ignore = "needs Helm: cargo xtask test chart"]
fn the_chart_with_every_value() {
    golden("everything");
}

#[test]
#[ignore = "needs Helm: cargo xtask test chart"]
fn the_chart_of_an_installer_without_rights_in_the_cluster() {
    golden("namespaces");
    let values = format!("{}/tests/chart/values/namespaces.yaml", env!("CARGO_MANIFEST_DIR"));
    let rendered = by_both("firehose-operator", &["--values", &values]);
    let kinds: BTreeSet<&str> = rendered
        .lines()
        .filter_map(|line| line.strip_prefix("kind: "))
        .collect();
    let of_namespaces = [
        "Deployment",
        "NetworkPolicy",
        "Pod",
        "PodDisruptionBudget",
        "Role",
        "RoleBinding",
        "Service",
        "ServiceAccount",
    ];
    assert_eq!(kinds, BTreeSet::from(of_namespaces));
}

#[test]
#[ignore = "needs Helm: cargo xtask test chart"]
fn the_values_with_every_value_leave_none_out() {
    let top = |text: &str| -> BTreeSet<String> {
        let keys = text.lines().filter_map(|line| line.split_once(':'));
        let keys = keys.filter(|(key, _)| key.starts_with(|letter: char| letter.is_ascii_lowercase()));
        keys.map(|(key, _)| key.to_owned()).collect()
    };
    let read = |path: String| fs::read_to_string(path).unwrap();
    let set = top(&read(format!(
        "{}/tests/chart/values/everything.yaml",
        env!("CARGO_MANIFEST_DIR")
    )));
    let mut all = top(&read(crate::chart().join("values.yaml").display().to_string()));
    assert!(all.remove("watchNamespaces"), "a golden file of its own");
    assert_eq!(set, all);
}

/// What belongs to no namespace, by kind and name.
fn cluster_wide(rendered: &str) -> BTreeSet<String> {
    let objects = rendered.split("\n---\n");
    let named = objects.filter_map(|object| {
        let field = |name: &str| object.lines().find_map(|line| line.strip_prefix(name));
        let kind = field("kind: ")?;
        let is_wide = kind.starts_with("Cluster") || kind.starts_with("Validating");
        is_wide.then(|| format!("{kind} {}", field("  name: ").unwrap()))
    });
    named.collect()
}

#[test]
#[ignore = "needs Helm: cargo xtask test chart"]
fn two_releases_have_nothing_of_the_same_name() {
    let of = |release: &str, namespace: &str| {
        cluster_wide(&by_both(
            release,
            &["--namespace", namespace, "--set", "crds.enabled=false"],
        ))
    };
    // The last two would be the same with a dash between the parts.
    let releases = [
        ("firehose-operator", "team-a"),
        ("firehose-operator", "team-b"),
        ("b-firehose-operator", "team-a"),
        ("firehose-operator", "team-a-b"),
    ];
    let mut all = BTreeSet::new();
    for (release, namespace) in releases {
        let names = of(release, namespace);
        assert_eq!(names.len(), 14, "{names:#?}");
        for name in names {
            assert!(all.insert(name.clone()), "{name}");
        }
    }
}
