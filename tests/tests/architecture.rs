//! Imports run the way `docs/ARCHITECTURE.md` says, and the check that says so notices when one does not.
#![allow(clippy::unwrap_used, reason = "a panic is how a test reports")]

use std::{fs, path::Path};

use firehose_tests::architecture::{
    Unit, check,
    laws::UNITS,
    manifests::{DIETS, dependencies},
};

fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn unit(package: &str) -> &'static Unit {
    UNITS.iter().find(|unit| unit.package == package).unwrap()
}

/// What the check says about a crate of these files.
fn planted(unit: &Unit, files: &[(&str, &str)]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    for (file, content) in files {
        let path = folder.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    check(folder.path(), unit).iter().map(ToString::to_string).collect()
}

#[test]
fn imports_run_one_way() {
    for unit in UNITS {
        let violations: Vec<String> = check(&workspace().join(unit.source), unit)
            .iter()
            .map(|violation| format!("{}/{violation}", unit.source))
            .collect();
        assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
    }
}

#[test]
fn crates_depend_on_nothing_that_they_must_not_know() {
    for diet in DIETS {
        let all = dependencies(workspace(), diet.package);
        assert!(all.contains(diet.package), "cargo tree is read wrongly: {all:?}");
        let broken = diet.broken_by(all.iter().map(String::as_str));
        assert!(
            broken.is_empty(),
            "{} depends on {broken:?}, but {}",
            diet.package,
            diet.why
        );
    }
}

#[test]
fn a_planted_import_the_wrong_way_is_found() {
    for (package, file, content) in [
        ("firehose-proxy", "aws/mod.rs", "use crate::deliver::Reason;"),
        (
            "firehose-proxy",
            "spool/mod.rs",
            "use crate::{stream::StreamId, deliver::Batch};",
        ),
        (
            "firehose-proxy",
            "spool/log/disk.rs",
            "use super::super::super::http::Server;",
        ),
        ("firehose-proxy", "spool/frame.rs", "fn f(x: crate::http::Request) {}"),
        (
            "firehose-proxy",
            "routing/table.rs",
            "fn f() { tracing::info!(x = crate::event::scan()); }",
        ),
        ("firehose-proxy", "http/server.rs", "use crate::aws;"),
        ("firehose-proxy", "http/server.rs", "use crate::*;"),
        ("firehose-proxy", "http/server.rs", "use crate::{self as root};"),
        ("firehose-proxy", "http/mod.rs", "use super::*;"),
        (
            "firehose-proxy",
            "http/mod.rs",
            "mod inner { use super::super::deliver::Batch; }",
        ),
        ("firehose-proxy", "http/mod.rs", "use aws_sdk_firehose::Client;"),
        ("firehose-proxy", "stream.rs", "use crate::routing::Table;"),
        ("firehose-proxy", "event/scan.rs", "use tokio::time::Instant;"),
        ("firehose-proxy", "event/scan.rs", "use http::Request;"),
        ("firehose-proxy", "event/scan.rs", "use ::hyper_util as x;"),
        ("firehose-proxy", "event/scan.rs", "extern crate tokio as t;"),
        (
            "firehose-proxy",
            "event/scan.rs",
            "use std::time::{Duration, SystemTime};",
        ),
        ("firehose-proxy", "event/scan.rs", "use std::time::*;"),
        ("firehose-proxy", "event/scan.rs", "use std as s;"),
        (
            "firehose-proxy",
            "event/scan.rs",
            "fn f() { let now = jiff::Timestamp::now(); }",
        ),
        ("firehose-proxy", "event/scan.rs", "fn f() { let id = Uuid::new_v4(); }"),
        (
            "firehose-proxy",
            "event/scan.rs",
            "#[cfg(test)] mod tests {} use aws_config::Region;",
        ),
        (
            "firehose-proxy",
            "deliver/core/mod.rs",
            "fn f() { let now = tokio::time::Instant::now(); }",
        ),
        ("firehose-proxy", "deliver/core/mod.rs", "use crate::aws::Client;"),
        ("firehose-proxy", "deliver/core/mod.rs", "use tokio::sync::mpsc;"),
        ("firehose-proxy", "somewhere_new/mod.rs", "use std::fmt;"),
        ("firehose-operator", "plan/mod.rs", "use kube::Client;"),
        ("firehose-operator", "plan/mod.rs", "use kube::{api::Api, ResourceExt};"),
        ("firehose-operator", "plan/mod.rs", "use kube::*;"),
        ("firehose-operator", "plan/mod.rs", "use crate::apply;"),
        (
            "firehose-operator",
            "plan/children/pod.rs",
            "async fn f() { tokio::spawn(g()); }",
        ),
    ] {
        let found = planted(unit(package), &[(file, content)]);
        assert_eq!(found.len(), 1, "{file}: {content}: {found:?}");
        assert!(found[0].starts_with(&format!("{file}:1: ")), "{found:?}");
    }
}

#[test]
fn what_is_allowed_is_not_reported() {
    for (package, file, content) in [
        (
            "firehose-proxy",
            "app/mod.rs",
            "use crate::{aws, deliver, http}; use aws_config::Region;",
        ),
        (
            "firehose-proxy",
            "http/server.rs",
            "use crate::{event::Event, stream::StreamName}; use hyper::Request;",
        ),
        (
            "firehose-proxy",
            "deliver/shell.rs",
            "use crate::{aws::Offer, spool::Lease}; use super::core::Core;",
        ),
        (
            "firehose-proxy",
            "deliver/core/mod.rs",
            "use tokio::time::Instant; use crate::deliver::Reason;",
        ),
        (
            "firehose-proxy",
            "event/scan.rs",
            "use std::{fmt, net::IpAddr, time::Duration}; use super::text::Text;",
        ),
        (
            "firehose-proxy",
            "event/scan.rs",
            "#[cfg(test)] mod tests { use std::time::Instant; use crate::http; }",
        ),
        (
            "firehose-proxy",
            "event/scan.rs",
            "/// Like [`crate::http`].\nstruct S;",
        ),
        (
            "firehose-operator",
            "plan/mod.rs",
            "use kube::{Resource, ResourceExt as _}; use crate::plan::names;",
        ),
    ] {
        let found = planted(unit(package), &[(file, content)]);
        assert!(found.is_empty(), "{file}: {content}: {found:?}");
    }
}

#[test]
fn the_file_of_a_test_module_is_free_and_its_neighbour_is_not() {
    let found = planted(
        unit("firehose-proxy"),
        &[
            ("event/mod.rs", "#[cfg(test)] mod cases; mod scan;"),
            ("event/cases.rs", "use std::time::Instant;"),
            ("event/scan.rs", "use std::time::Instant;"),
        ],
    );
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("event/scan.rs:1"), "{found:?}");
}

#[test]
fn a_planted_dependency_is_found() {
    for (package, name) in [
        ("firehose-proxy", "kube-core"),
        ("firehose-proxy", "k8s-openapi"),
        ("firehose-proxy-config", "tokio"),
        ("firehose-operator", "aws-sdk-firehose"),
        ("firehose-simulator", "firehose-proxy"),
        ("firehose-local", "kube-client"),
    ] {
        let diet = DIETS.iter().find(|diet| diet.package == package).unwrap();
        assert_eq!(diet.broken_by(["serde", package, name]), [name], "{package}");
    }
}
