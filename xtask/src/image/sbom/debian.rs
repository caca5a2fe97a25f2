//! The Debian packages that an image's libraries and certificate authorities come from.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context as _, Result};

use crate::command::Run;

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
    /// Its package URL: what scanners look for.
    pub(crate) purl: String,
}

/// The packages that these files belong to.
///
/// # Errors
/// When a file belongs to no package: nobody could say what is in the image.
pub(crate) fn owners<'a>(files: impl IntoIterator<Item = &'a Path>) -> Result<BTreeSet<Package>> {
    let release = fs::read_to_string("/etc/os-release").context("failed to read /etc/os-release")?;
    files.into_iter().map(|file| owner(file, &release)).collect()
}

fn owner(file: &Path, release: &str) -> Result<Package> {
    // Packages and the loader may name a library by either of two paths: /lib is a link to /usr/lib.
    let search = |file: &Path| Run::line("dpkg-query --search").arg(file).output();
    let found = search(file)
        .or_else(|_| search(&file.canonicalize()?))
        .with_context(|| format!("{} belongs to no Debian package", file.display()))?;
    let package = found.split(": ").next().unwrap_or_default();
    let shown = Run::line("dpkg-query --show --showformat=${Package}|${Version}|${Architecture}")
        .arg(package)
        .output()?;
    read(&shown, release).with_context(|| format!("dpkg-query describes {package} as {shown:?}"))
}

fn read(shown: &str, release: &str) -> Option<Package> {
    let mut parts = shown.split('|');
    let (name, version, architecture) = (parts.next()?, parts.next()?, parts.next()?);
    let field = |key: &str| {
        let mut lines = release.lines();
        lines.find_map(|line| Some(line.strip_prefix(key)?.strip_prefix('=')?.trim_matches('"')))
    };
    let (distribution, number) = (field("ID")?, field("VERSION_ID")?);
    // Epoch and local parts of a version have the only characters that a package URL writes otherwise.
    let escaped = version.replace('+', "%2B").replace(':', "%3A");
    Some(Package {
        purl: format!("pkg:deb/{distribution}/{name}@{escaped}?arch={architecture}&distro={distribution}-{number}"),
        name: name.to_owned(),
        version: version.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_url_names_distribution_version_and_architecture() {
        let release = "NAME=\"Debian GNU/Linux\"\nVERSION_ID=\"12\"\nID=debian\n";
        let package = read("libgcc-s1|1:12.2.0-14+deb12u1|amd64", release).unwrap();
        assert_eq!(package.version, "1:12.2.0-14+deb12u1");
        assert_eq!(
            package.purl,
            "pkg:deb/debian/libgcc-s1@1%3A12.2.0-14%2Bdeb12u1?arch=amd64&distro=debian-12"
        );
    }
}
