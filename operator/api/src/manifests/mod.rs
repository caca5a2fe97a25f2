//! A file of manifests as `kubectl apply` reads it: the objects that it would send.
//!
//! JSON where the text begins with a brace, else YAML in documents, each as kubectl's own reader takes it: YAML 1.1's
//! booleans and numbers, merge keys, lists taken apart. `tests/kubectl` holds what kubectl answers for hundreds of
//! texts. Stricter in one thing: a key that is said twice is refused, as the API server's strict reader does, where
//! kubectl takes one of them in silence. Not a judge of what the objects mean.

mod json;
mod list;
mod scalar;
mod unreadable;
mod yaml;

use serde_json::Value;

use self::json::Refused;
use crate::structure::shown;

pub use self::unreadable::Unreadable;

/// The objects of a file, of whatever kind they are. Empty documents have none; those of a list are told apart.
///
/// # Errors
///
/// What is not YAML or JSON, and what is no object with a kind, with the line.
pub fn objects(text: &str) -> Result<Vec<Value>, Unreadable> {
    let mut found = Vec::new();
    let mut rest = Chunk { text, line: 1 };
    if text.trim_start().starts_with('{') {
        rest = json_objects(rest, &mut found)?;
    }
    for document in documents(rest)? {
        let value = yaml::read(&document.text).map_err(|unreadable| unreadable.after(document.line - 1))?;
        list::take_apart(value, document.line, &mut found)?;
    }
    Ok(found)
}

/// A part of a file.
#[derive(Debug, Clone, Copy)]
struct Chunk<'text> {
    text: &'text str,
    /// Its first line's number.
    line: usize,
}

impl<'text> Chunk<'text> {
    fn split_at(self, bytes: usize) -> (Self, Self) {
        let (text, rest) = self.text.split_at(bytes);
        let line = self.line + text.matches('\n').count();
        (Self { text, ..self }, Self { text: rest, line })
    }
}

/// Takes JSON objects from the front, one after another. What is no JSON is left for the YAML reader, unless two
/// objects say that this is a file of JSON.
fn json_objects<'text>(mut rest: Chunk<'text>, found: &mut Vec<Value>) -> Result<Chunk<'text>, Unreadable> {
    const ENOUGH_TO_BE_SURE: usize = 2;
    for count in 0.. {
        match json::first(rest.text) {
            Ok(Some((value, bytes))) => {
                let (object, after) = rest.split_at(bytes);
                let lead = object.text.len() - object.text.trim_start().len();
                list::take_apart(value, object.split_at(lead).1.line, found)?;
                rest = after;
            }
            Ok(None) => return Ok(Chunk { text: "", ..rest }),
            Err(Refused::Value(unreadable)) => return Err(unreadable.after(rest.line - 1)),
            Err(Refused::Syntax(unreadable)) if count >= ENOUGH_TO_BE_SURE => {
                return Err(unreadable.after(rest.line - 1));
            }
            Err(Refused::Syntax(_)) if count == 0 => return Ok(rest),
            Err(Refused::Syntax(_)) => {
                // The rest of the line that the object ended on, when there is nothing on it.
                let blank = rest.text.len() - rest.text.trim_start().len();
                let end = rest.text[..blank].find('\n').map_or(blank, |newline| newline + 1);
                return Ok(rest.split_at(end).1);
            }
        }
    }
    Ok(rest)
}

/// A YAML document with its lines ended as kubectl hands them to its reader.
struct Document {
    text: String,
    line: usize,
}

/// Documents end at a line that begins with `---`, whatever stands around it.
fn documents(chunk: Chunk<'_>) -> Result<Vec<Document>, Unreadable> {
    let mut documents = Vec::new();
    let mut open = Document {
        text: String::new(),
        line: chunk.line,
    };
    for (offset, line) in chunk.text.lines().enumerate() {
        let Some(after) = line.strip_prefix("---") else {
            open.text.push_str(line);
            open.text.push('\n');
            continue;
        };
        let number = chunk.line + offset;
        let after = after.trim();
        if !after.is_empty() && !after.starts_with('#') {
            let after = shown(after);
            return Err(Unreadable::new(
                number,
                format!("only a comment may follow --- on its line, not {after:?}"),
            ));
        }
        let next = Document {
            text: String::new(),
            line: number + 1,
        };
        documents.push(std::mem::replace(&mut open, next));
    }
    documents.push(open);
    Ok(documents)
}
