//! The code speaks as `docs/GLOSSARY.md` does.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use firehose_tests::{
    glossary::{Retired, identifiers, quoted, retired, rows},
    workspace::{PACKAGES, root},
};

fn glossary() -> String {
    fs::read_to_string(root().join("docs/GLOSSARY.md")).unwrap()
}

/// What a package's source, tests and benchmarks call things.
fn names_of(package: &Path) -> BTreeMap<String, String> {
    let parts = ["src", "tests", "benches"].map(|part| package.join(part));
    parts
        .iter()
        .filter(|part| part.is_dir())
        .flat_map(|part| identifiers(part))
        .collect()
}

#[test]
fn no_retired_identifier_is_used() {
    let retired = retired(&glossary());
    assert!(retired.len() > 20, "the table is read wrongly: {retired:?}");
    let mut read: BTreeMap<PathBuf, BTreeMap<String, String>> = BTreeMap::new();
    let mut used = Vec::new();
    for Retired {
        identifier,
        package,
        folder,
    } in &retired
    {
        let (_, path) = PACKAGES
            .iter()
            .find(|(name, _)| name == package)
            .unwrap_or_else(|| panic!("`{identifier}` is retired from a package that does not exist: {package}"));
        let names = match folder {
            Some(folder) => {
                let folder = root().join(path).join("src").join(folder);
                read.entry(folder.clone()).or_insert_with(|| identifiers(&folder))
            }
            None => read
                .entry(root().join(path))
                .or_insert_with_key(|package| names_of(package)),
        };
        used.extend(
            names
                .get(identifier)
                .map(|place| format!("{place}: `{identifier}` is retired")),
        );
    }
    assert!(used.is_empty(), "\n{}\n", used.join("\n"));
}

/// A path is looked up by its last word. Folders and patterns of files are no names.
#[test]
fn every_name_in_the_glossary_exists() {
    let document = glossary();
    let words = rows(&document, "Words");
    assert!(words.len() > 30, "the table is read wrongly: {words:?}");
    let mut known: BTreeSet<String> = BTreeSet::new();
    for (_, path) in PACKAGES {
        known.extend(names_of(&root().join(path)).into_keys());
    }
    let mut unknown = Vec::new();
    for cells in &words {
        let [word, meaning, field] = cells[..] else {
            panic!("three cells a row: {cells:?}")
        };
        assert!(!meaning.is_empty() && !field.is_empty(), "{word}: no cell is empty");
        for name in quoted(meaning) {
            let is_file = name.starts_with('*') || name.ends_with('/');
            let last = name.rsplit("::").next().unwrap_or(name);
            if !is_file && !known.contains(last) {
                unknown.push(format!("{word}: `{name}`"));
            }
        }
    }
    assert!(unknown.is_empty(), "no names in the code: {unknown:#?}");
}

#[test]
fn the_words_stand_in_order_and_once() {
    let document = glossary();
    let words: Vec<&str> = rows(&document, "Words").iter().map(|cells| cells[0]).collect();
    let sorted: BTreeSet<&str> = words.iter().copied().collect();
    assert_eq!(words, sorted.into_iter().collect::<Vec<_>>());
}
