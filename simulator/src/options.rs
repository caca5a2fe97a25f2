//! How a simulator is set up. Reads no files and no environment; the binary's command line fills it.

use std::net::Ipv4Addr;

use dual_stack_listener::Place;

use crate::access::AccessSettings;

/// What a simulator needs to know before its first request. The default listens on a free loopback port, knows no
/// stream and creates none.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where to listen. Port 0 takes a free one.
    pub listen: Place,
    /// Whether a put to an unknown stream creates it, instead of the service's `ResourceNotFoundException`.
    pub create_on_demand: bool,
    /// Streams that exist from the start and again after a reset.
    pub streams: Vec<String>,
    /// Bytes of record data kept for each stream. Over it the oldest records are forgotten (the counters keep
    /// counting them); the newest record is kept even when it alone is larger.
    pub keep_bytes_per_stream: usize,
    /// Seed of every random choice: which records a probability hits, record identifiers, request identifiers.
    pub seed: u64,
    /// Region in the ARNs and in the signature's scope.
    pub region: String,
    /// Twelve-digit account in the ARNs and in error messages.
    pub account: String,
    /// Who may call, from the start and again after a reset.
    pub access: AccessSettings,
    /// Connections served at once; further ones wait in the listener's queue.
    pub max_connections: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: Place::Address((Ipv4Addr::LOCALHOST, 0).into()),
            create_on_demand: false,
            streams: Vec::new(),
            keep_bytes_per_stream: 64 << 20,
            seed: 0,
            region: "us-east-1".to_owned(),
            account: "123456789012".to_owned(),
            access: AccessSettings::default(),
            max_connections: 512,
        }
    }
}
