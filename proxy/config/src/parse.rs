//! Text to [`Document`] and back. A document is taken whole or refused whole.

use crate::{Document, FORMAT_VERSION, KNOWN_REQUIREMENTS, revision};

/// Why a document was refused.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// Not YAML, a field of the wrong type, or a required field missing.
    #[error("failed to read the configuration document: {0}")]
    Syntax(#[from] serde_yaml::Error),
    /// Written in a shape this reader does not know.
    #[error("formatVersion {found} is not supported, this proxy reads formatVersion {FORMAT_VERSION}")]
    FormatVersion {
        /// What the document says.
        found: u32,
    },
    /// Asks for semantics this reader does not know.
    #[error("requires {requirement:?}, which this proxy does not know; update the proxy image")]
    UnknownRequirement {
        /// The first name that is not known.
        requirement: String,
    },
}

/// Parses a document and checks that this reader may apply it.
///
/// # Errors
///
/// See [`ParseError`].
///
/// A hand-written document may leave its revision empty and is then given that of its content. A revision that is there
/// is taken at its word: a reader that skips fields it does not know could not compute it.
pub fn parse(text: &str) -> Result<Document, ParseError> {
    let mut document: Document = serde_yaml::from_str(text)?;
    if document.format_version != FORMAT_VERSION {
        return Err(ParseError::FormatVersion {
            found: document.format_version,
        });
    }
    let unknown = document
        .requires
        .iter()
        .find(|name| !KNOWN_REQUIREMENTS.contains(&name.as_str()));
    if let Some(requirement) = unknown {
        return Err(ParseError::UnknownRequirement {
            requirement: requirement.clone(),
        });
    }
    if document.revision.is_empty() {
        document.revision = revision(&document)?;
    }
    Ok(document)
}

/// Renders a document as YAML, with its revision filled in.
///
/// # Errors
///
/// Never for a document made of this crate's types; the serializer's signature says otherwise.
pub fn render(document: &Document) -> Result<String, serde_yaml::Error> {
    let mut stamped = document.clone();
    stamped.revision = revision(document)?;
    serde_yaml::to_string(&stamped)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALLEST: &str = "
formatVersion: 1
revision: ''
destination: {namespace: analytics, name: orders, uid: u-1}
region: eu-west-1
mappings:
- {event: '*', deliveryStreamName: everything}
";

    #[test]
    fn a_rendered_document_parses_to_itself_with_its_revision() {
        let document = parse(SMALLEST).unwrap();
        let again = parse(&render(&document).unwrap()).unwrap();
        assert_eq!(again, document);
        assert_eq!(again.revision.len(), 16);
    }

    #[test]
    fn the_revision_follows_the_content_and_not_itself() {
        let document = parse(SMALLEST).unwrap();
        let mut edited = document.clone();
        edited.revision = "something else".to_owned();
        assert_eq!(revision(&edited).unwrap(), document.revision);
        edited.mappings[0].delivery_stream_name = "other".to_owned();
        assert_ne!(revision(&edited).unwrap(), document.revision);
    }

    #[test]
    fn a_field_of_a_newer_writer_is_ignored() {
        let document = parse(&format!("{SMALLEST}\nlater: {{a: 1}}\n")).unwrap();
        assert_eq!(document.region, "eu-west-1");
    }

    /// Proxies never read `spool.type`. Older operators write it, and older proxies have a default for it.
    #[test]
    fn documents_with_and_without_the_kind_of_the_spools_volume_are_read_by_both_sides() {
        #[derive(serde::Deserialize)]
        struct OlderDocument {
            spool: OlderSpool,
        }
        #[derive(Default, serde::Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        struct OlderSpool {
            r#type: String,
            max_size_bytes: u64,
        }
        let older = "spool: {type: PersistentVolumeClaim, maxSizeBytes: 5, deadLetters: {maxSizeBytes: 6}}";
        let document = parse(&format!("{SMALLEST}\n{older}\n")).unwrap();
        assert_eq!((document.spool.max_size_bytes, document.spool.format_version), (5, 1));
        let newer = render(&document).unwrap();
        let read: OlderDocument = serde_yaml::from_str(&newer).unwrap();
        assert_eq!((read.spool.r#type.as_str(), read.spool.max_size_bytes), ("", 5));
    }

    #[test]
    fn what_a_reader_must_not_ignore_is_refused_by_name() {
        let error = parse(&format!("{SMALLEST}\nrequires: [Sampling]\n")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "requires \"Sampling\", which this proxy does not know; update the proxy image"
        );
    }

    #[test]
    fn another_format_version_is_refused() {
        let error = parse(&SMALLEST.replace("formatVersion: 1", "formatVersion: 2")).unwrap_err();
        assert!(matches!(error, ParseError::FormatVersion { found: 2 }));
    }

    #[test]
    fn a_document_cut_short_is_refused_with_what_is_missing() {
        let cut = &SMALLEST[..SMALLEST.find("mappings").unwrap()];
        assert!(parse(cut).unwrap_err().to_string().contains("mappings"));
    }
}
