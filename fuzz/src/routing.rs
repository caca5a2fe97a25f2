//! The routing table, without the configuration in force and its reload.

#[path = "../../proxy/src/routing/table.rs"]
mod table;

pub use table::{Table, push_lowercase};
