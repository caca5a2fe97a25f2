//! The images that the cluster was given: small, for nobody's account, without a shell.

use std::{
    fs::{self, File},
    io::Read as _,
    path::Path,
};

use firehose_tests::workspace;
use serde_json::Value;

/// What an image may weigh, as the file that is loaded.
const LIMIT: u64 = 40 << 20;

const PROGRAMS: [&str; 3] = ["firehose-operator", "firehose-proxy", "firehose-simulator"];

#[test]
#[ignore = "needs the images: cargo xtask cluster test"]
fn each_image_is_small_runs_as_nobody_and_holds_nothing_but_the_program_and_what_it_needs() {
    let folder = workspace::target().join("image");
    for program in PROGRAMS {
        let file = folder.join(format!("{program}.tar"));
        let bytes = fs::metadata(&file).unwrap().len();
        println!("{program}: {:.1} MiB", bytes as f64 / f64::from(1 << 20));
        assert!(bytes < LIMIT, "{program} has {bytes} bytes");

        let manifest: Value = serde_json::from_slice(&member(&file, "manifest.json")).unwrap();
        let configuration = member(&file, manifest[0]["Config"].as_str().unwrap());
        let configuration: Value = serde_json::from_slice(&configuration).unwrap();
        assert_eq!(configuration["config"]["User"], "65532:65532");
        assert_eq!(configuration["config"]["Entrypoint"][0], format!("/{program}"));

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
            let is_expected = path == program
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
    let stages: Vec<&str> = dockerfile.split("\nFROM ").skip(1).map(str::trim).collect();
    assert_eq!(stages.len(), PROGRAMS.len(), "{stages:?}");
    for program in PROGRAMS {
        let name = program.trim_start_matches("firehose-");
        let stage =
            format!("scratch AS {name}\nCOPY target/image/{program}/ /\nUSER 65532:65532\nENTRYPOINT [\"/{program}\"]");
        assert!(stages.contains(&stage.as_str()), "no stage is\n{stage}");

        let image = workspace::target().join("image");
        let layer = layer(&image.join(format!("{program}.tar")));
        for entry in tar::Archive::new(layer.as_slice()).entries().unwrap() {
            let copied = image.join(program).join(entry.unwrap().path().unwrap());
            assert!(copied.exists(), "{} is not there to be copied", copied.display());
        }
    }
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
