//! Who may import whom, as a table, and the check of a source tree against it.
//!
//! The check reads tokens, not types: every path that is written in the source is looked at, in `use` trees, in bodies,
//! in attributes and in the arguments of macros. Code under `#[cfg(test)]` may name clocks and clients, but imports the
//! same way. What the table does not cover, a dependency of a whole crate, is in [`manifests`].

pub mod circles;
mod items;
pub mod laws;
pub mod manifests;
mod modules;
mod paths;
pub mod sizes;

use std::{fmt, path::Path};

pub use self::laws::{Law, Unit};

/// One import that goes the wrong way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// File, relative to the crate's source folder.
    pub file: String,
    /// Line in the file.
    pub line: usize,
    /// The path as it is meant, from the crate's root.
    pub path: String,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, path, why } = self;
        write!(formatter, "{file}:{line}: `{path}`: {why}")
    }
}

/// Checks all modules of one crate.
///
/// # Panics
///
/// When the tree cannot be read as Rust: then nothing is known about it.
pub fn check(source: &Path, unit: &Unit) -> Vec<Violation> {
    let mut violations = Vec::new();
    for module in modules::read(source) {
        if !unit.knows(&module.name) {
            violations.push(Violation {
                file: module.file.clone(),
                line: 1,
                path: module.name.join("::"),
                why: "the table of laws does not know this module".to_owned(),
            });
        }
        for found in &module.paths {
            if let Some((path, why)) = unit.objection(&module.name, found) {
                violations.push(Violation {
                    file: module.file.clone(),
                    line: found.line,
                    path,
                    why,
                });
            }
        }
    }
    violations
}
