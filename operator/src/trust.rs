//! The file of the installation's CA bundle, read again when it changes: what is mounted from a ConfigMap does so
//! without a restart. A file that cannot be taken is said once, and the last good bundle stays in force.

use std::{fs, path::Path, sync::Arc, time::Duration};

use anyhow::Context as _;
use tokio::{sync::watch, time};
use tracing::{error, info};

use crate::plan::{CaBundle, Installation, MAX_CA_BUNDLE_BYTES};

/// How often the file is looked at. kubelet takes longer.
const PERIOD: Duration = Duration::from_secs(10);

/// The bundle of a file.
///
/// # Errors
///
/// When it cannot be read, or is none.
pub fn read(path: &Path) -> anyhow::Result<CaBundle> {
    let failed = || format!("failed to read the CA bundle {}", path.display());
    let size = fs::metadata(path).with_context(failed)?.len();
    // One that is far too large is not read to say so.
    anyhow::ensure!(
        size <= 64 * MAX_CA_BUNDLE_BYTES as u64,
        "{}: {size} bytes, and {MAX_CA_BUNDLE_BYTES} is the most",
        failed()
    );
    let bytes = fs::read(path).with_context(failed)?;
    CaBundle::of(&bytes).with_context(failed)
}

/// Keeps the bundle in `installation` to what the file says, until it is dropped.
pub async fn follow(path: &Path, installation: &watch::Sender<Arc<Installation>>) {
    let mut complaint = None;
    loop {
        time::sleep(PERIOD).await;
        look(path, &mut complaint, installation);
    }
}

/// Looks once. `complaint` is what was said last, so that it is not said again.
fn look(path: &Path, complaint: &mut Option<String>, installation: &watch::Sender<Arc<Installation>>) {
    match read(path) {
        Ok(bundle) => {
            *complaint = None;
            take(bundle, installation);
        }
        Err(refusal) => {
            let refusal = format!("{refusal:#}");
            if complaint.as_ref() != Some(&refusal) {
                error!(error = %refusal, "the last CA bundle stays in force");
            }
            *complaint = Some(refusal);
        }
    }
}

fn take(bundle: CaBundle, installation: &watch::Sender<Arc<Installation>>) {
    let changed = installation.send_if_modified(|installation| {
        if installation.proxies.ca_bundle.as_ref() == Some(&bundle) {
            return false;
        }
        Arc::make_mut(installation).proxies.ca_bundle = Some(bundle);
        true
    });
    if changed {
        info!("the CA bundle has changed: it is copied to every destination, and proxies are replaced one by one");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ProxySettings;

    const PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";

    #[test]
    fn a_bundle_that_changes_is_taken_over_and_a_broken_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca-bundle.pem");
        fs::write(&path, PEM).unwrap();
        let first = read(&path).unwrap();
        let (installation, mut in_force) = watch::channel(Arc::new(Installation {
            proxies: ProxySettings {
                ca_bundle: Some(first),
                ..ProxySettings::default()
            },
            ..Installation::of_image("registry.example/firehose-proxy:1")
        }));
        let mut complaint = None;
        look(&path, &mut complaint, &installation);
        assert!(!in_force.has_changed().unwrap(), "it is the same");
        fs::write(&path, "broken").unwrap();
        look(&path, &mut complaint, &installation);
        assert!(complaint.as_ref().unwrap().contains("there is no certificate in it"));
        assert!(!in_force.has_changed().unwrap());
        fs::write(&path, PEM.repeat(2)).unwrap();
        look(&path, &mut complaint, &installation);
        assert!(in_force.has_changed().unwrap() && complaint.is_none());
        let bundle = in_force.borrow_and_update().proxies.ca_bundle.clone().unwrap();
        assert_eq!(bundle.pem(), PEM.repeat(2));
    }
}
