//! The settings of a core.

use std::time::Duration;

use super::rates::Rates;

/// The settings of one stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Keep everything, send nothing.
    pub paused: bool,
    /// How long a record may wait for company.
    pub linger: Duration,
    /// Age at which an event is given up.
    pub max_age: Option<Duration>,
    /// Whether events become dead letters while the stream takes none for a reason that lasts. Else they are refused
    /// where their clients wait, and wait where not.
    pub sets_aside: bool,
    /// This pod's share of the stream's quota: where the rate starts.
    pub share: Rates,
    /// How far above its share the rate may grow. The whole of a quota that a person set, since the other pods may be
    /// idle; far beyond a region's default, which AWS may have raised.
    pub most: f64,
    /// Largest packed record in bytes; `None` is one event a record.
    pub packing: Option<usize>,
}
