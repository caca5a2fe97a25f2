//! Names of delivery streams and the small numbers that stand for them inside one process.
//!
//! An event carries a [`StreamId`] from the routing table to the delivery queue: copying it costs nothing, and the
//! queue of a stream is found by index. The registry only grows; its entries come from configuration documents, never
//! from clients, so a process holds as many as it has ever had mappings.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use highway::{HighwayHash as _, HighwayHasher, Key};

/// Name of a delivery stream, exactly as AWS knows it: 1 to 64 of `a-z A-Z 0-9 _ . -`.
///
/// Source: `DeliveryStreamName` in the [Firehose
/// API](https://docs.aws.amazon.com/firehose/latest/APIReference/API_PutRecord.html).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamName(Arc<str>);

/// A string that is not the name of a delivery stream.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is not a delivery stream name: 1 to 64 letters, digits, '_', '.' or '-'")]
pub struct InvalidStreamName(String);

/// Most bytes of one record before base64: 1,000 KiB.
///
/// Source: [Record](https://docs.aws.amazon.com/firehose/latest/APIReference/API_Record.html).
pub const MAX_RECORD_BYTES: usize = 1_024_000;

/// Number of a stream in the [`Streams`] registry that issued it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(u32);

/// What an event is routed by: its lower-cased name and type, and who sent it, each empty when absent. Kept so that a
/// backlog can be routed again when its stream is no longer mapped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RoutingKey<'key> {
    /// Lower-cased `event`.
    pub event: &'key str,
    /// Lower-cased `type`.
    pub r#type: &'key str,
    /// Name of the source, as [`SourceName`](crate::source::SourceName) has it.
    pub source: &'key str,
}

/// The streams this process has met, numbered from zero in the order of their first appearance.
#[derive(Debug, Default)]
pub struct Streams {
    inner: RwLock<Registry>,
}

#[derive(Debug, Default)]
struct Registry {
    names: Vec<StreamName>,
    ids: HashMap<StreamName, StreamId>,
}

impl StreamName {
    /// The name as AWS knows it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A number that stands for the name, the same in every process. No secret: names come from configuration.
    pub fn fingerprint(&self) -> u64 {
        HighwayHasher::new(Key::default()).hash64(self.0.as_bytes())
    }
}

impl TryFrom<&str> for StreamName {
    type Error = InvalidStreamName;

    fn try_from(name: &str) -> Result<Self, Self::Error> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
        if name.is_empty() || name.len() > 64 || !name.bytes().all(allowed) {
            return Err(InvalidStreamName(name.chars().take(80).collect()));
        }
        Ok(Self(Arc::from(name)))
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl StreamId {
    /// Index into tables that hold one entry a stream.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl Streams {
    /// The number of a stream, issued now if the name is new. Called when a configuration is loaded, never per event.
    pub fn intern(&self, name: &StreamName) -> StreamId {
        let mut registry = self.inner.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(id) = registry.ids.get(name) {
            return *id;
        }
        let id = StreamId(u32::try_from(registry.names.len()).expect("fewer than 2^32 mappings in a process's life"));
        registry.names.push(name.clone());
        registry.ids.insert(name.clone(), id);
        id
    }

    /// The name of a number that this registry issued.
    pub fn name(&self, id: StreamId) -> StreamName {
        let registry = self.inner.read().unwrap_or_else(PoisonError::into_inner);
        registry.names[id.index()].clone()
    }

    /// Every name so far, in the order of their numbers.
    pub fn names(&self) -> Vec<StreamName> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner).names.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number() {
        let streams = Streams::default();
        let orders = StreamName::try_from("orders").unwrap();
        let pages = StreamName::try_from("pages").unwrap();
        let first = streams.intern(&orders);
        assert_ne!(first, streams.intern(&pages));
        assert_eq!(first, streams.intern(&orders));
        assert_eq!(streams.name(first), orders);
        assert_eq!(streams.names(), [orders, pages]);
    }

    #[test]
    fn names_that_aws_would_refuse_are_refused_here() {
        for name in ["", "a b", "ä", "a/b", &"x".repeat(65)] {
            assert!(StreamName::try_from(name).is_err(), "{name:?}");
        }
        for name in ["a", "A_b.c-9", &"x".repeat(64)] {
            assert!(StreamName::try_from(name).is_ok(), "{name:?}");
        }
    }
}
