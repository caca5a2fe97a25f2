//! Manifests are read as `kubectl apply` reads them. `reference/` asks kubectl's own builder; `manifests.tsv` holds its
//! answers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test reports")]

use firehose_operator_api::manifests::objects;
use serde_json::Value;

const REFERENCE: &str = include_str!("manifests.tsv");

/// Where we are stricter on purpose: kubectl would send something that nobody has meant.
const STRICTER: &[(&str, &str)] = &[
    (
        "v: {1: a, 1.0: b}",
        "two keys become one field, and chance decides which stays",
    ),
    ("{?a", "the mark of a key where nobody means one"),
    ("[?a", "the mark of a key where nobody means one"),
    ("\"a\"#b", "a comment that is glued to a text"),
    ("v: a\u{85}w: b", "an end of line that nobody sees"),
    ("v: 1 # \u{2028}", "an end of line that nobody sees"),
];

struct Row {
    manifest: String,
    /// What kubectl would send; none where it refuses.
    objects: Option<Value>,
    /// A key is there twice in one mapping, or is merged over one that is there.
    says_twice: bool,
}

fn rows() -> Vec<Row> {
    let row = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let [manifest, objects, twice] = columns[..] else {
            panic!("not three columns: {line}");
        };
        Row {
            manifest: serde_json::from_str(manifest).unwrap(),
            objects: (objects != "-").then(|| serde_json::from_str(objects).unwrap()),
            says_twice: twice == "twice",
        }
    };
    REFERENCE.lines().map(row).collect()
}

#[test]
fn every_manifest_is_what_kubectl_would_send() {
    let rows = rows();
    assert!(rows.len() > 600, "{}", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let stricter = STRICTER.iter().any(|(part, _)| row.manifest.contains(part));
        let ours = objects(&row.manifest);
        let right = match (&ours, &row.objects) {
            (Ok(ours), Some(theirs)) => same(&Value::from(ours.clone()), theirs),
            (Err(_), None) => true,
            (Err(error), Some(_)) => stricter || (row.says_twice && error.is_twice()),
            (Ok(_), None) => false,
        };
        if !right {
            wrong.push(format!(
                "{:?}\n  ours   {ours:?}\n  kubectl {:?}",
                row.manifest, row.objects
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        rows.len(),
        wrong.join("\n")
    );
}

/// The table's numbers went through a decoder that takes `1e3` for a fraction.
fn same(ours: &Value, theirs: &Value) -> bool {
    match (ours, theirs) {
        (Value::Number(a), Value::Number(b)) => a == b || a.is_f64() && a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => ours == theirs,
    }
}

#[test]
fn a_key_that_is_there_twice_is_refused_with_its_line_and_a_merged_one_is_not() {
    for (manifest, line) in [
        ("kind: X\na: 1\nb: 2\na: 3\n", 4),
        ("kind: X\n---\nkind: X\nv:\n  a: 1\n  \"a\": 2\n", 6),
        ("kind: X\nv: {on: 1, yes: 2}\n", 2),
        ("{\"kind\": \"X\",\n \"v\": 1,\n \"v\": 2}", 3),
        ("{\"kind\": \"X\"}\n{\"kind\": \"X\", \"v\": {\"a\": 1,\n\"a\": 2}}", 3),
    ] {
        let refused = objects(manifest).unwrap_err();
        assert!(refused.is_twice(), "{refused}");
        assert_eq!(refused.line, line, "{manifest}: {refused}");
    }
    let merged = objects("kind: X\na: &a {x: 1}\nb: {<<: *a, x: 2}\n").unwrap();
    assert_eq!(merged[0]["b"]["x"], 2);
}

#[test]
fn what_cannot_be_read_is_said_with_its_line() {
    for (manifest, expected) in [
        ("kind: X\nv: [\n", "line 2: unclosed bracket"),
        ("kind: X\n---\nkind: X\nv: *a\n", "line 4: "),
        ("kind: X\n---\nv: 1\n", "line 3: the object has no kind"),
        ("kind: X\n--- {kind: X}\n", "line 2: only a comment may follow ---"),
        (
            "kind: X\nv: \u{1}\n",
            "line 2: '\\u{1}' can only be written as an escape",
        ),
        ("kind: X\nv: .inf\n", "line 2: JSON has no number that is not finite"),
        (
            "kind: X\nv: \"\\ud83c\\udf89\"\n",
            "line 2: YAML has no surrogate pairs",
        ),
        (
            "kind: List\napiVersion: v1\nitems: [1]\n",
            "line 1: items[0] is no object",
        ),
        ("kind: X\n...\nkind: X\n", "line 3: kubectl would not read on"),
        ("kind: on\n", "line 1: kind is no text, write it in quotes"),
    ] {
        let refused = objects(manifest).unwrap_err().to_string();
        assert!(refused.contains(expected), "{manifest:?}: {refused}");
    }
}

#[test]
fn what_aliases_write_out_is_bounded() {
    // Each line is ten of the last: ten thousand million in the end.
    let mut laughs = "kind: X\na0: &a0 [lol]\n".to_owned();
    for level in 1..=10 {
        let last = format!("*a{}, ", level - 1).repeat(10);
        laughs.push_str(&format!("a{level}: &a{level} [{last}]\n"));
    }
    let long = format!(
        "kind: X\na: &a {}\nb: [{}]\n",
        "x".repeat(1 << 20),
        "*a, ".repeat(100_000)
    );
    let merged = format!(
        "kind: X\na: &a {{x: {}}}\nb: [{}]\n",
        "x".repeat(1 << 20),
        "{<<: *a}, ".repeat(100_000)
    );
    for manifest in [laughs, long, merged] {
        let refused = objects(&manifest).unwrap_err().to_string();
        assert!(refused.contains("anchors and aliases write out too much"), "{refused}");
    }
}

#[test]
fn nesting_is_bounded_even_through_aliases() {
    let deep = |open: &str, close: &str| format!("kind: X\nv: {}{}\n", open.repeat(100_000), close.repeat(100_000));
    let mut chain = "kind: X\na0: &a0 []\n".to_owned();
    for level in 1..10_000 {
        chain.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    let json = format!(
        "{{\"kind\":\"X\",\"v\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let blocks: String = (0..5_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    for manifest in [
        deep("[", "]"),
        deep("{a: ", "}"),
        chain,
        json,
        format!("kind: X\n{blocks}"),
    ] {
        objects(&manifest).unwrap_err();
    }
}
