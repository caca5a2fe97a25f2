//! `firehose-operator explain`: what a proxy would do with an event, by the proxy's own judgement.
//!
//! Sends nothing and asks nobody. What a proxy learns from a request (the sender's address, whether an event was sent
//! before) is not known here; its source, which the write key says, is what one is told.

use firehose_operator_api::FirehoseDestination;
use firehose_proxy_config::{Document, RecordDelimiter};
use firehose_proxy_events::{
    event::{self, Context, Invalid, Malformed, Timestamp},
    privacy::{HashKey, InvalidRule, Privacy, Rules},
    routing::{Matched, Table},
    source::{InvalidSourceField, Sender, SourceField},
    stream::{InvalidStreamName, Streams},
};
use serde::Serialize;

use crate::plan::{self, Allowed, Paths};

/// A destination's judgement of events.
#[derive(Debug)]
pub struct Explainer {
    streams: Streams,
    table: Table,
    rules: Option<Rules>,
    hash_key: Option<HashKey>,
    delimiter: RecordDelimiter,
    max_request_bytes: usize,
    /// The sources that there are.
    sources: Vec<String>,
    /// The source that events are taken to come from; empty for a sender without one.
    source: String,
    source_field: Option<SourceField>,
}

/// What would become of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The delivery stream; `None` when it is not sent.
    pub stream: Option<String>,
    /// What led there: `event`, `type` or `wildcard`.
    pub matched: Option<&'static str>,
    /// The source that it is taken to come from.
    pub source: Option<String>,
    /// The bytes that Firehose would get, delimiter included. A `messageId` that it lacks is made up, and it arrives
    /// now.
    pub record: Option<String>,
    /// Why it is not sent, in one word: `Unmapped`, `Withheld`, or as in the metric of events that are not valid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// Why it is not sent, for a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Why events cannot be explained.
#[derive(Debug, thiserror::Error)]
pub enum NoExplainer {
    /// The operator would refuse the destination.
    #[error("the operator would refuse the destination: {0}")]
    Refused(String),
    /// A proxy would refuse the document.
    #[error(transparent)]
    Stream(#[from] InvalidStreamName),
    /// A proxy would refuse the document.
    #[error("ingest.privacy.rules: {0}")]
    Rule(InvalidRule),
    /// A proxy would refuse the document.
    #[error("ingest.sourceField: {0}")]
    Field(#[from] InvalidSourceField),
    /// It is none of the destination's.
    #[error("{name:?} is no source of the destination: it has {}", or_none(.sources))]
    NoSource {
        /// The name that was given.
        name: String,
        /// Those that there are.
        sources: Vec<String>,
    },
    /// Without it, hashes would be others than the proxy's.
    #[error("the privacy rules hash values: give the key with --hash-key-file")]
    NoHashKey,
}

/// What an event does not say itself.
pub struct Arrival<'a> {
    /// When it arrives, in milliseconds since 1970.
    pub milliseconds: i64,
    /// 128 random bits for an event without a `messageId`.
    pub random: &'a mut dyn FnMut() -> [u8; 16],
}

impl Explainer {
    /// That of a destination. What the installation allows is not asked.
    ///
    /// # Errors
    ///
    /// See [`NoExplainer`].
    pub fn of_destination(
        destination: &FirehoseDestination,
        allowed: &Allowed,
        hash_key: Option<&[u8]>,
    ) -> Result<Self, NoExplainer> {
        let validated = plan::validate(destination, allowed).map_err(|rejections| {
            let words: Vec<String> = rejections.iter().map(ToString::to_string).collect();
            NoExplainer::Refused(words.join("; "))
        })?;
        Self::of_document(&plan::document(&validated, &Paths::default()), hash_key)
    }

    /// That of a proxy's configuration document.
    ///
    /// # Errors
    ///
    /// See [`NoExplainer`].
    pub fn of_document(document: &Document, hash_key: Option<&[u8]>) -> Result<Self, NoExplainer> {
        let streams = Streams::default();
        let table = Table::new(&document.mappings, &streams)?;
        let rules = match &document.ingest.privacy {
            Some(privacy) => Rules::parse(&privacy.rules).map_err(NoExplainer::Rule)?,
            None => None,
        };
        if rules.as_ref().is_some_and(Rules::needs_key) && hash_key.is_none() {
            return Err(NoExplainer::NoHashKey);
        }
        Ok(Self {
            table,
            streams,
            rules,
            hash_key: hash_key.map(HashKey::new),
            delimiter: document.delivery.record_delimiter,
            max_request_bytes: usize::try_from(document.ingest.max_request_size_bytes).unwrap_or(usize::MAX),
            sources: document
                .ingest
                .sources
                .as_ref()
                .map_or_else(Vec::new, |sources| sources.names.clone()),
            source: String::new(),
            source_field: document
                .ingest
                .source_field
                .as_deref()
                .map(SourceField::try_from)
                .transpose()?,
        })
    }

    /// Takes events to come from this source of the destination.
    ///
    /// # Errors
    ///
    /// [`NoExplainer::NoSource`].
    pub fn from_source(mut self, name: &str) -> Result<Self, NoExplainer> {
        if !self.sources.iter().any(|source| source == name) {
            return Err(NoExplainer::NoSource {
                name: name.to_owned(),
                sources: self.sources,
            });
        }
        name.clone_into(&mut self.source);
        Ok(self)
    }

    /// Most bytes of a request, and so of an event.
    pub fn max_request_bytes(&self) -> usize {
        self.max_request_bytes
    }

    /// What would become of the one event that a text is, as an element of `POST /v1/batch`.
    pub fn explain(&self, event: &[u8], arrival: &mut Arrival<'_>) -> Explanation {
        Explanation {
            source: (!self.source.is_empty()).then(|| self.source.clone()),
            ..self.judge(event, arrival)
        }
    }

    fn judge(&self, event: &[u8], arrival: &mut Arrival<'_>) -> Explanation {
        if event.len() > self.max_request_bytes {
            let most = self.max_request_bytes;
            return not_sent("RequestTooLarge", format!("a request has at most {most} bytes"));
        }
        let Some(received_at) = Timestamp::from_unix_milliseconds(arrival.milliseconds) else {
            return not_sent("NoTime", "the time of arrival is none");
        };
        let mut context = Context {
            table: &self.table,
            delimiter: self.delimiter,
            received_at,
            request_ip: "",
            privacy: self.rules.as_ref().map(|rules| Privacy {
                rules,
                key: self.hash_key.as_ref(),
            }),
            max_frame_bytes: self.max_request_bytes.saturating_mul(event::MOST_GROWTH),
            sender: Sender {
                source: &self.source,
                field: self.source_field.as_ref(),
            },
            identity_key: None,
            random: arrival.random,
        };
        // Read alone first: a text that is more or less than one value would be something else inside of a batch.
        if let Err(Malformed::NotJson { at }) = event::single(event, "", &mut context) {
            return not_sent(Invalid::NotJson.as_str(), format!("it is not JSON from byte {at} on"));
        }
        let body = [b"{\"batch\":[", event, b"]}"].concat();
        let admission = match event::batch(&body, &mut context) {
            Ok(admission) => admission,
            Err(Malformed::TooLarge) => return not_sent(Invalid::TooLarge.as_str(), TOO_LARGE),
            Err(Malformed::NotJson { .. } | Malformed::EmptyBatch) => {
                return not_sent(Invalid::NotJson.as_str(), "it is not JSON as an element of a batch");
            }
        };
        if let Some(entry) = admission.batch.entries().next() {
            return Explanation {
                stream: Some(self.streams.name(entry.stream).to_string()),
                matched: self.table.find(entry.key).map(|(_, matched)| word(matched)),
                source: None,
                record: Some(String::from_utf8_lossy(entry.record).into_owned()),
                reason: None,
                why: None,
            };
        }
        match admission.counts.first_invalid {
            Some(invalid) => not_sent(invalid.as_str(), sentence(invalid)),
            None if admission.counts.withheld > 0 => {
                not_sent("Withheld", "its own integrations keep it from Amazon Kinesis Firehose")
            }
            None => not_sent(
                "Unmapped",
                "neither its name nor its type nor * leads to a delivery stream",
            ),
        }
    }
}

fn or_none(sources: &[String]) -> String {
    if sources.is_empty() {
        "none".to_owned()
    } else {
        sources.join(", ")
    }
}

const TOO_LARGE: &str = "its record would have more than the 1,000 KiB that Firehose takes";

fn not_sent(reason: &'static str, why: impl Into<String>) -> Explanation {
    Explanation {
        stream: None,
        matched: None,
        source: None,
        record: None,
        reason: Some(reason),
        why: Some(why.into()),
    }
}

fn word(matched: Matched) -> &'static str {
    match matched {
        Matched::Event => "event",
        Matched::Type => "type",
        Matched::Wildcard => "wildcard",
    }
}

fn sentence(invalid: Invalid) -> &'static str {
    match invalid {
        Invalid::NotJson => "it is not JSON",
        Invalid::NotAnObject => "it is not a JSON object",
        Invalid::NoIdentity => "it has neither anonymousId nor userId",
        Invalid::TooLarge => TOO_LARGE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explain(spec: &str, event: &str) -> Explanation {
        let text = format!(
            "apiVersion: firehose-operator.dev/v1alpha1\nkind: FirehoseDestination\nmetadata: {{name: orders}}\nspec:\n  \
             region: eu-west-1\n  mappings: [{{event: Order, deliveryStreamName: orders}}, {{event: page, deliveryStreamName: pages}}]\n{spec}"
        );
        let destination = crate::cli::destination(&text).unwrap();
        let explainer = Explainer::of_destination(&destination, &Allowed::default(), None).unwrap();
        let mut arrival = Arrival {
            milliseconds: 1_767_225_600_000,
            random: &mut || [7; 16],
        };
        explainer.explain(event.as_bytes(), &mut arrival)
    }

    const TENANTS: &str = "
apiVersion: firehose-operator.dev/v1alpha1
kind: FirehoseDestination
metadata: {name: orders}
spec:
  region: eu-west-1
  ingest:
    authentication: {type: WriteKeys}
    sources:
    - {name: web, writeKeys: {secretKeyRef: {name: keys, key: web}}}
    sourceField: context.source
  mappings:
  - {event: page, source: web, deliveryStreamName: of-web}
  - {event: page, deliveryStreamName: of-all}
";

    #[test]
    fn a_source_has_its_own_rows_and_is_in_the_record() {
        let destination = crate::cli::destination(TENANTS).unwrap();
        let explainer = || Explainer::of_destination(&destination, &Allowed::default(), None).unwrap();
        for (explainer, stream, source) in [
            (explainer().from_source("web").unwrap(), "of-web", Some("web")),
            (explainer(), "of-all", None),
        ] {
            let mut arrival = Arrival {
                milliseconds: 1_767_225_600_000,
                random: &mut || [7; 16],
            };
            let explanation = explainer.explain(br#"{"userId":"u","type":"page"}"#, &mut arrival);
            assert_eq!(
                (explanation.stream.as_deref(), explanation.source.as_deref()),
                (Some(stream), source)
            );
            let record: serde_json::Value = serde_json::from_str(&explanation.record.unwrap()).unwrap();
            assert_eq!(record["context"]["source"].as_str(), source, "{record}");
        }
        let error = explainer().from_source("app").unwrap_err();
        assert_eq!(error.to_string(), "\"app\" is no source of the destination: it has web");
    }

    #[test]
    fn an_event_is_explained_by_what_led_to_its_stream_or_by_why_it_is_not_sent() {
        for (event, stream, matched, reason) in [
            (
                r#"{"userId":"u","type":"track","event":"ORDER"}"#,
                Some("orders"),
                Some("event"),
                None,
            ),
            (
                r#"{"userId":"u","type":"page","event":"x"}"#,
                Some("pages"),
                Some("type"),
                None,
            ),
            (
                r#"{"userId":"u","type":"track","event":"x"}"#,
                None,
                None,
                Some("Unmapped"),
            ),
            (
                r#"{"userId":"u","type":"page","integrations":{"All":false}}"#,
                None,
                None,
                Some("Withheld"),
            ),
            (r#"{"type":"page"}"#, None, None, Some("NoIdentity")),
            ("[]", None, None, Some("NotAnObject")),
            ("{", None, None, Some("NotJson")),
            ("", None, None, Some("NotJson")),
            // Neither of them is one event, whatever they would be between brackets.
            (
                r#"{"userId":"u","type":"page"},{"userId":"u","type":"page"}"#,
                None,
                None,
                Some("NotJson"),
            ),
            (
                r#"1],"batch":[{"userId":"u","type":"page"}"#,
                None,
                None,
                Some("NotJson"),
            ),
        ] {
            let explained = explain("", event);
            assert_eq!(
                (explained.stream.as_deref(), explained.matched, explained.reason),
                (stream, matched, reason),
                "{event}"
            );
            assert_eq!(explained.why.is_some(), reason.is_some(), "{event}");
        }
    }

    #[test]
    fn the_record_is_the_proxys_under_the_destinations_settings() {
        let event = r#"{"userId":"u","type":"page","context":{"ip":"203.0.113.9"},"messageId":"m"}"#;
        let record = explain("", event).record.unwrap();
        assert!(
            record.starts_with(&event[..event.len() - 1]) && record.ends_with("}\n"),
            "{record}"
        );
        assert!(
            record.contains(r#""receivedAt":"2026-01-01T00:00:00.000Z""#),
            "{record}"
        );
        let rules =
            "  delivery: {recordDelimiter: None}\n  ingest: {privacy: {rules: [{path: context.ip, action: Drop}]}}\n";
        let record = explain(rules, event).record.unwrap();
        assert!(!record.contains("203.0.113.9") && record.ends_with('}'), "{record}");
    }
}
