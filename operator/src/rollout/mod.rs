//! A new image of the proxy, or what else an installation changes about pods, reaches a few destinations at a time, and
//! no more once it fails in one.
//!
//! How far a rollout is, is read from the StatefulSets each time, so a new leader goes on where the last one was: the
//! image of the template says who has it, the [`MARK`] who is getting it. In memory are only permissions that the watch
//! has not shown as done yet. An edit of a destination is no rollout: it is followed at once, with the image that runs.

mod decide;
mod follow;
mod stage;
mod staging;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub use follow::Scoped;
use stage::Progress;
pub use stage::{MARK, Stage, image};
pub use staging::{Staged, Turn, staged, without_image};

/// Who gets what is new when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutOrder {
    /// How many destinations are under way at a time.
    pub max_concurrent: usize,
    /// Labels of the destinations that come before all others; empty for none.
    pub first: BTreeMap<String, String>,
}

/// Lets destinations take their turns. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Rollouts {
    state: Arc<Mutex<State>>,
    order: RolloutOrder,
    image: String,
}

#[derive(Debug, Default)]
struct State {
    /// Those whose rounds have found that their pods would have to be replaced, by UID.
    waiting: HashSet<String>,
    granted: HashMap<String, Grant>,
    /// How far those are that are under way, and since when.
    watched: HashMap<String, (Progress, Duration)>,
    failing: HashSet<String>,
}

/// A turn that may be taken.
#[derive(Debug, Clone, Copy)]
struct Grant {
    at: Duration,
    turn: Turn,
}

impl Rollouts {
    /// Of this image, in this order.
    pub fn new(order: RolloutOrder, image: String) -> Self {
        Self {
            state: Arc::default(),
            order,
            image,
        }
    }

    /// Whether the destination with this UID may begin.
    pub fn turn(&self, uid: &str) -> Turn {
        self.state().granted.get(uid).map_or(Turn::Wait, |grant| grant.turn)
    }

    /// Says whether the destination waits for its turn.
    pub fn report(&self, uid: &str, waits: bool) {
        let mut state = self.state();
        if waits {
            state.waiting.insert(uid.to_owned());
        } else {
            state.waiting.remove(uid);
        }
    }

    /// Whether the destination is one that has halted the rollout.
    pub fn is_failing(&self, uid: &str) -> bool {
        self.state().failing.contains(uid)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
