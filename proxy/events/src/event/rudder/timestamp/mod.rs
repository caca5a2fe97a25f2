//! Points in time as events carry them: read in many forms, written in one, RFC 3339 in milliseconds.

mod calendar;
mod forms;
mod instant;
mod number;
mod read;
mod rfc3339;
mod stated;

pub use self::instant::Timestamp;
pub(in crate::event) use self::stated::Stated;
