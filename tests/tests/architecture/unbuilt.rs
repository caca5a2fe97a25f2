//! What types and schemas promise and nothing keeps yet: one list, which is to be empty in the end.

use std::{collections::BTreeSet, fs, path::Path};

use firehose_tests::{glossary::identifiers, workspace::root};

/// A promise of a type, a schema or a pod that nothing keeps.
struct Unbuilt {
    what: &'static str,
    /// The file that promises it, and the words.
    promised: (&'static str, &'static str),
    /// When it counts as built.
    built: Built,
}

enum Built {
    /// When a folder has these words.
    With(&'static str, &'static str),
}

const UNBUILT: &[Unbuilt] = &[
    // Nothing is to be built here: the field goes when the operator no longer writes it.
    Unbuilt {
        what: "document: spool.type",
        promised: ("proxy/config/src/document.rs", "pub kind: SpoolType"),
        built: Built::With("proxy/src", "SpoolType"),
    },
];

#[test]
fn what_is_on_the_list_is_promised_and_not_built() {
    for Unbuilt { what, promised, built } in UNBUILT {
        let (file, words) = promised;
        let is_promised = fs::read_to_string(root().join(file)).is_ok_and(|text| text.contains(words));
        assert!(
            is_promised,
            "{what}: {file} does not promise it any more; take it off the list"
        );
        let is_built = match built {
            Built::With(folder, words) => any_file_has(&root().join(folder), words),
        };
        assert!(!is_built, "{what} is built; take it off the list");
    }
}

/// A field that nobody reads is a promise, too.
#[test]
fn every_field_of_the_document_is_read_by_the_proxy_or_on_the_list() {
    let read = |file| fs::read_to_string(root().join("proxy/config/src").join(file)).unwrap();
    let document = read("document.rs") + &read("ingest.rs");
    let field = |line: &str| Some(line.trim().strip_prefix("pub ")?.split_once(": ")?.0.to_owned());
    let mut fields: BTreeSet<String> = document.lines().filter_map(field).collect();
    fields.retain(|field| !field.contains(' ')); // constants
    assert!(fields.len() > 30, "the document is read wrongly: {fields:?}");
    let mut read = identifiers(&root().join("proxy/src"));
    read.extend(identifiers(&root().join("proxy/events/src")));
    // What says whether a document may be read at all is read by whoever parses it.
    read.extend(["format_version", "requires"].map(|field| (field.to_owned(), "proxy/config/src/parse.rs".to_owned())));
    let is_listed = |field: &str| {
        let words = format!("pub {field}: ");
        UNBUILT.iter().any(|unbuilt| unbuilt.promised.1.starts_with(&words))
    };
    let unread: Vec<&String> = fields
        .iter()
        .filter(|field| !read.contains_key(field.trim_start_matches("r#")) && !is_listed(field))
        .collect();
    assert!(unread.is_empty(), "no proxy reads {unread:?}");
}

#[test]
fn every_word_of_the_report_is_said_by_the_proxy_or_on_the_list() {
    let report = fs::read_to_string(root().join("proxy/config/src/report.rs")).unwrap();
    let mut unsaid = Vec::new();
    let mut words = 0;
    for block in report.split("pub enum ").skip(1) {
        let (name, rest) = block.split_once(" {").unwrap();
        let (body, _) = rest.split_once("\n}").unwrap();
        let variants = body.lines().filter_map(|line| line.trim().strip_suffix(','));
        for variant in variants.filter(|variant| variant.chars().all(char::is_alphanumeric)) {
            words += 1;
            let said = any_file_has(&root().join("proxy/src"), &format!("{name}::{variant}"));
            // What a reader falls back to need not be said.
            let is_listed = UNBUILT.iter().any(|unbuilt| unbuilt.promised.1 == variant);
            if !said && !is_listed && variant != "Unknown" {
                unsaid.push(format!("{name}::{variant}"));
            }
        }
    }
    assert!(words > 30, "the report is read wrongly: {words} words");
    assert!(unsaid.is_empty(), "no proxy says {unsaid:?}");
}

fn any_file_has(folder: &Path, words: &str) -> bool {
    fs::read_dir(folder).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => any_file_has(&path, words),
            false => fs::read_to_string(&path).is_ok_and(|text| text.contains(words)),
        }
    })
}
