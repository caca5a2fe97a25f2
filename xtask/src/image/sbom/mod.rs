//! The bill of materials of an image, in CycloneDX: the crates in the program, Rust's standard library, and the Debian
//! packages of everything beside it. The same image gives the same document: it has no time, and its number is made
//! from its content.

mod crates;
mod debian;

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use cyclonedx_bom::{
    external_models::{spdx::SpdxExpression, uri::Purl},
    models::{
        bom::{Bom, SpecVersion, UrnUuid},
        component::{Classification, Component, Components},
        dependency::{Dependencies, Dependency},
        hash::{Hash, HashAlgorithm, HashValue, Hashes},
        license::{LicenseChoice, Licenses},
        metadata::Metadata,
    },
    validation::Validate as _,
};
use uuid::Builder;

pub(crate) use self::crates::Graph;
use self::crates::Id;
use super::contents;
use crate::command::Run;

/// The media type of the document, by which tools find it beside an image.
pub(crate) const MEDIA_TYPE: &str = "application/vnd.cyclonedx+json";

/// Scanners of the last years read it.
const VERSION: SpecVersion = SpecVersion::V1_5;

/// The document for the image of a program. `files` are those that were copied into the image beside the program.
///
/// # Errors
/// When a file belongs to no package, or the document would not be valid.
pub(crate) fn document(
    program: &str,
    version: &str,
    graph: &Graph,
    contents: &contents::Contents,
    files: &[&Path],
) -> Result<Vec<u8>> {
    let mut components = Vec::new();
    let mut dependencies = Vec::new();
    // The image holds the program and the packages, the program its crates.
    let root = graph.root(program)?;
    let mut parts = vec![reference(root)];
    for id in graph.below(program)? {
        components.push(crate_component(id, id == root, graph)?);
        let mut below: Vec<String> = graph.dependencies(id).map(reference).collect();
        if id == root {
            below.push(STANDARD_LIBRARY.to_owned());
        }
        dependencies.push(Dependency {
            dependency_ref: reference(id),
            dependencies: below,
        });
    }
    components.push(standard_library()?);
    for package in debian::owners(files.iter().copied())? {
        parts.push(package.purl.clone());
        let mut component = Component::new(
            Classification::Library,
            &package.name,
            &package.version,
            Some(package.purl.clone()),
        );
        component.purl = Some(purl(&package.purl)?);
        components.push(component);
    }
    let image = Component::new(Classification::Container, program, version, Some("image".to_owned()));
    dependencies.insert(
        0,
        Dependency {
            dependency_ref: "image".to_owned(),
            dependencies: parts,
        },
    );
    let bom = Bom {
        serial_number: Some(serial_number(contents)?),
        metadata: Some(Metadata {
            component: Some(image),
            ..Metadata::default()
        }),
        components: Some(Components(components)),
        dependencies: Some(Dependencies(dependencies)),
        ..Bom::default()
    };
    let validity = bom.validate_version(VERSION);
    ensure!(
        validity.passed(),
        "the bill of materials of {program} is not valid: {validity:?}"
    );
    let mut document = Vec::new();
    bom.output_as_json(&mut document, VERSION)?;
    Ok(document)
}

const STANDARD_LIBRARY: &str = "rust-std";

/// The part of Rust that is linked into every program; no package manager knows it.
fn standard_library() -> Result<Component> {
    let described = Run::line("rustc --version").output()?;
    let version = described
        .split(' ')
        .nth(1)
        .with_context(|| format!("rustc calls itself {described:?}"))?;
    let mut component = Component::new(
        Classification::Library,
        STANDARD_LIBRARY,
        version,
        Some(STANDARD_LIBRARY.to_owned()),
    );
    component.licenses = Some(license("MIT OR Apache-2.0")?);
    Ok(component)
}

fn crate_component(id: &Id, is_program: bool, graph: &Graph) -> Result<Component> {
    let kind = if is_program {
        Classification::Application
    } else {
        Classification::Library
    };
    let mut component = Component::new(kind, &id.name, &id.version, Some(reference(id)));
    component.purl = Some(purl(&reference(id))?);
    component.licenses = graph.license(id).map(license).transpose()?;
    component.hashes = graph.checksum(id).map(|checksum| {
        Hashes(vec![Hash {
            alg: HashAlgorithm::SHA_256,
            content: HashValue(checksum.to_owned()),
        }])
    });
    Ok(component)
}

/// How the document refers to a crate: its package URL is as unique as its name and version.
fn reference(id: &Id) -> String {
    format!("pkg:cargo/{}@{}", id.name, id.version.replace('+', "%2B"))
}

/// Older crates write `MIT/Apache-2.0` and mean `MIT OR Apache-2.0`.
fn license(text: &str) -> Result<Licenses> {
    let expression =
        SpdxExpression::parse_lax(text.to_owned()).with_context(|| format!("{text:?} is no license expression"))?;
    Ok(Licenses(vec![LicenseChoice::Expression(expression)]))
}

fn purl(text: &str) -> Result<Purl> {
    text.parse().ok().with_context(|| format!("{text:?} is no package URL"))
}

/// A UUID of version 8, made from the image's configuration, which holds the layer's digest.
fn serial_number(contents: &contents::Contents) -> Result<UrnUuid> {
    let digest = contents::hex(&contents.configuration);
    let bytes = u128::from_str_radix(&digest[..32], 16)?.to_be_bytes();
    let uuid = Builder::from_custom_bytes(bytes).into_uuid();
    Ok(UrnUuid(uuid.urn().to_string()))
}
