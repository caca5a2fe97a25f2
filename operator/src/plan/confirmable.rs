//! How large a request may be that is confirmed at its first try. A larger one is taken and confirmed after some more
//! (what was delivered of it is remembered), so nothing is refused for it; its sender only waits longer.

use firehose_operator_api::ByteSize;
use firehose_proxy_config::{Acknowledge, default_quota};

use super::Validated;

/// How long a proxy lets a request wait for Firehose, in milliseconds. The last half second is for the answer.
const SENT_WITHIN_MILLISECONDS: u64 = 10_000 - 500;

/// The stream that takes least from one pod.
struct Slowest<'spec> {
    name: &'spec str,
    bytes_per_second: u64,
}

/// Most bytes of a request that its stream takes in time, if there is nothing else for it. `None` where the disk
/// confirms: that is a matter of the disk.
pub(super) fn confirmable(validated: &Validated) -> Option<u64> {
    let slowest = slowest(validated)?;
    Some(slowest.bytes_per_second.saturating_mul(SENT_WITHIN_MILLISECONDS) / 1000)
}

/// What is to be said of an accepted spec whose largest requests take several tries.
pub fn advice(validated: &Validated) -> Option<String> {
    let confirmable = confirmable(validated)?;
    let allowed = validated.settings.ingest.max_request_size_bytes;
    let Slowest { name, bytes_per_second } = slowest(validated)?;
    let [confirmable_size, allowed_size, rate] =
        [confirmable, allowed, bytes_per_second].map(|bytes| ByteSize::of_bytes(bytes / 1024 * 1024));
    (allowed > confirmable).then(|| {
        format!(
            "requests over {confirmable_size} take several tries until they are confirmed: spec.ingest.maxRequestSize is \
             {allowed_size}, and stream {name} takes {rate} a second from each pod"
        )
    })
}

fn slowest(validated: &Validated) -> Option<Slowest<'_>> {
    let settings = &validated.settings;
    if settings.delivery.acknowledge == Acknowledge::WhenSpooled {
        return None;
    }
    let default = default_quota(&settings.region).bytes_per_second;
    let of = |name: &str| {
        let own = settings.streams.iter().find(|stream| stream.name == name);
        let stated = own.and_then(|own| own.quota).or(settings.delivery.quota);
        stated.and_then(|quota| quota.bytes_per_second).or(default)
    };
    let names = settings
        .mappings
        .iter()
        .map(|mapping| mapping.delivery_stream_name.as_str());
    names
        .filter_map(|name| {
            Some(Slowest {
                name,
                bytes_per_second: of(name)? / u64::from(settings.replicas.max(1)),
            })
        })
        .min_by_key(|stream| stream.bytes_per_second)
}
