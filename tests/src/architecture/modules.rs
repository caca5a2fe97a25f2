//! The modules of a crate: which file is which module, and which files are tests.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use super::{
    items::{Item, items},
    paths::{WrittenPath, scan},
};

/// One file.
#[derive(Debug)]
pub(super) struct Module {
    /// Relative to the crate's source folder.
    pub(super) file: String,
    /// From the crate's root: `["spool", "frame"]`; empty for `lib.rs`, `["main"]` for `main.rs`.
    pub(super) name: Vec<String>,
    pub(super) paths: Vec<WrittenPath>,
    pub(super) items: Vec<Item>,
    pub(super) lines: usize,
    /// Of them, those that are built into a test only.
    pub(super) test_lines: usize,
}

/// Every module, tests included.
pub(super) fn read(source: &Path) -> Vec<Module> {
    let mut files = Vec::new();
    collect(source, &mut files);
    assert!(!files.is_empty(), "no source in {}", source.display());
    let mut tests = BTreeSet::new();
    let mut modules = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let scan = scan(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let items = items(&text).expect("what was read as tokens once is so again");
        let relative = file.strip_prefix(source).expect("the walk stays in the source folder");
        let name = module_name(relative);
        for test in scan.test_modules {
            let mut path = name.clone();
            path.extend(test.split("::").map(str::to_owned));
            tests.insert(path);
        }
        modules.push(Module {
            file: relative.display().to_string(),
            name,
            items,
            paths: scan.paths,
            lines: text.lines().count(),
            test_lines: scan.test_lines.iter().map(|(first, last)| last - first + 1).sum(),
        });
    }
    for module in &mut modules {
        if tests.iter().any(|test| module.name.starts_with(test)) {
            module.paths.iter_mut().for_each(|path| path.is_test = true);
            module.test_lines = module.lines;
        }
    }
    modules
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a folder can be listed").path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn module_name(file: &Path) -> Vec<String> {
    let mut name: Vec<String> = file
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if name.last().is_some_and(|last| last == "mod") || name == ["lib"] {
        name.pop();
    }
    name
}
