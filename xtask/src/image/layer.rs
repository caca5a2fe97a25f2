//! A root file system, and the one layer that it becomes. The same content gives the same bytes: owners, times and
//! order are fixed.

use std::{collections::BTreeMap, fs, io::Write as _, path::PathBuf};

use anyhow::{Context as _, Result};
use flate2::{Compression, GzBuilder};

/// What one path of an image is.
pub(crate) enum Entry {
    /// A folder that anyone may enter.
    Folder,
    /// A copy of a file on this machine, executable or not.
    File {
        /// Where its bytes come from.
        source: PathBuf,
        /// Whether it may be run.
        executable: bool,
    },
    /// A file with this text.
    Text(String),
    /// A folder that anyone may write to, as /tmp is.
    Scratch,
}

/// A root file system: absolute paths without the leading slash, in the order in which they are written.
pub(crate) type Tree = BTreeMap<String, Entry>;

/// The tree as a tar.
///
/// # Errors
/// When a file of the tree cannot be read.
pub(crate) fn pack(tree: &Tree) -> Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, entry) in tree {
        let mut header = header();
        match entry {
            Entry::Folder => folder(&mut header, 0o755),
            Entry::Scratch => folder(&mut header, 0o1777),
            Entry::File { executable, .. } => header.set_mode(if *executable { 0o755 } else { 0o644 }),
            Entry::Text(_) => header.set_mode(0o644),
        }
        let content = match entry {
            Entry::Folder | Entry::Scratch => Vec::new(),
            Entry::File { source, .. } => {
                fs::read(source).with_context(|| format!("failed to read {}", source.display()))?
            }
            Entry::Text(text) => text.clone().into_bytes(),
        };
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, path, content.as_slice())?;
    }
    Ok(archive.into_inner()?)
}

/// Compresses a layer as registries keep it. The header of the result names no time and no operating system.
///
/// # Errors
/// Never in practice: nothing is read or written but memory.
pub(crate) fn compress(layer: &[u8]) -> Result<Vec<u8>> {
    let mut compressed = GzBuilder::new()
        .mtime(0)
        .operating_system(255)
        .write(Vec::new(), Compression::default());
    compressed.write_all(layer)?;
    Ok(compressed.finish()?)
}

/// The header of a file that belongs to root and was never changed.
pub(crate) fn header() -> tar::Header {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    header
}

fn folder(header: &mut tar::Header, mode: u32) {
    header.set_entry_type(tar::EntryType::Directory);
    header.set_mode(mode);
}
