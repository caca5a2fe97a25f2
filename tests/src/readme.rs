//! The README's fenced blocks, as a reader would copy them.

use std::fs;

use crate::workspace;

/// What a block of shell commands is for: the word after `sh` on its fence. A block without a known word is one that
/// no test runs.
pub const KINDS: [&str; 4] = ["run", "try", "test", "cluster"];

/// A fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// What stands after the opening fence: `sh try`, `yaml`.
    pub info: String,
    /// The lines between the fences.
    pub text: String,
}

impl Block {
    /// The commands of a shell block, continuation lines joined.
    pub fn commands(&self) -> Vec<String> {
        let joined = self.text.replace("\\\n", " ");
        joined
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

/// The blocks of README.md, in order.
///
/// # Panics
///
/// When there is no README.
pub fn blocks() -> Vec<Block> {
    parse(&fs::read_to_string(workspace::root().join("README.md")).unwrap())
}

fn parse(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in text.lines() {
        match (open.take(), line.trim_start().strip_prefix("```")) {
            (None, None) => {}
            (None, Some(info)) => {
                open = Some(Block {
                    info: info.trim().to_owned(),
                    text: String::new(),
                });
            }
            (Some(block), Some(_)) => blocks.push(block),
            (Some(mut block), None) => {
                block.text.push_str(line);
                block.text.push('\n');
                open = Some(block);
            }
        }
    }
    assert!(open.is_none(), "the last block is not closed");
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_and_their_commands_are_read() {
        let blocks = parse("text\n```sh try\ncurl \\\n  -d 'x' a\n\ncurl b\n```\nmore\n```yaml\na: 1\n```\n");
        assert_eq!(blocks.len(), 2);
        assert_eq!(blocks[0].info, "sh try");
        assert_eq!(blocks[0].commands(), ["curl    -d 'x' a", "curl b"]);
        assert_eq!(blocks[1].text, "a: 1\n");
    }
}
