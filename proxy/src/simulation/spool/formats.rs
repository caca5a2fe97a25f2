//! Which version of the format each process of a history writes, and what must come back of events in each.

use std::num::NonZeroU64;

use crate::{
    queue::{Identity, InFlight},
    simulation::Random,
    spool::format::Version,
};

/// What the processes of a history write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Formats {
    /// All of them the same.
    Always(Version),
    /// Each what it likes: versions go up and down.
    Mixed,
}

impl Formats {
    /// A third of all histories each.
    pub(super) fn of(seed: u64) -> Self {
        match seed % 3 {
            0 => Self::Always(Version::V1),
            1 => Self::Always(Version::V2),
            _ => Self::Mixed,
        }
    }

    /// What the next process writes.
    pub(super) fn next(self, random: &mut Random) -> Version {
        match self {
            Self::Always(version) => version,
            Self::Mixed if random.per_mille(500) => Version::V1,
            Self::Mixed => Version::V2,
        }
    }

    /// An event has its source or, when it was in a segment of version 1, none. Never that of another.
    ///
    /// # Errors
    ///
    /// What is wrong.
    pub(super) fn check(self, batch: &InFlight) -> Result<(), String> {
        for entry in batch.entries() {
            let (source, sent) = (entry.key.source, source_of(entry.record));
            let may_be_lost = self != Self::Always(Version::V2) && source.is_empty();
            if source != sent && !may_be_lost {
                let record = String::from_utf8_lossy(entry.record);
                return Err(format!("{record} of source {sent:?} is said to be of {source:?}"));
            }
        }
        Ok(())
    }
}

/// Who sent an event, by its record: every third nobody known.
pub(super) fn source_of(record: &[u8]) -> &'static str {
    ["", "web", "a-shop-with-a-longer-name"][checksum(record) as usize % 3]
}

/// What an event is known by, by its record: some by nothing.
pub(super) fn identity_of(record: &[u8]) -> Option<Identity> {
    let number = u64::from(checksum(record));
    NonZeroU64::new(number % 5).map(|_| Identity::new(NonZeroU64::MIN.saturating_add(number), !number))
}

fn checksum(record: &[u8]) -> u32 {
    crc32c::crc32c(record)
}
