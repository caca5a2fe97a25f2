//! How records reach Firehose, for all streams of a destination and for single ones.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    formats,
    quantity::{self, ByteSize},
};

/// How records reach Firehose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Delivery {
    /// Running sends. Paused keeps what is accepted until delivery runs again, as far as the spool has room.
    #[serde(default)]
    pub state: DeliveryState,

    /// What a response of 200 means. WhenSpooled: the events are on the spool's disk. WhenDelivered: Firehose has
    /// them. Default: WhenSpooled with a PersistentVolumeClaim, WhenDelivered with an Ephemeral spool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acknowledge: Option<Acknowledge>,

    /// What becomes of events that their stream cannot take for a reason that time alone does not mend. Refuse: they
    /// are answered 503, and their senders keep them. DeadLetter: they are kept on the pod's volume, answered 200, and
    /// sent again when the stream can take them; on an Ephemeral volume they go with the pod.
    #[serde(default)]
    pub undeliverable: Undeliverable,

    /// How long a record may wait for others to share a call with, in milliseconds.
    #[serde(default = "default_linger_milliseconds")]
    #[schemars(range(min = 0, max = 10_000))]
    pub linger_milliseconds: i32,

    /// What ends each record: Newline, or None for exactly the event's bytes.
    #[serde(default)]
    pub record_delimiter: RecordDelimiter,

    /// Age in seconds at which an event that could not be delivered becomes a dead letter. Absent: it is tried for
    /// ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 60, max = 31_536_000))]
    pub max_age_seconds: Option<i32>,

    /// What each delivery stream may take from all proxies together, at most. Absent: the default quota of the region,
    /// and what AWS raises it to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            state: DeliveryState::default(),
            acknowledge: None,
            undeliverable: Undeliverable::default(),
            linger_milliseconds: default_linger_milliseconds(),
            record_delimiter: RecordDelimiter::default(),
            max_age_seconds: None,
            quota: None,
        }
    }
}

/// Whether records are sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum DeliveryState {
    /// Send.
    #[default]
    Running,
    /// Keep.
    Paused,
}

// The comment of an enum in an optional field stands for the field's in `kubectl explain`.
/// What a response of 200 means. WhenSpooled: the events are on the spool's disk. WhenDelivered: Firehose has them.
/// Default: WhenSpooled with a PersistentVolumeClaim, WhenDelivered with an Ephemeral spool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Acknowledge {
    /// The events are on the spool's disk.
    WhenSpooled,
    /// Firehose has the events.
    WhenDelivered,
}

/// What becomes of events that their stream cannot take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Undeliverable {
    /// Their senders keep them.
    #[default]
    Refuse,
    /// They are kept on the pod's volume.
    DeadLetter,
}

/// What ends a record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RecordDelimiter {
    /// One line feed.
    #[default]
    Newline,
    /// Nothing.
    None,
}

/// What a delivery stream may take from all proxies together. A dimension that is absent has the region's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Quota {
    /// Bytes a second, between 1Ki and 1Ti.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "quantity::bytes_per_second")]
    pub bytes_per_second: Option<ByteSize>,

    /// Records a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_000))]
    pub records_per_second: Option<i32>,

    /// Calls a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_per_second: Option<i32>,
}

/// What one delivery stream may take from all proxies together. A dimension that is absent has the region's default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StreamQuota {
    /// Bytes a second, between 1Ki and 1Ti.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "quantity::in_a_list")]
    pub bytes_per_second: Option<ByteSize>,

    /// Records a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_000))]
    pub records_per_second: Option<i32>,

    /// Calls a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub requests_per_second: Option<i32>,
}

/// Settings of one delivery stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct StreamSettings {
    /// The delivery stream, exactly as named in AWS.
    #[schemars(schema_with = "formats::delivery_stream_name")]
    pub delivery_stream_name: String,

    /// What this stream may take, in place of delivery.quota.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<StreamQuota>,

    /// Puts several newline-delimited events into one record, because Firehose bills each record in steps of 5 KB.
    /// Only for streams whose consumers split records into lines. Absent: one event a record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packing: Option<Packing>,

    /// How Firehose bills this stream: FiveKiB rounds each record up to steps of 5 KB; PerByte, of streams into
    /// Iceberg tables, does not. PerByte is not implemented in this version, and refused.
    #[serde(default)]
    pub billing: Billing,
}

/// Several newline-delimited events in one record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Packing {
    /// Largest packed record, between 5Ki and 1000Ki.
    #[schemars(schema_with = "quantity::in_a_list")]
    pub max_record_size: ByteSize,
}

/// How Firehose bills a stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Billing {
    /// In steps of 5 KB a record.
    #[default]
    FiveKiB,
    /// By what is put.
    PerByte,
}

fn default_linger_milliseconds() -> i32 {
    100
}
