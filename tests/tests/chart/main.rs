//! What the chart makes of its values, under Helm 3 and Helm 4, without a cluster to apply it to.
//!
//! `HELM_3` and `HELM_4` name the programs: `cargo xtask test chart`. A change of a template is taken over with
//! `INSTA_UPDATE=always`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test reports")]

mod definition;
mod golden;
mod images;
mod refused;

use std::{env, path::PathBuf, process::Command};

use firehose_tests::workspace;

/// The two Helms.
pub(crate) const HELMS: [&str; 2] = ["HELM_3", "HELM_4"];

/// The chart's folder.
pub(crate) fn chart() -> PathBuf {
    workspace::root().join("charts/firehose-operator")
}

/// What `helm template RELEASE` prints, or what it complains of, with these further arguments.
pub(crate) fn template(helm: &str, release: &str, arguments: &[&str]) -> Result<String, String> {
    let program = env::var_os(helm).unwrap_or_else(|| panic!("{helm} names no program: cargo xtask test chart"));
    let output = Command::new(program)
        .args(["template", release])
        .arg(chart())
        .args(["--namespace", "firehose-system", "--kube-version", "1.34.0"])
        .args(arguments)
        .output()
        .unwrap();
    if output.status.success() {
        Ok(String::from_utf8(output.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into_owned())
    }
}

/// As [`template`], by both Helms, which must say the same.
pub(crate) fn by_both(release: &str, arguments: &[&str]) -> String {
    let [of_three, of_four] = HELMS.map(|helm| template(helm, release, arguments).unwrap());
    assert!(
        of_three == of_four,
        "Helm 3 and Helm 4 differ\n{of_three}\n===\n{of_four}"
    );
    of_three
}
