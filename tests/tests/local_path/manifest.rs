//! Manifests that a test saves, as an editor would.

use std::{
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

/// A manifest in a folder of its own.
pub(crate) struct Manifest {
    folder: TempDir,
}

impl Manifest {
    /// Writes a valid manifest with these rows.
    pub(crate) fn new(rows: &[(&str, &str)]) -> Self {
        let manifest = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        manifest.save(&with_rows(rows));
        manifest
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("destination.yaml")
    }

    /// A folder that goes with the manifest.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Saves as most editors do: a new file in the old one's place.
    pub(crate) fn save(&self, text: &str) {
        let new = self.folder.path().join("destination.yaml.new");
        fs::write(&new, text).unwrap();
        fs::rename(&new, self.path()).unwrap();
    }

    /// Saves as the others do: into the same file.
    pub(crate) fn save_in_place(&self, text: &str) {
        fs::write(self.path(), text).unwrap();
    }
}

/// A valid manifest with these rows.
pub(crate) fn with_rows(rows: &[(&str, &str)]) -> String {
    let mut text = "apiVersion: firehose-operator.dev/v1alpha1\nkind: FirehoseDestination\nmetadata: { name: test }\n\
                    spec:\n  region: eu-west-1\n  mappings:\n"
        .to_owned();
    for (event, stream) in rows {
        text.push_str(&format!(
            "    - {{ event: \"{event}\", deliveryStreamName: {stream} }}\n"
        ));
    }
    text
}

/// The lines of a manifest that name an address for Firehose.
pub(crate) fn endpoint(url: &str) -> String {
    format!("  endpoints: {{ firehose: {{ type: Custom, custom: {{ url: \"{url}\" }} }} }}\n")
}
