//! The command line: its arguments, and the client that asks a running proxy about its dead letters.

mod args;
mod dead_letters;

pub use self::{
    args::{Args, Command, Output},
    dead_letters::run as dead_letters,
};
