//! What is on the disk, in memory and in the window of recent events, looked at when somebody scrapes.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _, MetricEncoder},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

use super::storage::{Filled, Volume};
use crate::{
    account::{Account, Use},
    queue::{Extent, Recent, Repeats},
};

#[derive(Debug)]
struct Gauges {
    volume: Volume,
    recent: Recent,
    account: Account,
}

/// Describes the gauges in `registry`, each name with the prefix `firehose_proxy_`. What there is no disk for has none.
pub(super) fn register(volume: Volume, recent: Recent, account: Account, registry: &mut Registry) {
    let registry = registry.sub_registry_with_prefix("firehose_proxy");
    registry.register_collector(Box::new(Gauges {
        volume,
        recent,
        account,
    }));
}

impl Gauges {
    fn encode_uses(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        for of in Use::ALL {
            let bytes = i64::try_from(self.account.used(of)).unwrap_or(i64::MAX);
            let label = [("use", of.as_str())];
            let family = encoder.encode_family(&label)?;
            ConstGauge::new(bytes).encode(family)?;
        }
        Ok(())
    }
}

impl Collector for Gauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let used = encoder.encode_descriptor(
            "memory_bytes",
            "Memory held for what comes from outside, by what it is for",
            None,
            MetricType::Gauge,
        )?;
        self.encode_uses(used)?;
        let mut gauge = |name: &str, help: &str, value: u64| {
            let gauge = ConstGauge::new(i64::try_from(value).unwrap_or(i64::MAX));
            gauge.encode(encoder.encode_descriptor(name, help, None, gauge.metric_type())?)
        };
        gauge(
            "memory_limit_bytes",
            "Most memory that is held for what comes from outside",
            self.account.limit() as u64,
        )?;
        if let Some(Filled { bytes, limit_bytes }) = self.volume.filled() {
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
                self.volume.stalled_for().unwrap_or_default().as_secs(),
            )?;
        }
        if let Some(letters) = self.volume.letters() {
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
        if let Some(Extent { entries, reach }) = self.recent.extent() {
            gauge(
                "deduplication_entries",
                "Events that are remembered, so that they are recognized when a client sends them again",
                entries as u64,
            )?;
            gauge(
                "deduplication_window_seconds",
                "How far back they reach: as far as the destination says, or less when the memory for them is full",
                reach.as_secs(),
            )?;
        }
        let Repeats {
            safe,
            under_way,
            other_content,
        } = self.recent.repeats();
        let mut counter = |name: &str, help: &str, value: u64| {
            let counter = ConstCounter::new(value);
            counter.encode(encoder.encode_descriptor(name, help, None, counter.metric_type())?)
        };
        counter(
            "deduplicated_events",
            "Events that a client sent again and that were not delivered again",
            safe + under_way,
        )?;
        counter(
            "reused_message_ids",
            "Events with the messageId of another event, delivered like any other",
            other_content,
        )
    }
}
