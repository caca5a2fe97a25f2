//! `explain` against a proxy: what it says becomes of an event is what becomes of it over HTTP.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
    thread,
};

use firehose_tests::{
    http,
    local_path::LocalPath,
    proxy::{self, ProxyProcess},
    workspace,
};
use serde_json::{Value, json};

use crate::operator;

/// Random events in one run, without `EXPLAIN_EVENTS`.
const EVENTS: usize = 3_000;

/// Events of a request.
const TOGETHER: usize = 1_000;

/// What `explain` says, an object for each line.
fn explain(filename: &Path, lines: &[String]) -> Vec<Value> {
    let mut child = Command::new(operator())
        .args(["explain", "--event", "-", "-o", "json", "-f"])
        .arg(filename)
        .current_dir(workspace::root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = lines.join("\n");
    let writer = thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A record without what only the request knows: whence and when it came, and what follows from that.
fn comparable(record: &Value) -> Value {
    let mut record = record.clone();
    let fields = record.as_object_mut().unwrap();
    fields.remove("request_ip");
    let received_at = fields.remove("receivedAt");
    fields.retain(|_, value| Some(&*value) != received_at.as_ref());
    record
}

#[test]
fn explain_agrees_with_the_proxy_on_every_routing_case() {
    let cases = include_str!("../../../proxy/tests/cases/routing.json");
    let cases: Vec<Value> = serde_json::from_str(cases).unwrap();
    assert!(cases.len() >= 36, "the file has lost cases");
    let local = LocalPath::start(Path::new("examples/orders.yaml"));
    let simulator = local.simulator();
    for (number, case) in cases.iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let document = json!({
            "formatVersion": 1, "revision": "", "region": "eu-west-1", "endpointURL": simulator.url,
            "destination": {"namespace": "test", "name": "test", "uid": number.to_string()},
            "mappings": case["mappings"],
        });
        let file = folder.path().join("config.yaml");
        fs::write(&file, document.to_string()).unwrap();
        let mut event = case["event"].clone();
        event["messageId"] = json!(format!("case {number}"));
        // Else it would follow from when the event arrives.
        event["timestamp"] = json!("2026-01-02T03:04:05.678Z");
        let explained = explain(&file, &[event.to_string()]).remove(0);
        assert_eq!(explained["stream"], case["expectedStream"], "{case}");

        let spool = folder.path().join("spool");
        let mut command = proxy::command(&workspace::program("firehose-proxy"), &[], folder.path(), &spool);
        let keys = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "none")];
        let proxy = ProxyProcess::start(command.envs(keys));
        let answer = http::post(
            &format!("http://{}/v1/batch", proxy.events),
            json!({"batch": [event]}).to_string(),
        );
        assert_eq!(answer.unwrap().status, 200, "{case}");
        let arrived = simulator.arrived();
        let places = arrived.places().remove(&*format!("case {number}")).unwrap_or_default();
        let expected: Vec<&str> = explained["stream"].as_str().into_iter().collect();
        assert_eq!(places, expected, "{case}");
        let record = arrived.all().find(|record| record["messageId"] == event["messageId"]);
        let said = explained["record"]
            .as_str()
            .map(|text| serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(record.map(comparable), said.as_ref().map(comparable), "{case}");
    }
}

/// As many random events as `EXPLAIN_EVENTS` says.
#[test]
fn explain_agrees_with_the_proxy_on_random_events() {
    let count = std::env::var("EXPLAIN_EVENTS").map_or(EVENTS, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("destination.yaml");
    fs::write(&manifest, MANIFEST).unwrap();
    let local = LocalPath::start(&manifest);
    let mut random = Random(0x5EED);
    let lines: Vec<String> = (0..count).map(|number| random.event(number)).collect();
    let explained = explain(&manifest, &lines);
    assert_eq!(explained.len(), lines.len());
    for together in lines.chunks(TOGETHER) {
        let body = format!("{{\"batch\":[{}]}}", together.join(","));
        let answer = http::post(&format!("{}/v1/batch", local.events), body).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    let arrived = local.simulator().arrived();
    let mut records: BTreeMap<(String, String), &Value> = BTreeMap::new();
    for stream in arrived.streams() {
        for event in arrived.events(stream) {
            let twice = records.insert((event["messageId"].to_string(), stream.to_owned()), event);
            assert!(twice.is_none(), "{event}");
        }
    }
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for (line, said) in lines.iter().zip(&explained) {
        let Some(stream) = said["stream"].as_str() else {
            *reasons.entry(said["reason"].as_str().unwrap()).or_default() += 1;
            continue;
        };
        *reasons.entry(said["matched"].as_str().unwrap()).or_default() += 1;
        let record: Value = serde_json::from_str(said["record"].as_str().unwrap()).unwrap();
        let sent = records.remove(&(record["messageId"].to_string(), stream.to_owned()));
        assert_eq!(sent.map(comparable), Some(comparable(&record)), "{line}");
    }
    assert!(
        records.is_empty(),
        "it arrived, and explain says that it does not: {records:?}"
    );
    // What did not arrive is what the proxy counts as that.
    let metrics = http::get(&format!("{}/metrics", local.admin)).unwrap().body;
    let counted = |beginning: &str| -> usize {
        let lines = metrics.lines().filter(|line| line.starts_with(beginning));
        lines
            .map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap())
            .sum()
    };
    for (reason, series) in [
        ("Unmapped", "firehose_proxy_events_total{outcome=\"Unmapped\"}"),
        ("Withheld", "firehose_proxy_events_total{outcome=\"Withheld\"}"),
    ] {
        assert_eq!(
            reasons.get(reason).copied().unwrap_or_default(),
            counted(series),
            "{reason}: {metrics}"
        );
    }
    for reason in ["NotJson", "NotAnObject", "NoIdentity"] {
        let series = format!("firehose_proxy_invalid_events_total{{reason=\"{reason}\"}}");
        assert_eq!(
            reasons.get(reason).copied().unwrap_or_default(),
            counted(&series),
            "{reason}: {metrics}"
        );
    }
    let seen: Vec<&str> = reasons.keys().copied().collect();
    assert_eq!(
        seen,
        [
            "NoIdentity",
            "NotAnObject",
            "NotJson",
            "Unmapped",
            "Withheld",
            "event",
            "type"
        ],
        "every end that there is has been tried"
    );
}

const MANIFEST: &str = r#"
apiVersion: firehose-operator.dev/v1alpha1
kind: FirehoseDestination
metadata: {name: random}
spec:
  region: eu-west-1
  mappings:
    - {event: "product added", deliveryStreamName: added}
    - {event: "Straße ΟΔΟΣ", deliveryStreamName: unicode}
    - {event: "product added ", deliveryStreamName: trailing}
    - {event: "product*", deliveryStreamName: literal}
    - {event: "page", deliveryStreamName: pages}
    - {event: "identify", deliveryStreamName: people}
    - {event: "constructor", deliveryStreamName: special}
  ingest:
    privacy:
      rules:
        - {path: context.ip, action: Drop}
        - {path: properties.secret, action: Redact}
"#;

/// SplitMix64: the same events in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.next().is_multiple_of(many)
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        let count = u64::try_from(from.len()).unwrap();
        from[usize::try_from(self.next() % count).unwrap()]
    }

    /// A line: nearly always an event.
    fn event(&mut self, number: usize) -> String {
        if self.one_in(40) {
            return self
                .pick(&[
                    "7",
                    "\"text\"",
                    "null",
                    "[]",
                    "[{}]",
                    "true",
                    "{\"a\":NaN}",
                    "{\"a\":01}",
                    "nul",
                ])
                .to_owned();
        }
        let mut members = vec![format!("\"messageId\":\"m{number}\"")];
        if !self.one_in(12) {
            let identity = self.pick(&[
                r#""userId":"u""#,
                r#""anonymousId":"a""#,
                r#""userId":7"#,
                r#""userId":{"a":1}"#,
                r#""anonymousId":false"#,
                r#""userId":null,"anonymousId":"a""#,
                r#""user\u0049d":"u""#,
            ]);
            members.push(identity.to_owned());
        } else {
            members.push(
                self.pick(&[r#""userId":"  ""#, r#""userId":null"#, r#""anonymousId":"""#])
                    .to_owned(),
            );
        }
        for (key, values) in [("event", NAMES), ("type", TYPES)] {
            for _ in 0..[0, 1, 1, 1, 1, 2][usize::try_from(self.next() % 6).unwrap()] {
                let key = if self.one_in(10) {
                    format!("{}\\u00{:x}{}", "", key.as_bytes()[0], &key[1..])
                } else {
                    key.to_owned()
                };
                members.push(format!("\"{key}\":{}", self.pick(values)));
            }
        }
        if self.one_in(5) {
            members.push(format!("\"integrations\":{}", self.pick(GATES)));
        }
        for more in MORE {
            if self.one_in(4) {
                members.push((*more).to_owned());
            }
        }
        // In any order: what counts does not stand first.
        for place in (1..members.len()).rev() {
            let other = usize::try_from(self.next()).unwrap() % (place + 1);
            members.swap(place, other);
        }
        format!("{{{}}}", members.join(","))
    }
}

const NAMES: &[&str] = &[
    r#""Product Added""#,
    r#""PRODUCT ADDED""#,
    r#""product added ""#,
    r#"" product added""#,
    r#""product\u0020added""#,
    r#""STRASSE ΟΔΟΣ""#,
    r#""straße οδος""#,
    r#""Product*""#,
    r#""product viewed""#,
    r#""Page""#,
    r#""*""#,
    r#""""#,
    r#""constructor""#,
    r#""__proto__""#,
    r#""\ud83d\ude00""#,
    "7",
    "true",
    "null",
    "{}",
    r#"["page"]"#,
];
const TYPES: &[&str] = &[
    r#""track""#,
    r#""PAGE""#,
    r#""page""#,
    r#""identify""#,
    r#""record""#,
    r#""extract""#,
    r#""custom""#,
    r#""""#,
    "7",
    "null",
    r#"{"page":1}"#,
];
const GATES: &[&str] = &[
    r#"{"All":false}"#,
    r#"{"All":true}"#,
    r#"{"Amazon Kinesis Firehose":false}"#,
    r#"{"All":false,"Amazon Kinesis Firehose":true}"#,
    r#"{"All":false,"Amazon Kinesis Firehose":{"a":1}}"#,
    r#"{"amazon kinesis firehose":false}"#,
    "null",
    "7",
];
const MORE: &[&str] = &[
    r#""context":{"ip":"203.0.113.9","traits":{"a":1.50}}"#,
    r#""properties":{"secret":"s","price":1.50,"name":"<&>"}"#,
    r#""timestamp":"2026-01-02T03:04:05.678Z""#,
    r#""originalTimestamp":"2026-01-02T03:04:05Z","sentAt":"2026-01-02T03:04:06Z","timestamp":"2026-01-01T00:00:00Z""#,
    r#""rudderId":"mine","request_ip":"198.51.100.1""#,
];
