//! Anyone who builds a commit gets the published images: two checkouts in two folders, built from nothing, are
//! compared. `test` packs what is built a second time; that the programs themselves come out the same is shown here.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::{command::Run, image, repository, target};

/// Builds the committed state twice and compares every digest.
///
/// # Errors
/// When a build fails, or an image is another one the second time; the files in which they differ are named.
pub(crate) fn run() -> Result<()> {
    let folder = target().join("reproducible");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("failed to empty {}", folder.display()))?;
    }
    // Paths of different lengths: what leaks into a program moves everything behind it.
    let first = build(&folder.join("first"))?;
    let second = build(&folder.join("in/another/folder"))?;
    let mut differing = Vec::new();
    for program in image::PROGRAMS {
        let (one, other) = (index(&first, program)?, index(&second, program)?);
        if one == other {
            let list: Value = serde_json::from_slice(&one)?;
            println!(
                "{program}: {}",
                list["manifests"][0]["digest"].as_str().unwrap_or_default()
            );
        } else {
            let files = Run::line("diff --recursive --brief").args([first.join(program), second.join(program)]);
            println!("{program}:");
            // It ends with 1 when it has found something.
            drop(files.visibly());
            differing.push(program);
        }
    }
    ensure!(differing.is_empty(), "not reproducible: {}", differing.join(", "));
    fs::remove_dir_all(&folder).with_context(|| format!("failed to remove {}", folder.display()))
}

/// Clones HEAD and builds its images as the README says; the folder of the images.
fn build(folder: &Path) -> Result<PathBuf> {
    Run::line("git clone --quiet --no-hardlinks")
        .arg(repository())
        .arg(folder)
        .visibly()?;
    Run::line("env --unset=CARGO_TARGET_DIR cargo xtask image")
        .within(folder)
        .visibly()?;
    Ok(folder.join("target/image"))
}

/// The list of a layout, which names the digest of everything in it.
fn index(images: &Path, program: &str) -> Result<Vec<u8>> {
    let path = images.join("oci").join(program).join("index.json");
    fs::read(&path).with_context(|| format!("failed to read {}", path.display()))
}
