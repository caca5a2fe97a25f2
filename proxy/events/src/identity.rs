//! What makes two events the same, in two keyed numbers. Remembers nothing and decides nothing.

use std::num::NonZeroU64;

use highway::{HighwayHash as _, HighwayHasher, Key};
use uuid::Uuid;

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

/// What the key of a process is made of, as a disk keeps it beside the events that were known by it. As secret as
/// those.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct IdentitySalt([u8; 16]);

impl IdentitySalt {
    /// A salt that nobody outside can guess, if nobody can guess the bytes.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// As a disk keeps it.
    pub const fn bytes(self) -> [u8; 16] {
        self.0
    }
}

impl std::fmt::Debug for IdentitySalt {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("IdentitySalt")
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
    /// Where it goes: the stream's [`fingerprint`](crate::stream::StreamName::fingerprint), the same in every process.
    pub stream: u64,
    /// Name of the source, empty without one. The ids of two sources have nothing to do with each other.
    pub source: &'a str,
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
        Self::from_salt(IdentitySalt::new(Uuid::new_v4().into_bytes()))
    }

    /// The key that is made of a salt, in this process as in every other.
    pub fn from_salt(salt: IdentitySalt) -> Self {
        let (first, second) = salt.0.split_at(8);
        let [first, second] = [first, second].map(|half| u64::from_le_bytes(half.try_into().expect("eight bytes")));
        let made = |name: &[u8]| HighwayHasher::new(Key([first, second, 0, 0])).hash256(name);
        Self {
            ids: made(b"ids"),
            contents: made(b"contents"),
        }
    }

    /// What `sent` is known by.
    pub fn of(&self, sent: &Sent<'_>) -> Identity {
        let mut id = HighwayHasher::new(Key(self.ids));
        if !sent.source.is_empty() {
            // No JSON value that begins as a name does has a line break: what is put together can be told apart.
            id.append(sent.source.as_bytes());
            id.append(b"\n");
        }
        id.append(sent.message_id.as_bytes());
        let mut content = HighwayHasher::new(Key(self.contents));
        // A path's type has no brace and an event begins with one: what is put together can be told apart.
        content.append(&sent.stream.to_le_bytes());
        content.append(sent.path_type.as_bytes());
        content.append(sent.text[0].as_bytes());
        content.append(sent.text[1].as_bytes());
        Identity {
            id: NonZeroU64::new(id.finalize64()).unwrap_or(NonZeroU64::MAX),
            content: content.finalize64(),
        }
    }
}

impl std::fmt::Debug for IdentityKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("IdentityKey")
    }
}
