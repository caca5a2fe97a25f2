//! How much memory a proxy needs for what a destination asks of it: one formula for the operator, which renders the
//! pod's limit, and for the proxy, which never takes more.

use crate::{Acknowledge, Document, Toggle};

/// The process without a byte from outside: code, runtime, TLS, what the allocator keeps, and 10,000 idle connections'
/// beginnings.
pub const PROCESS_BYTES: u64 = 40 * MIB;

/// Bodies that arrive at a time, each of the largest size.
const BODIES: u64 = 8;
/// Least room for bodies: the largest of a connection is not all that arrives.
const LEAST_BODY_BYTES: u64 = 32 * MIB;
/// Most bytes of events in memory: the whole queue of `WhenDelivered`, or what is on its way to and from a disk.
const MOST_EVENT_BYTES: u64 = 256 * MIB;
/// With a disk: what waits for it, what was read back of it, and segments being read.
const SPOOLED_EVENT_BYTES: u64 = 208 * MIB;
/// Calls of Firehose in their encoded form.
const CALL_BYTES: u64 = 48 * MIB;
/// Of the pod's limit a fifth stays free: the kernel's buffers count too, and an allocator returns memory late.
const ACCOUNT_OF_LIMIT: (u64, u64) = (4, 5);

const MIB: u64 = 1 << 20;

/// Bytes that a proxy may take for what comes from outside, apart from [`PROCESS_BYTES`]: for bodies up to
/// `max_request_bytes`, and events of which `max_size_bytes` may wait.
pub fn account_bytes(acknowledge: Acknowledge, max_request_bytes: u64, max_size_bytes: u64) -> u64 {
    let events = match acknowledge {
        Acknowledge::WhenDelivered => max_size_bytes.min(MOST_EVENT_BYTES),
        Acknowledge::WhenSpooled => SPOOLED_EVENT_BYTES,
    };
    let bodies = max_request_bytes.saturating_mul(BODIES).max(LEAST_BODY_BYTES);
    bodies.saturating_add(events).saturating_add(CALL_BYTES)
}

/// The account of a document: [`account_bytes`], and the window of recent events.
pub fn account_of(document: &Document) -> u64 {
    let deduplication = &document.ingest.deduplication;
    let window = match deduplication.state {
        Toggle::Enabled => deduplication.max_memory_bytes,
        Toggle::Disabled => 0,
    };
    account_bytes(
        document.delivery.acknowledge,
        document.ingest.max_request_size_bytes,
        document.spool.max_size_bytes,
    )
    .saturating_add(window)
}

/// The memory limit of a pod in which a process with such an account stays, in whole MiB.
pub fn limit_bytes(account_bytes: u64) -> u64 {
    let (numerator, denominator) = ACCOUNT_OF_LIMIT;
    let taken = account_bytes.saturating_add(PROCESS_BYTES);
    taken
        .div_ceil(numerator)
        .saturating_mul(denominator)
        .checked_next_multiple_of(MIB)
        .unwrap_or(u64::MAX / MIB * MIB)
}

/// The largest account under a limit of memory; the opposite of [`limit_bytes`].
pub fn account_within(limit_bytes: u64) -> u64 {
    let (numerator, denominator) = ACCOUNT_OF_LIMIT;
    (limit_bytes / denominator)
        .saturating_mul(numerator)
        .saturating_sub(PROCESS_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_follows_from_what_is_asked_for() {
        let limit = |acknowledge, request, size| limit_bytes(account_bytes(acknowledge, request, size)) / MIB;
        for (acknowledge, request, size, mib) in [
            (Acknowledge::WhenDelivered, 10 * MIB, 1 << 40, 530),
            (Acknowledge::WhenDelivered, 10 * MIB, 64 * MIB, 290),
            (Acknowledge::WhenDelivered, MIB, 64 * MIB, 230),
            (Acknowledge::WhenDelivered, 100 * MIB, 256 * MIB, 1430),
            (Acknowledge::WhenSpooled, 10 * MIB, 4096 * MIB, 470),
        ] {
            assert_eq!(
                limit(acknowledge, request, size),
                mib,
                "{acknowledge:?} {request} {size}"
            );
        }
    }

    #[test]
    fn what_fits_a_limit_is_no_less_than_what_it_was_made_for() {
        for account in [0, 1, 40 * MIB, 377 * MIB + 5, 10_000 * MIB] {
            let within = account_within(limit_bytes(account));
            assert!((account..account + 2 * MIB).contains(&within), "{account}: {within}");
        }
        assert_eq!(account_within(0), 0);
        assert_eq!(limit_bytes(u64::MAX), u64::MAX / MIB * MIB);
    }
}
