//! What the tests need beyond the toolchains, installed by package name. Python and npm packages go under
//! `target/tools`, so neither the source tree nor the machine's own packages change; only Debian packages are installed
//! into the machine.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Once,
};

use anyhow::{Context as _, Result, bail};

use crate::{cache, command::Run, go, repository, target};

/// Makes sure that `program` starts, by way of the Debian packages that carry it.
///
/// # Errors
///
/// The program is missing and this is no Debian, or not root, or the installation failed.
pub(crate) fn debian(program: &str, packages: &[&str]) -> Result<()> {
    if exists(program) {
        return Ok(());
    }
    let names = packages.join(" ");
    if !exists("apt-get") || !is_root() {
        bail!("`{program}` is missing (Debian: apt-get install {names})");
    }
    apt_get_install(packages)?;
    if !exists(program) {
        bail!("`{program}` does not start although {names} is installed");
    }
    Ok(())
}

/// A Python environment of its own with exactly the packages of a requirements file; its `bin` folder.
///
/// # Errors
///
/// No Python, or a package cannot be installed.
pub(crate) fn python(name: &str, requirements: &Path) -> Result<PathBuf> {
    debian("python3", &["python3", "python3-venv"])?;
    let folder = target().join("tools").join(name);
    installed_once(&folder, &[requirements], || {
        let venv = || Run::line("python3 -m venv").arg(&folder).quietly();
        if venv().is_err() {
            // Debian ships Python without the part that makes environments.
            apt_get_install(&["python3-venv"])?;
            venv()?;
        }
        Run::new(folder.join("bin/python"))
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--no-input",
                "--disable-pip-version-check",
                "--requirement",
            ])
            .arg(requirements)
            .quietly()
    })?;
    Ok(folder.join("bin"))
}

/// The npm packages that a `package-lock.json` pins, without their install scripts; the `node_modules` folder.
///
/// # Errors
///
/// No Node, or a package cannot be installed.
pub(crate) fn node(name: &str, project: &Path) -> Result<PathBuf> {
    debian("node", &["nodejs"])?;
    debian("npm", &["npm"])?;
    let folder = target().join("tools").join(name);
    let files = ["package.json", "package-lock.json"];
    let wanted = files.map(|file| project.join(file));
    installed_once(&folder, &[&wanted[0], &wanted[1]], || {
        fs::create_dir_all(&folder)?;
        for (file, wanted) in files.iter().zip(&wanted) {
            fs::copy(wanted, folder.join(file))?;
        }
        Run::line("npm ci --ignore-scripts --no-audit --no-fund")
            .within(&folder)
            .quietly()
    })?;
    Ok(folder.join("node_modules"))
}

/// The SDKs, the browser that some of them run in, and moto, where the tests look for them.
///
/// # Errors
///
/// As [`debian`], [`python`] and [`node`].
pub(crate) fn sdks() -> Result<()> {
    debian("chromium", &["chromium"])?;
    let project = repository().join("tests/sdk");
    python("sdk", &project.join("requirements.txt"))?;
    node("sdk-node", &project)?;
    Ok(())
}

/// What checks the event endpoint against its description.
///
/// # Errors
///
/// As [`python`].
pub(crate) fn schemathesis() -> Result<()> {
    python("openapi", &repository().join("tests/openapi/requirements.txt")).map(drop)
}

/// The linter of CloudFormation templates.
///
/// # Errors
///
/// As [`python`].
pub(crate) fn cfn_lint() -> Result<()> {
    python("cfn", &repository().join("tests/cfn/requirements.txt")).map(drop)
}

/// A client of container registries: the machine's own `oras`, else one that is built.
///
/// # Errors
///
/// There is none, and no Go to build it with.
pub(crate) fn oras() -> Result<PathBuf> {
    if Run::line("oras version").succeeds() {
        return Ok("oras".into());
    }
    let module = go::Module::read("xtask/oras", "oras.land/oras")?;
    cache::once(&module.cache("oras")?, "oras", |path| {
        module.build("-s -w", path, "oras.land/oras/cmd/oras")
    })
    .context("there is neither `oras`, which pushes images, nor a Go to build it with")
}

/// Runs `install` unless it has already succeeded for these very files; a half-made folder is made again from nothing.
fn installed_once(folder: &Path, wanted: &[&Path], install: impl FnOnce() -> Result<()>) -> Result<()> {
    let mut content = Vec::new();
    for file in wanted {
        content.extend(fs::read(file).with_context(|| format!("failed to read {}", file.display()))?);
    }
    let stamp = folder.join(".installed");
    if fs::read(&stamp).is_ok_and(|installed| installed == content) {
        return Ok(());
    }
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    install()?;
    fs::write(&stamp, content).with_context(|| format!("failed to write {}", stamp.display()))
}

/// Installs Debian packages; the lists of packages are fetched at most once a run.
///
/// # Errors
///
/// What apt-get reports.
pub(crate) fn apt_get_install(packages: &[&str]) -> Result<()> {
    static FETCH: Once = Once::new();
    let apt_get = |line| Run::line(line).env("DEBIAN_FRONTEND", "noninteractive");
    let mut fetched = Ok(());
    FETCH.call_once(|| fetched = apt_get("apt-get update").quietly());
    fetched?;
    apt_get("apt-get install --yes --no-install-recommends")
        .args(packages)
        .quietly()
}

fn exists(program: &str) -> bool {
    Run::new(program).arg("--version").succeeds()
}

/// Whether this process may do what root may.
pub(crate) fn is_root() -> bool {
    Run::line("id -u").output().is_ok_and(|user| user == "0")
}
