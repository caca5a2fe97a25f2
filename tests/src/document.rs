//! The text of a configuration document, as the operator would mount it: a test states what it is about and nothing
//! else.

use std::{
    fmt::{self, Write as _},
    fs,
    path::Path,
};

/// Name of the file in the mounted directory.
const FILE_NAME: &str = "config.yaml";

/// A document in the making. Becomes text as what it displays.
#[derive(Debug, Clone)]
pub struct DocumentText {
    uid: String,
    region: String,
    mappings: Vec<(String, String)>,
    more: String,
}

impl Default for DocumentText {
    /// A destination in `eu-west-1` that maps nothing.
    fn default() -> Self {
        Self {
            uid: "test".to_owned(),
            region: "eu-west-1".to_owned(),
            mappings: Vec::new(),
            more: String::new(),
        }
    }
}

impl DocumentText {
    /// A destination that maps every event to one stream.
    #[must_use]
    pub fn everything_to(stream: &str) -> Self {
        Self::default().mapping("*", stream)
    }

    /// Of the destination with this UID.
    #[must_use]
    pub fn uid(mut self, uid: &str) -> Self {
        uid.clone_into(&mut self.uid);
        self
    }

    /// In this region.
    #[must_use]
    pub fn region(mut self, region: &str) -> Self {
        region.clone_into(&mut self.region);
        self
    }

    /// One more row of the mappings.
    #[must_use]
    pub fn mapping(mut self, event: &str, stream: &str) -> Self {
        self.mappings.push((event.to_owned(), stream.to_owned()));
        self
    }

    /// Delivers to this address instead of AWS's.
    #[must_use]
    pub fn endpoint(self, url: &str) -> Self {
        self.more(&format!("endpointURL: {url}"))
    }

    /// With the access key in the files of a directory.
    #[must_use]
    pub fn static_credentials(self, directory: &Path) -> Self {
        self.more(&format!(
            "credentials: {{type: Static, static: {{directory: {directory:?}}}}}"
        ))
    }

    /// More lines of YAML, at the document's top level.
    #[must_use]
    pub fn more(mut self, lines: &str) -> Self {
        self.more.push_str(lines);
        self.more.push('\n');
        self
    }

    /// Writes it into the directory that a proxy watches.
    ///
    /// # Panics
    ///
    /// When the directory cannot be written.
    pub fn write(&self, directory: &Path) {
        fs::write(directory.join(FILE_NAME), self.to_string()).unwrap();
    }
}

impl fmt::Display for DocumentText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            uid,
            region,
            mappings,
            more,
        } = self;
        let mut rows = String::new();
        for (event, stream) in mappings {
            write!(rows, "\n- {{event: {event:?}, deliveryStreamName: {stream:?}}}")?;
        }
        if rows.is_empty() {
            rows.push_str(" []");
        }
        write!(
            formatter,
            "formatVersion: 1\nrevision: ''\ndestination: {{namespace: test, name: test, uid: {uid:?}}}\n\
             region: {region}\n{more}mappings:{rows}\n"
        )
    }
}

/// Writes an access key as a mounted Secret shows it.
///
/// # Panics
///
/// When the directory cannot be made or written.
pub fn write_access_key(directory: &Path, id: &str, secret: &str) {
    fs::create_dir_all(directory).unwrap();
    fs::write(directory.join("accessKeyID"), id).unwrap();
    fs::write(directory.join("secretAccessKey"), secret).unwrap();
}
