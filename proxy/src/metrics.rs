//! The registry of metrics. Each module describes its own; this one renders them for a scrape.

use std::sync::Arc;

use prometheus_client::{encoding::text::encode, registry::Registry};

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
