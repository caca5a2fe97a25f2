//! The paths that a Rust source file writes, and whether in a test.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A path as written, use trees unfolded: `use a::{b, c::*}` is `a::b` and `a::c::*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct WrittenPath {
    pub(super) segments: Vec<String>,
    /// Modules that the file opens around it: `mod inner { … }`.
    pub(super) within: Vec<String>,
    pub(super) line: usize,
    /// Whether it stands under `#[cfg(test)]`.
    pub(super) is_test: bool,
    /// What it is where it stands in a `use`.
    pub(super) import: Option<Import>,
}

/// What a `use` does with a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Import {
    /// The name that it brings into scope; `*` for all.
    pub(super) name: String,
    /// Whether it hands the name on: `pub use`, however wide the `pub`.
    pub(super) is_forwarded: bool,
}

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Scan {
    pub(super) paths: Vec<WrittenPath>,
    /// Modules declared under `#[cfg(test)]`: their files are tests.
    pub(super) test_modules: Vec<String>,
    /// First and last line of each item under `#[cfg(test)]`.
    pub(super) test_lines: Vec<(usize, usize)>,
    /// Whether the `use` that is being read is a `pub use`.
    forwards: bool,
    /// Whether what is being read stands under `#[cfg(test)]`.
    in_test: bool,
}

/// Reads a whole file.
pub(super) fn scan(source: &str) -> Result<Scan, proc_macro2::LexError> {
    let tokens: TokenStream = source.parse()?;
    let mut scan = Scan::default();
    scan.walk(tokens, &[]);
    Ok(scan)
}

impl Scan {
    fn walk(&mut self, tokens: TokenStream, within: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            at = self.step(&tokens, at, within);
        }
    }

    /// Reads what starts at `at` and says where the next thing starts.
    fn step(&mut self, tokens: &[TokenTree], at: usize, within: &[String]) -> usize {
        if let Some(attribute) = attribute(tokens, at) {
            if is_test_only(&attribute.content) {
                return self.test_item(tokens, attribute.end, within);
            }
            self.walk(attribute.content, within);
            return attribute.end;
        }
        if is_word(tokens.get(at), "mod")
            && let (Some(TokenTree::Ident(name)), Some(TokenTree::Group(body))) =
                (tokens.get(at + 1), tokens.get(at + 2))
        {
            let mut inner = within.to_vec();
            inner.push(name.to_string());
            self.walk(body.stream(), &inner);
            return at + 3;
        }
        if is_word(tokens.get(at), "pub")
            && let Some(TokenTree::Group(whom)) = tokens.get(at + 1)
            && whom.delimiter() == Delimiter::Parenthesis
        {
            return at + 2; // who may see it, which is no import
        }
        if is_word(tokens.get(at), "use") {
            self.forwards = is_public(&tokens[..at]);
            return self.tree(tokens, at + 1, &[], within);
        }
        if is_word(tokens.get(at), "extern") && is_word(tokens.get(at + 1), "crate") {
            self.forwards = false;
            return self.tree(tokens, at + 2, &[], within);
        }
        match &tokens[at] {
            TokenTree::Group(group) => {
                self.walk(group.stream(), within);
                at + 1
            }
            TokenTree::Ident(_) => self.path(tokens, at, within),
            TokenTree::Punct(_) | TokenTree::Literal(_) => at + 1,
        }
    }

    /// A path in a body or a type. A lone word is no path: it was imported, or is local.
    fn path(&mut self, tokens: &[TokenTree], at: usize, within: &[String]) -> usize {
        let line = tokens[at].span().start().line;
        let (segments, end) = segments(tokens, at);
        if segments.len() > 1 {
            self.paths.push(WrittenPath {
                segments,
                within: within.to_vec(),
                line,
                is_test: self.in_test,
                import: None,
            });
        }
        end
    }

    /// The trees of a `use`, up to the end of the statement or of the enclosing braces.
    fn tree(&mut self, tokens: &[TokenTree], mut at: usize, prefix: &[String], within: &[String]) -> usize {
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Punct(punct) if punct.as_char() == ';' => return at + 1,
                TokenTree::Ident(word) if word == "as" => at += 2,
                TokenTree::Ident(_) => at = self.branch(tokens, at, prefix, within),
                TokenTree::Punct(star) if star.as_char() == '*' => at = self.branch(tokens, at, prefix, within),
                TokenTree::Group(group) => {
                    self.tree(&group.stream().into_iter().collect::<Vec<_>>(), 0, prefix, within);
                    at += 1;
                }
                TokenTree::Punct(_) | TokenTree::Literal(_) => at += 1,
            }
        }
        at
    }

    fn branch(&mut self, tokens: &[TokenTree], at: usize, prefix: &[String], within: &[String]) -> usize {
        let (rest, end) = segments(tokens, at);
        let mut path = prefix.to_vec();
        path.extend(rest);
        if let Some(TokenTree::Group(group)) = tokens.get(end)
            && group.delimiter() == Delimiter::Brace
            && is_colon(tokens.get(end - 1))
        {
            self.tree(&group.stream().into_iter().collect::<Vec<_>>(), 0, &path, within);
            return end + 1;
        }
        let name = match (tokens.get(end), tokens.get(end + 1)) {
            (Some(TokenTree::Ident(word)), Some(TokenTree::Ident(alias))) if word == "as" => alias.to_string(),
            _ => path
                .iter()
                .rev()
                .find(|word| *word != "self")
                .cloned()
                .unwrap_or_default(),
        };
        self.paths.push(WrittenPath {
            segments: path,
            within: within.to_vec(),
            line: tokens[at].span().start().line,
            is_test: self.in_test,
            import: Some(Import {
                name,
                is_forwarded: self.forwards,
            }),
        });
        end
    }

    /// Reads the item after `#[cfg(test)]` as a test; a module that has its own file is remembered.
    fn test_item(&mut self, tokens: &[TokenTree], start: usize, within: &[String]) -> usize {
        let end = item_end(tokens, start);
        if let (Some(first), Some(last)) = (tokens.get(start), tokens[start..end].last()) {
            let lines = (first.span().start().line, last.span().end().line);
            self.test_lines.push(lines);
        }
        if let Some(TokenTree::Punct(last)) = tokens.get(end - 1)
            && last.as_char() == ';'
            && let Some(TokenTree::Ident(name)) = tokens.get(end - 2)
            && end >= start + 3
            && is_word(tokens.get(end - 3), "mod")
        {
            let mut module = within.to_vec();
            module.push(name.to_string());
            self.test_modules.push(module.join("::"));
        }
        let outside = std::mem::replace(&mut self.in_test, true);
        self.walk(tokens[start..end].iter().cloned().collect(), within);
        self.in_test = outside;
        end
    }
}

/// Where the item, field or variant ends that begins at `start`: after its block, its semicolon or its comma.
fn item_end(tokens: &[TokenTree], start: usize) -> usize {
    let is_end = |token: &TokenTree| match token {
        TokenTree::Group(group) => group.delimiter() == Delimiter::Brace,
        TokenTree::Punct(punct) => matches!(punct.as_char(), ';' | ','),
        TokenTree::Ident(_) | TokenTree::Literal(_) => false,
    };
    // The braces of a `use` tree end nothing: its semicolon does.
    let is_use = is_word(tokens.get(start), "use");
    let mut rest = tokens.iter().enumerate().skip(start);
    let end = rest.find(|(_, token)| is_end(token) && !(is_use && matches!(token, TokenTree::Group(_))));
    end.map_or(tokens.len(), |(at, _)| at + 1)
}

/// Whether the words before an item end with `pub` or `pub(…)`.
fn is_public(before: &[TokenTree]) -> bool {
    match before {
        [.., word, TokenTree::Group(whom)] if whom.delimiter() == Delimiter::Parenthesis => is_word(Some(word), "pub"),
        [.., word] => is_word(Some(word), "pub"),
        [] => false,
    }
}

struct Attribute {
    content: TokenStream,
    end: usize,
}

fn attribute(tokens: &[TokenTree], at: usize) -> Option<Attribute> {
    let is =
        |token: Option<&TokenTree>, wanted| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted);
    if !is(tokens.get(at), '#') {
        return None;
    }
    let bracket = if is(tokens.get(at + 1), '!') { at + 2 } else { at + 1 };
    match tokens.get(bracket) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Bracket => Some(Attribute {
            content: group.stream(),
            end: bracket + 1,
        }),
        _ => None,
    }
}

/// `cfg(test)` and `cfg(all(test, …))`; not `cfg(not(test))`, nor `cfg(any(test, …))`, which is no test somewhere.
fn is_test_only(attribute: &TokenStream) -> bool {
    let text: String = attribute.to_string().split_whitespace().collect();
    text == "cfg(test)" || text.starts_with("cfg(all(test,")
}

/// Words joined by `::` from `at` on, with a star at the end if there is one; and where they end, after a last `::`.
fn segments(tokens: &[TokenTree], mut at: usize) -> (Vec<String>, usize) {
    let mut segments = Vec::new();
    loop {
        match tokens.get(at) {
            Some(TokenTree::Ident(word)) => segments.push(word.to_string().trim_start_matches("r#").to_owned()),
            Some(TokenTree::Punct(star)) if star.as_char() == '*' => segments.push("*".to_owned()),
            _ => return (segments, at),
        }
        at += 1;
        if !(is_colon(tokens.get(at)) && is_colon(tokens.get(at + 1))) {
            return (segments, at);
        }
        at += 2;
    }
}

fn is_colon(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':')
}

fn is_word(token: Option<&TokenTree>, wanted: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(word)) if word == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(source: &str) -> Vec<String> {
        let scan = scan(source).unwrap();
        let product = scan.paths.iter().filter(|path| !path.is_test);
        product.map(|path| path.segments.join("::")).collect()
    }

    #[test]
    fn every_place_of_a_path_is_seen() {
        for (source, expected) in [
            ("use a::b;", vec!["a::b"]),
            ("use tokio;", vec!["tokio"]),
            ("use ::a::b as c;", vec!["a::b"]),
            ("extern crate tokio as t;", vec!["tokio"]),
            (
                "pub use a::{b, c::{d, self}, e::*};",
                vec!["a::b", "a::c::d", "a::c::self", "a::e::*"],
            ),
            ("use {a::b, c::d};", vec!["a::b", "c::d"]),
            ("use super::*;", vec!["super::*"]),
            (
                "fn f(x: a::B) -> c::D<e::F> { g::h() }",
                vec!["a::B", "c::D", "e::F", "g::h"],
            ),
            ("fn f() { info!(\"{}\", a::b()); }", vec!["a::b"]),
            ("#[tokio::main] fn main() {}", vec!["tokio::main"]),
            ("pub(in crate::spool) fn f() {}", vec![]),
            ("fn f() { a::<u8>::b(); x * y; }", vec![]),
            ("/// [`a::b`]\n// a::b\nconst X: &str = \"a::b\";", vec![]),
        ] {
            assert_eq!(written(source), expected, "{source}");
        }
    }

    #[test]
    fn tests_are_told_from_what_follows_them() {
        for (source, expected) in [
            ("#[cfg(test)] mod tests { use a::b; } use c::d;", vec!["c::d"]),
            ("#[cfg(test)] use a::b; use c::d;", vec!["c::d"]),
            (
                "#[cfg(test)] #[derive(a::B)] struct S { x: a::B } use c::d;",
                vec!["c::d"],
            ),
            ("#[cfg(all(test, unix))] mod tests { use a::b; }", vec![]),
            ("#[cfg(not(test))] use a::b;", vec!["a::b"]),
            ("#[cfg(any(test, feature = \"x\"))] use a::b;", vec!["a::b"]),
        ] {
            assert_eq!(written(source), expected, "{source}");
        }
    }

    #[test]
    fn a_test_module_in_a_file_of_its_own_is_known() {
        let scan = scan("#[cfg(test)] mod tests; mod inner { #[cfg(test)] mod cases; } mod other;").unwrap();
        assert_eq!(scan.test_modules, ["tests", "inner::cases"]);
    }

    #[test]
    fn a_module_inside_a_file_is_part_of_the_place() {
        let scan = scan("mod inner { use super::a; }").unwrap();
        assert_eq!(scan.paths[0].within, ["inner"]);
    }
}
