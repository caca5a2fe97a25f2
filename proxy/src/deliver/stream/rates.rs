//! Amounts in the dimensions that Firehose limits.

/// An amount in each of the dimensions that Firehose limits: of a quota per second, or of what a call used.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rates {
    /// Bytes before base64.
    pub bytes: f64,
    /// Records.
    pub records: f64,
    /// Calls.
    pub requests: f64,
}

impl Rates {
    /// Each dimension times `factor`.
    pub fn times(self, factor: f64) -> Self {
        self.map(|amount| amount * factor)
    }

    pub(super) fn map(self, function: impl Fn(f64) -> f64) -> Self {
        Self {
            bytes: function(self.bytes),
            records: function(self.records),
            requests: function(self.requests),
        }
    }

    pub(super) fn zip(self, other: Self, function: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            bytes: function(self.bytes, other.bytes),
            records: function(self.records, other.records),
            requests: function(self.requests, other.requests),
        }
    }

    pub(super) fn largest(self) -> f64 {
        self.bytes.max(self.records).max(self.requests)
    }

    pub(super) fn smallest(self) -> f64 {
        self.bytes.min(self.records).min(self.requests)
    }
}
