//! Files and folders that a person can hold in mind.

use std::{fs, path::Path};

use firehose_tests::{
    architecture::sizes::{Size, crowded, percentile, sizes},
    workspace::root,
};

/// Folders with Rust code, the tests of each crate included.
const CODE: &[&str] = &[
    "bench",
    "fuzz",
    "listener",
    "local",
    "operator",
    "proxy",
    "simulator",
    "tests",
    "xtask",
];

fn all() -> Vec<Size> {
    let below = |folder: &&str| sizes(&root().join(folder));
    CODE.iter().flat_map(below).collect()
}

#[test]
fn files_are_short() {
    let all = all();
    let (median, ninety) = (percentile(&all, 50), percentile(&all, 90));
    let long: Vec<&Size> = all.iter().filter(|size| size.lines > 500).collect();
    assert!(median <= 150, "the median file has {median} lines");
    assert!(ninety <= 400, "nine in ten files have up to {ninety} lines");
    assert!(long.is_empty(), "more than 500 lines: {long:#?}");
}

/// Of the whole workspace this would say little: half of it are tests.
#[test]
fn the_proxys_files_are_short() {
    let all = sizes(&root().join("proxy/src"));
    let (median, ninety) = (percentile(&all, 50), percentile(&all, 90));
    assert!(median <= 150, "the median file has {median} lines");
    assert!(ninety <= 400, "nine in ten files have up to {ninety} lines");
}

#[test]
fn no_folder_of_the_proxy_is_crowded() {
    let found = crowded(&sizes(&root().join("proxy/src")), 6);
    assert!(
        found.is_empty(),
        "more than a sixth of the proxy's product code: {found:?}"
    );
}

#[test]
fn a_crowded_folder_is_found() {
    let size = |file: &str, product| Size {
        file: file.to_owned(),
        lines: 2 * product,
        product,
    };
    let sizes = [
        size("lib.rs", 1),
        size("a/mod.rs", 9),
        size("a/b/mod.rs", 5),
        size("c.rs", 5),
    ];
    assert_eq!(crowded(&sizes, 3), [(Path::new("a").to_owned(), 9)]);
    assert_eq!(crowded(&sizes, 2), []);
    assert_eq!((percentile(&sizes, 50), percentile(&sizes, 90)), (10, 18));
}

/// rustfmt sees to the code.
#[test]
fn comments_end_at_120_columns() {
    let mut wide = Vec::new();
    for folder in CODE {
        for size in sizes(&root().join(folder)) {
            let text = fs::read_to_string(root().join(folder).join(&size.file)).unwrap();
            for (number, line) in (1..).zip(text.lines()) {
                if line.trim_start().starts_with("//") && line.chars().count() > 120 {
                    wide.push(format!("{folder}/{}:{number}", size.file));
                }
            }
        }
    }
    assert!(wide.is_empty(), "{wide:#?}");
}
