//! What is looked at by one instruction after the other, and makes one word.

/// Bytes whose marks are one word.
pub(crate) const BLOCK_BYTES: usize = 64;

/// So many bytes.
pub(crate) type Block = [u8; BLOCK_BYTES];
