//! Privacy rules over any bytes, checked by serde_json. Shared with the fuzz targets; panics where the two disagree.

use std::sync::LazyLock;

use firehose_proxy::{
    event::{self, Context},
    privacy::{Privacy, Rules},
};
use firehose_proxy_config::{PrivacyAction, PrivacyRule};
use serde_json::Value;

use crate::oracle::with_context;

const REDACTED: &str = "[redacted]";

static RULES: LazyLock<Rules> = LazyLock::new(|| {
    let rules = [
        ("event", PrivacyAction::Redact),
        ("a", PrivacyAction::Drop),
        ("b.*", PrivacyAction::Redact),
        ("*.c", PrivacyAction::Drop),
        ("d.*.e", PrivacyAction::Drop),
    ];
    let rules = rules.map(|(path, action)| PrivacyRule {
        path: path.to_owned(),
        action,
    });
    Rules::parse(&rules).unwrap().unwrap()
});

/// Whatever the bytes are, nothing of what rules name is in a record, and what they do not name is as it was.
pub(crate) fn check(body: &[u8]) {
    let admission = with_context(|context| {
        let mut context = Context {
            table: context.table,
            delimiter: context.delimiter,
            received_at: context.received_at,
            request_ip: context.request_ip,
            max_frame_bytes: context.max_frame_bytes,
            sender: Default::default(),
            identity_key: None,
            random: &mut || [7; 16],
            privacy: Some(Privacy {
                rules: &RULES,
                key: None,
            }),
        };
        event::single(body, "track", &mut context)
    });
    let Ok(admission) = admission else { return };
    for entry in admission.batch.entries() {
        // What serde_json does not read (a number that no float holds) is for the other targets.
        let Ok(Value::Object(record)) = serde_json::from_slice(entry.record) else {
            continue;
        };
        assert!(!record.contains_key("a"));
        assert!(record.get("event").is_none_or(|event| event == REDACTED));
        for (name, member) in &record {
            assert!(member.get("c").is_none(), "{name}");
            if name == "b" {
                assert!(elements(member).all(|element| element == REDACTED));
            }
            if name == "d" {
                assert!(elements(member).all(|element| element.get("e").is_none()));
            }
        }
        let Ok(Value::Object(sent)) = serde_json::from_slice(body) else {
            continue;
        };
        for (name, value) in sent {
            let is_named = matches!(&*name, "a" | "b" | "d" | "event") || value.get("c").is_some();
            let is_owned = crate::oracle::OWNED.contains(&&*name);
            if !is_named && !is_owned {
                assert_eq!(record.get(&name), Some(&value), "{name}");
            }
        }
    }
}

fn elements(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(elements) => Box::new(elements.iter()),
        Value::Object(members) => Box::new(members.values()),
        _ => Box::new(std::iter::empty()),
    }
}
