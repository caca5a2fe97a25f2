//! A segment as whoever reads it needs it.

use std::sync::Arc;

use crate::spool::format::Version;

/// A segment's file, and what is needed to read it.
#[derive(Debug)]
pub(in crate::spool) struct Readable<F> {
    pub(in crate::spool) number: u64,
    pub(in crate::spool) version: Version,
    pub(in crate::spool) epoch: u64,
    /// Where its frames end.
    pub(in crate::spool) end: u64,
    /// Number of its slices.
    pub(in crate::spool) slices: u32,
    /// `None` when it is not open.
    pub(in crate::spool) file: Option<Arc<F>>,
}
