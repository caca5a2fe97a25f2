//! The running proxy and its disk: what is answered, what is on the disk, what the next process makes of it.
//!
//! What needs root or a tool is ignored here; `cargo xtask test durability` installs the tool and runs it.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test reports")]

mod backlog;
mod dead_letters;
mod descriptors;
mod ending;
mod failing_disk;
mod full_disk;
mod killed;
mod leftovers;
mod limits;
mod paused;
mod pod;
mod privacy;
mod scaled_down;
mod spans;
mod stalled;
mod starting;
mod synced;
