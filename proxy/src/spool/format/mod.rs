//! How the log stands on the disk. Pure: no file, no clock.

pub(super) mod scan;
pub(super) mod v1;
