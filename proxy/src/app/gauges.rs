//! What is on the disk, looked at when somebody scrapes.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::gauge::ConstGauge,
    registry::Registry,
};

use super::storage::{Filled, Volume};

#[derive(Debug)]
struct Gauges(Volume);

/// Describes the gauges in `registry`, each name with the prefix `firehose_proxy_`. What there is no disk for has none.
pub(super) fn register(volume: Volume, registry: &mut Registry) {
    let registry = registry.sub_registry_with_prefix("firehose_proxy");
    registry.register_collector(Box::new(Gauges(volume)));
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut gauge = |name: &str, help: &str, value: u64| {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        if let Some(Filled { bytes, limit_bytes }) = self.0.filled() {
            gauge(
                "spool_bytes",
                "Bytes of events on the disk that are not delivered yet",
                bytes,
            )?;
            gauge(
                "spool_limit_bytes",
                "Most bytes of events that the disk may hold",
                limit_bytes,
            )?;
            gauge(
                "spool_stalled_seconds",
                "How long the disk has not answered a write; 0 while it does",
                self.0.stalled_for().unwrap_or_default().as_secs(),
            )?;
        }
        if let Some(letters) = self.0.letters() {
            let Filled { bytes, limit_bytes } = letters.filled;
            gauge(
                "dead_letters",
                "Events that were given up and wait for a person",
                letters.count,
            )?;
            gauge("dead_letters_bytes", "Bytes of dead letters", bytes)?;
            gauge(
                "dead_letters_limit_bytes",
                "Most bytes of dead letters that the disk may hold",
                limit_bytes,
            )?;
        }
        Ok(())
    }
}
