//! The window itself: what is looked up, claimed, settled and forgotten, under one lock.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

#[cfg(test)]
use super::mutant::Mutant;
use super::{
    fates::{Claims, Fate, Joined},
    table::{Known, Table},
};
use crate::queue::{EventBatch, Identity, IdentityKey};

/// The window. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Recent(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    key: IdentityKey,
    since: Instant,
    window: Mutex<Option<Window>>,
    /// Whether there is one, without a look at it.
    is_open: AtomicBool,
    counts: Counts,
    #[cfg(test)]
    mutant: Option<Mutant>,
}

#[derive(Debug)]
struct Window {
    settings: WindowSettings,
    table: Table,
}

/// How much is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowSettings {
    /// How long.
    pub duration: Duration,
    /// In how much memory.
    pub max_bytes: usize,
}

/// The window as it is now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// Events that are remembered.
    pub entries: usize,
    /// How far back it reaches: what was first sent before that is new when it comes again.
    pub reach: Duration,
}

#[derive(Debug, Default)]
struct Counts {
    safe: AtomicU64,
    under_way: AtomicU64,
    other_content: AtomicU64,
}

/// What a request's identities were looked up for.
#[derive(Debug, Default)]
struct Found {
    /// Indices in ascending order.
    repeats: Vec<u32>,
    joined: Joined,
    safe: u64,
    under_way: u64,
    other_content: u64,
}

/// What was counted since the process started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repeats {
    /// Repeats of events that were safe: confirmed and not delivered.
    pub safe: u64,
    /// Repeats of events that were under way, or stood in the same request: not delivered by themselves.
    pub under_way: u64,
    /// Events with a `messageId` that another was sent with: delivered.
    pub other_content: u64,
}

/// What becomes of a request's events.
#[derive(Debug, Default)]
pub(super) struct Examined {
    /// Those that are left in the batch. `None` when nothing of it is remembered.
    pub(super) claims: Option<Arc<Claims>>,
    /// Whose outcome its repeats have.
    pub(super) joined: Joined,
    /// How many events were taken out of the batch.
    pub(super) repeats: u32,
}

/// Entries that are looked through for those whose time has come, a request.
const EXPIRED_AT_ONCE: usize = 256;
/// The same, when somebody asks how many there are.
const EXPIRED_AT_A_LOOK: usize = 16 * 1024;

impl Recent {
    /// A window that remembers nothing until [`Self::configure`] says how much.
    pub fn new() -> Self {
        Self(Arc::new(Inner {
            key: IdentityKey::random(),
            since: Instant::now(),
            window: Mutex::new(None),
            is_open: AtomicBool::new(false),
            counts: Counts::default(),
            #[cfg(test)]
            mutant: None,
        }))
    }

    /// A window with a mistake in it.
    #[cfg(test)]
    pub(crate) fn with_mutant(mutant: Option<Mutant>) -> Self {
        let inner = Arc::into_inner(Self::new().0).expect("nobody else has it");
        Self(Arc::new(Inner { mutant, ..inner }))
    }

    /// Puts settings in force. `None` forgets everything and remembers nothing more.
    pub fn configure(&self, settings: Option<WindowSettings>) {
        let mut window = self.lock();
        self.0.is_open.store(settings.is_some(), Ordering::Relaxed);
        let Some(settings) = settings else {
            *window = None;
            return;
        };
        *window = Some(match window.take() {
            Some(window) if window.settings.max_bytes == settings.max_bytes => Window { settings, ..window },
            Some(Window { table, .. }) => Window {
                settings,
                table: table.resized(settings.max_bytes),
            },
            None => Window {
                settings,
                table: Table::new(settings.max_bytes),
            },
        });
    }

    /// What identities are made with. `None` while nothing is remembered.
    pub fn key(&self) -> Option<&IdentityKey> {
        self.0.is_open.load(Ordering::Relaxed).then_some(&self.0.key)
    }

    /// The window as it is now. `None` while nothing is remembered.
    pub fn extent(&self) -> Option<Extent> {
        let now = self.seconds(Instant::now());
        let mut window = self.lock();
        let Window { settings, table } = window.as_mut()?;
        table.expire(settings.expired(now), EXPIRED_AT_A_LOOK);
        let oldest = table.oldest_at().filter(|_| table.is_full());
        Some(Extent {
            entries: table.len(),
            reach: oldest.map_or(settings.duration, |at| {
                Duration::from_secs(now.saturating_sub(at).into())
            }),
        })
    }

    /// What was counted.
    pub fn repeats(&self) -> Repeats {
        let Counts {
            safe,
            under_way,
            other_content,
        } = &self.0.counts;
        let [safe, under_way, other_content] =
            [safe, under_way, other_content].map(|count| count.load(Ordering::Relaxed));
        Repeats {
            safe,
            under_way,
            other_content,
        }
    }

    /// Takes the repeats out of a request's events and claims the others.
    pub(super) fn examine(&self, events: &mut EventBatch, now: Instant) -> Examined {
        let mut identities = events.take_identities();
        if identities.is_empty() {
            return Examined::default();
        }
        identities.resize(events.len(), None);
        let now = self.seconds(now);
        let claims = Arc::new(Claims::new(events.len()));
        let mut found = Found::default();
        {
            let mut window = self.lock();
            let Some(window) = window.as_mut() else {
                return Examined::default();
            };
            window.table.expire(window.settings.expired(now), EXPIRED_AT_ONCE);
            for (index, identity) in (0..).zip(&identities) {
                if let Some(identity) = *identity {
                    self.look_up(window, identity, index, &claims, now, &mut found);
                }
            }
        }
        found.count(&self.0.counts);
        let mut repeats = found.repeats.iter().copied().peekable();
        if !found.repeats.is_empty() {
            events.remove(&found.repeats);
            let mut index = 0_u32..;
            identities.retain(|_| repeats.next_if_eq(&index.next().expect("it has no end")).is_none());
        }
        let claims = (!identities.is_empty()).then(|| {
            claims.identities.set(identities).expect("they are set once");
            claims
        });
        Examined {
            claims,
            joined: found.joined,
            repeats: u32::try_from(found.repeats.len()).expect("a batch's entries have 32-bit offsets"),
        }
    }

    fn look_up(
        &self,
        window: &mut Window,
        identity: Identity,
        index: u32,
        claims: &Arc<Claims>,
        now: u32,
        found: &mut Found,
    ) {
        let Window { settings, table } = window;
        let known = table.find(identity);
        #[cfg(test)]
        let known = self
            .0
            .mutant
            .map_or(known, |mutant| mutant.mistakes(table, identity, known));
        match known {
            Known::Same(slot) if settings.expired(now).is_some_and(|until| table.at(slot) <= until) => {
                table.remove(slot);
            }
            Known::Same(slot) => {
                match table.owner(slot) {
                    None => found.safe += 1,
                    Some((owner, place)) if owner.fate(place) == Fate::Safe => found.safe += 1,
                    Some((owner, place)) => {
                        found.under_way += 1;
                        if !Arc::ptr_eq(owner, claims) {
                            found.joined.push(owner, place);
                        }
                    }
                }
                found.repeats.push(index);
                return;
            }
            Known::OtherContent => found.other_content += 1,
            Known::New => {}
        }
        let place = index - u32::try_from(found.repeats.len()).expect("there are fewer than events");
        table.insert(identity, claims, place, now);
    }

    /// Whoever had a batch has it no more: what of it is safe is remembered, and the rest is forgotten.
    pub(super) fn resolve(&self, claims: &Arc<Claims>) {
        {
            let mut window = self.lock();
            for (place, identity) in claims.claimed() {
                let is_safe = claims.fate(place) == Fate::Safe;
                #[cfg(test)]
                let is_safe = self.0.mutant.map_or(is_safe, |mutant| mutant.calls_safe(is_safe));
                if claims.fate(place) == Fate::UnderWay {
                    claims.decide(place, Fate::Withdrawn);
                }
                let Some(Window { table, .. }) = window.as_mut() else {
                    continue;
                };
                match table.owned(identity, claims) {
                    Some(slot) if is_safe => table.settle(slot),
                    Some(slot) => table.remove(slot),
                    None => {}
                }
            }
        }
        claims.tell();
    }

    /// Forgets some events of a batch, by their places.
    pub(super) fn withdraw(&self, claims: &Arc<Claims>, places: &[u32]) {
        let identities = claims.identities.get().map_or(&[][..], Vec::as_slice);
        {
            let mut window = self.lock();
            for place in places {
                claims.decide(*place, Fate::Withdrawn);
                let identity = identities.get(*place as usize).copied().flatten();
                if let (Some(Window { table, .. }), Some(identity)) = (window.as_mut(), identity)
                    && let Some(slot) = table.owned(identity, claims)
                {
                    table.remove(slot);
                }
            }
        }
        claims.tell();
    }

    fn seconds(&self, now: Instant) -> u32 {
        let seconds = now.saturating_duration_since(self.0.since).as_secs();
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Window>> {
        self.0.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Recent {
    fn default() -> Self {
        Self::new()
    }
}

impl WindowSettings {
    /// What was seen then or earlier is seen no more at `now`.
    fn expired(&self, now: u32) -> Option<u32> {
        now.checked_sub(u32::try_from(self.duration.as_secs()).unwrap_or(u32::MAX))
    }
}

impl Found {
    fn count(&self, counts: &Counts) {
        let Self {
            safe,
            under_way,
            other_content,
            ..
        } = self;
        for (count, more) in [
            (&counts.safe, safe),
            (&counts.under_way, under_way),
            (&counts.other_content, other_content),
        ] {
            if *more > 0 {
                count.fetch_add(*more, Ordering::Relaxed);
            }
        }
    }
}
