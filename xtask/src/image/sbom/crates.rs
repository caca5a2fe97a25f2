//! The crates that are linked into programs, as Cargo resolves them for exactly the build that makes the images: those
//! of other platforms, of tests, and those that only run in the compiler are not among them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use anyhow::{Context as _, Result, ensure};

use crate::{command::Run, repository};

/// Name and version: there is one registry, so they identify a crate.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Id {
    /// The crate's name.
    pub(crate) name: String,
    /// Its version.
    pub(crate) version: String,
}

/// Which crate depends on which.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    dependencies: BTreeMap<Id, BTreeSet<Id>>,
    licenses: BTreeMap<Id, String>,
    checksums: BTreeMap<Id, String>,
}

impl Graph {
    /// Asks Cargo for the graph of these packages, built together.
    ///
    /// # Errors
    /// What Cargo reports, and a line of its answer that is not as expected.
    pub(crate) fn of(packages: &[&str]) -> Result<Self> {
        let tree = Run::line("cargo tree --locked --edges normal,no-proc-macro --prefix depth --format |{p}|{l}")
            .args(packages.iter().flat_map(|package| ["--package", package]))
            .within(&repository())
            .output()?;
        let lock = repository().join("Cargo.lock");
        let lock = fs::read_to_string(&lock).with_context(|| format!("failed to read {}", lock.display()))?;
        Ok(Self {
            checksums: checksums(&lock),
            ..Self::read(&tree)?
        })
    }

    /// Everything below a package, itself included.
    ///
    /// # Errors
    /// When the package is not in the graph.
    pub(crate) fn below(&self, package: &str) -> Result<BTreeSet<&Id>> {
        let root = self.root(package)?;
        let (mut found, mut open) = (BTreeSet::from([root]), vec![root]);
        while let Some(id) = open.pop() {
            open.extend(self.dependencies(id).filter(|dependency| found.insert(dependency)));
        }
        Ok(found)
    }

    /// The package of that name.
    ///
    /// # Errors
    /// When it is not in the graph.
    pub(crate) fn root(&self, package: &str) -> Result<&Id> {
        let mut ids = self.licenses.keys();
        ids.find(|id| id.name == package)
            .with_context(|| format!("cargo tree does not show {package}"))
    }

    /// What a crate depends on itself.
    pub(crate) fn dependencies(&self, id: &Id) -> impl Iterator<Item = &Id> {
        self.dependencies.get(id).into_iter().flatten()
    }

    /// A crate's license as its author wrote it.
    pub(crate) fn license(&self, id: &Id) -> Option<&str> {
        self.licenses
            .get(id)
            .map(String::as_str)
            .filter(|license| !license.is_empty())
    }

    /// SHA-256 of the crate's package; packages of this workspace have none.
    pub(crate) fn checksum(&self, id: &Id) -> Option<&str> {
        self.checksums.get(id).map(String::as_str)
    }

    /// Reads lines such as `2|hyper v1.12.0|MIT (*)`. The mark at the end says that the crates below were shown before.
    fn read(tree: &str) -> Result<Self> {
        let mut graph = Self::default();
        let mut path: Vec<Id> = Vec::new();
        for line in tree.lines().filter(|line| !line.is_empty()) {
            let (depth, id, license) = read_line(line).with_context(|| format!("cargo tree says {line:?}"))?;
            ensure!(depth <= path.len(), "cargo tree skips a level at {line:?}");
            path.truncate(depth);
            if let Some(parent) = path.last() {
                let dependencies = graph.dependencies.entry(parent.clone()).or_default();
                dependencies.insert(id.clone());
            }
            graph.licenses.insert(id.clone(), license.to_owned());
            path.push(id);
        }
        Ok(graph)
    }
}

fn read_line(line: &str) -> Option<(usize, Id, &str)> {
    let mut parts = line.splitn(3, '|');
    let depth = parts.next()?.parse().ok()?;
    let mut words = parts.next()?.split(' ');
    let id = Id {
        name: words.next()?.to_owned(),
        version: words.next()?.strip_prefix('v')?.to_owned(),
    };
    let license = parts.next()?;
    Some((depth, id, license.trim_end_matches("(*)").trim_end()))
}

/// The checksums of Cargo.lock, whose form is Cargo's own and as fixed as its version says.
fn checksums(lock: &str) -> BTreeMap<Id, String> {
    let mut checksums = BTreeMap::new();
    for package in lock.split("[[package]]").skip(1) {
        let value = |key: &str| {
            package
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \"")?.strip_suffix('"'))
                .map(str::to_owned)
        };
        if let (Some(name), Some(version), Some(checksum)) = (value("name"), value("version"), value("checksum")) {
            checksums.insert(Id { name, version }, checksum);
        }
    }
    checksums
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "\
0|proxy v0.1.0 (/somewhere/proxy)|Apache-2.0
1|hyper v1.12.0|MIT
2|bytes v1.12.2|MIT/Apache-2.0
1|bytes v1.12.2|MIT/Apache-2.0 (*)

0|simulator v0.1.0 (/somewhere/simulator)|Apache-2.0
1|hyper v1.12.0|MIT (*)
1|unlicensed v2.0.0-rc.1|
";

    #[test]
    fn each_program_has_what_is_below_it_also_where_it_was_shown_before() {
        let graph = Graph::read(TREE).unwrap();
        let names = |package| -> Vec<&str> {
            let below = graph.below(package).unwrap();
            below.into_iter().map(|id| id.name.as_str()).collect()
        };
        assert_eq!(names("proxy"), ["bytes", "hyper", "proxy"]);
        assert_eq!(names("simulator"), ["bytes", "hyper", "simulator", "unlicensed"]);
        assert!(graph.below("nothing").is_err());
    }

    #[test]
    fn licenses_are_without_the_mark_and_versions_without_the_letter() {
        let graph = Graph::read(TREE).unwrap();
        let bytes = graph.root("bytes").unwrap();
        assert_eq!(bytes.version, "1.12.2");
        assert_eq!(graph.license(bytes), Some("MIT/Apache-2.0"));
        let unlicensed = graph.root("unlicensed").unwrap();
        assert_eq!(unlicensed.version, "2.0.0-rc.1");
        assert_eq!(graph.license(unlicensed), None);
    }

    #[test]
    fn an_answer_of_another_form_is_an_error() {
        for tree in ["hyper v1.12.0", "0|hyper|MIT", "1|hyper v1.12.0|MIT"] {
            assert!(Graph::read(tree).is_err(), "{tree}");
        }
    }

    #[test]
    fn checksums_are_those_of_the_lock_file_and_a_package_of_the_workspace_has_none() {
        let lock = r#"version = 4

[[package]]
name = "a"
version = "1.0.0"
source = "registry"
checksum = "ab12"
dependencies = [
 "b",
]

[[package]]
name = "b"
version = "0.1.0"
"#;
        let checksums: Vec<(Id, String)> = checksums(lock).into_iter().collect();
        let id = Id {
            name: "a".to_owned(),
            version: "1.0.0".to_owned(),
        };
        assert_eq!(checksums, [(id, "ab12".to_owned())]);
    }
}
