//! The images that the cluster was given: small, for nobody's account, without a shell, the same bytes every time, each
//! with a bill of materials.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::Read as _,
    path::{Path, PathBuf},
    process::Command,
};

use firehose_tests::workspace;
use serde_json::Value;

use crate::environment::{profile, trusting_the_registry, xtask};

/// What an image may weigh, as the file that is loaded.
const LIMIT: u64 = 40 << 20;

const PROGRAMS: [&str; 4] = [
    "firehose-operator",
    "firehose-proxy",
    "firehose-simulator",
    "firehose-local",
];

#[test]
#[ignore = "needs the images: cargo xtask cluster test"]
fn each_image_is_small_runs_as_nobody_and_holds_nothing_but_the_program_and_what_it_needs() {
    for program in PROGRAMS {
        let file = folder().join(format!("{program}.tar"));
        let bytes = fs::metadata(&file).unwrap().len();
        println!("{program}: {:.1} MiB", bytes as f64 / f64::from(1 << 20));
        assert!(bytes < LIMIT, "{program} has {bytes} bytes");

        let manifest: Value = serde_json::from_slice(&member(&file, "manifest.json")).unwrap();
        let configuration = member(&file, manifest[0]["Config"].as_str().unwrap());
        let configuration: Value = serde_json::from_slice(&configuration).unwrap();
        let configuration = &configuration["config"];
        assert_eq!(configuration["User"], "65532:65532");
        assert_eq!(configuration["Entrypoint"][0], format!("/usr/local/bin/{program}"));
        let path = configuration["Env"][0].as_str().unwrap().strip_prefix("PATH=").unwrap();
        assert!(path.split(':').any(|folder| folder == "/usr/local/bin"), "{path}");

        let layer = layer(&file);
        let mut authorities = 0;
        for entry in tar::Archive::new(layer.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().to_string_lossy().into_owned();
            assert_eq!(
                entry.header().mtime().unwrap(),
                0,
                "{path}: the time of building is in the image"
            );
            assert_eq!(
                entry.header().mode().unwrap() & 0o6000,
                0,
                "{path}: runs as somebody else"
            );
            let is_expected = format!("usr/local/bin/{program}").starts_with(path.trim_end_matches('/'))
                || path.starts_with("lib")
                || path.trim_end_matches('/') == "tmp"
                || path.starts_with("etc");
            assert!(is_expected, "{program} holds {path}");
            if path == "etc/ssl/certs/ca-certificates.crt" {
                let mut bundle = String::new();
                entry.read_to_string(&mut bundle).unwrap();
                authorities = bundle.matches("BEGIN CERTIFICATE").count();
            }
        }
        assert!(authorities > 100, "{program} trusts {authorities} authorities");
    }
}

#[test]
#[ignore = "needs the images: cargo xtask cluster test"]
fn the_dockerfile_makes_the_same_images() {
    let dockerfile = fs::read_to_string(workspace::root().join("Dockerfile")).unwrap();
    let context = fs::read_to_string(workspace::root().join(".dockerignore")).unwrap();
    let stages: Vec<&str> = dockerfile.split("\nFROM ").skip(1).map(str::trim).collect();
    assert_eq!(stages.len(), PROGRAMS.len(), "{stages:?}");
    for program in PROGRAMS {
        let image = folder().join(format!("{program}.tar"));
        let manifest: Value = serde_json::from_slice(&member(&image, "manifest.json")).unwrap();
        let configuration = member(&image, manifest[0]["Config"].as_str().unwrap());
        let configuration: Value = serde_json::from_slice(&configuration).unwrap();
        let stage = format!(
            "scratch AS {}\nCOPY target/image/{program}/ /\nENV {}\nUSER {}\nENTRYPOINT {}",
            program.trim_start_matches("firehose-"),
            configuration["config"]["Env"][0].as_str().unwrap(),
            configuration["config"]["User"].as_str().unwrap(),
            configuration["config"]["Entrypoint"],
        );
        assert!(stages.contains(&stage.as_str()), "no stage is\n{stage}");
        let line = format!("!target/image/{program}/");
        assert!(
            context.lines().any(|kept| kept == line),
            "{line} is not in .dockerignore"
        );

        for entry in tar::Archive::new(layer(&image).as_slice()).entries().unwrap() {
            let copied = folder().join(program).join(entry.unwrap().path().unwrap());
            assert!(copied.exists(), "{} is not there to be copied", copied.display());
        }
    }
}

#[test]
#[ignore = "needs the images: cargo xtask cluster test"]
fn packing_the_same_programs_again_gives_the_same_bytes_and_the_commands_that_load_them() {
    let again = tempfile::tempdir().unwrap();
    let packed = xtask()
        .args(["image", "--profile", &profile(), "--load", "k3s", "--output"])
        .arg(again.path())
        .output()
        .unwrap();
    assert!(packed.status.success(), "{packed:?}");
    let commands = String::from_utf8(packed.stdout).unwrap();
    let expected = PROGRAMS.map(|program| {
        let file = again.path().join(format!("{program}.tar"));
        format!("k3s ctr images import {}", file.display())
    });
    assert_eq!(commands.lines().collect::<Vec<_>>(), expected);
    for program in PROGRAMS {
        for file in [
            format!("{program}.tar"),
            format!("{program}.cdx.json"),
            // It names every digest of the layout.
            format!("oci/{program}/index.json"),
        ] {
            let (first, second) = (fs::read(folder().join(&file)), fs::read(again.path().join(&file)));
            assert!(first.unwrap() == second.unwrap(), "{file} is another one each time");
        }
    }
}

#[test]
#[ignore = "needs the images: cargo xtask cluster test"]
fn the_bill_of_materials_names_what_is_in_the_image_and_nothing_else() {
    for (program, linked, absent) in [
        (
            "firehose-proxy",
            &["aws-sdk-firehose", "hyper", "rustls"][..],
            &["kube-client"][..],
        ),
        ("firehose-operator", &["kube-client", "rustls"], &["aws-sdk-firehose"]),
        ("firehose-simulator", &["hyper"], &["kube-client", "aws-sdk-firehose"]),
        ("firehose-local", &["aws-sdk-firehose", "firehose-simulator"], &[]),
    ] {
        let bill: Value =
            serde_json::from_slice(&fs::read(folder().join(format!("{program}.cdx.json"))).unwrap()).unwrap();
        assert_eq!(bill["bomFormat"], "CycloneDX");
        let components = bill["components"].as_array().unwrap();
        let names: BTreeSet<&str> = components.iter().map(|part| part["name"].as_str().unwrap()).collect();
        println!("{program}: {} components", components.len());
        for name in linked.iter().chain(&[program, "rust-std", "libc6", "ca-certificates"]) {
            assert!(names.contains(name), "{program}: {name} is not among {names:?}");
        }
        // What other programs have, what only tests have, what only runs in the compiler, what other platforms have.
        for name in absent
            .iter()
            .chain(&["insta", "proptest", "syn", "serde_derive", "cc", "windows-sys"])
        {
            assert!(!names.contains(name), "{program}: {name} is not in the image");
        }
        for part in components {
            let purl = part["purl"].as_str().unwrap_or_default();
            let name = part["name"].as_str().unwrap();
            let is_our_own = name.starts_with("firehose-") || name == "dual-stack-listener";
            let from_registry = purl.starts_with("pkg:cargo/") && !is_our_own;
            let is_described = match part["name"].as_str() {
                Some("rust-std") => true,
                _ if from_registry => part["hashes"][0]["alg"] == "SHA-256" && part["licenses"][0].is_object(),
                _ => purl.starts_with("pkg:"),
            };
            assert!(is_described, "{program}: {part}");
        }
        // Every library that was copied belongs to a package that is named.
        for entry in tar::Archive::new(layer(&folder().join(format!("{program}.tar"))).as_slice())
            .entries()
            .unwrap()
        {
            let path = entry.unwrap().path().unwrap().to_string_lossy().into_owned();
            if !path.starts_with("lib") || !path.contains(".so") {
                continue;
            }
            // Where /lib is a link, packages name their files below /usr.
            let owner = Command::new("dpkg")
                .args(["--search", &format!("/{path}"), &format!("/usr/{path}")])
                .output()
                .unwrap();
            let owner = String::from_utf8(owner.stdout).unwrap();
            let package = owner.split(':').next().unwrap();
            assert!(names.contains(package), "{program}: {path} is of {package:?}");
        }
    }
}

/// Every image below `registry` has its bill of materials beside it, as the usual client finds it.
pub(crate) fn assert_bills_are_beside_the_images_in(registry: &str) {
    for program in PROGRAMS {
        let image = format!("{registry}/{program}:{}", env!("CARGO_PKG_VERSION"));
        let found = oras(&["discover", "--platform", &platform(), "--format", "json", &image]);
        let found: Value = serde_json::from_str(&found).unwrap();
        let [referrer] = found["referrers"].as_array().unwrap().as_slice() else {
            panic!("{image} has not one referrer: {found}");
        };
        assert_eq!(referrer["artifactType"], "application/vnd.cyclonedx+json");
        let pulled = tempfile::tempdir().unwrap();
        let reference = referrer["reference"].as_str().unwrap();
        oras(&["pull", "--output", pulled.path().to_str().unwrap(), reference]);
        let file = format!("{program}.cdx.json");
        let (pulled, written) = (fs::read(pulled.path().join(&file)), fs::read(folder().join(&file)));
        assert!(pulled.unwrap() == written.unwrap(), "{file} is another one");
    }
}

/// Where `cargo xtask image` writes.
fn folder() -> PathBuf {
    workspace::target().join("image")
}

/// This machine, in the words of images.
fn platform() -> String {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!("linux/{architecture}")
}

fn oras(arguments: &[&str]) -> String {
    let output = trusting_the_registry(Command::new("oras"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The only layer of an image.
fn layer(image: &Path) -> Vec<u8> {
    let manifest: Value = serde_json::from_slice(&member(image, "manifest.json")).unwrap();
    assert_eq!(manifest[0]["Layers"].as_array().unwrap().len(), 1);
    member(image, manifest[0]["Layers"][0].as_str().unwrap())
}

/// One file of an archive.
fn member(archive: &Path, name: &str) -> Vec<u8> {
    let mut archive = tar::Archive::new(File::open(archive).unwrap());
    let mut entry = archive
        .entries()
        .unwrap()
        .map(Result::unwrap)
        .find(|entry| entry.path().unwrap() == Path::new(name))
        .unwrap_or_else(|| panic!("no {name}"));
    let mut content = Vec::new();
    entry.read_to_end(&mut content).unwrap();
    content
}
