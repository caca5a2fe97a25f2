//! Mistakes of this folder, made on purpose: the simulation must notice each.

use super::{
    Identity, Recent,
    claims::Fate,
    table::{Known, Table},
};

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

impl Recent {
    /// What a mistake makes of what is known of an event.
    pub(super) fn mistaken(&self, table: &mut Table, identity: Identity, known: Known) -> Known {
        match (self.0.mutant, known) {
            (Some(Mutant::IdIsEnough), Known::OtherContent) => table.first_of_id(identity),
            (Some(Mutant::UnderWayIsNew), Known::Same(slot)) if table.owner(slot).is_some() => {
                table.remove(slot);
                Known::New
            }
            (Some(Mutant::UnderWayIsSafe), Known::Same(slot)) => {
                if let Some((owner, place)) = table.owner(slot) {
                    owner.decide(place, Fate::Safe);
                }
                Known::Same(slot)
            }
            (_, known) => known,
        }
    }

    /// What a mistake makes of whether an event is safe.
    pub(super) fn is_safe_by_mistake(&self, is_safe: bool) -> bool {
        match self.0.mutant {
            Some(Mutant::WithdrawnIsSafe) => true,
            Some(Mutant::SafeIsForgotten) => false,
            _ => is_safe,
        }
    }
}
