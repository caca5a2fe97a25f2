//! Writes an image as one file that `docker load`, `podman load`, `ctr images import`, `kind load image-archive` and
//! `k3s ctr images import` all take. The same content gives the same bytes: owners, times and order are fixed.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde_json::json;
use sha2::{Digest as _, Sha256};

/// The user and group of every image: nobody's account, as other images without a shell have it.
pub(crate) const USER: u64 = 65532;

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

/// Writes the layer alone: the tree as a tar.
///
/// # Errors
/// When a file of the tree cannot be read.
pub(crate) fn layer(tree: &Tree) -> Result<Vec<u8>> {
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

/// Writes the image: one layer, its configuration, and the list of both.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(output: &Path, name: &str, entrypoint: &str, layer: &[u8]) -> Result<()> {
    let layer_digest = hex(layer);
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let configuration = serde_json::to_vec(&json!({
        "architecture": architecture,
        "os": "linux",
        // Not the time of building: the same sources give the same image.
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "Entrypoint": [entrypoint],
            "User": format!("{USER}:{USER}"),
            "WorkingDir": "/",
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer_digest}")] },
        "history": [{ "created": "1970-01-01T00:00:00Z", "created_by": "cargo xtask image" }],
    }))?;
    let (configuration_file, layer_file) = (
        format!("{}.json", hex(&configuration)),
        format!("{layer_digest}/layer.tar"),
    );
    let manifest = serde_json::to_vec(&json!([{
        "Config": &configuration_file, "RepoTags": [name], "Layers": [&layer_file],
    }]))?;
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content) in [
        (configuration_file.as_str(), configuration.as_slice()),
        (layer_file.as_str(), layer),
        ("manifest.json", manifest.as_slice()),
    ] {
        let mut header = header();
        header.set_mode(0o644);
        header.set_size(content.len() as u64);
        archive.append_data(&mut header, path, content)?;
    }
    // Whole or not at all: somebody may be loading the older file.
    let unfinished = output.with_extension("unfinished");
    fs::File::create(&unfinished)
        .and_then(|mut file| file.write_all(&archive.into_inner()?))
        .with_context(|| format!("failed to write {}", unfinished.display()))?;
    fs::rename(&unfinished, output).with_context(|| format!("failed to name {}", output.display()))
}

fn header() -> tar::Header {
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

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
