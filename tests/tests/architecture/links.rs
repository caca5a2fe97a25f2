//! Documents point at what exists.

use std::{fs, path::PathBuf};

use firehose_tests::{glossary::quoted, workspace::root};

/// Every document for people.
fn documents() -> Vec<PathBuf> {
    let folders = ["", "docs", "docs/adr", "bench"].map(|folder| root().join(folder));
    let files = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let mut documents: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    documents.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    assert!(
        documents.len() > 10,
        "documents are looked for in the wrong place: {documents:?}"
    );
    documents
}

#[test]
fn every_link_leads_somewhere() {
    let mut dead = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            let is_elsewhere = file.is_empty() || file.contains("://");
            if !is_elsewhere && !document.parent().unwrap().join(file).exists() {
                dead.push(format!("{}: {target}", document.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

/// A path in backticks begins with a folder of the workspace. What does not exist yet is followed by "(new)".
#[test]
fn every_path_that_a_document_quotes_exists() {
    const FOLDERS: &[&str] = &[
        "bench/",
        "charts/",
        "crds/",
        "docs/",
        "examples/",
        "fuzz/",
        "local/",
        "operator/",
        "proxy/",
        "simulator/",
        "tests/",
        "xtask/",
    ];
    let mut missing = Vec::new();
    let mut seen = 0;
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        for path in quoted(&text) {
            let is_new = text.contains(&format!("`{path}` (new)"));
            // Braces and stars stand for several.
            let is_one = path
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "/._-".contains(letter));
            if is_one && !is_new && FOLDERS.iter().any(|folder| path.starts_with(folder)) {
                seen += 1;
                if !root().join(path).exists() {
                    missing.push(format!("{}: `{path}`", document.display()));
                }
            }
        }
    }
    assert!(seen > 80, "only {seen} paths were found");
    assert!(missing.is_empty(), "{missing:#?}");
}
