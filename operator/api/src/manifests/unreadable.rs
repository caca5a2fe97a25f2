//! Why a text is no file of manifests.

use crate::structure::shown;

/// Why a text is no file of manifests.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct Unreadable {
    /// Line of the file, from one.
    pub line: usize,
    problem: String,
    is_twice: bool,
}

impl Unreadable {
    pub(super) fn new(line: usize, problem: impl Into<String>) -> Self {
        Self {
            line,
            problem: problem.into(),
            is_twice: false,
        }
    }

    pub(super) fn twice(line: usize, key: &str) -> Self {
        let key = shown(key);
        Self {
            is_twice: true,
            ..Self::new(line, format!("the key {key:?} is there twice in one mapping"))
        }
    }

    /// Whether a key is there twice, which kubectl itself would let pass.
    pub fn is_twice(&self) -> bool {
        self.is_twice
    }

    /// For a text that begins after `lines` other ones.
    pub(super) fn after(mut self, lines: usize) -> Self {
        self.line += lines;
        self
    }
}
