//! Every crate is held to the same lints.

use std::fs;

use firehose_tests::workspace::{PACKAGES, root};

/// The one crate that may have `unsafe` code, and says so where it does.
const WITH_UNSAFE: &str = "firehose-proxy-marks";

#[test]
fn unsafe_code_is_forbidden_in_every_crate_but_one() {
    let manifest = |folder: &str| fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
    assert!(manifest(".").contains("[workspace.lints.rust]\nunsafe_code = \"forbid\"\n"));
    for (package, folder) in PACKAGES {
        let manifest = manifest(folder);
        if *package == WITH_UNSAFE {
            assert!(manifest.contains("[lints.rust]\nunsafe_code = \"deny\"\n"), "{package}");
        } else {
            assert!(manifest.contains("[lints]\nworkspace = true\n"), "{package}");
        }
    }
}
