//! What CloudFormation's own linter says about the template that `streams` prints.

use std::{fs, process::Command};

use firehose_tests::workspace;

use crate::{operator, run};

#[test]
#[ignore = "needs cfn-lint: cargo xtask test commands"]
fn the_template_passes_cfn_lint() {
    let folder = tempfile::tempdir().unwrap();
    for example in ["orders", "static-credentials", "role", "durable"] {
        let manifest = format!("examples/{example}.yaml");
        let output = run(&operator(), &["streams", "-f", &manifest, "-o", "cloudformation"]);
        assert!(output.status.success(), "{output:?}");
        let template = folder.path().join(format!("{example}.yaml"));
        fs::write(&template, output.stdout).unwrap();
        let linted = Command::new(workspace::cfn_lint())
            .args(["--regions", "eu-west-1", "--"])
            .arg(&template)
            .output()
            .unwrap();
        assert!(
            linted.status.success(),
            "{example}: {}",
            String::from_utf8_lossy(&linted.stdout)
        );
    }
}
