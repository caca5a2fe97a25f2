//! `cargo xtask image`: the images of the project's programs, without a container engine. Each is one file that
//! engines and clusters load, and beside it the same root file system as a folder, which the Dockerfile copies.

pub(crate) mod archive;
mod tree;

use std::{fs, path::PathBuf};

use anyhow::{Context as _, Result};
use clap::Args;

use crate::{command::Run, repository, target};

/// Where images are published. A cluster that was given the files never asks there.
const REPOSITORY: &str = "ghcr.io/firehose-operator";

/// The programs that run in a cluster. The name of the image is the name of the program.
const PROGRAMS: [&str; 3] = ["firehose-operator", "firehose-proxy", "firehose-simulator"];

/// The command line of `cargo xtask image`.
#[derive(Args)]
pub(crate) struct ImageArgs {
    /// Cargo's profile of the programs; only `release` is small
    #[arg(long, default_value = "release")]
    profile: String,
}

/// An image that was written.
pub(crate) struct Image {
    /// The name that manifests use.
    pub(crate) name: String,
    /// The file that an engine or cluster loads.
    pub(crate) file: PathBuf,
}

/// Builds the programs and writes their images.
///
/// # Errors
/// When a program does not build or a file cannot be written.
pub(crate) fn run(args: &ImageArgs) -> Result<()> {
    for image in build(&args.profile)? {
        let bytes = fs::metadata(&image.file)?.len();
        println!(
            "{} {}.{} MiB {}",
            image.name,
            bytes >> 20,
            ((bytes & 0xf_ffff) * 10) >> 20,
            image.file.display()
        );
    }
    Ok(())
}

/// Builds the programs with one of Cargo's profiles and writes their images to `target/image/`.
///
/// # Errors
/// As [`run`].
pub(crate) fn build(profile: &str) -> Result<Vec<Image>> {
    Run::line("cargo build --locked --profile")
        .arg(profile)
        .args(PROGRAMS.iter().flat_map(|program| ["--package", program]))
        .within(&repository())
        .visibly()?;
    let output = target().join("image");
    fs::create_dir_all(&output).with_context(|| format!("failed to create {}", output.display()))?;
    let version = env!("CARGO_PKG_VERSION");
    PROGRAMS
        .iter()
        .map(|program| {
            let image = Image {
                name: format!("{REPOSITORY}/{program}:{version}"),
                file: output.join(format!("{program}.tar")),
            };
            let binary = target().join(profile_folder(profile)).join(program);
            let layer = archive::layer(&tree::around(program, binary)?)?;
            tree::unpack(&layer, &output.join(program))?;
            archive::write(&image.file, &image.name, &format!("/{program}"), &layer)?;
            Ok(image)
        })
        .collect()
}

/// Cargo calls the folder of its profile `dev` `debug`.
fn profile_folder(profile: &str) -> &str {
    match profile {
        "dev" => "debug",
        other => other,
    }
}
