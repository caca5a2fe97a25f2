//! The definition of destinations, as the chart brings it. What it does about one that is there already is tested
//! against an API server.

use std::fs;

use firehose_tests::workspace;

use crate::{by_both, chart};

#[test]
#[ignore = "needs Helm: cargo xtask test chart"]
fn the_chart_brings_the_definition_unchanged_but_for_labels_and_that_it_stays() {
    let rendered = by_both("release", &["--show-only", "templates/crd.yaml"]);
    let (head, rest) = rendered
        .split_once("  annotations:\n    helm.sh/resource-policy: keep\n")
        .unwrap();
    let (head, labels) = head.split_once("  labels:\n").unwrap();
    assert_eq!(labels.lines().count(), 5, "{labels}");
    let (_, head) = head.split_once("templates/crd.yaml\n").unwrap();
    let stored = fs::read_to_string(workspace::root().join("crds/firehosedestinations.yaml")).unwrap();
    assert!(
        format!("{head}{rest}").trim_end() == stored.trim_end(),
        "it differs from crds/"
    );
}

#[test]
#[ignore = "needs Helm: cargo xtask test chart"]
fn it_goes_with_its_release_where_that_is_asked_for_and_is_left_out_where_it_is_not_wanted() {
    let show = ["--show-only", "templates/crd.yaml"];
    let rendered = by_both("release", &[&show[..], &["--set", "crds.keep=false"]].concat());
    assert!(!rendered.contains("resource-policy"));
    let without = by_both("release", &["--set", "crds.enabled=false"]);
    assert!(!without.contains("kind: CustomResourceDefinition"));
}

/// Helm installs what is in such a folder before anything of the chart has a say, and never upgrades it.
#[test]
fn no_definition_is_where_helm_itself_would_take_it() {
    let taken = fs::read_dir(chart().join("crds")).map_or(0, Iterator::count);
    assert_eq!(taken, 0, "move it to files/");
}
