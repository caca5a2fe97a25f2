//! What is taken out of events at the door: [`Rules`] about places in them, and the [`HashKey`] of hashes. Pure; knows
//! neither JSON (who reads an event asks here about each name that it meets) nor where rules and key come from.

mod hash_key;
mod rules;

pub use self::{
    hash_key::{HASH_LENGTH, HashKey},
    rules::{InvalidRule, Open, Rules},
};

/// Rules in force, with the key that they may need.
#[derive(Debug, Clone, Copy)]
pub struct Privacy<'a> {
    /// The rules.
    pub rules: &'a Rules,
    /// The key of hashes. Without it, what would be hashed is redacted; whoever lets events in sees to it that
    /// [`Rules::needs_key`] is met before.
    pub key: Option<&'a HashKey>,
}
