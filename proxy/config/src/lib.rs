//! The configuration document: what the operator writes into a ConfigMap and the proxy reads from a mounted directory;
//! and the [`report`] that the proxy answers with.
//!
//! Serde only. It knows neither the custom resource (the operator's business) nor the routing table, the spool or AWS
//! (the proxy's). It never holds a secret: credentials and write keys are named by the directory they are mounted in.
//!
//! # Compatibility
//!
//! A rollout has proxies of two versions under one operator, so each side must read the other's document:
//!
//! * a reader ignores fields that it does not know, and every field that was added later has a default;
//! * a writer that uses a field whose neglect would be wrong (an event would be lost, or let in) names its semantics in
//!   [`Document::requires`]; a reader that does not know the name refuses the document and keeps its last good one.

mod credentials;
mod document;
mod ingest;
pub mod letters;
pub mod memory;
mod parse;
mod quota;
pub mod report;
mod revision;
mod toggle;

pub use credentials::{AssumeRole, Credentials, CredentialsType, StaticCredentials, Sts, WebIdentity};
pub use document::{
    Acknowledge, DeadLetters, Delivery, DeliveryState, Destination, Document, Mapping, Packing, Quota, RecordDelimiter,
    Spool, Stream, Undeliverable,
};
pub use ingest::{
    ClientAuthorities, ClientCertificateMode, Connections, Cors, Deduplication, HashKey, Ingest, IngestState,
    InvalidEventPolicy, Privacy, PrivacyAction, PrivacyRule, RequestIp, Sources, Tls, WriteKeys,
};
pub use parse::{ParseError, parse, render};
pub use quota::default_quota;
pub use revision::{revision, secret_revision};
pub use toggle::Toggle;

/// The version of the document's shape that this crate writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// File name of the document inside the mounted configuration directory, and key of the ConfigMap.
pub const FILE_NAME: &str = "config.yaml";

/// Semantics beyond format version 1 that this reader knows; see [`Document::requires`].
pub const KNOWN_REQUIREMENTS: &[&str] = &[REQUEST_IP, PRIVACY, SECOND_ROLE, SOURCES, TLS];

/// Whoever does not know [`Ingest::request_ip`] would keep whole addresses.
pub const REQUEST_IP: &str = "RequestIP";

/// Whoever does not know [`Credentials::second_role`] would deliver as the first one.
pub const SECOND_ROLE: &str = "SecondRole";

/// Whoever does not know [`Ingest::privacy`] would keep what is to be taken out.
pub const PRIVACY: &str = "Privacy";

/// Whoever does not know [`Ingest::sources`], [`Mapping::source`] and [`Ingest::source_field`] would turn their senders
/// away, or send one's events to the streams of another.
pub const SOURCES: &str = "Sources";

/// Whoever does not know [`Ingest::tls`] would take in plain what is to come by HTTPS.
pub const TLS: &str = "TLS";
