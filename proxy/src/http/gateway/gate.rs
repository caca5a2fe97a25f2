//! Whether this pod takes events, and how many requests with events it is at.
//!
//! A pod that is empty is only empty for good when nobody is on the way in any more: a request that was let in before
//! the gate closed may still be reading its body.

use std::sync::{
    Arc,
    atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst},
};

/// Whether events are taken. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<State>);

#[derive(Debug, Default)]
struct State {
    position: AtomicU8,
    inside: AtomicUsize,
}

/// How far a gate is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// Events are taken.
    Open,
    /// They are, and clients are asked to go elsewhere.
    Leaving,
    /// They are not; a request that came before may still bring some.
    Closing,
    /// They are not, and none is on its way.
    Closed,
}

/// A request that was let in, until it is answered.
#[derive(Debug)]
pub(super) struct Pass<'a>(&'a State);

const OPEN: u8 = 0;
const LEAVING: u8 = 1;
const CLOSED: u8 = 2;

impl Gate {
    /// Takes events again.
    pub fn open(&self) {
        self.0.position.store(OPEN, SeqCst);
    }

    /// Goes on taking events, and asks clients to go elsewhere.
    pub fn leave(&self) {
        self.0.position.store(LEAVING, SeqCst);
    }

    /// Takes no more events.
    pub fn close(&self) {
        self.0.position.store(CLOSED, SeqCst);
    }

    /// How far it is closed.
    pub fn position(&self) -> Position {
        // In this order: who is counted after the position was read came before it, or is turned away.
        match self.0.position.load(SeqCst) {
            OPEN => Position::Open,
            LEAVING => Position::Leaving,
            _ if self.0.inside.load(SeqCst) > 0 => Position::Closing,
            _ => Position::Closed,
        }
    }

    /// Whether no request with events is open.
    pub fn is_empty(&self) -> bool {
        self.0.inside.load(SeqCst) == 0
    }

    /// Lets a request with events in, if any is.
    pub(super) fn enter(&self) -> Option<Pass<'_>> {
        // Counted first: between a look and the count, the gate could close and be found empty.
        self.0.inside.fetch_add(1, SeqCst);
        let pass = Pass(&self.0);
        (self.0.position.load(SeqCst) != CLOSED).then_some(pass)
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_is_closed_when_the_last_request_that_it_let_in_is_answered() {
        let gate = Gate::default();
        let early = gate.enter().unwrap();
        gate.leave();
        let late = gate.enter().unwrap();
        assert_eq!(gate.position(), Position::Leaving);
        gate.close();
        assert!(gate.enter().is_none());
        drop(early);
        assert_eq!(gate.position(), Position::Closing);
        drop(late);
        assert_eq!(gate.position(), Position::Closed);
        gate.open();
        assert!(gate.enter().is_some());
        assert_eq!(gate.position(), Position::Open);
    }
}
