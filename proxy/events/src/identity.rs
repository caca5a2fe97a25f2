//! What makes two events the same, in two keyed numbers. Remembers nothing and decides nothing.

use std::num::NonZeroU64;

use highway::{HighwayHash as _, HighwayHasher, Key};
use uuid::Uuid;

use crate::stream::StreamId;

/// What an event is known by that its client gave a `messageId`: the id, and what it says and where it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Of the id.
    id: NonZeroU64,
    /// Of the stream and the client's bytes.
    content: u64,
}

impl Identity {
    /// Of what was kept somewhere: the two numbers of another.
    pub const fn new(id: NonZeroU64, content: u64) -> Self {
        Self { id, content }
    }

    /// The number that stands for the `messageId`.
    pub const fn id(self) -> NonZeroU64 {
        self.id
    }

    /// The number that stands for the stream and for what the client sent.
    pub const fn content(self) -> u64 {
        self.content
    }
}

/// The key of one process. Nobody outside knows it, so nobody can make two events that are taken for one.
#[derive(Clone)]
pub struct IdentityKey {
    ids: [u64; 4],
    contents: [u64; 4],
}

/// What a client sent, as far as a second sending of it is the same.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    /// Where it goes.
    pub stream: StreamId,
    /// The type that the request's path names; a part of the record.
    pub path_type: &'a str,
    /// As it is written.
    pub message_id: &'a str,
    /// The event's text before the value of its `sentAt`, which changes with every try, and behind it.
    pub text: [&'a str; 2],
}

impl IdentityKey {
    /// A new key.
    pub fn random() -> Self {
        let half = || {
            let (one, other) = Uuid::new_v4().as_u64_pair();
            [one, other]
        };
        let whole = || {
            let ([a, b], [c, d]) = (half(), half());
            [a, b, c, d]
        };
        Self {
            ids: whole(),
            contents: whole(),
        }
    }

    /// What `sent` is known by.
    pub fn of(&self, sent: &Sent<'_>) -> Identity {
        let id = HighwayHasher::new(Key(self.ids)).hash64(sent.message_id.as_bytes());
        let mut content = HighwayHasher::new(Key(self.contents));
        // A path's type has no brace and an event begins with one: what is put together can be told apart.
        content.append(&sent.stream.index().to_le_bytes());
        content.append(sent.path_type.as_bytes());
        content.append(sent.text[0].as_bytes());
        content.append(sent.text[1].as_bytes());
        Identity {
            id: NonZeroU64::new(id).unwrap_or(NonZeroU64::MAX),
            content: content.finalize64(),
        }
    }
}

impl std::fmt::Debug for IdentityKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("IdentityKey")
    }
}
