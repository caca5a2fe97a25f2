//! Where things of the workspace are, and its programs, built.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// Every package of the workspace, and its folder.
pub const PACKAGES: &[(&str, &str)] = &[
    ("firehose-operator", "operator"),
    ("firehose-operator-api", "operator/api"),
    ("firehose-proxy", "proxy"),
    ("firehose-proxy-config", "proxy/config"),
    ("firehose-proxy-events", "proxy/events"),
    ("firehose-proxy-marks", "proxy/marks"),
    ("firehose-simulator", "simulator"),
    ("firehose-local", "local"),
    ("dual-stack-listener", "listener"),
    ("firehose-tests", "tests"),
    ("firehose-bench", "bench"),
    ("xtask", "xtask"),
];

/// The workspace's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate is a folder of the workspace")
}

/// The folder of everything built or installed.
pub fn target() -> PathBuf {
    root().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// A program of the workspace, never an old one: cargo builds what has changed since.
///
/// A test is asked for beside the programs, so that they are linked with the dependencies that tests are linked with:
/// Cargo unites the features of what it builds at once, and would build a quarter of them again.
pub fn program(name: &str) -> PathBuf {
    static BUILT: OnceLock<()> = OnceLock::new();
    BUILT.get_or_init(|| {
        let built = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--workspace", "--bins", "--test", "architecture"])
            .current_dir(root())
            .status()
            .expect("cargo runs these tests, so it starts");
        assert!(built.success(), "the programs do not build");
    });
    target().join("debug").join(name)
}

/// The `bin` folder of the Python environment with the SDKs and moto.
pub fn python_tools() -> PathBuf {
    installed("tools/sdk/bin")
}

/// The `node_modules` folder with the SDKs.
pub fn node_modules() -> PathBuf {
    installed("tools/sdk-node/node_modules")
}

/// The program that checks an endpoint against its description.
pub fn schemathesis() -> PathBuf {
    installed("tools/openapi/bin").join("schemathesis")
}

/// The linter of CloudFormation templates.
pub fn cfn_lint() -> PathBuf {
    installed("tools/cfn/bin").join("cfn-lint")
}

fn installed(path: &str) -> PathBuf {
    let folder = target().join(path);
    assert!(
        folder.exists(),
        "{} is missing: `cargo xtask test` installs it",
        folder.display()
    );
    folder
}
