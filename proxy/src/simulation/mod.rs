//! What the seeded simulations share: where their numbers come from, and how two runs of a seed are told apart.

mod fingerprint;
mod random;

pub(crate) use self::{
    fingerprint::{Fingerprint, Fingerprints},
    random::Random,
};
