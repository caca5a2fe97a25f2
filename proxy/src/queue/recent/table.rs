//! The events that are remembered, found by their id and forgotten in the order in which they came.
//!
//! All of its memory is asked for when it is made and none later: what does not fit takes the place of the oldest.

use std::{mem::size_of, sync::Arc};

use hashbrown::HashTable;

use super::fates::Claims;
use crate::queue::Identity;

/// A number of entries in memory that is reserved once.
#[derive(Debug)]
pub(super) struct Table {
    slots: Vec<Slot>,
    capacity: usize,
    index: HashTable<u32>,
    /// The first of the slots that are empty again, chained by [`Slot::newer`].
    free: u32,
    oldest: u32,
    newest: u32,
}

#[derive(Debug)]
struct Slot {
    identity: Identity,
    /// Who has the event while it is under way; nobody when it is safe.
    owner: Option<Arc<Claims>>,
    /// Its place there.
    place: u32,
    /// When it was claimed, in seconds.
    at: u32,
    older: u32,
    newer: u32,
}

/// What is known of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Nothing.
    New,
    /// Its id was used for something else.
    OtherContent,
    /// It is in this slot.
    Same(u32),
}

const NONE: u32 = u32::MAX;
/// How many events of one id are remembered, so that a client that gives all of them the same one costs nothing.
const MOST_OF_AN_ID: usize = 4;
/// Fewest buckets of an index.
const FEWEST_BUCKETS: usize = 16;
/// Bytes of a bucket, and of what the index has besides.
const BUCKET_BYTES: usize = size_of::<u32>() + 1;
const INDEX_BYTES: usize = 64;

impl Table {
    /// As many entries as fit `bytes`.
    pub(super) fn new(bytes: usize) -> Self {
        let capacity = capacity(bytes);
        Self {
            slots: Vec::with_capacity(capacity),
            capacity,
            index: HashTable::with_capacity(capacity),
            free: NONE,
            oldest: NONE,
            newest: NONE,
        }
    }

    /// Entries there are.
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether another one takes the place of the oldest.
    pub(super) fn is_full(&self) -> bool {
        self.index.len() == self.capacity
    }

    /// When the oldest came.
    pub(super) fn oldest_at(&self) -> Option<u32> {
        Some(self.slots.get(self.oldest as usize)?.at)
    }

    /// What is known of an event.
    pub(super) fn find(&self, identity: Identity) -> Known {
        let mut known = Known::New;
        for slot in self.of_id(identity) {
            if self.slots[slot as usize].identity == identity {
                return Known::Same(slot);
            }
            known = Known::OtherContent;
        }
        known
    }

    /// Who has the event of a slot, and its place there. `None` when it is safe.
    pub(super) fn owner(&self, slot: u32) -> Option<(&Arc<Claims>, u32)> {
        let slot = &self.slots[slot as usize];
        Some((slot.owner.as_ref()?, slot.place))
    }

    pub(super) fn at(&self, slot: u32) -> u32 {
        self.slots[slot as usize].at
    }

    /// Adds an event that is under way and not known. What is oldest goes when there is no room.
    pub(super) fn insert(&mut self, identity: Identity, owner: &Arc<Claims>, place: u32, at: u32) {
        self.add(identity, Some(Arc::clone(owner)), place, at);
    }

    fn add(&mut self, identity: Identity, owner: Option<Arc<Claims>>, place: u32, at: u32) {
        let of_id = self.of_id(identity).count();
        if of_id >= MOST_OF_AN_ID {
            let first = self.of_id(identity).min_by_key(|slot| self.slots[*slot as usize].at);
            self.remove(first.expect("there are some"));
        } else if self.free == NONE && self.slots.len() == self.capacity {
            self.remove(self.oldest);
        }
        let slot = Slot {
            identity,
            owner,
            place,
            at,
            older: self.newest,
            newer: NONE,
        };
        let number = match self.free {
            NONE => {
                self.slots.push(slot);
                u32::try_from(self.slots.len() - 1).expect("a table has fewer than 2^32 slots")
            }
            free => {
                self.free = std::mem::replace(&mut self.slots[free as usize], slot).newer;
                free
            }
        };
        match self.newest {
            NONE => self.oldest = number,
            newest => self.slots[newest as usize].newer = number,
        }
        self.newest = number;
        let Self { slots, index, .. } = self;
        index.insert_unique(identity.id().get(), number, |slot| {
            slots[*slot as usize].identity.id().get()
        });
    }

    /// The slot of an event if `owner` still has it.
    pub(super) fn owned(&self, identity: Identity, owner: &Arc<Claims>) -> Option<u32> {
        match self.find(identity) {
            Known::Same(slot) => {
                let (other, _) = self.owner(slot)?;
                Arc::ptr_eq(other, owner).then_some(slot)
            }
            Known::New | Known::OtherContent => None,
        }
    }

    /// The event of a slot is safe.
    pub(super) fn settle(&mut self, slot: u32) {
        self.slots[slot as usize].owner = None;
    }

    /// Forgets the event of a slot.
    pub(super) fn remove(&mut self, number: u32) {
        let slot = &mut self.slots[number as usize];
        slot.owner = None;
        let (identity, older, newer) = (slot.identity, slot.older, slot.newer);
        slot.newer = std::mem::replace(&mut self.free, number);
        match older {
            NONE => self.oldest = newer,
            older => self.slots[older as usize].newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            newer => self.slots[newer as usize].older = older,
        }
        if let Ok(entry) = self.index.find_entry(identity.id().get(), |slot| *slot == number) {
            entry.remove();
        }
    }

    /// Forgets what came at or before `until`, at most so many.
    pub(super) fn expire(&mut self, until: Option<u32>, most: usize) {
        let Some(until) = until else { return };
        for _ in 0..most {
            match self.oldest_at() {
                Some(at) if at <= until => self.remove(self.oldest),
                _ => return,
            }
        }
    }

    /// The same entries in `bytes`, without the oldest if they do not fit.
    pub(super) fn resized(mut self, bytes: usize) -> Self {
        let mut table = Self::new(bytes);
        while self.len() > table.capacity {
            self.remove(self.oldest);
        }
        let mut next = self.oldest;
        while let Some(slot) = self.slots.get_mut(next as usize) {
            next = slot.newer;
            table.add(slot.identity, slot.owner.take(), slot.place, slot.at);
        }
        table
    }

    /// A mutant's: the first slot of an id.
    #[cfg(test)]
    pub(super) fn first_of_id(&self, identity: Identity) -> Known {
        self.of_id(identity).next().map_or(Known::New, Known::Same)
    }

    fn of_id(&self, identity: Identity) -> impl Iterator<Item = u32> {
        let slots = self.index.iter_hash(identity.id().get()).copied();
        slots.filter(move |slot| self.slots[*slot as usize].identity.id() == identity.id())
    }
}

/// Entries whose slots and index take at most `bytes`.
fn capacity(bytes: usize) -> usize {
    let of_buckets = |buckets: usize| {
        let index = buckets * BUCKET_BYTES + INDEX_BYTES;
        (bytes.saturating_sub(index) / size_of::<Slot>()).min(buckets / 8 * 7)
    };
    let sizes = std::iter::successors(Some(FEWEST_BUCKETS), |buckets| Some(buckets * 2));
    let sizes = sizes.take_while(|buckets| *buckets <= bytes.min(NONE as usize));
    sizes.map(of_buckets).max().unwrap_or(0).max(1)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    fn identity(id: u64, content: u64) -> Identity {
        // Spread as hashes are.
        let id = NonZeroU64::new(id.wrapping_mul(0x9e37_79b9_7f4a_7c15)).unwrap();
        Identity::new(id, content)
    }

    fn insert(table: &mut Table, ids: impl IntoIterator<Item = u64>, at: u32) {
        for id in ids {
            table.insert(identity(id, 0), &Arc::new(Claims::new(1)), 0, at);
        }
    }

    fn known(table: &Table, ids: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let is_known = |id: &u64| matches!(table.find(identity(*id, 0)), Known::Same(_));
        ids.into_iter().filter(is_known).collect()
    }

    #[test]
    fn the_default_window_holds_as_many_events_as_the_documents_say() {
        let held = capacity(32 << 20);
        assert!((650_000..750_000).contains(&held), "{held}");
    }

    #[test]
    fn a_table_never_takes_more_than_it_was_given() {
        for bytes in [1 << 20, 3_000_000, 4 << 20] {
            let mut table = Table::new(bytes);
            let capacity = table.capacity;
            insert(&mut table, 1..=capacity as u64 + 1000, 0);
            let taken = table.slots.capacity() * size_of::<Slot>() + table.index.allocation_size();
            assert!(taken <= bytes, "{taken} of {bytes}");
            assert!(taken > bytes / 2, "{taken} of {bytes} is little use");
            assert_eq!(table.len(), capacity);
        }
    }

    #[test]
    fn the_oldest_goes_when_there_is_no_room_and_when_its_time_has_come() {
        let mut table = Table::new(2000);
        let capacity = table.capacity as u64;
        insert(&mut table, 1..=capacity, 1);
        insert(&mut table, capacity + 1..=capacity + 3, 2);
        assert_eq!(known(&table, 1..=5), [4, 5]);
        assert_eq!(table.oldest_at(), Some(1));
        table.expire(Some(1), 2);
        assert_eq!(known(&table, 1..=7), [6, 7]);
        table.expire(Some(1), usize::MAX);
        assert_eq!((table.len(), table.oldest_at()), (3, Some(2)));
    }

    #[test]
    fn what_is_forgotten_in_the_middle_leaves_its_place_to_others() {
        let mut table = Table::new(2000);
        let capacity = table.capacity as u64;
        insert(&mut table, 1..=capacity, 1);
        for id in [2, capacity] {
            let Known::Same(slot) = table.find(identity(id, 0)) else {
                panic!("{id} is there")
            };
            table.remove(slot);
        }
        insert(&mut table, [100, 101], 1);
        assert_eq!(known(&table, [1, 2, 3, 100, 101]), [1, 3, 100, 101]);
        insert(&mut table, [102], 1);
        assert_eq!(known(&table, [1, 3, 100, 101, 102]), [3, 100, 101, 102]);
    }

    #[test]
    fn one_id_with_many_contents_takes_a_few_places_and_the_newest_count() {
        let mut table = Table::new(1 << 20);
        for content in 0..1000_u32 {
            table.insert(identity(1, content.into()), &Arc::new(Claims::new(1)), 0, content);
        }
        assert_eq!(table.len(), MOST_OF_AN_ID);
        assert!(matches!(table.find(identity(1, 999)), Known::Same(_)));
        assert_eq!(table.find(identity(1, 0)), Known::OtherContent);
        assert_eq!(table.find(identity(2, 0)), Known::New);
    }

    #[test]
    fn another_size_keeps_the_newest_and_whose_they_are() {
        let mut table = Table::new(1 << 20);
        let owner = Arc::new(Claims::new(1000));
        for id in 1..=1000_u32 {
            table.insert(identity(id.into(), 0), &owner, id - 1, id);
        }
        let Known::Same(slot) = table.find(identity(999, 0)) else {
            panic!("it is there")
        };
        table.settle(slot);
        let mut table = table.resized(4000);
        let kept = table.len() as u64;
        assert!((10..1000).contains(&kept));
        assert_eq!(known(&table, 1..=1000), (1001 - kept..=1000).collect::<Vec<_>>());
        let owned = table.owned(identity(1000, 0), &owner).unwrap();
        assert_eq!(table.owner(owned).unwrap().1, 999);
        assert_eq!(table.owned(identity(999, 0), &owner), None);
        insert(&mut table, [5000], 2000);
        assert_eq!(known(&table, [5000]), [5000]);
    }
}
