//! What is in an image: one program, the shared libraries it is linked to, the public certificate authorities, and the
//! few files without which a C library or a TLS stack behaves oddly. No shell, no package manager, nothing to write to
//! but /tmp.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};

use super::{
    contents::USER,
    layer::{Entry, Tree},
};
use crate::command::Run;

/// Where Debian's package `ca-certificates` keeps Mozilla's list, one authority a file. The bundle below /etc is not
/// taken: a machine's administrator may have added to it.
const AUTHORITIES: &str = "/usr/share/ca-certificates/mozilla";

/// The path of a program in its image.
pub(crate) fn path_of(program: &str) -> String {
    format!("/usr/local/bin/{program}")
}

/// The root file system around the program of that name, with these `libraries` beside it.
///
/// # Errors
/// When the list of authorities cannot be read.
pub(crate) fn around(name: &str, program: PathBuf, libraries: &[PathBuf]) -> Result<Tree> {
    let mut tree = Tree::from([
        (
            "etc/passwd".to_owned(),
            Entry::Text(format!(
                "root:x:0:0::/:/nonexistent\nnonroot:x:{USER}:{USER}::/:/nonexistent\n"
            )),
        ),
        (
            "etc/group".to_owned(),
            Entry::Text(format!("root:x:0:\nnonroot:x:{USER}:\n")),
        ),
        // Without it the C library asks the DNS only after sources that are not here.
        (
            "etc/nsswitch.conf".to_owned(),
            Entry::Text("hosts: files dns\n".to_owned()),
        ),
        (
            "etc/ssl/certs/ca-certificates.crt".to_owned(),
            Entry::Text(bundle(authorities())?),
        ),
        ("tmp".to_owned(), Entry::Scratch),
    ]);
    for library in libraries {
        let path = library.strip_prefix("/")?.to_string_lossy().into_owned();
        tree.insert(
            path,
            Entry::File {
                source: library.clone(),
                executable: true,
            },
        );
    }
    tree.insert(
        path_of(name).trim_start_matches('/').to_owned(),
        Entry::File {
            source: program,
            executable: true,
        },
    );
    add_folders(&mut tree);
    Ok(tree)
}

/// Writes the tree to a folder, for engines that copy one (see the Dockerfile).
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn unpack(layer: &[u8], folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("failed to remove {}", folder.display()))?;
    }
    let mut archive = tar::Archive::new(layer);
    archive.set_preserve_permissions(true);
    archive
        .unpack(folder)
        .with_context(|| format!("failed to write {}", folder.display()))
}

/// What the loader would open for the program: itself and every library, at the paths where it looks for them.
///
/// # Errors
/// When one of them is not on this machine.
pub(crate) fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let listed = Run::new("ldd").arg(program).output()?;
    let libraries: Vec<PathBuf> = listed
        .lines()
        .filter_map(|line| {
            // `libc.so.6 => /lib/…/libc.so.6 (0x…)`, and `/lib64/ld-linux-… (0x…)` for the loader.
            let path = line.split_once("=> ").map_or(line, |(_, path)| path).trim();
            path.starts_with('/')
                .then(|| path.split(" (").next().map(PathBuf::from))?
        })
        .collect();
    ensure!(
        !listed.contains("not found") && !libraries.is_empty(),
        "{} needs libraries that are not on this machine:\n{listed}",
        program.display()
    );
    Ok(libraries)
}

/// The folder that the authorities are taken from.
pub(crate) fn authorities() -> &'static Path {
    Path::new(AUTHORITIES)
}

fn bundle(folder: &Path) -> Result<String> {
    let list = fs::read_dir(folder)
        .with_context(|| format!("failed to list {} (Debian package ca-certificates)", folder.display()))?;
    let mut files = list
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()?;
    files.sort();
    let mut bundle = String::new();
    for file in files {
        let authority = fs::read_to_string(&file).with_context(|| format!("failed to read {}", file.display()))?;
        writeln!(bundle, "{}", authority.trim_end())?;
    }
    Ok(bundle)
}

/// Every parent of a path: engines make missing ones, each with rights of its own choosing.
fn add_folders(tree: &mut Tree) {
    let parents: Vec<String> = tree
        .keys()
        .flat_map(|path| path.match_indices('/').map(|(at, _)| path[..at].to_owned()))
        .collect();
    for parent in parents {
        tree.entry(parent).or_insert(Entry::Folder);
    }
}
