//! docs/metrics.md beside what the operator exports.
#![cfg(feature = "controller")]
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{collections::BTreeSet, time::Duration};

use firehose_operator::metrics::{Metrics, Outcome, Sources, register_sources};
use prometheus_client::{encoding::text::encode, registry::Registry};

const MANUAL: &str = include_str!("../../docs/metrics.md");

/// What the operator exports when everything has happened once.
fn exported() -> String {
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    metrics.count(Outcome::Settled, "Settled".to_owned());
    metrics.api_calls.count("patch", Some(200));
    metrics.show_rollout("Waiting", 3);
    let sources = Sources {
        conditions: Box::new(|| vec![(("Ready".to_owned(), "True".to_owned()), 7)]),
        waiting: Box::new(|| (2, Duration::from_secs(5))),
        renewed: Box::new(|| Some(Duration::from_secs(1))),
    };
    register_sources(sources, &mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).unwrap();
    text
}

/// The names in a part of the manual.
fn documented(part: &str) -> BTreeSet<String> {
    let rows = part.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.map(|row| row.split('`').next().unwrap().to_owned()).collect()
}

#[test]
fn every_metric_of_the_operator_is_in_the_manual_and_nothing_else_is() {
    let text = exported();
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let names = types.map(|line| {
        let (name, kind) = line.split_once(' ').unwrap();
        if kind == "counter" {
            format!("{name}_total")
        } else {
            name.to_owned()
        }
    });
    let (_, part) = MANUAL.split_once("\n# Metrics of the operator\n").unwrap();
    assert_eq!(names.collect::<BTreeSet<_>>(), documented(part));
}

#[test]
fn what_is_looked_at_when_somebody_scrapes_is_told_as_it_is() {
    let text = exported();
    for line in [
        "firehose_operator_destinations{condition=\"Ready\",status=\"True\"} 7",
        "firehose_operator_queue_destinations 2.0",
        "firehose_operator_queue_age_seconds 5.0",
        "firehose_operator_lease_renewed_seconds 1.0",
        "firehose_operator_reconciles_total{outcome=\"Settled\",reason=\"Settled\"} 1",
        "firehose_operator_api_requests_total{verb=\"patch\",code=\"200\"} 1",
        "firehose_operator_rollout_destinations{stage=\"Waiting\"} 3",
    ] {
        assert!(text.lines().any(|one| one == line), "no {line} in {text}");
    }
}

#[test]
fn alerts_name_metrics_that_there_are() {
    let (_, alerts) = MANUAL.split_once("```yaml\n").unwrap();
    let (alerts, _) = alerts.split_once("```").unwrap();
    let all = documented(MANUAL);
    let mut named = 0;
    for line in alerts.lines().filter_map(|line| line.trim().strip_prefix("expr: ")) {
        let words = line.split(|character: char| !character.is_ascii_alphanumeric() && character != '_');
        for word in words.filter(|word| word.starts_with("firehose_")) {
            named += 1;
            assert!(all.contains(word), "{word} is in no table");
        }
    }
    assert!(named >= 9, "the alerts were not found");
}
