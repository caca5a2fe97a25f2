//! Static credentials: the files of a mounted Secret.

use std::path::Path;

use aws_credential_types::Credentials;
use firehose_proxy_config::StaticCredentials;

/// Why the files give no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FileProblem {
    #[error("the file {0:?} is missing")]
    Missing(String),
    #[error("the file {0:?} is empty")]
    Empty(String),
    #[error("the file {name:?} cannot be read: {reason}")]
    Unreadable { name: String, reason: String },
}

/// More than any key or session token has.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Reads the credentials of a directory, all files or none of them.
pub(super) fn read(directory: &Path) -> Result<Credentials, FileProblem> {
    let access_key_id = required(directory, StaticCredentials::ACCESS_KEY_ID_FILE)?;
    let secret_access_key = required(directory, StaticCredentials::SECRET_ACCESS_KEY_FILE)?;
    let session_token = optional(directory, StaticCredentials::SESSION_TOKEN_FILE)?;
    Ok(Credentials::new(
        access_key_id,
        secret_access_key,
        session_token,
        None,
        "static files",
    ))
}

fn required(directory: &Path, name: &str) -> Result<String, FileProblem> {
    match contents(directory, name)? {
        None => Err(FileProblem::Missing(name.to_owned())),
        Some(text) if text.is_empty() => Err(FileProblem::Empty(name.to_owned())),
        Some(text) => Ok(text),
    }
}

fn optional(directory: &Path, name: &str) -> Result<Option<String>, FileProblem> {
    Ok(contents(directory, name)?.filter(|text| !text.is_empty()))
}

/// The file's text without the white space that editors and `echo` leave around it.
fn contents(directory: &Path, name: &str) -> Result<Option<String>, FileProblem> {
    use std::io::Read as _;

    let unreadable = |error: std::io::Error| FileProblem::Unreadable {
        name: name.to_owned(),
        reason: error.to_string(),
    };
    let file = match std::fs::File::open(directory.join(name)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(unreadable)?,
    };
    let mut text = String::new();
    file.take(MAX_FILE_BYTES)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    Ok(Some(text.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, text) in files {
            std::fs::write(directory.path().join(name), text).unwrap();
        }
        directory
    }

    #[test]
    fn files_are_taken_whole_and_trimmed() {
        let directory = directory(&[
            ("accessKeyID", "AKID\n"),
            ("secretAccessKey", " secret\n"),
            ("sessionToken", ""),
        ]);
        let credentials = read(directory.path()).unwrap();
        assert_eq!(credentials.access_key_id(), "AKID");
        assert_eq!(credentials.secret_access_key(), "secret");
        assert_eq!(credentials.session_token(), None);
    }

    #[test]
    fn half_a_pair_is_no_credential() {
        let missing = |name: &str| FileProblem::Missing(name.to_owned());
        let cases: [(&[(&str, &str)], FileProblem); 3] = [
            (&[], missing("accessKeyID")),
            (&[("accessKeyID", "AKID")], missing("secretAccessKey")),
            (
                &[("accessKeyID", "AKID"), ("secretAccessKey", "\n")],
                FileProblem::Empty("secretAccessKey".to_owned()),
            ),
        ];
        for (files, problem) in cases {
            assert_eq!(read(directory(files).path()).unwrap_err(), problem);
        }
    }
}
