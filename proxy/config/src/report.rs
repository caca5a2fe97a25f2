//! The report: what a proxy answers to `GET /status` on its admin port and the operator turns into conditions.
//!
//! Plain data, the second contract between the two programs. It holds no secret and nothing of an event, because
//! whoever reaches the admin port may read it; what AWS said about a call is in it, cut to [`MAX_DETAIL_CHARS`]. A
//! reader of another version ignores fields it does not know and reads a name it does not know as `Unknown`, so that a
//! rollout with two versions keeps reporting.

mod streams;

use serde::{Deserialize, Serialize};

pub use self::streams::{StreamReason, StreamReport, StreamState};

/// Longest `detail`, in characters.
pub const MAX_DETAIL_CHARS: usize = 300;

/// What one proxy pod knows about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// UID of the destination whose document is loaded; empty while none is. A pod that answers for another destination
    /// (an address that was reused) is told apart by it.
    #[serde(rename = "destinationUID", default)]
    pub destination_uid: String,
    /// Revision of the document in force; empty while none is loaded.
    #[serde(default)]
    pub revision: String,
    /// What `/readyz` says.
    #[serde(default)]
    pub ready: bool,
    /// Why the newest document was refused; absent when it is the one in force. The last good one stays in force.
    #[serde(default)]
    pub config_error: Option<String>,
    /// The AWS credentials.
    #[serde(default)]
    pub credentials: CredentialsReport,
    /// Seconds that AWS's clock is ahead of the pod's; below zero, behind. 0 while they agree.
    #[serde(default)]
    pub clock_skew_seconds: i64,
    /// The write keys that senders present.
    #[serde(default)]
    pub write_keys: WriteKeysReport,
    /// The named senders and their write keys, in the order of the document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<SourceReport>,
    /// The key of hashes of the privacy rules.
    #[serde(default)]
    pub hash_key: SecretState,
    /// The certificate of the endpoint.
    #[serde(default)]
    pub certificate: SecretState,
    /// The mapped delivery streams and those with a backlog, each once.
    #[serde(default)]
    pub streams: Vec<StreamReport>,
    /// Whether accepted events are waiting in this pod, in memory or on its volume.
    #[serde(default)]
    pub backlog: Backlog,
    /// Whether the disk that accepted events are written to answers.
    #[serde(default)]
    pub disk: DiskState,
    /// Whether events that were given up wait for a person in this pod.
    #[serde(default)]
    pub dead_letters: DeadLetters,
    /// Whether this pod takes events.
    #[serde(default)]
    pub intake: IntakeState,
    /// The `drainGeneration` of the document in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_generation: Option<i64>,
    /// Whether the volume has what another destination, or an earlier one of the same name, has left. It is never sent.
    #[serde(default)]
    pub foreign_spool: ForeignSpool,
    /// What this pod recognizes when a client sends it again; absent while it recognizes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deduplication: Option<DeduplicationReport>,
    /// Versions of the spool's format that this pod reads, and writes when the document says so. Empty where the proxy
    /// does not say: the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spool_formats: Vec<u32>,
}

/// What a pod recognizes when a client sends it again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeduplicationReport {
    /// Events that it remembers.
    #[serde(default)]
    pub entries: u64,
    /// How many seconds back they reach: those of the destination, or fewer when its memory for them is full.
    #[serde(default)]
    pub reaches_seconds: u64,
    /// Events that were sent again and not delivered again, since the pod started.
    #[serde(default)]
    pub repeated: u64,
    /// Events with the `messageId` of another, since the pod started. They were delivered.
    #[serde(default)]
    pub message_ids_reused: u64,
}

/// State of the AWS credentials.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialsReport {
    /// The state.
    #[serde(default)]
    pub state: CredentialsState,
    /// Why it is so. While an earlier key is in use and its Secret is gone or broken, what is the matter with that.
    #[serde(default)]
    pub reason: CredentialsReason,
    /// For a person: the file, or the code and the words of AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Hash of the files that the key in use was read from; absent where it is not from files.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// A named sender.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceReport {
    /// Its name.
    pub name: String,
    /// Its write keys.
    #[serde(default)]
    pub write_keys: WriteKeysReport,
}

/// State of the write keys: of all lists there are, the worst.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WriteKeysReport {
    /// The state.
    #[serde(default)]
    pub state: WriteKeysState,
    /// For a person: what is the matter with the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Hash of the file that the keys in use were read from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// State of the write keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WriteKeysState {
    /// The document in force asks for none: whoever reaches the endpoint may send events.
    NotRequired,
    /// The document asks for them, and this pod was made without a place for them: it goes on as before, open, until it
    /// is replaced.
    Open,
    /// There are some, and only their holders may send events.
    Loaded,
    /// There is no file: every request is refused.
    Missing,
    /// The file holds no key that can be used: every request is refused.
    Incomplete,
    /// The proxy does not say, or the name is of a newer version.
    #[default]
    #[serde(other)]
    Unknown,
}

/// State of a Secret that the endpoint works with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecretState {
    /// The document in force names none.
    NotRequired,
    /// It is there and can be used.
    Loaded,
    /// It is not there or cannot be used: every request is refused.
    Missing,
    /// The proxy does not say, or the name is of a newer version.
    #[default]
    #[serde(other)]
    Unknown,
}

/// State of the AWS credentials.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CredentialsState {
    /// There are credentials, and AWS has not refused them.
    Ready,
    /// There are none, or AWS refuses them.
    Failing,
    /// Nothing is known yet, or the name is of a newer version.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Why credentials are in their state. The words are those of conditions, metrics and the log; what an older proxy
/// called otherwise is still read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum CredentialsReason {
    /// Credentials are loaded; AWS has not been called with them yet.
    #[serde(rename = "CredentialsLoaded", alias = "Loaded")]
    Loaded,
    /// AWS has taken a call that was signed with them.
    #[serde(rename = "CredentialsAccepted", alias = "Accepted")]
    Accepted,
    /// The Secret does not exist or its mounted directory is empty.
    SecretMissing,
    /// The Secret lacks a key, or a value is empty or not usable.
    SecretIncomplete,
    /// The ambient chain found no source of credentials, or the source does not answer.
    SourceUnavailable,
    /// STS refused to hand out the role.
    AssumeRoleDenied,
    /// STS does not answer.
    AssumeRoleUnavailable,
    /// AWS does not know the access key, or the signature does not match.
    #[serde(rename = "CredentialsRejected", alias = "Rejected")]
    Rejected,
    /// The session token has expired.
    #[serde(rename = "CredentialsExpired", alias = "Expired")]
    Expired,
    /// The pod's clock is too far from AWS's. With [`CredentialsState::Ready`]: requests are signed by AWS's clock.
    ClockSkew,
    /// Nothing is known yet, or the name is of a newer version.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Whether the disk that accepted events are written to answers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DiskState {
    /// Accepted events are written to none.
    NotRequired,
    /// It does.
    Answers,
    /// It has not answered a write for two seconds or longer: every request is refused until it does.
    Stalled,
    /// The proxy does not say, or the name is of a newer version.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Whether accepted events are waiting in a pod.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Backlog {
    /// None: the pod may go without a loss.
    Empty,
    /// Some.
    Waiting,
    /// The proxy does not say, or the name is of a newer version.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Whether a pod takes events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IntakeState {
    /// It does.
    Open,
    /// There are to be fewer pods, and requests are still open or about to come.
    Closing,
    /// There are to be fewer pods; no event is accepted any more, and no request is open that could bring one.
    Closed,
    /// The proxy does not say, or the name is of a newer version.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Whether a volume has what another destination has left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ForeignSpool {
    /// It has not.
    None,
    /// It has: files that end in `.foreign`.
    Present,
    /// The proxy does not say, or the name is of a newer version.
    #[default]
    #[serde(other)]
    Unknown,
}

/// Whether events that were given up wait for a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeadLetters {
    /// None.
    Empty,
    /// Some.
    Waiting,
    /// So many that there is no room for more: events that cannot be delivered hold up their streams.
    Full,
    /// There is no place to keep any: what is given up is lost.
    Unavailable,
    /// The proxy does not say, or the name is of a newer version.
    #[default]
    #[serde(other)]
    Unknown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_of_a_newer_proxy_is_read_with_its_new_names_as_unknown() {
        let report: Report = serde_json::from_str(
            r#"{"destinationUID":"u-1","revision":"r","ready":true,"configError":null,"later":1,
                "credentials":{"state":"Ready","reason":"FromTheFuture"},
                "streams":[{"name":"orders","state":"Delivering","reason":"Succeeded"},{"name":"pages","state":"Sleeping"}]}"#,
        )
        .unwrap();
        assert_eq!(report.credentials.state, CredentialsState::Ready);
        assert_eq!(report.credentials.reason, CredentialsReason::Unknown);
        assert_eq!(report.streams[0].reason, StreamReason::Succeeded);
        assert_eq!(report.streams[1].state, StreamState::Unknown);
        assert_eq!(report.write_keys.state, WriteKeysState::Unknown);
        assert_eq!(report.hash_key, SecretState::Unknown);
        assert_eq!(report.backlog, Backlog::Unknown);
        assert_eq!(report.dead_letters, DeadLetters::Unknown);
        assert_eq!(report.intake, IntakeState::Unknown);
        assert_eq!(report.foreign_spool, ForeignSpool::Unknown);
    }

    #[test]
    fn words_of_an_older_proxy_are_read_as_those_of_today() {
        let stream = |word: &str| serde_json::from_str::<StreamReason>(&format!("{word:?}")).unwrap();
        for (old, new) in [
            ("ServiceError", StreamReason::ServiceFailure),
            ("Unreachable", StreamReason::Unreachable),
            ("Paused", StreamReason::Paused),
            ("FromTheFuture", StreamReason::Unknown),
        ] {
            assert_eq!(stream(old), new);
        }
        let credentials = |word: &str| serde_json::from_str::<CredentialsReason>(&format!("{word:?}")).unwrap();
        assert_eq!(credentials("Rejected"), CredentialsReason::Rejected);
        assert_eq!(credentials("CredentialsRejected"), CredentialsReason::Rejected);
    }

    #[test]
    fn a_report_round_trips_under_the_names_that_people_read() {
        let report = Report {
            destination_uid: "u-1".to_owned(),
            revision: "0011223344556677".to_owned(),
            ready: true,
            config_error: Some("failed to read".to_owned()),
            credentials: CredentialsReport {
                state: CredentialsState::Failing,
                reason: CredentialsReason::SecretMissing,
                detail: Some("the files are missing".to_owned()),
                revision: None,
            },
            clock_skew_seconds: -600,
            write_keys: WriteKeysReport {
                state: WriteKeysState::Loaded,
                detail: None,
                revision: Some("8899aabb".to_owned()),
            },
            sources: vec![SourceReport {
                name: "web".to_owned(),
                write_keys: WriteKeysReport {
                    state: WriteKeysState::Missing,
                    ..WriteKeysReport::default()
                },
            }],
            hash_key: SecretState::Loaded,
            certificate: SecretState::Missing,
            streams: vec![StreamReport {
                name: "orders".to_owned(),
                state: StreamState::Failing,
                reason: StreamReason::SecretMissing,
                detail: Some("no key".to_owned()),
                mapping: Some("spec.mappings[0]".to_owned()),
                refused_events: 7,
            }],
            backlog: Backlog::Waiting,
            disk: DiskState::Stalled,
            dead_letters: DeadLetters::Full,
            intake: IntakeState::Closed,
            drain_generation: Some(7),
            foreign_spool: ForeignSpool::Present,
            deduplication: Some(DeduplicationReport {
                entries: 3,
                reaches_seconds: 600,
                repeated: 2,
                message_ids_reused: 1,
            }),
            spool_formats: vec![1, 2],
        };
        let text = serde_json::to_string(&report).unwrap();
        assert_eq!(
            text,
            r#"{"destinationUID":"u-1","revision":"0011223344556677","ready":true,"configError":"failed to read","credentials":{"state":"Failing","reason":"SecretMissing","detail":"the files are missing"},"clockSkewSeconds":-600,"writeKeys":{"state":"Loaded","revision":"8899aabb"},"sources":[{"name":"web","writeKeys":{"state":"Missing"}}],"hashKey":"Loaded","certificate":"Missing","streams":[{"name":"orders","state":"Failing","reason":"SecretMissing","detail":"no key","mapping":"spec.mappings[0]","refusedEvents":7}],"backlog":"Waiting","disk":"Stalled","deadLetters":"Full","intake":"Closed","drainGeneration":7,"foreignSpool":"Present","deduplication":{"entries":3,"reachesSeconds":600,"repeated":2,"messageIdsReused":1},"spoolFormats":[1,2]}"#
        );
        assert_eq!(serde_json::from_str::<Report>(&text).unwrap(), report);
    }
}
