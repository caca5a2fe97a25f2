//! The process's one account of memory: whoever holds memory for bytes from outside takes it here first and is refused
//! when there is none, so that the process ends by its own decision and not by the kernel's.
//!
//! Three rules keep one from taking everything. Some uses have a *reserve* that no other may touch: delivery can always
//! make a call, and small bodies get in beside large ones that do not move. A *peer* may hold at most eight times
//! what is left to take, as a stream of the queue may. And what frees memory is never refused: it is held
//! whatever the limit says, and counted.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many times the free bytes a single peer may hold.
const SHARE: usize = 8;

/// What memory is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Use {
    /// Heads of requests beyond the first 8 KiB.
    Heads,
    /// Bodies of at most [`SMALL_BODY`] bytes.
    SmallBodies,
    /// Larger ones.
    Bodies,
    /// What decoders of bodies need themselves.
    Decoders,
    /// Accepted events that wait or are under way, with what they take beside their bytes.
    Events,
    /// What is being read of a disk.
    Reads,
    /// Calls of Firehose in their encoded form.
    Calls,
    /// The window of recent events.
    Window,
}

/// Largest body with a reserve.
pub const SMALL_BODY: usize = 64 * 1024;

impl Use {
    /// All of them, in order.
    pub const ALL: [Self; 8] = [
        Self::Heads,
        Self::SmallBodies,
        Self::Bodies,
        Self::Decoders,
        Self::Events,
        Self::Reads,
        Self::Calls,
        Self::Window,
    ];

    /// The word that metrics show.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Heads => "Heads",
            Self::SmallBodies => "SmallBodies",
            Self::Bodies => "Bodies",
            Self::Decoders => "Decoders",
            Self::Events => "Events",
            Self::Reads => "Reads",
            Self::Calls => "Calls",
            Self::Window => "Window",
        }
    }

    /// The part of the limit that is kept for it, in 32nds.
    const fn reserve(self) -> usize {
        match self {
            Self::Heads | Self::Decoders => 1,
            Self::SmallBodies => 2,
            Self::Bodies | Self::Window => 0,
            Self::Events | Self::Calls => 4,
            Self::Reads => 3,
        }
    }
}

/// The account. Clones share it.
#[derive(Debug, Clone)]
pub struct Account(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    limit: usize,
    used: [usize; Use::ALL.len()],
    /// Bytes of each peer that holds any.
    peers: HashMap<IpAddr, usize>,
}

/// Memory taken from an [`Account`], given back on drop.
#[derive(Debug)]
pub struct Held {
    account: Account,
    of: Use,
    peer: Option<IpAddr>,
    bytes: usize,
}

/// What is wrong with an account.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(String);

impl Account {
    /// An account of `limit` bytes.
    pub fn new(limit: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            limit,
            ..State::default()
        })))
    }

    /// One that refuses nothing, for tests and for what is bounded otherwise.
    pub fn unlimited() -> Self {
        Self::new(usize::MAX)
    }

    /// Changes the limit. What is held beyond a lower one stays until it is given back.
    pub fn set_limit(&self, limit: usize) {
        self.lock().limit = limit;
    }

    /// Bytes there are in all.
    pub fn limit(&self) -> usize {
        self.lock().limit
    }

    /// Bytes taken of one kind.
    pub fn used(&self, of: Use) -> usize {
        self.lock().used[of as usize]
    }

    /// Bytes that a use could take now.
    pub fn room(&self, of: Use) -> usize {
        self.lock().room(of)
    }

    /// Takes bytes for nobody in particular. `None` when there is no room.
    pub fn take(&self, of: Use, bytes: usize) -> Option<Held> {
        self.take_for(of, None, bytes)
    }

    /// Takes bytes for a peer, within its share. `None` when there is no room, or that would be more than its share. A
    /// peer that holds nothing is within it whatever it asks for.
    pub fn take_for(&self, of: Use, peer: Option<IpAddr>, bytes: usize) -> Option<Held> {
        self.lock().take(of, peer, bytes).then(|| Held {
            account: self.clone(),
            of,
            peer,
            bytes,
        })
    }

    /// Holds bytes whatever the limit says: they are there already, or what is done with them makes room.
    pub fn hold(&self, of: Use, bytes: usize) -> Held {
        self.lock().used[of as usize] += bytes;
        Held {
            account: self.clone(),
            of,
            peer: None,
            bytes,
        }
    }

    /// Whether the counts of uses and peers agree.
    ///
    /// # Errors
    ///
    /// [`Broken`]: something was given back twice, or not at all.
    pub fn check(&self) -> Result<(), Broken> {
        let state = self.lock();
        let of_peers = state
            .peers
            .values()
            .try_fold(0_usize, |sum, bytes| sum.checked_add(*bytes));
        if of_peers.is_none_or(|bytes| bytes > state.total()) {
            return Err(Broken(format!("peers hold {of_peers:?} of {} bytes", state.total())));
        }
        match state.peers.iter().find(|(_, bytes)| **bytes == 0) {
            Some((peer, _)) => Err(Broken(format!("{peer} holds nothing and is listed"))),
            None => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn total(&self) -> usize {
        self.used.iter().fold(0, |sum, used| sum.saturating_add(*used))
    }

    /// What is neither taken nor kept for another use.
    fn room(&self, of: Use) -> usize {
        let others = Use::ALL.into_iter().filter(|other| *other != of);
        let kept = others.map(|other| {
            let reserve = self.limit / 32 * other.reserve();
            reserve.saturating_sub(self.used[other as usize])
        });
        self.limit
            .saturating_sub(self.total())
            .saturating_sub(kept.sum::<usize>())
    }

    fn take(&mut self, of: Use, peer: Option<IpAddr>, bytes: usize) -> bool {
        let Some(left) = self.room(of).checked_sub(bytes) else {
            return false;
        };
        if let Some(peer) = peer
            && bytes > 0
        {
            let before = self.peers.get(&peer).copied().unwrap_or(0);
            if before > 0 && before + bytes > left.saturating_mul(SHARE) {
                return false;
            }
            self.peers.insert(peer, before + bytes);
        }
        self.used[of as usize] += bytes;
        true
    }

    fn give_back(&mut self, of: Use, peer: Option<IpAddr>, bytes: usize) {
        let used = &mut self.used[of as usize];
        debug_assert!(*used >= bytes, "memory is given back twice");
        *used = used.saturating_sub(bytes);
        if let Some(peer) = peer
            && let Some(held) = self.peers.get_mut(&peer)
        {
            *held = held.saturating_sub(bytes);
            if *held == 0 {
                self.peers.remove(&peer);
            }
        }
    }
}

impl Held {
    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes what is missing to `bytes`, all of it for the use `of`. False, and nothing has changed, when there is no
    /// room or the peer's share is used up.
    pub fn grow(&mut self, of: Use, bytes: usize) -> bool {
        let mut state = self.account.lock();
        let (had, was) = (self.bytes, self.of);
        state.give_back(was, self.peer, had);
        let grown = state.take(of, self.peer, bytes.max(had));
        if grown {
            (self.of, self.bytes) = (of, bytes.max(had));
        } else {
            // It is still there.
            state.used[was as usize] += had;
            if let Some(peer) = self.peer.filter(|_| had > 0) {
                *state.peers.entry(peer).or_default() += had;
            }
        }
        grown
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.account.lock().give_back(self.of, self.peer, self.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    fn peer(number: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, number]))
    }

    /// Takes a MiB after the other until there is no more.
    fn fill(account: &Account, of: Use, peer: Option<IpAddr>) -> Vec<Held> {
        std::iter::from_fn(|| account.take_for(of, peer, MIB)).collect()
    }

    #[test]
    fn what_is_taken_comes_back_and_the_limit_is_never_passed() {
        let account = Account::new(320 * MIB);
        let bodies = fill(&account, Use::Bodies, None);
        assert_eq!(bodies.len(), 170, "the rest is kept for others");
        let events = fill(&account, Use::Events, None);
        assert_eq!(events.len(), 40);
        assert!(account.take(Use::Events, 1).is_none());
        assert_eq!(account.check(), Ok(()));
        drop(bodies);
        assert_eq!(fill(&account, Use::Events, None).len(), 170);
        drop(events);
        let used: usize = Use::ALL.into_iter().map(|of| account.used(of)).sum();
        assert_eq!(used, 0);
    }

    #[test]
    fn every_reserve_is_there_when_everything_else_is_full() {
        let account = Account::new(320 * MIB);
        let mut held = Vec::new();
        held.extend(fill(&account, Use::Bodies, None));
        for (of, mib) in [
            (Use::Heads, 10),
            (Use::SmallBodies, 20),
            (Use::Decoders, 10),
            (Use::Reads, 30),
            (Use::Calls, 40),
        ] {
            let of_it = fill(&account, of, None);
            assert_eq!(of_it.len(), mib, "{of:?}");
            held.extend(of_it);
        }
    }

    #[test]
    fn one_peer_may_have_nearly_everything_and_leaves_something_for_others() {
        let account = Account::new(320 * MIB);
        let first = fill(&account, Use::Bodies, peer(1));
        assert_eq!(first.len(), 151, "eight ninths of what others have no reserve for");
        let second = fill(&account, Use::Bodies, peer(2));
        assert_eq!(second.len(), 16);
        let sidecar = fill(&account, Use::Bodies, None);
        assert_eq!(sidecar.len(), 3, "who stands for many has no share");
        assert_eq!(account.check(), Ok(()));
        drop((first, second, sidecar));
        assert_eq!(account.lock().peers.len(), 0);
    }

    #[test]
    fn a_body_that_grows_leaves_the_reserve_of_small_ones() {
        let account = Account::new(320 * MIB);
        let mut body = account.take_for(Use::SmallBodies, peer(1), 1000).unwrap();
        assert!(body.grow(Use::Bodies, MIB));
        assert_eq!((account.used(Use::SmallBodies), account.used(Use::Bodies)), (0, MIB));
        assert!(!body.grow(Use::Bodies, 400 * MIB));
        assert_eq!((body.bytes(), account.used(Use::Bodies)), (MIB, MIB));
        assert_eq!(account.check(), Ok(()));
        drop(body);
        assert_eq!(account.used(Use::Bodies), 0);
        assert_eq!(account.check(), Ok(()));
    }

    #[test]
    fn what_makes_room_is_never_refused_and_counted() {
        let account = Account::new(32 * MIB);
        let call = account.hold(Use::Calls, 64 * MIB);
        assert!(account.take(Use::Bodies, 1).is_none());
        assert_eq!(account.room(Use::SmallBodies), 0);
        drop(call);
        assert!(account.take(Use::Bodies, MIB).is_some());
    }
}
