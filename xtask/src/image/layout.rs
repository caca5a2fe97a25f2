//! Writes an image as an OCI image layout: a folder that registry clients copy from
//! (<https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md>). Its root is an index with one manifest
//! an architecture; each manifest has a bill of materials that refers to it, as `oras attach` would have made it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::{
    contents::{Contents, architecture, digest},
    layer, sbom,
};

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIGURATION: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// The annotation by which a client finds a manifest of a layout by its tag.
const TAG: &str = "org.opencontainers.image.ref.name";

/// What registries show of an image, and the tag that it gets.
pub(crate) struct Label<'a> {
    /// Name of the program.
    pub(crate) title: &'a str,
    /// Version of the program; also the tag.
    pub(crate) version: &'a str,
}

/// A layout on this machine.
pub(crate) struct Layout {
    folder: PathBuf,
}

impl Layout {
    /// Begins one in an empty folder.
    ///
    /// # Errors
    /// When the folder cannot be emptied or written.
    pub(crate) fn create(folder: PathBuf) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("failed to empty {}", folder.display()))?;
        }
        let blobs = folder.join("blobs/sha256");
        fs::create_dir_all(&blobs).with_context(|| format!("failed to create {}", blobs.display()))?;
        fs::write(folder.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
        Ok(Self { folder })
    }

    /// Writes the image with its bill of materials, and the images of `others`, which are layouts of the same program
    /// for other architectures. Returns the digest of the index.
    ///
    /// # Errors
    /// When something cannot be written, or another layout is not one or holds this architecture too.
    pub(crate) fn write(
        &self,
        label: &Label<'_>,
        contents: &Contents,
        bill_of_materials: &[u8],
        others: &[PathBuf],
    ) -> Result<String> {
        let annotations = json!({
            "org.opencontainers.image.title": label.title,
            "org.opencontainers.image.version": label.version,
            "org.opencontainers.image.licenses": env!("CARGO_PKG_LICENSE"),
            "org.opencontainers.image.source": env!("CARGO_PKG_REPOSITORY"),
        });
        let mut manifest = self.manifest(&json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": self.blob(CONFIGURATION, &contents.configuration)?,
            "layers": [self.blob(LAYER, &layer::compress(&contents.layer)?)?],
            "annotations": &annotations,
        }))?;
        let mut referrers = vec![self.attach(&manifest, label.title, bill_of_materials)?];
        manifest["platform"] = json!({ "architecture": architecture(), "os": "linux" });
        let mut manifests = vec![manifest];
        for other in others {
            let (more, their_referrers) = self.adopt(other, label.version)?;
            manifests.extend(more);
            referrers.extend(their_referrers);
        }
        manifests.sort_by_key(|manifest| manifest["platform"]["architecture"].to_string());
        for pair in manifests.windows(2) {
            let platform = &pair[0]["platform"];
            ensure!(*platform != pair[1]["platform"], "there are two images for {platform}");
        }
        let index = serde_json::to_vec(&json!({
            "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests, "annotations": &annotations,
        }))?;
        let mut root = self.blob(INDEX, &index)?;
        root["annotations"] = json!({ TAG: label.version });
        let roots: Vec<Value> = [root].into_iter().chain(referrers).collect();
        let list = serde_json::to_vec(&json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": roots }))?;
        fs::write(self.folder.join("index.json"), list)?;
        Ok(digest(&index))
    }

    /// A document that refers to a manifest.
    fn attach(&self, subject: &Value, title: &str, document: &[u8]) -> Result<Value> {
        let mut content = self.blob(sbom::MEDIA_TYPE, document)?;
        content["annotations"] = json!({ "org.opencontainers.image.title": format!("{title}.cdx.json") });
        let mut manifest = self.manifest(&json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "artifactType": sbom::MEDIA_TYPE,
            "config": self.blob(EMPTY, b"{}")?,
            "layers": [content],
            "subject": subject,
        }))?;
        manifest["artifactType"] = sbom::MEDIA_TYPE.into();
        Ok(manifest)
    }

    /// Copies the blobs of another layout; returns the descriptors of its images, and of what refers to them.
    fn adopt(&self, other: &Path, tag: &str) -> Result<(Vec<Value>, Vec<Value>)> {
        let read = |path: PathBuf| -> Result<Value> {
            let text = fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
            serde_json::from_slice(&text).with_context(|| format!("{} is not JSON", path.display()))
        };
        let list = |value: &Value| value["manifests"].as_array().cloned().unwrap_or_default();
        let (roots, referrers): (Vec<Value>, Vec<Value>) = list(&read(other.join("index.json"))?)
            .into_iter()
            .partition(|root| root["annotations"][TAG] == tag);
        let [root] = roots.as_slice() else {
            anyhow::bail!("{} holds no image of version {tag}", other.display());
        };
        for blob in fs::read_dir(other.join("blobs/sha256"))? {
            let blob = blob?;
            fs::copy(blob.path(), self.blobs().join(blob.file_name()))?;
        }
        let index = root["digest"]
            .as_str()
            .unwrap_or_default()
            .trim_start_matches("sha256:");
        Ok((list(&read(self.blobs().join(index))?), referrers))
    }

    fn manifest(&self, manifest: &Value) -> Result<Value> {
        self.blob(MANIFEST, &serde_json::to_vec(manifest)?)
    }

    /// Writes a blob and returns its descriptor.
    fn blob(&self, media_type: &str, content: &[u8]) -> Result<Value> {
        let digest = digest(content);
        let path = self.blobs().join(digest.trim_start_matches("sha256:"));
        fs::write(&path, content).with_context(|| format!("failed to write {}", path.display()))?;
        Ok(json!({ "mediaType": media_type, "digest": digest, "size": content.len() }))
    }

    fn blobs(&self) -> PathBuf {
        self.folder.join("blobs/sha256")
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::{
        super::layer::{Entry, Tree},
        *,
    };

    const LABEL: Label<'_> = Label {
        title: "program",
        version: "1.2.3",
    };

    /// An image around a file of this text, whose times are `age` old.
    fn image(folder: &Path, text: &str, age: Duration) -> Contents {
        let source = folder.join("program");
        fs::write(&source, text).unwrap();
        let file = fs::File::options().append(true).open(&source).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
        let tree = Tree::from([
            ("tmp".to_owned(), Entry::Scratch),
            (
                "program".to_owned(),
                Entry::File {
                    source,
                    executable: true,
                },
            ),
        ]);
        Contents::pack(&tree, "/program").unwrap()
    }

    fn read(path: impl AsRef<Path>) -> Value {
        serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
    }

    fn blob(layout: &Layout, digest: &Value) -> PathBuf {
        layout
            .blobs()
            .join(digest.as_str().unwrap().trim_start_matches("sha256:"))
    }

    #[test]
    fn packing_again_gives_the_same_digest_and_another_content_another_one() {
        let folder = tempfile::tempdir().unwrap();
        let digest = |text: &str, age| {
            let contents = image(folder.path(), text, Duration::from_secs(age));
            let layout = Layout::create(folder.path().join("layout")).unwrap();
            layout.write(&LABEL, &contents, b"{}", &[]).unwrap()
        };
        let first = digest("content", 0);
        assert_eq!(digest("content", 86_400), first);
        assert_ne!(digest("another content", 0), first);
    }

    #[test]
    fn every_descriptor_has_the_digest_and_the_size_of_its_blob_and_the_bill_refers_to_the_image() {
        let folder = tempfile::tempdir().unwrap();
        let contents = image(folder.path(), "content", Duration::ZERO);
        let layout = Layout::create(folder.path().join("layout")).unwrap();
        let written = layout.write(&LABEL, &contents, b"{\"bill\":1}", &[]).unwrap();

        let roots = read(folder.path().join("layout/index.json"));
        let [root, referrer] = roots["manifests"].as_array().unwrap().as_slice() else {
            panic!("{roots}");
        };
        assert_eq!(root["digest"], written);
        assert_eq!(root["annotations"][TAG], "1.2.3");
        let index = read(blob(&layout, &root["digest"]));
        let image = &index["manifests"][0];
        let manifest = read(blob(&layout, &image["digest"]));
        let attached = read(blob(&layout, &referrer["digest"]));
        assert_eq!(attached["subject"]["digest"], image["digest"]);
        assert_eq!(
            fs::read(blob(&layout, &attached["layers"][0]["digest"])).unwrap(),
            b"{\"bill\":1}"
        );
        for descriptor in [
            root,
            referrer,
            image,
            &manifest["config"],
            &manifest["layers"][0],
            &attached["config"],
            &attached["layers"][0],
        ] {
            let content = fs::read(blob(&layout, &descriptor["digest"])).unwrap();
            assert_eq!(descriptor["digest"], digest(&content));
            assert_eq!(descriptor["size"], content.len());
        }
    }

    #[test]
    fn an_image_of_another_architecture_joins_the_index_with_its_bill_of_materials() {
        let folder = tempfile::tempdir().unwrap();
        let mut contents = image(folder.path(), "for another machine", Duration::ZERO);
        let configuration: String = String::from_utf8(contents.configuration).unwrap();
        contents.configuration = configuration.replace(architecture(), "riscv64").into_bytes();
        let other = folder.path().join("other");
        let layout = Layout::create(other.clone()).unwrap();
        layout.write(&LABEL, &contents, b"{\"of\":\"another\"}", &[]).unwrap();
        // The layout says which machine wrote it in one place: the platform of its manifest.
        let roots = read(other.join("index.json"));
        let path = blob(&layout, &roots["manifests"][0]["digest"]);
        let mut index = read(&path);
        index["manifests"][0]["platform"]["architecture"] = "riscv64".into();
        fs::write(&path, index.to_string()).unwrap();

        let contents = image(folder.path(), "for this machine", Duration::ZERO);
        let joined = Layout::create(folder.path().join("joined")).unwrap();
        joined.write(&LABEL, &contents, b"{\"of\":\"this\"}", &[other]).unwrap();
        let roots = read(folder.path().join("joined/index.json"));
        let index = read(blob(&joined, &roots["manifests"][0]["digest"]));
        let platforms: Vec<&Value> = index["manifests"]
            .as_array()
            .unwrap()
            .iter()
            .map(|manifest| &manifest["platform"]["architecture"])
            .collect();
        assert_eq!(platforms, [architecture(), "riscv64"]);
        assert_eq!(roots["manifests"].as_array().unwrap().len(), 3, "{roots}");
        for referrer in &roots["manifests"].as_array().unwrap()[1..] {
            let attached = read(blob(&joined, &referrer["digest"]));
            assert!(blob(&joined, &attached["subject"]["digest"]).exists());
            assert!(blob(&joined, &attached["layers"][0]["digest"]).exists());
        }
    }

    #[test]
    fn the_same_architecture_twice_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let contents = image(folder.path(), "content", Duration::ZERO);
        let other = folder.path().join("other");
        let layout = Layout::create(other.clone()).unwrap();
        layout.write(&LABEL, &contents, b"{}", &[]).unwrap();
        let layout = Layout::create(folder.path().join("joined")).unwrap();
        let refused = layout.write(&LABEL, &contents, b"{}", &[other]).unwrap_err();
        assert!(refused.to_string().starts_with("there are two images for"), "{refused}");
    }
}
