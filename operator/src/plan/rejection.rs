//! What a destination is rejected for beyond the rules of [`super::validate()`]: what this version does not do, and
//! what its running pods cannot follow. A destination that asks for either is refused by field, never half served.

use firehose_operator_api::{Billing, ByteSize, DeletionType, FirehoseDestinationSpec, Reason, Undeliverable};
use k8s_openapi::api::apps::v1::StatefulSet;

/// One reason for which a spec is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct Rejection {
    /// The field, for example `spec.mappings[3].event`.
    pub field: String,
    /// What the `Accepted` condition says.
    pub reason: Reason,
    /// What is wrong with the field, for a person.
    pub message: String,
}

impl Rejection {
    pub(super) fn new(field: impl Into<String>, reason: Reason, message: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            reason,
            message: message.into(),
        }
    }
}

type Uses = fn(&FirehoseDestinationSpec) -> bool;

/// What the custom resource has and this version does not do yet. With [`NOT_IMPLEMENTED_IN_LISTS`] the one list of
/// such fields: whoever builds one deletes its line here and the words "not implemented in this version" in its
/// comment.
const NOT_IMPLEMENTED: &[(&str, Uses)] = &[
    ("spec.ingest.sources", |spec| !spec.ingest.sources.is_empty()),
    ("spec.ingest.sourceField", |spec| spec.ingest.source_field.is_some()),
    ("spec.delivery.undeliverable", |spec| {
        spec.delivery.undeliverable == Undeliverable::DeadLetter
    }),
    ("spec.spool.persistentVolumeClaim.template.metadata", |spec| {
        let claim = spec.spool.persistent_volume_claim.as_ref();
        claim.is_some_and(|claim| {
            let metadata = &claim.template.metadata;
            !metadata.labels.is_empty() || !metadata.annotations.is_empty()
        })
    }),
    (
        "spec.spool.persistentVolumeClaim.template.spec.volumeAttributesClassName",
        |spec| {
            let claim = spec.spool.persistent_volume_claim.as_ref();
            claim.is_some_and(|claim| claim.template.spec.volume_attributes_class_name.is_some())
        },
    ),
    ("spec.deletion.type", |spec| spec.deletion.kind == DeletionType::Drain),
];

type UsedBy = fn(&FirehoseDestinationSpec) -> Vec<usize>;

/// A list, a field of its items, and which items use it.
const NOT_IMPLEMENTED_IN_LISTS: &[(&str, &str, UsedBy)] = &[
    ("spec.mappings", ".source", |spec| {
        positions(&spec.mappings, |mapping| mapping.source.is_some())
    }),
    ("spec.streams", ".billing", |spec| {
        positions(&spec.streams, |stream| stream.billing != Billing::FiveKiB)
    }),
];

fn positions<T>(items: &[T], uses: impl Fn(&T) -> bool) -> Vec<usize> {
    let used = items.iter().enumerate().filter(|(_, item)| uses(item));
    used.map(|(position, _)| position).collect()
}

/// One [`Rejection`] for each field that is not implemented and that `spec` uses.
pub(super) fn not_implemented(spec: &FirehoseDestinationSpec) -> impl Iterator<Item = Rejection> + '_ {
    let single = NOT_IMPLEMENTED.iter().filter(|(_, uses)| uses(spec));
    let single = single.map(|(field, _)| (*field).to_owned());
    let in_lists = NOT_IMPLEMENTED_IN_LISTS.iter().flat_map(|(list, field, used_by)| {
        let positions = used_by(spec).into_iter();
        positions.map(move |position| format!("{list}[{position}]{field}"))
    });
    let fields = single.chain(in_lists);
    fields.map(|field| Rejection::new(field, Reason::NotImplemented, "is not implemented in this version"))
}

/// What is asked of a running workload and cannot be done to it. Left to the API server, it would refuse the whole
/// StatefulSet, and with it every other edit of the destination, for as long as the destination asks.
pub fn unchangeable(running: &StatefulSet, wanted: &StatefulSet) -> Option<Rejection> {
    let (running, wanted) = (claim_size(running)?, claim_size(wanted)?);
    // As bytes, because the API server writes 1024Mi as 1Gi.
    let bytes = |size: &str| ByteSize::new(size).bytes();
    if bytes(&running)? == bytes(&wanted)? {
        return None;
    }
    Some(Rejection::new(
        "spec.spool.persistentVolumeClaim.template.spec.resources.requests.storage",
        Reason::NotImplemented,
        format!("the claims of the pods have {running} and are not resized in this version"),
    ))
}

/// What the pods' claims ask for, as it is written.
fn claim_size(workload: &StatefulSet) -> Option<String> {
    let claim = workload.spec.as_ref()?.volume_claim_templates.as_ref()?.first()?;
    let requests = claim.spec.as_ref()?.resources.as_ref()?.requests.as_ref()?;
    Some(requests.get("storage")?.0.clone())
}
