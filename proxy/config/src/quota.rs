//! What AWS allows a delivery stream where nobody states anything.

use crate::Quota;

/// Direct PUT quota of a stream in a region, before AWS raises it.
///
/// Source: [Firehose quotas](https://docs.aws.amazon.com/firehose/latest/dev/limits.html).
pub fn default_quota(region: &str) -> Quota {
    const MIB: u64 = 1024 * 1024;
    let (bytes, records, requests) = match region {
        "us-east-1" | "us-west-2" | "eu-west-1" => (5 * MIB, 500_000, 2_000),
        _ => (MIB, 100_000, 1_000),
    };
    Quota {
        bytes_per_second: Some(bytes),
        records_per_second: Some(records),
        requests_per_second: Some(requests),
    }
}
