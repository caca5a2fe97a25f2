//! What picks tests by name picks some: cargo calls a run of no test at all a success.

use std::{collections::BTreeSet, fs, path::Path};

use firehose_tests::workspace::root;

/// Filters that pick nothing since their modules have other names. To be empty.
const STALE: &[&str] = &[];

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
        let product = text.split("#[cfg(test)]\nmod ").next().unwrap();
        let code = product.lines().filter(|line| !line.trim_start().starts_with("//"));
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

/// Whether a module of the proxy has this path, or one of its test programs a module of this name; or a test in one
/// does that begins with the last word.
fn names_tests(filter: &str) -> bool {
    let path = filter.trim_end_matches("::").replace("::tests", "").replace("::", "/");
    let programs = fs::read_dir(root().join("proxy/tests")).unwrap();
    let mut places: Vec<_> = programs.map(|entry| entry.unwrap().path()).collect();
    places.push(root().join("proxy/src"));
    let file = |place: &Path, module: &str| place.join(format!("{module}.rs"));
    let is_module = |place: &Path| place.join(&path).is_dir() || file(place, &path).is_file();
    let is_test = |place: &Path| {
        let (module, name) = path.rsplit_once('/').unwrap_or_default();
        [file(place, module), place.join(module).join("mod.rs")]
            .iter()
            .any(|file| fs::read_to_string(file).is_ok_and(|text| text.contains(&format!("fn {name}"))))
    };
    places.iter().any(|place| is_module(place) || is_test(place))
}
