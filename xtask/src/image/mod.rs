//! `cargo xtask image`: the images of the project's programs, without a container engine. Each is written as a file
//! that engines and clusters load, as a layout that is pushed to a registry, and as a folder that the Dockerfile
//! copies.

pub(crate) mod archive;
pub(crate) mod contents;
pub(crate) mod layer;
mod layout;
mod registry;
mod root;
mod sbom;
mod written;

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use clap::{Args, ValueEnum};

use self::{
    contents::Contents,
    layout::{Label, Layout},
    written::{Image, VERSION},
};
use crate::{command::Run, repository, target, tools};

/// Where images are published, and where manifests look for them when they are told nothing else.
pub(crate) const PUBLISHED: &str = "ghcr.io/firehose-operator";

/// The programs that have an image. The name of the image is the name of the program.
pub(crate) const PROGRAMS: [&str; 4] = [
    "firehose-operator",
    "firehose-proxy",
    "firehose-simulator",
    "firehose-local",
];

/// The command line of `cargo xtask image`.
#[derive(Args)]
pub(crate) struct ImageArgs {
    /// Cargo's profile of the programs; only `release` is small
    #[arg(long, default_value = "release")]
    profile: String,
    /// Push the images to this registry or path in one, such as ghcr.io/you, and print the chart's values for them
    #[arg(long, value_name = "REGISTRY")]
    push: Option<String>,
    /// The registry speaks HTTP without TLS
    #[arg(long, requires = "push")]
    plain_http: bool,
    /// Print the commands that load the images into the nodes of a cluster of this kind (no such cluster is in our
    /// tests)
    #[arg(long, value_name = "CLUSTER")]
    load: Option<ClusterKind>,
    /// Add the images of another architecture: a copy of `target/image/oci` of the machine that built them
    #[arg(long, value_name = "FOLDER")]
    with: Vec<PathBuf>,
    /// Where to write
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

/// Clusters that take image files, each by a command of its own.
#[derive(Clone, Copy, ValueEnum)]
enum ClusterKind {
    Kind,
    K3s,
    Minikube,
}

impl ClusterKind {
    /// What takes a file as its last argument.
    fn command(self) -> &'static str {
        match self {
            Self::Kind => "kind load image-archive",
            Self::K3s => "k3s ctr images import",
            Self::Minikube => "minikube image load",
        }
    }
}

/// Builds the programs, writes their images, and hands them on. Only what a shell may want is written to standard
/// output.
///
/// # Errors
/// When a program does not build, a file cannot be written, or the registry refuses something.
pub(crate) fn run(args: &ImageArgs) -> Result<()> {
    // Before the build, which takes minutes.
    let client = args.push.as_ref().map(|_| tools::oras()).transpose()?;
    let output = args.output.clone().unwrap_or_else(folder);
    compile(&args.profile)?;
    let images = pack(&args.profile, &output, &args.with)?;
    for image in &images {
        let bytes = fs::metadata(&image.file)?.len();
        eprintln!(
            "{}.{} MiB {} {}",
            bytes >> 20,
            ((bytes & 0xf_ffff) * 10) >> 20,
            image.file.display(),
            image.digest
        );
    }
    if let Some(kind) = args.load {
        for image in &images {
            println!("{} {}", kind.command(), image.file.display());
        }
    }
    if let (Some(registry), Some(client)) = (&args.push, &client) {
        let registry = registry.trim_end_matches('/');
        print!("{}", registry::push(&images, client, registry, args.plain_http)?);
    }
    Ok(())
}

/// Builds the programs with one of Cargo's profiles and writes their images to `target/image/`.
///
/// # Errors
/// When a program does not build or a file cannot be written.
pub(crate) fn build(profile: &str) -> Result<Vec<Image>> {
    compile(profile)?;
    pack(profile, &folder(), &[])
}

/// Where images are written.
fn folder() -> PathBuf {
    target().join("image")
}

/// Builds the programs, all at once, so that what they share is built once. Paths of this machine stay out of them:
/// another checkout gives the same bytes.
fn compile(profile: &str) -> Result<()> {
    let cargo_home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(Path::new(&env::var_os("HOME")?).join(".cargo")))
        .context("neither CARGO_HOME nor HOME is set")?;
    let flags: Vec<String> = [(cargo_home, "/cargo"), (target(), "/target"), (repository(), "/source")]
        .map(|(path, name)| format!("--remap-path-prefix={}={name}", path.display()))
        .into();
    Run::line("cargo build --locked --profile")
        .arg(profile)
        .args(PROGRAMS.iter().flat_map(|program| ["--package", program]))
        // In place of the flags of this machine's configuration; the separator is one that no path holds.
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"))
        .within(&repository())
        .visibly()
}

/// Writes the images of programs that are built.
fn pack(profile: &str, output: &Path, with: &[PathBuf]) -> Result<Vec<Image>> {
    fs::create_dir_all(output).with_context(|| format!("failed to create {}", output.display()))?;
    let graph = sbom::Graph::of(&PROGRAMS)?;
    PROGRAMS
        .iter()
        .map(|program| {
            let binary = target().join(profile_folder(profile)).join(program);
            let libraries = root::libraries(&binary)?;
            let tree = root::around(program, binary, &libraries)?;
            let contents = Contents::pack(&tree, &root::path_of(program))?;
            let file = output.join(format!("{program}.tar"));
            archive::write(&file, &format!("{PUBLISHED}/{program}:{VERSION}"), &contents)?;
            root::unpack(&contents.layer, &output.join(program))?;

            let files: Vec<&Path> = libraries
                .iter()
                .map(PathBuf::as_path)
                .chain([root::authorities()])
                .collect();
            let bill = sbom::document(program, VERSION, &graph, &contents, &files)?;
            let bill_file = output.join(format!("{program}.cdx.json"));
            fs::write(&bill_file, &bill).with_context(|| format!("failed to write {}", bill_file.display()))?;
            let layout = output.join("oci").join(program);
            let others: Vec<PathBuf> = with.iter().map(|folder| folder.join(program)).collect();
            let label = Label {
                title: program,
                version: VERSION,
            };
            let digest = Layout::create(layout.clone())?.write(&label, &contents, &bill, &others)?;
            Ok(Image {
                program,
                file,
                layout,
                digest,
            })
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
