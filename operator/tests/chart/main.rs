//! The rights that the chart grants: only what the operator uses, and nothing that could read a secret or swap an
//! image.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test reports")]

mod policies;
mod rendered;
#[path = "../rights/mod.rs"]
mod rights;

use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rule {
    api_groups: Vec<String>,
    resources: Vec<String>,
    #[serde(default)]
    resource_names: Vec<String>,
    verbs: Vec<String>,
}

fn rules() -> Vec<Rule> {
    parse(rights::rules())
}

fn lease_rules() -> Vec<Rule> {
    parse(&rights::lease_rules())
}

/// A loop over no rules would find nothing wrong with them.
fn parse(rules: &str) -> Vec<Rule> {
    let rules: Vec<Rule> = serde_yaml::from_str(rules).unwrap();
    assert!(!rules.is_empty(), "the chart grants nothing, or is read wrongly");
    for rule in &rules {
        assert!(!rule.resources.is_empty() && !rule.verbs.is_empty(), "{rule:?}");
    }
    rules
}

#[test]
fn no_rule_has_a_wildcard_and_none_is_about_secrets_or_rights() {
    for rule in rules().iter().chain(&lease_rules()) {
        for word in rule.api_groups.iter().chain(&rule.resources).chain(&rule.verbs) {
            assert!(!word.contains('*'), "{rule:?}");
        }
        for resource in &rule.resources {
            let forbidden = [
                "secrets",
                "pods/exec",
                "pods/ephemeralcontainers",
                "nodes",
                "roles",
                "clusterroles",
            ];
            assert!(!forbidden.contains(&resource.as_str()), "{rule:?}");
        }
        for verb in ["escalate", "bind", "impersonate", "deletecollection"] {
            assert!(!rule.verbs.iter().any(|granted| granted == verb), "{rule:?}");
        }
        if rule.verbs.iter().any(|granted| granted == "delete") {
            let is_known = ["statefulsets", "persistentvolumeclaims"].contains(&rule.resources[0].as_str());
            assert!(is_known && rule.resources.len() == 1, "{rule:?}");
        }
    }
}

#[test]
fn of_pods_only_the_status_may_be_patched() {
    let rules = rules();
    let about_pods: Vec<&Rule> = rules
        .iter()
        .filter(|rule| rule.resources.iter().any(|one| one.starts_with("pods")))
        .collect();
    assert_eq!(about_pods.len(), 2, "pods to watch and their status to patch");
    for rule in about_pods {
        match rule.resources[0].as_str() {
            "pods" => assert_eq!(rule.verbs, ["get", "list", "watch"]),
            _ => assert_eq!(
                (rule.resources.as_slice(), rule.verbs.as_slice()),
                (&["pods/status".to_owned()][..], &["patch".to_owned()][..])
            ),
        }
        assert!(rule.resources.len() == 1, "{rule:?}");
    }
}

#[test]
fn only_one_lease_may_be_written() {
    for rule in lease_rules() {
        assert_eq!(rule.resources, ["leases"]);
        // A name cannot restrict what is created: it is not known yet.
        let named = rule.resource_names == ["firehose-operator"] && rule.verbs == ["get", "update"];
        assert!(named || rule.verbs == ["create"], "{rule:?}");
    }
}

#[test]
fn people_get_rights_over_destinations_and_nothing_else() {
    for rule in parse(rights::edit_rules()) {
        assert_eq!(rule.api_groups, ["firehose-operator.dev"]);
        assert_eq!(rule.resources, ["firehosedestinations", "firehosedestinations/scale"]);
        assert!(!rule.verbs.iter().any(|verb| verb == "*"), "{rule:?}");
    }
}

#[test]
fn every_rule_is_granted_by_one_role_that_all_scopes_share() {
    let uses = rights::RBAC.matches("include \"firehose-operator.rules\"").count();
    assert_eq!(uses, 2, "the ClusterRole and the Role of a namespace");
}
