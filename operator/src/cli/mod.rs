//! The commands beside the controller. They need no cluster.

mod crd;

pub use crd::crd;
