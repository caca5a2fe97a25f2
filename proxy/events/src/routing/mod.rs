//! Which delivery stream an event goes to. Knows names, types and streams; knows nothing of JSON, HTTP or AWS.

mod table;

pub use self::table::{Matched, Table, push_lowercase};
