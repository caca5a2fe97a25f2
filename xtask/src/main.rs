//! The project's own commands: test, bench, prove, image, cluster, demo.

mod bench;
mod cache;
mod cluster;
mod command;
mod demo;
mod go;
mod image;
mod prove;
mod test;
mod tools;

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Everything CI runs: format, lints, tests of every kind, drift; ends with one line of counts
    Test(test::TestArgs),
    /// CPU time per event beside a plain service's, one line for each goal that ends in pass or fail
    Bench(bench::BenchArgs),
    /// Long proofs, each with a bounded version in `test`
    #[command(subcommand)]
    Prove(prove::Proof),
    /// A Kubernetes of two nodes on this machine
    Cluster(cluster::ClusterArgs),
    /// Images of the operator, the proxy, the simulator and the local path, without an engine
    Image(image::ImageArgs),
    /// The product in a cluster, from nothing to events in delivery streams
    Demo(demo::DemoArgs),
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().command {
        Command::Test(args) => return Ok(test::run(&args)),
        Command::Bench(args) => bench::run(&args)?,
        Command::Prove(proof) => prove::run(&proof)?,
        Command::Cluster(args) => cluster::run(&args)?,
        Command::Image(args) => image::run(&args)?,
        Command::Demo(args) => demo::run(&args)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The folder of the workspace.
fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate is a folder of the workspace")
        .to_owned()
}

/// The folder of everything built or installed; nothing in it is source.
fn target() -> PathBuf {
    repository().join(env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}
