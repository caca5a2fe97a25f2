//! Random numbers that spread work over time.

use std::hash::{BuildHasher as _, Hasher as _, RandomState};

/// Jitter. Not for secrets.
pub(super) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
