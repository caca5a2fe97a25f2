//! The body of a call, written once: each record is encoded from its event straight into its place.
//!
//! The SDK would build a structure per record, serialize it and encode it on the way; that is a third of a call's cost.

use super::Operation;
use crate::stream::StreamName;

/// What stands around each record's base64.
const AROUND_RECORD: usize = r#"{"Data":""},"#.len();

/// Writes the body of `operation` for `stream` with these records, each the bytes of one or more events one after the
/// other. `bytes` are all of them together, before base64.
pub(super) fn body<'call, Events: Iterator<Item = &'call [u8]>>(
    operation: Operation,
    stream: &StreamName,
    records: impl ExactSizeIterator<Item = Events>,
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
    let mut packed = Vec::new();
    for (index, mut events) in records.enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(b"{\"Data\":\"");
        match (events.next(), events.next()) {
            (Some(event), None) => base64_simd::STANDARD.encode_append(event, &mut body),
            (first, second) => {
                packed.clear();
                for event in first.into_iter().chain(second).chain(events) {
                    packed.extend_from_slice(event);
                }
                base64_simd::STANDARD.encode_append(&packed, &mut body);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(operation: Operation, records: &[&[&[u8]]]) -> String {
        let stream = StreamName::try_from("orders").unwrap();
        let bytes = records.concat().concat().len();
        let body = body(
            operation,
            &stream,
            records.iter().map(|events| events.iter().copied()),
            bytes,
        );
        String::from_utf8(body).unwrap()
    }

    #[test]
    fn a_batch_is_the_api_s_json_and_packed_events_are_one_record() {
        assert_eq!(
            encoded(Operation::PutRecordBatch, &[&[b"{}\n"], &[b"a\n", b"b\n"]]),
            r#"{"DeliveryStreamName":"orders","Records":[{"Data":"e30K"},{"Data":"YQpiCg=="}]}"#
        );
    }

    #[test]
    fn a_single_put_has_one_record() {
        assert_eq!(
            encoded(Operation::PutRecord, &[&[b"{}\n"]]),
            r#"{"DeliveryStreamName":"orders","Record":{"Data":"e30K"}}"#
        );
    }
}
