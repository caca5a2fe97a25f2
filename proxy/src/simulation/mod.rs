//! What the seeded simulations share: where their numbers come from, and how two runs of a seed are told apart.

mod delivery;
mod fingerprint;
mod random;
#[expect(clippy::cast_possible_truncation, reason = "simulated requests are small")]
mod repeats;
#[expect(clippy::cast_possible_truncation, reason = "simulated requests are small")]
mod spool;

pub(crate) use self::{
    fingerprint::{Fingerprint, Fingerprints},
    random::Random,
};
