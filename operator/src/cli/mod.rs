//! The commands beside the controller. They need no cluster.

mod check;
mod crd;

pub use check::{Checked, check};
pub use crd::crd;
