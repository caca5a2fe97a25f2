//! The items that a Rust source file defines in its modules: what a path from elsewhere can end at.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// An item, or a module that the file opens or declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Item {
    pub(super) name: String,
    /// Modules that the file opens around it: `mod inner { … }`.
    pub(super) within: Vec<String>,
    /// Whether it is `mod name { … }`.
    pub(super) is_inline_module: bool,
}

/// The items of a whole file. Those inside of functions, implementations and traits are not among them.
pub(super) fn items(source: &str) -> Result<Vec<Item>, proc_macro2::LexError> {
    let mut items = Vec::new();
    collect(source.parse()?, &[], &mut items);
    Ok(items)
}

fn collect(tokens: TokenStream, within: &[String], items: &mut Vec<Item>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for at in 0..tokens.len() {
        let (Some(keyword), Some(name)) = (word(tokens.get(at)), word(tokens.get(at + 1))) else {
            if word(tokens.get(at)).as_deref() == Some("macro_rules")
                && let Some(name) = word(tokens.get(at + 2))
            {
                items.push(Item {
                    name,
                    within: within.to_vec(),
                    is_inline_module: false,
                });
            }
            continue;
        };
        let body = match tokens.get(at + 2) {
            Some(TokenTree::Group(body)) if body.delimiter() == Delimiter::Brace => Some(body),
            _ => None,
        };
        match keyword.as_str() {
            "mod" => {
                // One without a body is a file, and known as such.
                let Some(body) = body else { continue };
                let inner = [within, std::slice::from_ref(&name)].concat();
                collect(body.stream(), &inner, items);
                items.push(Item {
                    name,
                    within: within.to_vec(),
                    is_inline_module: true,
                });
            }
            // `const fn`, `unsafe fn` and the like name nothing yet.
            "const" | "static" if matches!(name.as_str(), "fn" | "unsafe" | "async" | "extern" | "mut") => {}
            "struct" | "enum" | "union" | "trait" | "type" | "fn" | "const" | "static" => items.push(Item {
                name,
                within: within.to_vec(),
                is_inline_module: false,
            }),
            _ => {}
        }
    }
}

fn word(token: Option<&TokenTree>) -> Option<String> {
    match token {
        Some(TokenTree::Ident(word)) => Some(word.to_string().trim_start_matches("r#").to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_path_can_end_at_is_found_and_nothing_else() {
        for (source, expected) in [
            ("pub struct A<T>(T); enum B {} union C { x: u8 }", vec!["A", "B", "C"]),
            ("pub const fn f() { fn g() {} struct H; }", vec!["f"]),
            ("const X: u8 = 1; static Y: u8 = 2; type Z = u8;", vec!["X", "Y", "Z"]),
            (
                "impl A { const X: u8 = 1; fn f() {} } unsafe trait T { fn g(); }",
                vec!["T"],
            ),
            ("macro_rules! m { () => {} }", vec!["m"]),
            (
                "mod inner { pub struct A; mod file; } mod other;",
                vec!["inner::A", "inner"],
            ),
        ] {
            let found = items(source).unwrap();
            let paths = found.iter().map(|item| {
                [item.within.as_slice(), std::slice::from_ref(&item.name)]
                    .concat()
                    .join("::")
            });
            assert_eq!(paths.collect::<Vec<_>>(), expected, "{source}");
        }
    }
}
