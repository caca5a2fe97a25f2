//! What a core counts.

/// Counts since they were last taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Calls made.
    pub calls: u64,
    /// Records sent, again or for the first time.
    pub sent_records: u64,
    /// Records that had to be sent again.
    pub retried_records: u64,
    /// Records that Firehose throttled.
    pub throttled_records: u64,
    /// Records that arrived.
    pub delivered_records: u64,
    /// Events that arrived.
    pub delivered_events: u64,
    /// Their bytes.
    pub delivered_bytes: u64,
    /// What Firehose bills for them.
    pub billed_bytes: u64,
    /// Events of calls whose outcome is not known.
    pub unknown_events: u64,
    /// Unsent events whose request gave up.
    pub abandoned_events: u64,
    /// Events that were refused because their stream takes none for a reason that lasts.
    pub refused_events: u64,
    /// Events given up.
    pub given_up_events: u64,
}
