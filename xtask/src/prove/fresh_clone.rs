//! What is committed passes CI by itself: no file that only this folder has, no artefact built before.

use std::fs;

use anyhow::{Context as _, Result};

use crate::{command::Run, repository, target};

/// Clones HEAD into an empty folder and runs `.ci/run` there as CI does, from nothing.
///
/// # Errors
/// When the clone or the run fails.
pub(crate) fn run() -> Result<()> {
    let folder = target().join("fresh-clone");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("failed to empty {}", folder.display()))?;
    }
    Run::line("git clone --quiet --no-hardlinks")
        .arg(repository())
        .arg(&folder)
        .visibly()?;
    Run::line("env --unset=CARGO_TARGET_DIR CI=true bash .ci/run")
        .within(&folder)
        .visibly()
}
