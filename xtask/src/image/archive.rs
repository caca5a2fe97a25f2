//! Writes an image as one file that `docker load`, `podman load`, `ctr images import`, `kind load image-archive` and
//! `k3s ctr images import` all take.

use std::{fs, io::Write as _, path::Path};

use anyhow::{Context as _, Result};
use serde_json::json;

use super::{
    contents::{Contents, hex},
    layer,
};

/// Writes the image: its configuration, its layer, and the list of both with the name that the image gets when it is
/// loaded.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn write(output: &Path, name: &str, contents: &Contents) -> Result<()> {
    let (configuration_file, layer_file) = (
        format!("{}.json", hex(&contents.configuration)),
        format!("{}/layer.tar", hex(&contents.layer)),
    );
    let manifest = serde_json::to_vec(&json!([{
        "Config": &configuration_file, "RepoTags": [name], "Layers": [&layer_file],
    }]))?;
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content) in [
        (configuration_file.as_str(), contents.configuration.as_slice()),
        (layer_file.as_str(), contents.layer.as_slice()),
        ("manifest.json", manifest.as_slice()),
    ] {
        let mut header = layer::header();
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
