//! The table of the chart's values, made of the comments in `values.yaml`: each value has one above it.

use std::fmt::Write as _;

/// One row: a value, or a group of them.
struct Row {
    path: String,
    /// As YAML writes it in one line; nothing for a group.
    default: Option<String>,
    text: String,
}

/// The table, in Markdown.
///
/// # Panics
///
/// When a value has no comment, or a line is none of: a comment, `key: value`, `key:`, an item of a list.
pub fn table(values: &str) -> String {
    let mut table = "| value | default | |\n|---|---|---|\n".to_owned();
    for row in rows(values) {
        let default = row.default.map_or_else(String::new, |default| format!("`{default}`"));
        let cells = [format!("`{}`", row.path), default, row.text].map(|cell| cell.replace('|', "\\|"));
        writeln!(table, "| {} |", cells.join(" | ")).expect("a text takes everything");
    }
    table
}

fn rows(values: &str) -> Vec<Row> {
    let mut rows: Vec<Row> = Vec::new();
    let mut comment: Vec<&str> = Vec::new();
    // The keys of the groups around a line, and how far each is indented.
    let mut around: Vec<(usize, &str)> = Vec::new();
    for line in values.lines() {
        let content = line.trim_start();
        let indentation = line.len() - content.len();
        if content.is_empty() {
            comment.clear();
        } else if let Some(said) = content.strip_prefix("# ") {
            comment.push(said);
        } else if let Some(item) = content.strip_prefix("- ") {
            let row = rows.last_mut().expect("a list has a name");
            let list = row.default.take().unwrap_or_default();
            let begun = list
                .strip_suffix(']')
                .map_or("[".to_owned(), |list| format!("{list}, "));
            row.default = Some(format!("{begun}{item}]"));
        } else {
            let (key, value) = content
                .split_once(':')
                .unwrap_or_else(|| panic!("{line:?} is no value"));
            around.retain(|(other, _)| *other < indentation);
            let parents = around.iter().map(|(_, parent)| *parent);
            let path = parents.chain([key]).collect::<Vec<_>>().join(".");
            around.push((indentation, key));
            // What stands inside of a value that has a comment needs none: a limit of `resources`.
            let value = value.trim();
            if comment.is_empty()
                && let Some(row) = rows.last_mut()
                && path.starts_with(&format!("{}.", row.path))
            {
                let map = row.default.take().unwrap_or_default();
                let begun = map.strip_suffix(" }").map_or("{ ".to_owned(), |map| format!("{map}, "));
                row.default = Some(format!("{begun}{key}: {value} }}"));
                continue;
            }
            assert!(!comment.is_empty(), "{path} has no comment");
            rows.push(Row {
                path,
                default: Some(value.to_owned()).filter(|value| !value.is_empty()),
                text: comment.join(" "),
            });
            comment.clear();
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn groups_lists_and_maps_are_rows_of_their_own() {
        let values = "# A group\n# of two.\na:\n  # One | two.\n  b: \"\"\n  # List.\n  c:\n    - x\n    - y\n\n\
                      # Map.\nd:\n  e: { f: 1 }\n  g: 2\n";
        let rows: Vec<String> = table(values).lines().skip(2).map(str::to_owned).collect();
        assert_eq!(
            rows,
            [
                "| `a` |  | A group of two. |",
                "| `a.b` | `\"\"` | One \\| two. |",
                "| `a.c` | `[x, y]` | List. |",
                "| `d` | `{ e: { f: 1 }, g: 2 }` | Map. |",
            ]
        );
    }

    #[test]
    #[should_panic(expected = "b has no comment")]
    fn a_value_without_a_comment_is_found() {
        table("# One.\na: 1\nb: 2\n");
    }
}
