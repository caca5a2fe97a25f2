//! One YAML document as a value. Composes the parser's events without recursion, bounded in depth and in what aliases
//! write out.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle, Tag, options};
use serde_json::{Map, Value};

use super::{scalar::Scalar, unreadable::Unreadable};

/// Deepest nesting, aliases written out.
const MAX_DEPTH: usize = 255;

/// Most bytes that anchors and aliases may copy: several times what the API server takes in one request.
const MAX_COPIED_BYTES: usize = 16 * 1024 * 1024;

/// What a value takes at least.
const NODE_BYTES: usize = 32;

/// Reads the document. Nothing but comments is null.
///
/// # Errors
///
/// What is no YAML of kubectl's reader, with the line.
pub(super) fn read(text: &str) -> Result<Value, Unreadable> {
    check_characters(text)?;
    let mut options = options! { bom_inside_document_as_content: true, emit_anchor_events: true };
    options.set_emit_comments(false);
    let mut composer = Composer::default();
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| Unreadable::new(error.marker().line(), error.info()))?;
        let line = span.start.line();
        composer.take(event, span, text).map_err(|problem| problem.at(line))?;
    }
    Ok(composer.document.unwrap_or(Value::Null))
}

/// The reader's own list of characters. Three that YAML 1.1 takes as ends of lines are refused: nobody sees them.
fn check_characters(text: &str) -> Result<(), Unreadable> {
    let is_good = |c: char| match c {
        '\u{2028}' | '\u{2029}' => false,
        '\t' | '\n' | '\r' | ' '..='~' | '\u{a0}'..='\u{fffd}' => true,
        _ => c > '\u{ffff}',
    };
    match text.char_indices().find(|(_, c)| !is_good(*c)) {
        None => Ok(()),
        Some((at, bad)) => {
            let line = 1 + text[..at].matches('\n').count();
            Err(Unreadable::new(
                line,
                format!("{bad:?} can only be written as an escape in quotes"),
            ))
        }
    }
}

/// A value that is complete.
#[derive(Debug, Clone)]
struct Node {
    content: Content,
    /// As counted for [`MAX_COPIED_BYTES`].
    bytes: usize,
    /// Levels of lists and mappings in it, itself included.
    depth: usize,
}

#[derive(Debug, Clone)]
enum Content {
    /// May still become a key, so it keeps its kind.
    Scalar(Scalar),
    Collection(Value),
}

/// A list or a mapping whose end has not come.
#[derive(Debug)]
struct Open {
    anchor: usize,
    bytes: usize,
    depth: usize,
    /// Written with brackets.
    is_flow: bool,
    content: Unfinished,
}

#[derive(Debug)]
enum Unfinished {
    List(Vec<Value>),
    Mapping {
        fields: Map<String, Value>,
        /// Keys that are written here, and not merged in.
        own: HashSet<String>,
        key: Option<Key>,
    },
}

#[derive(Debug)]
enum Key {
    Field(String),
    /// `<<`: the fields of the value, or of each of a list, are fields here.
    Merge,
}

/// What is wrong at the place of an event.
enum Problem {
    Message(String),
    Twice(String),
}

impl Problem {
    fn at(self, line: usize) -> Unreadable {
        match self {
            Self::Message(message) => Unreadable::new(line, message),
            Self::Twice(key) => Unreadable::twice(line, &key),
        }
    }
}

impl From<String> for Problem {
    fn from(message: String) -> Self {
        Self::Message(message)
    }
}

impl From<&str> for Problem {
    fn from(message: &str) -> Self {
        Self::Message(message.to_owned())
    }
}

#[derive(Debug, Default)]
struct Composer {
    open: Vec<Open>,
    anchors: HashMap<usize, Node>,
    copied_bytes: usize,
    document: Option<Value>,
}

impl Composer {
    fn take(&mut self, event: Event<'_>, span: Span, text: &str) -> Result<(), Problem> {
        match event {
            Event::DocumentStart(..) if self.document.is_some() => {
                return Err("kubectl would not read on after the end of the document, write --- instead of ...".into());
            }
            Event::Scalar(content, style, anchor, tag) => {
                if style == ScalarStyle::DoubleQuoted {
                    check_escapes(
                        span.byte_range()
                            .and_then(|range: Range<usize>| text.get(range))
                            .unwrap_or(""),
                    )?;
                }
                let in_flow = self.open.last().is_some_and(|open| open.is_flow);
                if in_flow && style == ScalarStyle::Plain && (content.starts_with(':') || content.contains('?')) {
                    return Err(format!("{content:?} must be in quotes between brackets").into());
                }
                let is_merge = content == "<<"
                    && match name_of(tag.as_deref()) {
                        None => style == ScalarStyle::Plain,
                        Some(name) => name == "merge",
                    };
                let mapping = self.open.last_mut().map(|open| &mut open.content);
                if let Some(Unfinished::Mapping { key: key @ None, .. }) = mapping
                    && is_merge
                {
                    *key = Some(Key::Merge);
                    return Ok(());
                }
                let scalar = scalar(&content, style, tag.as_deref())?;
                let bytes = NODE_BYTES + content.len();
                let node = Node {
                    content: Content::Scalar(scalar),
                    bytes,
                    depth: 0,
                };
                self.anchor(anchor, &node)?;
                self.place(node, false)?;
            }
            Event::SequenceStart(style, anchor, _) => self.begin(style, anchor, Unfinished::List(Vec::new()))?,
            Event::MappingStart(style, anchor, _) => {
                let mapping = Unfinished::Mapping {
                    fields: Map::new(),
                    own: HashSet::new(),
                    key: None,
                };
                self.begin(style, anchor, mapping)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open {
                    anchor,
                    bytes,
                    depth,
                    content,
                    ..
                }) = self.open.pop()
                else {
                    return Err("a list or mapping ends that has not begun".into());
                };
                let value = match content {
                    Unfinished::List(items) => items.into(),
                    Unfinished::Mapping { fields, .. } => fields.into(),
                };
                let node = Node {
                    content: Content::Collection(value),
                    bytes,
                    depth: depth + 1,
                };
                self.anchor(anchor, &node)?;
                self.place(node, false)?;
            }
            Event::Anchor(_, name)
                if !name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) =>
            {
                return Err(format!("the anchor {name:?} is not named by letters, digits, _ and -").into());
            }
            Event::Alias(anchor) => {
                let Some(bytes) = self.anchors.get(&anchor).map(|node| node.bytes) else {
                    return Err("an anchor's value contains itself".into());
                };
                self.copy(bytes)?;
                let node = self.anchors[&anchor].clone();
                self.place(node, true)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self, style: StructureStyle, anchor: usize, content: Unfinished) -> Result<(), Problem> {
        if self.open.len() >= MAX_DEPTH {
            return Err(format!("lists and mappings are nested more than {MAX_DEPTH} deep").into());
        }
        self.open.push(Open {
            anchor,
            bytes: NODE_BYTES,
            depth: 0,
            is_flow: style == StructureStyle::Flow,
            content,
        });
        Ok(())
    }

    fn anchor(&mut self, anchor: usize, node: &Node) -> Result<(), Problem> {
        if anchor != 0 {
            self.copy(node.bytes)?;
            self.anchors.insert(anchor, node.clone());
        }
        Ok(())
    }

    fn copy(&mut self, bytes: usize) -> Result<(), Problem> {
        self.copied_bytes = self.copied_bytes.saturating_add(bytes);
        if self.copied_bytes > MAX_COPIED_BYTES {
            return Err("anchors and aliases write out too much".into());
        }
        Ok(())
    }

    /// Puts a value where the document is: into the innermost list or mapping, or as the document itself.
    fn place(&mut self, node: Node, is_alias: bool) -> Result<(), Problem> {
        let levels = self.open.len() + node.depth;
        if levels > MAX_DEPTH {
            return Err(format!("lists and mappings are nested more than {MAX_DEPTH} deep").into());
        }
        let Some(open) = self.open.last_mut() else {
            self.document = Some(node.value()?);
            return Ok(());
        };
        open.bytes += node.bytes;
        open.depth = open.depth.max(node.depth);
        match &mut open.content {
            Unfinished::List(items) => items.push(node.value()?),
            Unfinished::Mapping { fields, own, key } => match key.take() {
                None => {
                    let Content::Scalar(scalar) = node.content else {
                        return Err("a list or a mapping cannot be a key".into());
                    };
                    let name = scalar.key()?;
                    if !own.insert(name.clone()) {
                        return Err(Problem::Twice(name));
                    }
                    *key = Some(Key::Field(name));
                }
                Some(Key::Field(name)) => {
                    fields.insert(name, node.value()?);
                }
                Some(Key::Merge) => merge(fields, node.value()?, is_alias)?,
            },
        }
        Ok(())
    }
}

impl Node {
    fn value(self) -> Result<Value, String> {
        match self.content {
            Content::Scalar(scalar) => scalar.value(),
            Content::Collection(value) => Ok(value),
        }
    }
}

/// The fields of a mapping, or of a list of mappings of which the first counts, take the place of those before them.
fn merge(fields: &mut Map<String, Value>, value: Value, is_alias: bool) -> Result<(), Problem> {
    let mappings = match value {
        Value::Array(mappings) if !is_alias => mappings,
        one => vec![one],
    };
    for mapping in mappings.into_iter().rev() {
        let Value::Object(mapping) = mapping else {
            return Err("<< takes a mapping or a list of mappings".into());
        };
        fields.extend(mapping);
    }
    Ok(())
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Scalar, String> {
    match name_of(tag) {
        None if style == ScalarStyle::Plain => Ok(Scalar::plain(text)),
        None => Ok(Scalar::Text(text.to_owned())),
        Some(name) => Scalar::tagged(name, text),
    }
}

/// A tag of YAML's own by its name; one of somebody else's has an empty one.
fn name_of(tag: Option<&Tag>) -> Option<&str> {
    const OWN: &str = "tag:yaml.org,2002:";
    let tag = tag?;
    Some(match tag.handle() {
        OWN => tag.suffix(),
        _ => tag.suffix().strip_prefix(OWN).unwrap_or(""),
    })
}

/// Two escapes that JSON has and this reader has not.
fn check_escapes(quoted: &str) -> Result<(), Problem> {
    let mut rest = quoted;
    while let Some((_, after)) = rest.split_once('\\') {
        let mut characters = after.chars();
        match characters.next() {
            Some('/') => return Err("YAML has no escape \\/, write the slash alone".into()),
            Some('u')
                if matches!(
                    after.as_bytes().get(1..3),
                    Some([b'd' | b'D', b'8'..=b'9' | b'a'..=b'f' | b'A'..=b'F'])
                ) =>
            {
                return Err(
                    "YAML has no surrogate pairs, write the character itself or \\U and its eight digits".into(),
                );
            }
            _ => {}
        }
        rest = characters.as_str();
    }
    Ok(())
}
