//! The configuration in force: watch the mounted directory, parse a document whole, swap it in while events flow.
//!
//! Knows nothing of HTTP or AWS. What a document says about single events is `routing`'s.

mod key_places;
mod live;
mod mounted;
mod reload;
mod trusted;

pub use self::{
    key_places::KeyPlaces,
    live::{Live, Snapshot},
    mounted::{Mounted, POLL_INTERVAL, watch},
    reload::{Metrics, follow},
    trusted::TrustedProxies,
};
