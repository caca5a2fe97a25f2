//! Tests of the log as a whole, on a simulated disk: one story each.

mod golden;
mod life;
pub(crate) mod mutants;
mod retention;
mod stalled;
mod unreadable;
