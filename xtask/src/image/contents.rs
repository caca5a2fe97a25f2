//! What an image is, before it is written in one of the forms that engines and registries take: one layer, and the
//! configuration of a container that is made from it.

use anyhow::Result;
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::layer::{self, Tree};

/// The user and group of every image: nobody's account, as other images without a shell have it.
pub(crate) const USER: u64 = 65532;

/// Where a program is found by its name alone, as `kubectl exec` is told it. Every directory that a container's PATH
/// usually names, so that nobody who mounts a tool has to think about it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Not the time of building: the same sources give the same image.
const CREATED: &str = "1970-01-01T00:00:00Z";

/// One image for one architecture.
pub(crate) struct Contents {
    /// The layer, a tar that is not compressed.
    pub(crate) layer: Vec<u8>,
    /// The configuration, as JSON. Docker's form and OCI's agree on everything in it.
    pub(crate) configuration: Vec<u8>,
}

impl Contents {
    /// Packs a root file system whose containers run `entrypoint`.
    ///
    /// # Errors
    /// When a file of the tree cannot be read.
    pub(crate) fn pack(tree: &Tree, entrypoint: &str) -> Result<Self> {
        let layer = layer::pack(tree)?;
        let configuration = serde_json::to_vec(&json!({
            "architecture": architecture(),
            "os": "linux",
            "created": CREATED,
            "config": {
                "Entrypoint": [entrypoint],
                "Env": [format!("PATH={PATH}")],
                "User": format!("{USER}:{USER}"),
                "WorkingDir": "/",
            },
            "rootfs": { "type": "layers", "diff_ids": [digest(&layer)] },
            "history": [{ "created": CREATED, "created_by": "cargo xtask image" }],
        }))?;
        Ok(Self { layer, configuration })
    }
}

/// This machine's architecture, by the name that images use: programs are built where they are to run.
pub(crate) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// A digest in the form that image formats use: `sha256:` and 64 hexadecimal digits.
pub(crate) fn digest(bytes: &[u8]) -> String {
    format!("sha256:{}", hex(bytes))
}

/// The SHA-256 of some bytes in hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
