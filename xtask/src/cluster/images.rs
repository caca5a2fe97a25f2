//! The images of the cluster itself, made once a cluster, and how further ones reach its nodes.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::{network, node, programs::Programs, state::State};
use crate::image::{
    archive,
    contents::Contents,
    layer::{Entry, Tree},
};

/// Makes the images that a node loads when it starts.
///
/// # Errors
/// When an image cannot be written.
pub(crate) fn prepare(state: &State, programs: &Programs) -> Result<()> {
    for (name, program) in [("pause", &programs.pause), ("coredns", &programs.coredns)] {
        let output = state.images().join(format!("{name}.tar"));
        if output.exists() {
            continue;
        }
        let file = Entry::File {
            source: program.clone(),
            executable: true,
        };
        let tree = Tree::from([(name.to_owned(), file)]);
        let contents = Contents::pack(&tree, &format!("/{name}"))?;
        archive::write(&output, &format!("cluster.test/{name}:1"), &contents)?;
    }
    Ok(())
}

/// Loads image files into every node.
///
/// # Errors
/// When a node is off or refuses a file.
pub(crate) fn load(state: &State, files: &[PathBuf]) -> Result<()> {
    for file in files {
        let file = std::path::absolute(file)?;
        ensure!(Path::new(&file).is_file(), "{} is no file", file.display());
        for node in network::nodes() {
            node::inside(state, node)?
                .args(["ctr", "-n", "k8s.io", "images", "import"])
                .arg(&file)
                .quietly()?;
        }
    }
    Ok(())
}
