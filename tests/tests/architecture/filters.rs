//! What picks tests by name picks some: cargo calls a run of no test at all a success.

use std::{collections::BTreeSet, fs, path::Path};

use firehose_tests::workspace::root;

/// Filters that pick nothing since their modules have other names. To be empty.
const STALE: &[&str] = &["deliver::core::simulation", "spool::simulation"];

#[test]
fn every_filter_of_xtask_names_tests_that_there_are() {
    let mut filters = BTreeSet::new();
    collect(&root().join("xtask/src"), &mut filters);
    assert!(filters.len() >= 3, "xtask is read wrongly: {filters:?}");
    let none: Vec<&str> = filters
        .iter()
        .map(String::as_str)
        .filter(|filter| !names_tests(filter))
        .collect();
    assert_eq!(
        none, STALE,
        "filters that pick no test, and the list of those that are known"
    );
}

/// The words in string literals that are paths of modules: `spool::simulation`, `killed::`.
fn collect(folder: &Path, filters: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, filters);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let literals = code.flat_map(|line| line.split('"').skip(1).step_by(2));
        for word in literals.flat_map(str::split_whitespace) {
            let is_path = word.contains("::")
                && word
                    .chars()
                    .all(|letter| letter.is_ascii_lowercase() || matches!(letter, ':' | '_'));
            if is_path {
                filters.insert(word.to_owned());
            }
        }
    }
}

/// Whether a module of the proxy has this path, or one of its test programs a module of this name. A single test is
/// looked up by the file that it is in.
fn names_tests(filter: &str) -> bool {
    let module = filter.split("::tests").next().unwrap().trim_end_matches("::");
    let path = module.replace("::", "/");
    let exists = |place: &Path| place.join(&path).is_dir() || place.join(format!("{path}.rs")).is_file();
    let programs = fs::read_dir(root().join("proxy/tests")).unwrap();
    exists(&root().join("proxy/src"))
        || programs
            .map(|entry| entry.unwrap().path())
            .any(|program| exists(&program))
}
