//! Pushes images with their bills of materials. The client is oras: it knows how registries want to be asked, and finds
//! the credentials that `docker login` and `oras login` keep.

use std::{fmt::Write as _, path::Path};

use anyhow::{Context as _, Result};

use super::written::{Image, VERSION};
use crate::command::Run;

/// Pushes the images below `registry`, each under the name of its program, and returns what to tell the chart. Names by
/// digest: whatever the registry holds later, this is what runs.
///
/// # Errors
/// When the registry refuses something.
pub(crate) fn push(images: &[Image], oras: &Path, registry: &str, plain_http: bool) -> Result<String> {
    for image in images {
        let reference = format!("{registry}/{}:{VERSION}", image.program);
        eprintln!("pushing {reference}");
        let mut source = image.layout.clone().into_os_string();
        source.push(format!(":{VERSION}"));
        Run::new(oras)
            .args(["cp", "--recursive", "--from-oci-layout"])
            .arg(source)
            .args(plain_http.then_some("--to-plain-http"))
            .arg(&reference)
            .quietly()
            .with_context(|| format!("failed to push {reference}"))?;
    }
    values(images, registry)
}

/// The chart's values, and the names of the images that it does not install.
fn values(images: &[Image], registry: &str) -> Result<String> {
    let digest = |program: &str| {
        let found = images.iter().find(|image| image.program == program);
        found
            .map(|image| image.digest.as_str())
            .with_context(|| format!("{program} has no image"))
    };
    let mut values = format!(
        "image:\n  repository: {registry}/firehose-operator\n  digest: {}\n\
         proxy:\n  image:\n    repository: {registry}/firehose-proxy\n    digest: {}\n",
        digest("firehose-operator")?,
        digest("firehose-proxy")?
    );
    for program in ["firehose-simulator", "firehose-local"] {
        writeln!(values, "# {registry}/{program}:{VERSION}@{}", digest(program)?)?;
    }
    Ok(values)
}
