//! What RudderStack and Segment mean by an event: [`fields`] are the members that matter here, [`envelope`] stands
//! around several events, [`identity`] and [`gate`] say whether an event is taken and sent, [`enrich`] and [`splice`]
//! write what the proxy owns between the client's bytes.

pub(super) mod enrich;
pub(super) mod envelope;
pub(super) mod fields;
pub(super) mod gate;
pub(super) mod identity;
mod splice;
pub(super) mod timestamp;

pub use self::timestamp::Timestamp;
