//! The queue's promise on a disk: accepted events wait in a log until Firehose has them. Knows no HTTP and no AWS.
//!
//! [`open()`] gives the two ends of a queue with a disk between them.

mod at_work;
mod compaction;
pub(crate) mod disk;
pub(crate) mod format;
mod index;
pub(crate) mod log;
mod maintenance;
mod open;
mod pending;
pub(crate) mod reader;
pub(crate) mod recovery;
mod signal;
#[cfg(test)]
pub(crate) mod tests;
mod threads;
mod writer;

pub use self::{
    index::Unsettled,
    open::{Error, Options, Router, Spool, formats, memory_and_leftovers, open},
};
/// How the names of files end that belong to another destination. They are kept and never sent.
pub(crate) const FOREIGN: &str = "foreign";

pub(crate) use self::{
    open::{Segments, open_log},
    threads::Running,
};
