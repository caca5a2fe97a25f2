//! What one stream's delivery does, resolved from the configuration document.

use std::time::Duration;

use firehose_proxy_config::{DeliveryState, Document, Undeliverable};

use super::stream::{Rates, Settings};
use crate::firehose::limits::{BILLING_STEP_BYTES, MAX_RECORD_BYTES};

/// Room above a region's default quota.
const ROOM_ABOVE_DEFAULT: f64 = 64.0;

impl Settings {
    /// The settings of `stream` under `document`.
    pub fn of(stream: &str, document: &Document) -> Self {
        let own = document.streams.iter().find(|settings| settings.name == stream);
        let stated = own.and_then(|own| own.quota).or(document.delivery.quota);
        let default = default_quota(&document.region);
        let whole = stated.map_or(default, |stated| Rates {
            bytes: stated.bytes_per_second.map_or(default.bytes, per_second),
            records: stated.records_per_second.map_or(default.records, per_second),
            requests: stated.requests_per_second.map_or(default.requests, per_second),
        });
        let replicas = f64::from(document.replicas.max(1));
        Self {
            paused: document.delivery.state == DeliveryState::Paused,
            linger: Duration::from_millis(document.delivery.linger_milliseconds.into()),
            max_age: document.delivery.max_age_seconds.map(Duration::from_secs),
            sets_aside: document.delivery.undeliverable == Undeliverable::DeadLetter,
            share: whole.times(1.0 / replicas),
            most: if stated.is_some() {
                replicas
            } else {
                replicas * ROOM_ABOVE_DEFAULT
            },
            packing: own
                .and_then(|own| own.packing)
                .map(|packing| packed_size(packing.max_record_size_bytes as usize)),
        }
    }
}

impl Settings {
    /// What holds before the first configuration: nothing is sent.
    pub(super) fn unknown() -> Self {
        let share = default_quota("");
        Self {
            paused: true,
            linger: Duration::ZERO,
            max_age: None,
            sets_aside: false,
            share,
            most: 1.0,
            packing: None,
        }
    }
}

/// The largest multiple of the billing step within `stated`: what is filled up to it wastes less than one event.
fn packed_size(stated: usize) -> usize {
    let stated = stated.min(MAX_RECORD_BYTES);
    match stated / BILLING_STEP_BYTES * BILLING_STEP_BYTES {
        0 => stated,
        steps => steps,
    }
}

#[expect(clippy::cast_precision_loss, reason = "rates beyond 2^53 a second do not exist")]
fn per_second(stated: u64) -> f64 {
    stated.max(1) as f64
}

/// Direct PUT quota of a stream where nobody stated one.
fn default_quota(region: &str) -> Rates {
    let quota = firehose_proxy_config::default_quota(region);
    let known = |dimension: Option<u64>| per_second(dimension.unwrap_or(u64::MAX));
    Rates {
        bytes: known(quota.bytes_per_second),
        records: known(quota.records_per_second),
        requests: known(quota.requests_per_second),
    }
}

#[cfg(test)]
mod tests {
    use firehose_tests::document::DocumentText;

    use super::*;

    fn document(more: &str) -> Document {
        firehose_proxy_config::parse(&DocumentText::default().more(more).to_string()).unwrap()
    }

    #[test]
    fn the_regions_default_is_divided_by_the_replicas_and_may_be_outgrown() {
        let settings = Settings::of("orders", &document("replicas: 2"));
        assert_eq!(settings.share.bytes, 2.5 * 1024.0 * 1024.0);
        assert_eq!(settings.share.requests, 1000.0);
        assert!(settings.most > 2.0);
    }

    #[test]
    fn a_stated_quota_is_a_bound_and_a_streams_own_comes_first() {
        let document = document(
            "replicas: 2\ndelivery: {quota: {bytesPerSecond: 1000}}\nstreams: [{name: orders, quota: {recordsPerSecond: 10}}]",
        );
        let other = Settings::of("pages", &document);
        assert_eq!((other.share.bytes, other.most), (500.0, 2.0));
        let orders = Settings::of("orders", &document);
        assert_eq!(orders.share.records, 5.0);
        assert_eq!(orders.share.bytes, 2.5 * 1024.0 * 1024.0);
    }

    #[test]
    fn packed_records_end_at_a_billing_step() {
        let document = document("streams: [{name: orders, packing: {maxRecordSizeBytes: 65536}}]");
        assert_eq!(Settings::of("orders", &document).packing, Some(61_440));
        assert_eq!(Settings::of("pages", &document).packing, None);
        assert_eq!(packed_size(3000), 3000);
        assert_eq!(packed_size(usize::MAX), MAX_RECORD_BYTES);
    }
}
