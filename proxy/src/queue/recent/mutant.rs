//! Mistakes of this folder, made on purpose: the simulation must notice each.

use super::{
    fates::Fate,
    table::{Known, Table},
};
use crate::queue::Identity;

/// A mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// What was withdrawn, refused or not synced counts as safe.
    WithdrawnIsSafe,
    /// The repeat of what is under way is confirmed at once.
    UnderWayIsSafe,
    /// The repeat of what is under way is sent.
    UnderWayIsNew,
    /// Nothing that is safe is remembered.
    SafeIsForgotten,
    /// One id is one event, whatever it says.
    IdIsEnough,
}

impl Mutant {
    /// What it makes of what is known of an event.
    pub(super) fn mistakes(self, table: &mut Table, identity: Identity, known: Known) -> Known {
        match (self, known) {
            (Self::IdIsEnough, Known::OtherContent) => table.first_of_id(identity),
            (Self::UnderWayIsNew, Known::Same(slot)) if table.owner(slot).is_some() => {
                table.remove(slot);
                Known::New
            }
            (Self::UnderWayIsSafe, Known::Same(slot)) => {
                if let Some((owner, place)) = table.owner(slot) {
                    owner.decide(place, Fate::Safe);
                }
                Known::Same(slot)
            }
            (_, known) => known,
        }
    }

    /// What it makes of whether an event is safe.
    pub(super) fn calls_safe(self, is_safe: bool) -> bool {
        match self {
            Self::WithdrawnIsSafe => true,
            Self::SafeIsForgotten => false,
            _ => is_safe,
        }
    }
}
