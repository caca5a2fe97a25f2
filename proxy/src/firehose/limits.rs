//! What Firehose takes, and what it bills.

pub use crate::stream::MAX_RECORD_BYTES;

/// Most records in one PutRecordBatch call.
///
/// Source: [PutRecordBatch](https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecordBatch.html).
pub const MAX_RECORDS: usize = 500;

/// Most bytes of records in one call, before base64. AWS says 4 MB.
pub const MAX_CALL_BYTES: usize = 4_000_000;

/// Most events in one packed record: beyond that Firehose's de-aggregation silently gives up while the put succeeds.
pub const MAX_PACKED_EVENTS: usize = 500;

/// What Firehose bills: each record is rounded up to a multiple of so many bytes.
///
/// Source: [pricing](https://aws.amazon.com/firehose/pricing/), whose examples count 1,024 bytes to the KB.
pub const BILLING_STEP_BYTES: usize = 5 * 1024;

/// Bytes that Firehose bills for a record of so many bytes.
pub fn billed_bytes(record_bytes: usize) -> usize {
    record_bytes.div_ceil(BILLING_STEP_BYTES) * BILLING_STEP_BYTES
}
