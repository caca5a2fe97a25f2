//! Static credentials: the files of a mounted Secret.

use std::path::Path;

use aws_credential_types::Credentials;
use firehose_proxy_config::StaticCredentials;

/// Why the files give no credentials.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum FileProblem {
    #[error("there is none of the files: the Secret does not exist, or has none of the keys")]
    NoFiles,
    #[error("the file {0:?} is missing")]
    Missing(String),
    #[error("the file {0:?} is empty")]
    Empty(String),
    #[error("the file {name:?} cannot be read: {reason}")]
    Unreadable { name: String, reason: String },
    #[error("the file {name:?} does not look like {kind}, and nothing else is sent to AWS: {form}")]
    Misshapen {
        name: String,
        kind: &'static str,
        form: &'static str,
    },
}

/// Whether files must look like what AWS hands out.
///
/// A destination may name any Secret and any key of its namespace. The session token leaves the proxy as it is, and the
/// access key ID does too: a password that stands in for one would be told to whoever answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// For AWS.
    Aws,
    /// For a stand-in that the installation names and that takes any key.
    Any,
}

/// More than any key or session token has.
const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Reads the credentials of a directory, all files or none of them.
pub(super) fn read(directory: &Path, shape: Shape) -> Result<Credentials, FileProblem> {
    let names = [
        StaticCredentials::ACCESS_KEY_ID_FILE,
        StaticCredentials::SECRET_ACCESS_KEY_FILE,
        StaticCredentials::SESSION_TOKEN_FILE,
    ];
    if !names.iter().any(|name| directory.join(name).exists()) {
        return Err(FileProblem::NoFiles);
    }
    let access_key_id = required(directory, StaticCredentials::ACCESS_KEY_ID_FILE)?;
    let secret_access_key = required(directory, StaticCredentials::SECRET_ACCESS_KEY_FILE)?;
    let session_token = optional(directory, StaticCredentials::SESSION_TOKEN_FILE)?;
    if shape == Shape::Aws {
        check(&access_key_id, &ACCESS_KEY_ID)?;
        check(&secret_access_key, &SECRET_ACCESS_KEY)?;
        if let Some(token) = &session_token {
            check(token, &SESSION_TOKEN)?;
        }
    }
    Ok(Credentials::new(
        access_key_id,
        secret_access_key,
        session_token,
        None,
        "static files",
    ))
}

/// A name for the content of the files, which tells nothing of it: whoever sees two can tell whether they are the same.
pub(super) fn revision(key: &Credentials) -> String {
    let parts = [
        key.access_key_id(),
        key.secret_access_key(),
        key.session_token().unwrap_or_default(),
    ];
    firehose_proxy_config::secret_revision(&parts)
}

/// What a file of AWS's looks like.
struct Form {
    name: &'static str,
    kind: &'static str,
    says: &'static str,
    fits: fn(&str) -> bool,
}

/// Source: [unique identifiers](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html) for the
/// prefixes, [AccessKey](https://docs.aws.amazon.com/IAM/latest/APIReference/API_AccessKey.html) for the lengths.
const ACCESS_KEY_ID: Form = Form {
    name: StaticCredentials::ACCESS_KEY_ID_FILE,
    kind: "an access key ID",
    says: "AKIA or ASIA, then capital letters and digits, 16 to 128 in all",
    fits: |text| {
        (16..=128).contains(&text.len())
            && (text.starts_with("AKIA") || text.starts_with("ASIA"))
            && text
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
    },
};

const SECRET_ACCESS_KEY: Form = Form {
    name: StaticCredentials::SECRET_ACCESS_KEY_FILE,
    kind: "a secret access key",
    says: "40 characters of base64",
    fits: |text| text.len() == 40 && text.bytes().all(is_base64),
};

/// AWS promises no length. Those of STS have hundreds of characters.
const SESSION_TOKEN: Form = Form {
    name: StaticCredentials::SESSION_TOKEN_FILE,
    kind: "a session token",
    says: "at least 100 characters of base64",
    fits: |text| {
        let text = text.trim_end_matches('=');
        text.len() >= 100 && text.bytes().all(is_base64)
    },
};

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')
}

/// The problem names the file and never its content.
fn check(text: &str, form: &Form) -> Result<(), FileProblem> {
    if (form.fits)(text) {
        return Ok(());
    }
    Err(FileProblem::Misshapen {
        name: form.name.to_owned(),
        kind: form.kind,
        form: form.says,
    })
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
        let credentials = read(directory.path(), Shape::Any).unwrap();
        assert_eq!(credentials.access_key_id(), "AKID");
        assert_eq!(credentials.secret_access_key(), "secret");
        assert_eq!(credentials.session_token(), None);
    }

    #[test]
    fn half_a_pair_is_no_credential() {
        let missing = |name: &str| FileProblem::Missing(name.to_owned());
        let cases: [(&[(&str, &str)], FileProblem); 3] = [
            (&[], FileProblem::NoFiles),
            (&[("accessKeyID", "AKID")], missing("secretAccessKey")),
            (
                &[("accessKeyID", "AKID"), ("secretAccessKey", "\n")],
                FileProblem::Empty("secretAccessKey".to_owned()),
            ),
        ];
        for (files, problem) in cases {
            assert_eq!(read(directory(files).path(), Shape::Any).unwrap_err(), problem);
        }
    }

    /// Made up, of the shape of AWS's.
    const ID: &str = "AKIAIOSFODNN7EXAMPLE";
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn token() -> String {
        format!("{}==", "IQoJb3JpZ2luX2VjEXAMPLE/+".repeat(14))
    }

    #[test]
    fn what_aws_hands_out_is_taken() {
        let temporary = ID.replace("AKIA", "ASIA");
        for (id, token) in [(ID, ""), (&temporary, &token())] {
            let files = directory(&[
                ("accessKeyID", id),
                ("secretAccessKey", SECRET),
                ("sessionToken", token),
            ]);
            assert_eq!(read(files.path(), Shape::Aws).unwrap().access_key_id(), id);
        }
    }

    #[test]
    fn what_is_no_key_is_refused_by_its_file_and_never_repeated() {
        let jwt = format!("eyJhbGciOiJSUzI1NiJ9.{}.c2ln-_", "e30".repeat(60));
        let pem = format!("-----BEGIN PRIVATE KEY-----\n{}", "MIIEvQIBADANBg\n".repeat(20));
        let passwords = [
            "hunter2",
            "the-database-password-of-the-shop",
            "p\u{e4}ssword",
            &jwt,
            &pem,
        ];
        let ids = [
            ID.to_lowercase(),
            format!("{ID}-"),
            "AKIAIOSF".to_owned(),
            ID.replace("AKIA", "ABCD"),
            "AKIA".repeat(33),
        ];
        let secrets = [SECRET[1..].to_owned(), format!("{SECRET}a"), SECRET.replace('/', "_")];
        let tokens = ["IQoJ".repeat(20), token().replace('+', "."), format!("={}", token())];
        let and_passwords = |near: &[String]| -> Vec<String> {
            near.iter()
                .cloned()
                .chain(passwords.iter().map(|&text| text.to_owned()))
                .collect()
        };
        for (file, contents) in [
            ("accessKeyID", and_passwords(&ids)),
            ("secretAccessKey", and_passwords(&secrets)),
            ("sessionToken", and_passwords(&tokens)),
        ] {
            for content in contents {
                let token = token();
                let files = directory(&[
                    ("accessKeyID", ID),
                    ("secretAccessKey", SECRET),
                    ("sessionToken", &token),
                ]);
                std::fs::write(files.path().join(file), &content).unwrap();
                let problem = read(files.path(), Shape::Aws).unwrap_err();
                assert!(
                    matches!(&problem, FileProblem::Misshapen { name, .. } if name == file),
                    "{content:?}: {problem}"
                );
                assert!(!format!("{problem} {problem:?}").contains(&content), "{problem:?}");
                assert!(read(files.path(), Shape::Any).is_ok(), "{content:?}");
            }
        }
    }
}
