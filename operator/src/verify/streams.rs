//! The delivery streams, as all proxies together see them.

use std::collections::BTreeMap;

use firehose_operator_api::{Reason, StreamState, StreamStatus};
use firehose_proxy_config::report;

use super::findings::Proxy;

/// Most streams of a status, which is as many as a destination has mappings.
const MAX_STREAMS_IN_STATUS: usize = 1000;

/// Each stream once, in the state of the proxy that sees it worst.
pub(super) fn streams(proxies: &[Proxy]) -> Vec<StreamStatus> {
    let mut worst: BTreeMap<&str, (StreamState, Reason, Option<&str>)> = BTreeMap::new();
    for stream in proxies
        .iter()
        .filter_map(|proxy| proxy.report.as_ref())
        .flat_map(|report| &report.streams)
    {
        let seen = (state(stream.state), stream.reason.into(), stream.message.as_deref());
        let entry = worst.entry(&stream.name).or_insert(seen);
        // Of two that see the same, the one with something to tell.
        let rank = |(state, reason, _): (StreamState, Reason, _)| {
            (state, !matches!(reason, Reason::Succeeded | Reason::NoTraffic))
        };
        if rank(seen) > rank(*entry) {
            *entry = seen;
        }
    }
    let list = worst.into_iter().map(|(name, (state, reason, message))| StreamStatus {
        delivery_stream_name: name.to_owned(),
        state,
        reason,
        message: message.map(str::to_owned),
    });
    list.take(MAX_STREAMS_IN_STATUS).collect()
}

fn state(state: report::StreamState) -> StreamState {
    match state {
        report::StreamState::Idle => StreamState::Idle,
        report::StreamState::Delivering => StreamState::Delivering,
        report::StreamState::Failing => StreamState::Failing,
        report::StreamState::Paused => StreamState::Paused,
        report::StreamState::Unknown => StreamState::Unknown,
    }
}
