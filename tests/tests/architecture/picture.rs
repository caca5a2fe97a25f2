//! The picture of imports in `docs/ARCHITECTURE.md` shows the arrows that there are, and the laws allow no others.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use firehose_tests::{
    architecture::{Unit, circles::dependencies, laws::UNITS},
    workspace::root,
};

type Arrows = BTreeMap<String, BTreeSet<String>>;

fn proxy() -> &'static Unit {
    UNITS.iter().find(|unit| unit.package == "firehose-proxy").unwrap()
}

/// What a law allows because a test needs it: the client of dead letters is tested against the real other end.
const IN_TESTS_ONLY: &[(&str, &str)] = &[("cli", "queue")];

/// What has no place in the picture: those who see everything, and those whom everybody sees.
fn is_left_out(folder: &str) -> bool {
    proxy().free.contains(&folder) || proxy().leaves.contains(&folder)
}

/// The arrows of the picture.
fn drawn() -> Arrows {
    let text = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let (_, section) = text.split_once("## Who imports whom").unwrap();
    let (_, block) = section.split_once("```text\n").unwrap();
    let (block, _) = block.split_once("```").unwrap();
    let arrow = |line: &str| {
        let (from, to) = line.split_once('→').unwrap();
        let to = to.split(',').map(|folder| folder.trim().to_owned()).collect();
        (from.trim().to_owned(), to)
    };
    block.lines().map(arrow).collect()
}

#[test]
fn the_picture_shows_the_arrows_that_there_are() {
    let mut found = Arrows::new();
    for dependency in dependencies(&root().join(proxy().source)) {
        let top = |file: &str| file.split('/').next().unwrap().trim_end_matches(".rs").to_owned();
        let (from, to) = (top(&dependency.from), top(&dependency.to));
        if from != to && from != "lib" && !is_left_out(&from) && !is_left_out(&to) {
            found.entry(from).or_default().insert(to);
        }
    }
    assert_eq!(drawn(), found);
}

#[test]
fn the_laws_allow_what_the_picture_shows() {
    let mut allowed = Arrows::new();
    for law in proxy().laws.iter().filter(|law| !law.module.contains("::")) {
        let folders = law
            .may_use
            .iter()
            .map(|target| target.split("::").next().unwrap().to_owned());
        let folders: BTreeSet<String> = folders.collect();
        if !folders.is_empty() {
            allowed.insert(law.module.to_owned(), folders);
        }
    }
    for (from, to) in IN_TESTS_ONLY {
        assert!(
            allowed.get_mut(*from).is_some_and(|folders| folders.remove(*to)),
            "{from} → {to}"
        );
    }
    assert_eq!(drawn(), allowed);
}

/// A folder without a line in the code map would be found by nobody.
#[test]
fn the_code_map_names_every_folder() {
    let text = fs::read_to_string(root().join("docs/ARCHITECTURE.md")).unwrap();
    let (_, map) = text.split_once("## Code map").unwrap();
    let (map, _) = map.split_once("\n## ").unwrap();
    for unit in UNITS {
        for entry in fs::read_dir(root().join(unit.source)).unwrap() {
            let entry = entry.unwrap();
            let folder = format!("`{}/{}`", unit.source, entry.file_name().display());
            let is_named = !entry.path().is_dir() || map.contains(&folder);
            assert!(is_named, "the code map does not name {folder}");
        }
    }
}
