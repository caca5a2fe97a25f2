//! Events: bytes of a request in, enriched record bytes and routing keys out. Knows no HTTP and no AWS, reads no clock
//! and draws no random number of its own.
//!
//! A body is validated as UTF-8 once, then read once from its beginning to its end: [`json`] knows JSON's grammar,
//! [`rudder`] what RudderStack and Segment mean by the members of an event, and [`admit`] decides about each event the
//! moment its closing brace is read. No tree of the document is ever built, so what the proxy does not own stays as the
//! client wrote it, byte for byte.

mod admit;
mod body;
mod json;
mod rudder;

pub use self::{
    admit::{Admission, Context, Counts, Invalid, MAX_REFUSED, Malformed, Refused, batch, single, write_key},
    rudder::Timestamp,
};
