//! Events: bytes of a request in, enriched record bytes and routing keys out. Knows no HTTP and no AWS, reads no clock
//! and draws no random number of its own.
//!
//! A body is validated as UTF-8 once, then read once from its beginning to its end: [`json`] knows JSON's grammar,
//! [`rudder`] what RudderStack and Segment mean by the members of an event, and [`admit`] decides about each event the
//! moment its closing brace is read; [`redaction`] takes out before that what privacy rules say. No tree of the
//! document is ever built, so what the proxy does not own stays as the client wrote it, byte for byte.

mod admit;
mod body;
mod invalid;
mod json;
mod redaction;
mod rudder;
mod sourced;

pub use self::{
    admit::{Admission, Context, Counts, MOST_GROWTH, Malformed, batch, single, write_key},
    invalid::{Invalid, Kept, MAX_REFUSED, Refused},
    rudder::Timestamp,
};
