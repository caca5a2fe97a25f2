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
        ("firehose-proxy", "firehose/mod.rs", "use crate::deliver::Queued;"),
        (
            "firehose-proxy",
            "spool/mod.rs",
            "use crate::{stream::StreamId, deliver::Batch};",
        ),
        (
            "firehose-proxy",
            "spool/disk/real.rs",
            "use super::super::super::http::Server;",
        ),
        ("firehose-proxy", "queue/channel.rs", "fn f(x: crate::spool::Spool) {}"),
        (
            "firehose-proxy-events",
            "routing/table.rs",
            "fn f() { tracing::info!(x = crate::event::scan()); }",
        ),
        ("firehose-proxy", "http/admin.rs", "use crate::firehose;"),
        ("firehose-proxy", "http/admin.rs", "use crate::*;"),
        ("firehose-proxy", "http/admin.rs", "use crate::{self as root};"),
        ("firehose-proxy", "http/mod.rs", "use super::*;"),
        (
            "firehose-proxy",
            "http/mod.rs",
            "mod inner { use super::super::deliver::Batch; }",
        ),
        ("firehose-proxy", "http/mod.rs", "use aws_sdk_firehose::Client;"),
        ("firehose-proxy-events", "stream.rs", "use crate::routing::Table;"),
        (
            "firehose-proxy-events",
            "event/json/scan.rs",
            "use tokio::time::Instant;",
        ),
        ("firehose-proxy-events", "event/json/scan.rs", "use http::Request;"),
        ("firehose-proxy-events", "event/json/scan.rs", "use ::hyper_util as x;"),
        (
            "firehose-proxy-events",
            "event/json/scan.rs",
            "extern crate tokio as t;",
        ),
        (
            "firehose-proxy-events",
            "event/json/scan.rs",
            "use std::time::{Duration, SystemTime};",
        ),
        ("firehose-proxy-events", "event/json/scan.rs", "use std::time::*;"),
        ("firehose-proxy-events", "event/json/scan.rs", "use std as s;"),
        (
            "firehose-proxy-events",
            "event/json/scan.rs",
            "fn f() { let now = jiff::Timestamp::now(); }",
        ),
        (
            "firehose-proxy-events",
            "event/json/scan.rs",
            "fn f() { let id = Uuid::new_v4(); }",
        ),
        (
            "firehose-proxy-events",
            "event/json/scan.rs",
            "#[cfg(test)] mod tests {} use aws_config::Region;",
        ),
        (
            "firehose-proxy",
            "deliver/stream/mod.rs",
            "fn f() { let now = tokio::time::Instant::now(); }",
        ),
        (
            "firehose-proxy",
            "deliver/stream/mod.rs",
            "use crate::firehose::Transport;",
        ),
        ("firehose-proxy", "deliver/stream/mod.rs", "use crate::firehose::*;"),
        (
            "firehose-proxy",
            "deliver/stream/mod.rs",
            "use crate::deliver::driver::Stream;",
        ),
        (
            "firehose-proxy",
            "deliver/stream/pace/mod.rs",
            "#[cfg(test)] mod tests { use crate::deliver::Metrics; }",
        ),
        ("firehose-proxy", "spool/index/mod.rs", "use super::disk::RealDisk;"),
        ("firehose-proxy", "deliver/stream/mod.rs", "use tokio::sync::mpsc;"),
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
            "use crate::{deliver, firehose, http}; use aws_config::Region;",
        ),
        (
            "firehose-proxy",
            "http/admin.rs",
            "use crate::{event::Event, stream::StreamName}; use hyper::Request;",
        ),
        (
            "firehose-proxy",
            "deliver/driver.rs",
            "use crate::{firehose::Supplier, queue::InFlight}; use super::stream::Core;",
        ),
        (
            "firehose-proxy",
            "deliver/stream/mod.rs",
            "use tokio::time::Instant; use crate::firehose::{Reason, limits::MAX_RECORDS}; use super::stream::pace::Pace;",
        ),
        (
            "firehose-proxy-events",
            "event/json/scan.rs",
            "use std::{fmt, net::IpAddr, time::Duration}; use super::text::Text;",
        ),
        (
            "firehose-proxy-events",
            "event/json/scan.rs",
            "#[cfg(test)] mod tests { use std::time::Instant; use crate::routing; }",
        ),
        (
            "firehose-proxy-events",
            "event/json/scan.rs",
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
fn the_file_of_a_test_module_may_read_the_clock_and_its_neighbour_may_not() {
    let found = planted(
        unit("firehose-proxy-events"),
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
