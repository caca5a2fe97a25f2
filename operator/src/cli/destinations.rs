//! The destinations of a file, for commands that work on what is written and ask no cluster.

use firehose_operator_api::{
    FirehoseDestination,
    admission::{admit, is_destination},
    manifests::{self, Unreadable},
};

/// Why a file has no destinations to work on.
#[derive(Debug, thiserror::Error)]
pub enum NoDestinations {
    /// It is no file of manifests.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// A destination is not valid.
    #[error("{name}: {complaint}")]
    Refused {
        /// Its name.
        name: String,
        /// The first of what is wrong with it.
        complaint: String,
    },
    /// There is none.
    #[error("the file holds no FirehoseDestination")]
    None,
    /// There are several, and one is asked for.
    #[error("the file holds {0} FirehoseDestination objects, exactly one is needed")]
    Several(usize),
}

/// Every destination of a file, as the API server would store it. Other objects are skipped. A field that is not
/// implemented in this version is no reason to refuse one here: `check` says so.
///
/// # Errors
///
/// See [`NoDestinations`].
pub fn destinations(text: &str) -> Result<Vec<FirehoseDestination>, NoDestinations> {
    let mut found = Vec::new();
    for manifest in manifests::objects(text)?.into_iter().filter(is_destination) {
        let admitted = admit(&manifest).map_err(|errors| NoDestinations::Refused {
            name: manifest["metadata"]["name"]
                .as_str()
                .unwrap_or("(without a name)")
                .to_owned(),
            complaint: errors.first().map(ToString::to_string).unwrap_or_default(),
        })?;
        found.push(admitted);
    }
    match found.len() {
        0 => Err(NoDestinations::None),
        _ => Ok(found),
    }
}

/// The one destination of a file.
///
/// # Errors
///
/// See [`NoDestinations`].
pub fn destination(text: &str) -> Result<FirehoseDestination, NoDestinations> {
    let mut found = destinations(text)?;
    match (found.pop(), found.len()) {
        (Some(only), 0) => Ok(only),
        (_, others) => Err(NoDestinations::Several(others + 1)),
    }
}

/// The delivery streams that the mappings of a destination name, each once, in the order of their first rows.
pub fn stream_names(destination: &FirehoseDestination) -> Vec<&str> {
    let mut names = Vec::new();
    for row in &destination.spec.mappings {
        let name = row.delivery_stream_name.as_str();
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
