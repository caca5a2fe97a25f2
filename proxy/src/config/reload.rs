//! From the mounted document to the configuration in force: parse whole, build the new table beside the old, swap. What
//! cannot be read is refused whole, and the last good configuration stays.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
};

use firehose_proxy_config::{FILE_NAME, ParseError, parse};
use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};
use tracing::{error, info};

use super::{
    KeyPlaces, Live, Snapshot,
    live::source_field,
    mounted::{self, Mounted},
};
use crate::{
    descriptors::{is_shortage, say_shortage},
    privacy::InvalidRule,
    routing::Table,
    source::{InvalidSourceField, InvalidSourceName},
    stream::{InvalidStreamName, Streams},
};

/// Most bytes of a document that are read. A ConfigMap holds 1 MiB.
const MAX_DOCUMENT_BYTES: u64 = 2 * 1024 * 1024;

/// Counters of configuration changes.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    applied: Counter,
    refused: Counter,
    /// 1 while the newest document is in force.
    in_sync: Gauge,
}

/// Why a document was not applied.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("failed to read {path:?}: {source}")]
    Read { path: PathBuf, source: io::Error },
    #[error("{path:?} is larger than {MAX_DOCUMENT_BYTES} bytes")]
    TooLarge { path: PathBuf },
    #[error(transparent)]
    Parse(#[from] ParseError),
    #[error("mappings: {0}")]
    Stream(#[from] InvalidStreamName),
    #[error("ingest.privacy.rules: {0}")]
    Privacy(#[from] InvalidRule),
    #[error("ingest.sources: {0}")]
    Source(#[from] InvalidSourceName),
    #[error("ingest.sourceField: {0}")]
    SourceField(#[from] InvalidSourceField),
}

impl Metrics {
    /// Registers the metrics of configuration reloads.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register(
            "firehose_proxy_config_applied",
            "Configuration documents put in force",
            metrics.applied.clone(),
        );
        registry.register(
            "firehose_proxy_config_refused",
            "Configuration documents refused; the last good one stayed in force",
            metrics.refused.clone(),
        );
        registry.register(
            "firehose_proxy_config_in_sync",
            "1 while the newest configuration document is the one in force, else 0",
            metrics.in_sync.clone(),
        );
        metrics
    }
}

/// Applies the document in `directory` now and on every change. Keep the handle for as long as changes are to be
/// followed.
///
/// # Errors
///
/// When the watching thread cannot be started. A missing or broken document is no error here: it is reported through
/// [`Live::refused`], and requests are answered 503 until there is a good one.
pub fn follow(directory: &Path, live: Arc<Live>, streams: Arc<Streams>, metrics: Metrics) -> io::Result<Mounted> {
    let path = directory.join(FILE_NAME);
    let mut reloader = Reloader {
        path,
        live,
        streams,
        metrics,
        applied: None,
        last_problem: None,
    };
    mounted::watch(directory, move || reloader.look())
}

struct Reloader {
    path: PathBuf,
    live: Arc<Live>,
    streams: Arc<Streams>,
    metrics: Metrics,
    /// Text of the document in force. Compared as text, so that a document edited behind the operator's back and
    /// carrying an old revision is applied like any other.
    applied: Option<String>,
    /// What was last reported, so that one broken document is one log line and one count.
    last_problem: Option<String>,
}

impl Reloader {
    fn look(&mut self) {
        match self.read() {
            Ok(text) if self.applied.as_ref() == Some(&text) => {
                if self.last_problem.take().is_some() {
                    self.live.withdraw_refusal();
                    self.metrics.in_sync.set(1);
                }
            }
            Ok(text) => match self.apply(&text) {
                Ok(()) => {
                    self.applied = Some(text);
                    self.last_problem = None;
                }
                Err(refused) => self.refuse(&refused),
            },
            // What is in force stays, and the next look is a second away.
            Err(Refused::Read { source, .. }) if is_shortage(&source) => {
                say_shortage("reading the configuration", &source);
            }
            Err(refused) => self.refuse(&refused),
        }
    }

    fn read(&self) -> Result<String, Refused> {
        let failed = |source| Refused::Read {
            path: self.path.clone(),
            source,
        };
        let mut text = String::new();
        let mut file = File::open(&self.path).map_err(failed)?.take(MAX_DOCUMENT_BYTES + 1);
        file.read_to_string(&mut text).map_err(failed)?;
        if text.len() as u64 > MAX_DOCUMENT_BYTES {
            return Err(Refused::TooLarge {
                path: self.path.clone(),
            });
        }
        Ok(text)
    }

    fn apply(&self, text: &str) -> Result<(), Refused> {
        let document = parse(text)?;
        let table = Table::new(&document.mappings, &self.streams)?;
        KeyPlaces::of(&document.ingest)?;
        source_field(&document)?;
        let snapshot = Snapshot::new(document, table);
        if let Err(invalid) = &snapshot.privacy {
            return Err(invalid.clone().into());
        }
        let document = &snapshot.document;
        let destination = &document.destination;
        info!(
            namespace = destination.namespace,
            name = destination.name,
            revision = document.revision,
            mappings = document.mappings.len(),
            "configuration applied"
        );
        self.live.replace(Arc::new(snapshot));
        self.metrics.applied.inc();
        self.metrics.in_sync.set(1);
        Ok(())
    }

    fn refuse(&mut self, refused: &Refused) {
        let problem = refused.to_string();
        if self.last_problem.as_ref() == Some(&problem) {
            return;
        }
        error!(
            error = problem,
            "configuration refused, the last good one stays in force"
        );
        self.metrics.refused.inc();
        self.metrics.in_sync.set(0);
        self.live.refuse(problem.clone());
        self.last_problem = Some(problem);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use firehose_tests::document::DocumentText;

    use super::*;
    use crate::stream::RoutingKey;

    fn document(stream: &str) -> String {
        DocumentText::everything_to(stream).to_string()
    }

    struct Fixture {
        directory: tempfile::TempDir,
        live: Arc<Live>,
        streams: Arc<Streams>,
        reloader: Reloader,
    }

    impl Fixture {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            let (live, streams) = (Arc::new(Live::default()), Arc::new(Streams::default()));
            let reloader = Reloader {
                path: directory.path().join(FILE_NAME),
                live: Arc::clone(&live),
                streams: Arc::clone(&streams),
                metrics: Metrics::default(),
                applied: None,
                last_problem: None,
            };
            Self {
                directory,
                live,
                streams,
                reloader,
            }
        }

        fn write(&mut self, text: &str) {
            fs::write(self.directory.path().join(FILE_NAME), text).unwrap();
            self.reloader.look();
        }

        fn stream(&self) -> String {
            let snapshot = self.live.load();
            let id = snapshot.as_ref().unwrap().table.stream(RoutingKey::default()).unwrap();
            self.streams.name(id).to_string()
        }
    }

    #[test]
    fn a_good_document_is_put_in_force() {
        let mut fixture = Fixture::new();
        fixture.write(&document("first"));
        assert_eq!(fixture.stream(), "first");
        fixture.write(&document("second"));
        assert_eq!(fixture.stream(), "second");
        assert_eq!(fixture.reloader.metrics.applied.get(), 2);
    }

    #[test]
    fn a_missing_document_is_a_reason_and_no_configuration() {
        let mut fixture = Fixture::new();
        fixture.reloader.look();
        assert!(fixture.live.load().is_none());
        let reason = fixture.live.refused().unwrap();
        assert!(reason.contains(FILE_NAME), "{reason}");
    }

    #[test]
    fn whatever_is_broken_keeps_the_last_good_document() {
        let long = "x".repeat(65);
        let broken = [
            ("not YAML", "{".to_owned()),
            ("empty", String::new()),
            ("cut short", document("first")[..40].to_owned()),
            (
                "a field of the wrong type",
                document("first").replace("mappings:", "mappings: 7\nrest:"),
            ),
            (
                "a version of the future",
                document("first").replace("formatVersion: 1", "formatVersion: 2"),
            ),
            (
                "semantics of the future",
                format!("{}requires: [Sampling]\n", document("first")),
            ),
            ("a stream name that AWS cannot have", document(&long)),
            (
                "too large",
                format!("{}#{}", document("first"), "x".repeat(2 * 1024 * 1024)),
            ),
        ];
        for (what, text) in broken {
            let mut fixture = Fixture::new();
            fixture.write(&document("good"));
            fixture.write(&text);
            fixture.reloader.look();
            assert_eq!(fixture.stream(), "good", "{what}");
            assert!(fixture.live.refused().is_some(), "{what}");
            assert_eq!(fixture.reloader.metrics.refused.get(), 1, "{what}: counted once");
            assert_eq!(fixture.reloader.metrics.in_sync.get(), 0, "{what}");
            fixture.write(&document("good"));
            assert_eq!(fixture.live.refused(), None, "{what}: repaired");
            assert_eq!(fixture.reloader.metrics.in_sync.get(), 1, "{what}: repaired");
        }
    }
}
