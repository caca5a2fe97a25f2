//! What bounds connections: how many there are, how long each lives, and how long it waits.

use std::time::Duration;

/// Bounds on connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Most connections at a time. When there are more, one that is idle leaves, or they wait in the kernel's queue.
    pub most: usize,
    /// How long a request's head may take from its first byte to its end, and a handshake of TLS.
    pub head_timeout: Duration,
    /// How long a connection may be idle: before its first request, and between two. Longer than clients and the
    /// balancers before us keep theirs, so that it is not we who close one that is about to be used.
    pub idle_timeout: Duration,
    /// Age at which a connection is told to close with its next answer, a fifth more or less, so that clients find new
    /// pods behind a Service and not all at once.
    pub max_age: Duration,
    /// Whether a connection serves more than one request.
    pub reused: bool,
    /// How long a client may leave unread what it was answered. A connection to one that reads nothing more, or is
    /// gone without a word, ends after it.
    pub unread_timeout: Duration,
}

impl Default for Connections {
    /// 10,000 connections; 10 s for a head; 620 s idle, which is above the 600 s of Google's balancers, the 60 and 350
    /// s of AWS's, and the 90 s of the pools of Go, reqwest and hyper; ten minutes of age; and 30 s, in which an answer
    /// of a few hundred bytes crosses every network.
    fn default() -> Self {
        Self {
            most: 10_000,
            head_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(620),
            max_age: Duration::from_secs(600),
            reused: true,
            unread_timeout: Duration::from_secs(30),
        }
    }
}
