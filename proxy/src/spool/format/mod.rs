//! How the log stands on the disk. Pure: no file, no clock.
//!
//! What every version shares is in [`frame`]: a segment's header, which says its version, and frames, each under its
//! own checksum. What is in a frame, the slices, differs by version: [`Version::decode`] is the one place that knows
//! which there are, and everybody who reads or writes slices asks the [`Version`] of their segment. Acknowledgements,
//! in files beside the segments, have versions of their own ([`acks`]).
//!
//! A version is read for ever once it has been written. A new one is read by one release before it is written by any,
//! and written only when the configuration document says that every pod reads it, so that rolling back by one release
//! starts. Why version 2 is as it is stands in docs/adr/0009-spool-format-2.md.

pub(super) mod acks;
pub(super) mod frame;
pub(super) mod numbers;
pub(super) mod scan;
mod slice;
#[cfg(test)]
mod tests;
mod v1;
mod v2;
mod version;

pub(super) use self::version::Newer;
pub(crate) use self::version::Version;
