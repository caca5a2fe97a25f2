//! An image on this machine: what a cluster loads and a registry gets.

use std::path::PathBuf;

/// The version of the programs: the tag of their images.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// An image that was written.
pub(crate) struct Image {
    /// The program in it.
    pub(crate) program: &'static str,
    /// The file that an engine or cluster loads; the image is then called as it is published.
    pub(crate) file: PathBuf,
    /// The layout that a registry gets.
    pub(crate) layout: PathBuf,
    /// Digest of the layout's index, which stands for all architectures.
    pub(crate) digest: String,
}
