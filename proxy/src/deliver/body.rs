//! The body of a call, written once: each record is encoded from its frame straight into its place.
//!
//! The SDK would build a structure per record, serialize it and encode it on the way; that is a third of a call's cost.

use super::{Queued, core::Operation};
use crate::stream::StreamName;

/// What stands around each record's base64.
const AROUND_RECORD: usize = r#"{"Data":""},"#.len();

/// Writes the body of `operation` for `stream` with these records, each of one or more events.
pub(super) fn body<'call>(
    operation: Operation,
    stream: &StreamName,
    records: impl ExactSizeIterator<Item = &'call [Queued]>,
    bytes: usize,
) -> Vec<u8> {
    let encoded = bytes.div_ceil(3) * 4 + records.len() * (AROUND_RECORD + 4);
    let mut body = Vec::with_capacity(encoded + stream.as_str().len() + 64);
    // A stream's name has no character that JSON would have to escape.
    body.extend_from_slice(b"{\"DeliveryStreamName\":\"");
    body.extend_from_slice(stream.as_str().as_bytes());
    body.extend_from_slice(match operation {
        Operation::PutRecordBatch => b"\",\"Records\":[".as_slice(),
        Operation::PutRecord => b"\",\"Record\":".as_slice(),
    });
    let mut scratch = Vec::new();
    for (index, events) in records.enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(b"{\"Data\":\"");
        match events {
            [event] => base64_simd::STANDARD.encode_append(event.entry().record, &mut body),
            packed => {
                scratch.clear();
                for event in packed {
                    scratch.extend_from_slice(event.entry().record);
                }
                base64_simd::STANDARD.encode_append(&scratch, &mut body);
            }
        }
        body.extend_from_slice(b"\"}");
    }
    body.extend_from_slice(match operation {
        Operation::PutRecordBatch => b"]}".as_slice(),
        Operation::PutRecord => b"}".as_slice(),
    });
    body
}
