//! `docs/GLOSSARY.md` as data, and the names that the code uses.

use std::{collections::BTreeMap, fs, path::Path};

use proc_macro2::{TokenStream, TokenTree};

/// An identifier that the code must not use any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retired {
    /// As it was written.
    pub identifier: String,
    /// Name of the package.
    pub package: String,
    /// The folder of its source that it is retired in; all of the package when absent.
    pub folder: Option<String>,
}

/// The rows of a table below a heading of the second level, each as its cells.
pub fn rows<'text>(document: &'text str, heading: &str) -> Vec<Vec<&'text str>> {
    let lines = document
        .lines()
        .skip_while(|line| *line != format!("## {heading}"))
        .skip(1);
    let table = lines
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| line.starts_with('|'));
    table
        .skip(2) // the table's head and the line under it
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect())
        .collect()
}

/// The retired identifiers of a glossary.
///
/// # Panics
///
/// When a row is not of the form ``| `name` | package, `folder` | … |``.
pub fn retired(document: &str) -> Vec<Retired> {
    let parse = |cells: Vec<&str>| {
        let [identifier, place, _] = cells[..] else {
            panic!("three cells a row: {cells:?}");
        };
        let (package, folder) = match place.split_once(", ") {
            Some((package, folder)) => (package, Some(folder.trim_matches('`').to_owned())),
            None => (place, None),
        };
        Retired {
            identifier: identifier.trim_matches('`').to_owned(),
            package: package.to_owned(),
            folder,
        }
    };
    rows(document, "Retired identifiers").into_iter().map(parse).collect()
}

/// The words in backticks of a text.
pub fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The identifiers of all Rust files below a folder, as whole words, and where each stands first (`file:line`). What a
/// comment says does not count, nor what a string says; what documentation quotes in backticks does.
///
/// # Panics
///
/// When a file cannot be read as Rust.
pub fn identifiers(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("a folder can be listed").path())
        .collect();
    paths.sort();
    for path in paths {
        if path.is_dir() {
            for (identifier, place) in identifiers(&path) {
                found.entry(identifier).or_insert(place);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            let tokens = text
                .parse()
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            collect(tokens, &mut |identifier, line| {
                let place = || format!("{}:{line}", path.display());
                found.entry(identifier.to_owned()).or_insert_with(place);
            });
        }
    }
    found
}

fn collect(tokens: TokenStream, found: &mut impl FnMut(&str, usize)) {
    let mut is_doc = false;
    for token in tokens {
        let line = token.span().start().line;
        match token {
            TokenTree::Group(group) => collect(group.stream(), found),
            TokenTree::Ident(word) => {
                is_doc = word == "doc";
                found(word.to_string().trim_start_matches("r#"), line);
            }
            TokenTree::Literal(text) if is_doc => {
                let text = text.to_string();
                let is_part = |letter: char| letter.is_alphanumeric() || letter == '_';
                let words = quoted(&text)
                    .into_iter()
                    .flat_map(|code| code.split(|letter| !is_part(letter)));
                words.filter(|word| !word.is_empty()).for_each(|word| found(word, line));
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_whole_words_of_code_and_of_quotes_in_documentation() {
        let folder = tempfile::tempdir().unwrap();
        let source = "/// Not a Lease, but `spool::Frame` and [`Parcel`].\nfn f() { g!(r#type, \"Board\"); } // Desk\n";
        fs::write(folder.path().join("lib.rs"), source).unwrap();
        let found = identifiers(folder.path());
        let words: Vec<&str> = found.keys().map(String::as_str).collect();
        assert_eq!(words, ["Frame", "Parcel", "doc", "f", "fn", "g", "spool", "type"]);
        assert!(found["Parcel"].ends_with("lib.rs:1"), "{found:?}");
        assert!(found["type"].ends_with("lib.rs:2"), "{found:?}");
    }

    #[test]
    fn the_table_of_retired_identifiers_is_read() {
        let document = "# Glossary\n\n## Words\n\n| a | b | c |\n|---|---|---|\n| x | `X` | |\n\n## Retired identifiers\n\n\
                        Text.\n\n| retired | in | for it |\n|---|---|---|\n| `Lease` | firehose-proxy | `InFlight` |\n\
                        | `Quota` | firehose-proxy, `deliver` | `Rates` |\n";
        let one = |identifier: &str, folder: Option<&str>| Retired {
            identifier: identifier.to_owned(),
            package: "firehose-proxy".to_owned(),
            folder: folder.map(str::to_owned),
        };
        assert_eq!(retired(document), [one("Lease", None), one("Quota", Some("deliver"))]);
        assert_eq!(rows(document, "Words"), [["x", "`X`", ""]]);
    }
}
