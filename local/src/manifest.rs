//! From a manifest on disk to a validated destination: the steps that API server and operator would take, in their
//! order.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use firehose_operator::plan::{self, Validated};
use firehose_operator_api::{
    FirehoseDestination, admission,
    manifests::{self, Unreadable},
};

/// Most bytes of a manifest that are read. The API server takes 3 MiB in one request.
const MAX_MANIFEST_BYTES: u64 = 3 * 1024 * 1024;

/// Why a manifest cannot be run, for the person who wrote it.
#[derive(Debug, thiserror::Error)]
#[error("{path:?} {problem}")]
pub(crate) struct Rejected {
    path: PathBuf,
    problem: Problem,
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error("cannot be read: {0}")]
    Read(#[from] io::Error),
    #[error("is larger than {MAX_MANIFEST_BYTES} bytes")]
    TooLarge,
    #[error("cannot be read as kubectl reads it: {0}")]
    Syntax(#[from] Unreadable),
    #[error("holds {0} FirehoseDestination objects, exactly one is needed")]
    Count(usize),
    #[error("is refused:{0}")]
    Fields(Fields),
}

/// Each field with what is wrong with it, a line each.
#[derive(Debug)]
struct Fields(Vec<String>);

/// A destination that API server and operator would accept.
#[derive(Debug)]
pub(crate) struct Manifest {
    /// As it is in the file.
    pub(crate) text: String,
    /// As the API server would store it.
    pub(crate) destination: FirehoseDestination,
    /// As the operator would plan it.
    pub(crate) validated: Validated,
}

/// Reads the one destination in a file. `previous` is what the file held before: some fields may not change.
pub(crate) fn read(path: &Path, previous: Option<&FirehoseDestination>) -> Result<Manifest, Rejected> {
    parse(path, previous).map_err(|problem| Rejected {
        path: path.to_owned(),
        problem,
    })
}

fn parse(path: &Path, previous: Option<&FirehoseDestination>) -> Result<Manifest, Problem> {
    if fs::metadata(path)?.len() > MAX_MANIFEST_BYTES {
        return Err(Problem::TooLarge);
    }
    let text = fs::read_to_string(path)?;
    let destinations: Vec<_> = manifests::objects(&text)?
        .into_iter()
        .filter(admission::is_destination)
        .collect();
    let [manifest] = destinations.as_slice() else {
        return Err(Problem::Count(destinations.len()));
    };
    let admitted = match previous {
        None => admission::admit(manifest),
        Some(previous) => admission::admit_change(manifest, previous),
    };
    let mut destination = admitted.map_err(|refusals| fields(&refusals))?;
    // What the API server fills in.
    destination
        .metadata
        .namespace
        .get_or_insert_with(|| "default".to_owned());
    destination.metadata.uid.get_or_insert_with(|| "local".to_owned());
    // Who writes the manifest runs the proxy.
    let allowed = plan::Allowed::anything();
    let validated = plan::validate(&destination, &allowed).map_err(|invalid| fields(&invalid))?;
    Ok(Manifest {
        text,
        destination,
        validated,
    })
}

fn fields(reasons: &[impl fmt::Display]) -> Problem {
    Problem::Fields(Fields(reasons.iter().map(ToString::to_string).collect()))
}

impl fmt::Display for Fields {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|line| write!(formatter, "\n  {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
apiVersion: firehose-operator.dev/v1alpha1
kind: FirehoseDestination
metadata: {name: orders}
spec:
  region: eu-west-1
  mappings: [{event: '*', deliveryStreamName: all}]
";

    fn rejected(text: &str) -> String {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("orders.yaml");
        fs::write(&path, text).unwrap();
        read(&path, None).unwrap_err().to_string()
    }

    #[test]
    fn each_rejection_names_the_file_and_the_field() {
        let two_spellings = "[{event: Page, deliveryStreamName: a}, {event: pAGE, deliveryStreamName: b}]";
        let cases = [
            ("{", "line 1: unclosed bracket"),
            ("kind: ConfigMap\n", "holds 0 FirehoseDestination objects"),
            (&format!("{GOOD}---{GOOD}"), "holds 2 FirehoseDestination objects"),
            (&GOOD.replace("region: eu-west-1", "replicas: 2"), "spec.region"),
            (
                &GOOD.replace("deliveryStreamName: all", "deliveryStreamName: a/b"),
                "spec.mappings[0].deliveryStreamName",
            ),
            (&GOOD.replace("  region", "  regoin: x\n  region"), "regoin"),
            (
                &GOOD.replace("[{event: '*', deliveryStreamName: all}]", two_spellings),
                "spec.mappings[1].event",
            ),
        ];
        for (text, expected) in cases {
            let message = rejected(text);
            assert!(
                message.contains("orders.yaml") && message.contains(expected),
                "{message}"
            );
        }
    }

    #[test]
    fn other_objects_in_the_file_are_skipped() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("orders.yaml");
        fs::write(&path, format!("kind: Secret\n---{GOOD}")).unwrap();
        assert_eq!(read(&path, None).unwrap().destination.spec.region, "eu-west-1");
    }

    #[test]
    fn a_missing_file_is_said_so() {
        let message = read(Path::new("no/such.yaml"), None).unwrap_err().to_string();
        assert!(
            message.contains("no/such.yaml") && message.contains("cannot be read"),
            "{message}"
        );
    }
}
