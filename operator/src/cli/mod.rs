//! The commands beside the controller: those that work on files alone, and those that ask a cluster.

mod arn;
mod check;
#[cfg(feature = "controller")]
pub mod cluster;
mod colour;
mod crd;
mod destinations;
mod explain;
mod iam_policy;
mod import;
mod streams;

pub use arn::{AccountId, NoAccountId};
pub use check::{Checked, check};
pub use colour::{Colour, Paint};
pub use crd::crd;
pub use destinations::{NoDestinations, destination, destinations, stream_names};
pub use explain::{Arrival, Explainer, Explanation, NoExplainer};
pub use iam_policy::{Delivery, NoPolicy, Trusted, assuming_policy, delivery_policy, trust_policy, trusted_by_type};
pub use import::{Imported, NoImport, rudderstack};
pub use streams::{HttpDestination, ack, cloud_formation, list, terraform};
