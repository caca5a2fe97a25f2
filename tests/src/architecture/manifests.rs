//! What whole crates may depend on, by any way: read from cargo, which resolves features as it would for a build.

use std::{collections::BTreeSet, path::Path, process::Command};

/// What must not be among the dependencies of a package.
#[derive(Debug)]
pub struct Diet {
    /// Name of the package, built with its default features.
    pub package: &'static str,
    /// Names of crates; `aws-sdk-*` is every crate with that beginning.
    pub without: &'static [&'static str],
    /// For whoever reads the failure.
    pub why: &'static str,
}

/// The rules.
pub const DIETS: &[Diet] = &[
    Diet {
        package: "firehose-proxy",
        without: &["kube*", "k8s-openapi", "firehose-operator*"],
        why: "the proxy has no access to the Kubernetes API",
    },
    Diet {
        package: "firehose-proxy-config",
        without: &[
            "aws-config",
            "aws-sdk-*",
            "aws-smithy-*",
            "axum",
            "clap",
            "firehose-*",
            "hyper*",
            "k8s-openapi",
            "kube*",
            "tokio*",
        ],
        why: "the document between operator and proxy is types and nothing else",
    },
    Diet {
        package: "firehose-proxy-events",
        without: &[
            "aws-*",
            "axum",
            "clap",
            "firehose-operator*",
            "firehose-proxy",
            "hyper*",
            "k8s-openapi",
            "kube*",
            "tokio*",
        ],
        why: "what becomes of an event is a function of its arguments; a fuzzer and a command line run it, too",
    },
    Diet {
        package: "firehose-proxy-marks",
        without: &["aws-*", "firehose-*", "hyper*", "serde*", "tokio*"],
        why: "the one crate with unsafe code knows bytes and nothing else",
    },
    Diet {
        package: "firehose-operator-api",
        without: &[
            "aws-config",
            "aws-sdk-*",
            "aws-smithy-*",
            "axum",
            "firehose-proxy",
            "hyper*",
            "kube-client",
            "kube-runtime",
            "tokio*",
        ],
        why: "the custom resource is types and rules; whoever reads one needs no client",
    },
    Diet {
        package: "firehose-operator",
        without: &[
            "aws-config",
            "aws-sdk-*",
            "aws-smithy-*",
            "firehose-proxy",
            "firehose-simulator",
        ],
        why: "the operator never talks to AWS and shares nothing with the proxy but its document and what it does with an event",
    },
    Diet {
        package: "firehose-simulator",
        without: &["aws-config", "aws-sdk-*", "aws-smithy-*", "firehose-*", "kube*"],
        why: "a stand-in that shared code with what it judges would agree with its mistakes",
    },
    Diet {
        package: "firehose-local",
        without: &["kube-client", "kube-runtime"],
        why: "the local path needs no cluster",
    },
];

impl Diet {
    /// The names that break the rule, out of everything the package depends on.
    pub fn broken_by<'name>(&self, dependencies: impl IntoIterator<Item = &'name str>) -> Vec<&'name str> {
        dependencies
            .into_iter()
            .filter(|name| *name != self.package && self.without.iter().any(|pattern| fits(name, pattern)))
            .collect()
    }
}

/// Everything a package is linked with, itself included.
///
/// # Panics
///
/// When cargo does not answer.
pub fn dependencies(workspace: &Path, package: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
            "--package",
            package,
        ])
        .current_dir(workspace)
        .output()
        .expect("cargo runs these tests, so it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect()
}

fn fits(name: &str, pattern: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(stem) => name.starts_with(stem),
        None => name == pattern,
    }
}
