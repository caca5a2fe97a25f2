//! JSON's grammar and strings. Knows nothing of what an event is.

pub(super) mod scan;
mod skim;
pub(super) mod text;
