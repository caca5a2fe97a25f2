//! What the process knows of the log.

pub(super) mod segment;
