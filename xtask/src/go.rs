//! Programs written in Go, built once into the [cache]. Their versions stand in the `go.mod` files below `xtask/`,
//! nowhere else.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

use crate::{cache, command::Run, repository};

/// A module of this repository that pins what is built.
pub(crate) struct Module {
    folder: PathBuf,
    /// Version of the module that is built, as `go.mod` requires it.
    pub(crate) version: String,
}

impl Module {
    /// Reads the version of `required` from `go.mod` instead of asking Go, which would want the network to answer.
    ///
    /// # Errors
    /// When there is no such file, or it does not require the module.
    pub(crate) fn read(folder: &str, required: &str) -> Result<Self> {
        let folder = repository().join(folder);
        let path = folder.join("go.mod");
        let text = fs::read_to_string(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let version = text
            .lines()
            .map(|line| line.trim().trim_start_matches("require "))
            .find_map(|line| {
                let mut words = line.split_whitespace();
                (words.next()? == required).then(|| words.next()).flatten()
            })
            .map(str::to_owned)
            .with_context(|| format!("{} does not require {required}", path.display()))?;
        Ok(Self { folder, version })
    }

    /// The folder of the cache that belongs to this version.
    ///
    /// # Errors
    /// As [`cache::folder`].
    pub(crate) fn cache(&self, name: &str) -> Result<PathBuf> {
        cache::folder(name, &self.version)
    }

    /// Builds one program of the module to `output`.
    ///
    /// # Errors
    /// As [`build`].
    pub(crate) fn build(&self, linker_flags: &str, output: &Path, package: &str) -> Result<()> {
        build(&self.folder, linker_flags, output, package)
    }
}

/// Builds a program, without cgo: these also run in images that hold no libc.
///
/// # Errors
/// When there is no Go, or what Go reports.
pub(crate) fn build(folder: &Path, linker_flags: &str, output: &Path, package: &str) -> Result<()> {
    eprintln!("building {package} (once; it stays in the cache)");
    Run::line("go build -trimpath -mod=readonly -ldflags")
        .arg(linker_flags)
        .arg("-o")
        .arg(output)
        .arg(package)
        .env("CGO_ENABLED", "0")
        .within(folder)
        .quietly()
}

/// Whether there is a Go to build with.
pub(crate) fn exists() -> bool {
    Run::line("go version").succeeds()
}
