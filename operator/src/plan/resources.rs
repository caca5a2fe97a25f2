//! What a pod needs of memory and of its node's disk for what its destination asks of it, by the proxy's own formula.

use std::collections::BTreeMap;

use firehose_operator_api::{Amount, ByteSize, Reason, ResourceAmounts};
use firehose_proxy_config::memory;
use k8s_openapi::{api::core::v1::ResourceRequirements, apimachinery::pkg::api::resource::Quantity};

use super::{Rejection, Validated};

/// The log and the files that are made beside the events.
const DISK_MARGIN_BYTES: u64 = 256 * 1024 * 1024;

const MEMORY: &str = "memory";
const EPHEMERAL_STORAGE: &str = "ephemeral-storage";

/// What a pod needs, in bytes.
#[derive(Debug, Clone, Copy)]
struct Needs {
    memory: u64,
    /// Of the node's disk: everything, for a spool that goes with its pod.
    disk: Option<u64>,
}

impl Needs {
    fn of(validated: &Validated) -> Self {
        let spool = &validated.settings.spool;
        let events = spool.max_size_bytes.saturating_add(spool.dead_letters.max_size_bytes);
        Self {
            memory: memory::limit_bytes(memory::account_of(&validated.settings)),
            disk: validated
                .claim
                .is_none()
                .then(|| events.saturating_add(DISK_MARGIN_BYTES)),
        }
    }
}

/// The resources of the container: what is stated, else what is needed.
pub(super) fn of(validated: &Validated) -> ResourceRequirements {
    if let Some(stated) = &validated.proxy.resources {
        return ResourceRequirements {
            requests: amounts(&stated.requests),
            limits: amounts(&stated.limits),
            ..ResourceRequirements::default()
        };
    }
    let Needs { memory, disk } = Needs::of(validated);
    let bytes = |bytes: u64| Quantity(ByteSize::of_bytes(bytes).as_str().to_owned());
    let mut limits = BTreeMap::from([(MEMORY.to_owned(), bytes(memory))]);
    limits.extend(disk.map(|disk| (EPHEMERAL_STORAGE.to_owned(), bytes(disk))));
    // What is promised to clients is not lent to other pods.
    let mut requests = limits.clone();
    requests.insert("cpu".to_owned(), Quantity("100m".to_owned()));
    ResourceRequirements {
        requests: Some(requests),
        limits: Some(limits),
        ..ResourceRequirements::default()
    }
}

/// Refuses limits in which a pod would be ended by the kernel, or evicted.
pub(super) fn check(validated: &Validated) -> Result<(), Vec<Rejection>> {
    let Some(stated) = &validated.proxy.resources else {
        return Ok(());
    };
    let Needs { memory, disk } = Needs::of(validated);
    let limits = &stated.limits;
    let below = [
        (
            MEMORY,
            &limits.memory,
            Some(memory),
            "spec.ingest.maxRequestSize and spec.spool.maxSize",
        ),
        (EPHEMERAL_STORAGE, &limits.ephemeral_storage, disk, "spec.spool"),
    ];
    let rejections = below.into_iter().filter_map(|(name, limit, needed, because)| {
        let (limit, needed) = (limit.as_ref()?, needed?);
        let is_enough = bytes(limit).is_none_or(|bytes| bytes >= needed);
        (!is_enough).then(|| {
            let needed = ByteSize::of_bytes(needed);
            let message = format!("{} is below the {needed} that {because} need", limit.as_str());
            Rejection::new(format!("spec.proxy.resources.limits.{name}"), Reason::Invalid, message)
        })
    });
    let rejections: Vec<Rejection> = rejections.collect();
    match rejections.is_empty() {
        true => Ok(()),
        false => Err(rejections),
    }
}

fn bytes(amount: &Amount) -> Option<u64> {
    ByteSize::new(amount.as_str()).bytes()
}

fn amounts(amounts: &ResourceAmounts) -> Option<BTreeMap<String, Quantity>> {
    let named = [
        ("cpu", &amounts.cpu),
        (MEMORY, &amounts.memory),
        (EPHEMERAL_STORAGE, &amounts.ephemeral_storage),
    ];
    let given = named
        .into_iter()
        .filter_map(|(name, amount)| Some((name, amount.as_ref()?)));
    let given: BTreeMap<String, Quantity> = given
        .map(|(name, amount)| (name.to_owned(), Quantity(amount.as_str().to_owned())))
        .collect();
    Some(given).filter(|given| !given.is_empty())
}
