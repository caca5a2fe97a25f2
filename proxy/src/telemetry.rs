//! What the process tells the outside about itself: the log, and the registry of metrics that a scrape renders. Each
//! module describes its own metrics.

use std::sync::Arc;

use prometheus_client::{encoding::text::encode, registry::Registry};
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan};

/// `Content-Type` of [`Exposition::render`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Every metric of the process, complete and ready to be scraped. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Exposition(Arc<Registry>);

impl Exposition {
    /// Closes the registry: what is not registered by now is not exposed.
    pub fn new(registry: Registry) -> Self {
        Self(Arc::new(registry))
    }

    /// All metrics in the OpenMetrics text format.
    pub fn render(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.0).expect("writing to a string does not fail");
        text
    }
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// `RUST_LOG` chooses what is logged; by default everything from INFO on. With DEBUG, each connection, request, append
/// to the spool and call of Firehose is a line of its own when it ends, with its time.
pub fn log_to_stderr(format: LogFormat) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(std::io::stderr);
    match format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
}

#[cfg(test)]
mod tests {
    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn a_scrape_ends_as_openmetrics_asks() {
        let mut registry = Registry::default();
        registry.register("firehose_proxy_example", "An example", Counter::<u64>::default());
        let text = Exposition::new(registry).render();
        assert!(text.contains("firehose_proxy_example_total 0"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
