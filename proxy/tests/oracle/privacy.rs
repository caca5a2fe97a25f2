//! Privacy rules over events of every shape: what they name is gone, everything else is there byte for byte.

use firehose_proxy::{
    event::{self, Admission, Context},
    privacy::{HashKey, Privacy, Rules},
};
use firehose_proxy_config::{PrivacyAction, PrivacyRule};
use proptest::{prelude::*, sample::select};

use crate::oracle::with_context;

/// A value of an event. Each scalar has a number of its own, by which it is found again.
#[derive(Debug, Clone)]
enum Node {
    Text,
    Number,
    List(Vec<Node>),
    Object(Vec<(usize, Node)>),
}

/// Names, each with the ways to write it.
const NAMES: [(&str, &[&str]); 4] = [
    ("a", &["a", r"\u0061"]),
    ("b.c", &["b.c", r"b\u002ec"]),
    ("é", &["é", r"\u00e9", r"\u00E9"]),
    ("c", &["c"]),
];
/// Paths of rules over those names.
const PATHS: [&str; 12] = [
    "a", "c", "*", "a.a", "a.*", "*.a", "*.*", "a.*.c", "*.é", "é.a.c", "c.*.*.a", "*.*.*.*",
];

fn node() -> impl Strategy<Value = Node> {
    prop_oneof![3 => Just(Node::Text), 1 => Just(Node::Number)].prop_recursive(5, 40, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Node::List),
            members(inner),
        ]
    })
}

fn members(inner: impl Strategy<Value = Node>) -> impl Strategy<Value = Node> {
    prop::collection::vec((any::<usize>(), inner), 0..4).prop_map(Node::Object)
}

fn rules() -> impl Strategy<Value = Vec<PrivacyRule>> {
    let action = select(&[PrivacyAction::Drop, PrivacyAction::Redact, PrivacyAction::Hash][..]);
    let rule = (select(&PATHS[..]), action).prop_map(|(path, action)| PrivacyRule {
        path: path.to_owned(),
        action,
    });
    prop::collection::vec(rule, 1..5)
}

/// Writes nodes, and notes which scalars a rule names.
struct Writer<'r> {
    rules: &'r [PrivacyRule],
    text: String,
    path: Vec<&'static str>,
    taken: Vec<(bool, String)>,
}

impl Writer<'_> {
    /// Whether a rule names the place or one around it.
    fn is_taken(&self) -> bool {
        self.rules.iter().any(|rule| {
            let names: Vec<&str> = rule.path.split('.').collect();
            names.len() <= self.path.len()
                && names
                    .iter()
                    .zip(&self.path)
                    .all(|(name, at)| *name == "*" || name == at)
        })
    }

    fn write(&mut self, node: &Node) {
        let number = 100_000 + self.taken.len();
        match node {
            Node::Text => {
                self.text.push_str(&format!("\"T{number}\""));
                self.taken.push((self.is_taken(), format!("\"T{number}\"")));
            }
            Node::Number => {
                self.text.push_str(&format!("{number}.50"));
                self.taken.push((self.is_taken(), format!("{number}.50")));
            }
            Node::List(items) => {
                self.text.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.text.push_str(if index > 0 { " ,\t" } else { " " });
                    // An element has no name.
                    self.path.push("");
                    self.write(item);
                    self.path.pop();
                }
                self.text.push(']');
            }
            Node::Object(members) => {
                self.text.push('{');
                self.members(members);
                self.text.push('}');
            }
        }
    }

    fn members(&mut self, members: &[(usize, Node)]) {
        for (index, (name, value)) in members.iter().enumerate() {
            let (meant, written) = NAMES[name % NAMES.len()];
            let written = written[name / NAMES.len() % written.len()];
            let comma = if index > 0 { ", " } else { "" };
            self.text.push_str(&format!("{comma}\"{written}\" :"));
            self.path.push(meant);
            self.write(value);
            self.path.pop();
        }
    }
}

fn admitted(rules: &[PrivacyRule], body: &str) -> Admission {
    let rules = Rules::parse(rules).unwrap();
    let key = HashKey::new(b"key");
    with_context(|context| {
        let privacy = rules.as_ref().map(|rules| Privacy { rules, key: Some(&key) });
        let mut context = Context {
            table: context.table,
            delimiter: context.delimiter,
            received_at: context.received_at,
            request_ip: context.request_ip,
            max_frame_bytes: context.max_frame_bytes,
            sender: Default::default(),
            identity_key: None,
            random: &mut || [7; 16],
            privacy,
        };
        event::batch(body.as_bytes(), &mut context).unwrap()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_rules_name_is_in_no_record_and_no_letter_and_all_else_is(
        members in prop::collection::vec((any::<usize>(), node()), 0..5),
        rules in rules(),
        is_valid in any::<bool>(),
    ) {
        let mut writer = Writer { rules: &rules, text: "{".to_owned(), path: Vec::new(), taken: Vec::new() };
        writer.members(&members);
        let Writer { text, taken, .. } = writer;
        // Without an identity, it is set aside instead.
        let identity = match (is_valid, members.is_empty()) {
            (false, _) => "}",
            (true, true) => "\"userId\":\"u\"}",
            (true, false) => ",\"userId\":\"u\"}",
        };
        // One event that no rule touches but for its identity keeps the batch going.
        let body = format!(r#"{{"batch":[{text}{identity},{{"type":"extract"}}]}}"#);
        let admission = admitted(&rules, &body);
        let mut kept: Vec<u8> = admission.batch.entries().flat_map(|entry| entry.record.to_vec()).collect();
        for refused in &admission.refused {
            kept.extend_from_slice(refused.bytes(body.as_bytes()));
        }
        let kept = String::from_utf8(kept).unwrap();
        for (is_taken, scalar) in taken {
            prop_assert_eq!(kept.contains(&scalar), !is_taken, "{} of {} in {}", scalar, body, kept);
        }
        for entry in admission.batch.entries() {
            serde_json::from_slice::<serde_json::Value>(entry.record).unwrap();
        }
    }
}
