//! Events: bytes of a request in, enriched record bytes and routing keys out. Knows no HTTP and no AWS, reads no clock and
//! draws no random number of its own.
//!
//! A body is validated as UTF-8 once, then read once from its beginning to its end: [`scan`] knows JSON's grammar,
//! [`fields`] the members of an event that matter here, [`envelope`] the envelope around several events, and [`admit`]
//! decides about each event the moment its closing brace is read: [`identity`], [`gate`], the routing table, and
//! [`enrich`] and [`splice`] for those that are sent. No tree of the document is ever built, so what the proxy does not own stays as the
//! client wrote it, byte for byte.

mod admit;
mod enrich;
mod envelope;
mod fields;
mod gate;
mod identity;
mod scan;
mod splice;
mod text;
mod timestamp;

pub use admit::{
    Admission, Context, Counts, Invalid, MAX_RECORD_BYTES, MAX_REFUSED, Malformed, Refused, batch, single, write_key,
};
pub use timestamp::Timestamp;
