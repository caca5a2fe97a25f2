//! How large files and folders are.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::modules;

/// The lines of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Size {
    /// Relative to the folder that was read.
    pub file: String,
    /// All lines.
    pub lines: usize,
    /// Lines that are built into the product: all but those under `#[cfg(test)]`.
    pub product: usize,
}

/// Every Rust file below a folder.
///
/// # Panics
///
/// When one cannot be read as Rust.
pub fn sizes(source: &Path) -> Vec<Size> {
    let modules = modules::read(source).into_iter();
    let size = |module: modules::Module| Size {
        file: module.file,
        lines: module.lines,
        product: module.lines - module.test_lines,
    };
    modules.map(size).collect()
}

/// Folders whose own files, without those of their subfolders, hold more than one part in `parts` of the product's
/// lines.
pub fn crowded(sizes: &[Size], parts: usize) -> Vec<(PathBuf, usize)> {
    let mut folders: BTreeMap<PathBuf, usize> = BTreeMap::new();
    for size in sizes {
        let folder = Path::new(&size.file).parent().unwrap_or(Path::new("")).to_owned();
        *folders.entry(folder).or_default() += size.product;
    }
    let all: usize = folders.values().sum();
    folders.into_iter().filter(|(_, lines)| lines * parts > all).collect()
}

/// The size that `percent` of a hundred files do not pass; 0 where there are none.
pub fn percentile(sizes: &[Size], percent: usize) -> usize {
    let mut lines: Vec<usize> = sizes.iter().map(|size| size.lines).collect();
    lines.sort_unstable();
    let at = (lines.len() * percent).div_ceil(100).saturating_sub(1);
    lines.get(at).copied().unwrap_or_default()
}
