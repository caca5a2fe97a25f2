//! Where programs stay that take minutes to build or fetch: outside `target/`, one folder a version, shared by all
//! checkouts of the project. Nothing in it is ever changed in place.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// The folder of one program at one version: `$XDG_CACHE_HOME/firehose-operator/<name>-<version>`.
///
/// # Errors
/// When neither `XDG_CACHE_HOME` nor `HOME` is set, or the folder cannot be created.
pub(crate) fn folder(name: &str, version: &str) -> Result<PathBuf> {
    let base = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))
        .context("neither XDG_CACHE_HOME nor HOME is set: no place for what is built once")?;
    let folder = base.join("firehose-operator").join(format!("{name}-{version}"));
    fs::create_dir_all(&folder).with_context(|| format!("failed to create {}", folder.display()))?;
    Ok(folder)
}

/// Makes `folder/file` with `make`, which writes to the path it is given, unless it is there. A file appears whole or
/// not at all, so that an interrupted build is simply done again.
///
/// # Errors
/// Whatever `make` reports, and a failed rename.
pub(crate) fn once(folder: &Path, file: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let path = folder.join(file);
    if !path.exists() {
        let unfinished = folder.join(format!(".{file}.{}", std::process::id()));
        make(&unfinished)?;
        fs::rename(&unfinished, &path).with_context(|| format!("failed to name {}", path.display()))?;
    }
    Ok(path)
}
