//! Spec → [`Validated`]. The API server has checked the schema and its rules; what they cannot see is checked here, and
//! everything is read into numbers and choices once.

mod credentials;
mod labels;
mod permitted;
mod sizes;

use std::{collections::HashMap, net::IpAddr};

use firehose_operator_api as api;
use firehose_operator_api::{EndpointType, FirehoseDestination, FirehoseDestinationSpec, Reason};
use firehose_proxy_config as config;
use kube::{Resource as _, ResourceExt as _};

use credentials::toggle;

use super::{
    Allowed, Paths, Rejection, Validated, document,
    endpoints::{self, Addresses},
    rejection::not_implemented,
    validated::Certificates,
};

/// Most bytes of a rendered document. A ConfigMap holds 1 MiB with its metadata.
const MAX_DOCUMENT_BYTES: usize = 900 * 1024;

/// Checks a destination and reads it into a form that can be planned. What it asks of the cluster
/// and the addresses that it names are among what is allowed.
///
/// # Errors
///
/// Everything that is wrong with it, by field.
pub fn validate(destination: &FirehoseDestination, allowed: &Allowed) -> Result<Validated, Vec<Rejection>> {
    let spec = &destination.spec;
    let mut rejections: Vec<Rejection> = not_implemented(spec).collect();
    check_mappings(&spec.mappings, &mut rejections);
    check_networks(&spec.ingest.trusted_proxies, &mut rejections);
    labels::check(spec, &mut rejections);
    let namespace = destination.namespace().unwrap_or_default();
    permitted::check(spec, &namespace, allowed, &mut rejections);
    let addresses = endpoints::read(spec, &allowed.endpoints, &mut rejections);
    let sizes = sizes::read(spec, &mut rejections);
    if !rejections.is_empty() {
        return Err(rejections);
    }
    let validated = Validated {
        settings: settings(destination, &sizes, addresses),
        credentials_secret: spec.credentials.static_.clone(),
        write_keys_secret: write_keys(&spec.ingest),
        hash_key_secret: hash_key(&spec.ingest),
        certificates: spec.ingest.tls.as_ref().map(certificates),
        allowed_clients: spec.ingest.allowed_clients.clone(),
        claim: spec.spool.persistent_volume_claim.clone(),
        proxy: spec.proxy.clone(),
        owner: destination.controller_owner_ref(&()).unwrap_or_default(),
    };
    super::resources::check(&validated)?;
    check_size(&validated)?;
    Ok(validated)
}

/// Two rows may not have the same event in Unicode lower case and the same source, because then the order of the rows
/// would matter.
fn check_mappings(mappings: &[api::Mapping], rejections: &mut Vec<Rejection>) {
    let mut seen: HashMap<(String, Option<&str>), usize> = HashMap::with_capacity(mappings.len());
    for (row, mapping) in mappings.iter().enumerate() {
        let field = format!("spec.mappings[{row}].event");
        if mapping.event.trim().is_empty() {
            rejections.push(Rejection::new(field, Reason::Invalid, "must not be blank"));
            continue;
        }
        if let Some(first) = seen.insert((mapping.event.to_lowercase(), mapping.source.as_deref()), row) {
            let message = format!(
                "row {row} has the same event and source as row {first}: {:?} and {:?}, upper and lower case not told apart",
                mapping.event, mappings[first].event
            );
            rejections.push(Rejection::new(field, Reason::DuplicateEvent, message));
        }
    }
}

fn check_networks(networks: &[String], rejections: &mut Vec<Rejection>) {
    for (index, network) in networks.iter().enumerate() {
        let is_network = network.split_once('/').is_some_and(|(address, length)| {
            let bits = match address.parse() {
                Ok(IpAddr::V4(_)) => 32,
                Ok(IpAddr::V6(_)) => 128,
                Err(_) => return false,
            };
            length.parse::<u8>().is_ok_and(|length| length <= bits)
        });
        if !is_network {
            let field = format!("spec.ingest.trustedProxies[{index}]");
            rejections.push(Rejection::new(
                field,
                Reason::Invalid,
                format!("{network:?} is not a network"),
            ));
        }
    }
}

fn check_size(validated: &Validated) -> Result<(), Vec<Rejection>> {
    let rendered = config::render(&document(validated, &Paths::default()));
    let bytes = rendered.expect("a document of plain data serializes").len();
    if bytes <= MAX_DOCUMENT_BYTES {
        return Ok(());
    }
    let message = format!("the configuration would be {bytes} bytes, a ConfigMap has room for {MAX_DOCUMENT_BYTES}");
    Err(vec![Rejection::new("spec.mappings", Reason::TooLarge, message)])
}

fn settings(destination: &FirehoseDestination, sizes: &sizes::Sizes, addresses: Addresses) -> config::Document {
    let spec = &destination.spec;
    let replicas = spec.replicas.unsigned_abs();
    let endpoint = spec.endpoints.firehose.kind;
    config::Document {
        format_version: config::FORMAT_VERSION,
        requires: requires(spec),
        revision: String::new(),
        destination: config::Destination {
            namespace: destination.namespace().unwrap_or_else(|| "default".to_owned()),
            name: destination.name_any(),
            uid: destination.uid().unwrap_or_default(),
        },
        region: spec.region.clone(),
        endpoint_url: addresses.firehose,
        use_fips: toggle(matches!(endpoint, EndpointType::Fips | EndpointType::FipsDualStack)),
        use_dual_stack: toggle(matches!(
            endpoint,
            EndpointType::DualStack | EndpointType::FipsDualStack
        )),
        credentials: credentials::credentials(destination, addresses.sts),
        mappings: spec.mappings.iter().map(mapping).collect(),
        ingest: ingest(&spec.ingest, sizes),
        delivery: delivery(spec, sizes),
        streams: sizes.streams.clone(),
        spool: config::Spool {
            kind: match spec.spool.kind {
                api::SpoolType::PersistentVolumeClaim => config::SpoolType::PersistentVolumeClaim,
                api::SpoolType::Ephemeral => config::SpoolType::Ephemeral,
            },
            max_size_bytes: sizes.spool,
            dead_letters: config::DeadLetters {
                max_size_bytes: sizes.dead_letters,
            },
            format_version: 1,
        },
        replicas,
        active_replicas: replicas,
        drain_generation: None,
    }
}

/// What a proxy must know to apply the document; one that does not keeps its last one.
fn requires(spec: &FirehoseDestinationSpec) -> Vec<String> {
    let used = [
        (config::REQUEST_IP, spec.ingest.request_ip != api::RequestIp::Full),
        (config::SECOND_ROLE, spec.credentials.assume_roles.len() > 1),
        (config::PRIVACY, spec.ingest.privacy.is_some()),
        (config::TLS, spec.ingest.tls.is_some()),
    ];
    let names = used.iter().filter(|(_, is_used)| *is_used);
    names.map(|(name, _)| (*name).to_owned()).collect()
}

fn write_keys(ingest: &api::Ingest) -> Option<api::SecretKeyRef> {
    Some(ingest.authentication.write_keys.as_ref()?.secret_key_ref.clone())
}

fn hash_key(ingest: &api::Ingest) -> Option<api::SecretKeyRef> {
    Some(ingest.privacy.as_ref()?.hash_key.as_ref()?.secret_key_ref.clone())
}

fn certificates(tls: &api::Tls) -> Certificates {
    let clients = &tls.client_certificates;
    Certificates {
        own: tls.secret_ref.name.clone(),
        mode: match clients.mode {
            api::ClientCertificateMode::None => config::ClientCertificateMode::None,
            api::ClientCertificateMode::Optional => config::ClientCertificateMode::Optional,
            api::ClientCertificateMode::Required => config::ClientCertificateMode::Required,
        },
        authorities: clients.ca_secret_ref.as_ref().map(|secret| secret.name.clone()),
    }
}

fn privacy(privacy: &api::Privacy) -> config::Privacy {
    let rule = |rule: &api::PrivacyRule| config::PrivacyRule {
        path: rule.path.clone(),
        action: match rule.action {
            api::PrivacyAction::Drop => config::PrivacyAction::Drop,
            api::PrivacyAction::Hash => config::PrivacyAction::Hash,
            api::PrivacyAction::Redact => config::PrivacyAction::Redact,
        },
    };
    config::Privacy {
        hash_key: None,
        rules: privacy.rules.iter().map(rule).collect(),
    }
}

fn mapping(mapping: &api::Mapping) -> config::Mapping {
    config::Mapping {
        event: mapping.event.clone(),
        delivery_stream_name: mapping.delivery_stream_name.clone(),
    }
}

fn ingest(ingest: &api::Ingest, sizes: &sizes::Sizes) -> config::Ingest {
    config::Ingest {
        state: match ingest.state {
            api::IngestState::Enabled => config::IngestState::Enabled,
            api::IngestState::Unavailable => config::IngestState::Unavailable,
            api::IngestState::Gone => config::IngestState::Gone,
        },
        write_keys: None,
        max_request_size_bytes: sizes.max_request,
        invalid_event_policy: match ingest.invalid_event_policy {
            api::InvalidEventPolicy::DeadLetter => config::InvalidEventPolicy::DeadLetter,
            api::InvalidEventPolicy::RejectBatch => config::InvalidEventPolicy::RejectBatch,
        },
        events_per_second_per_pod: ingest.events_per_second_per_pod.map(i32::unsigned_abs),
        trusted_proxies: ingest.trusted_proxies.clone(),
        request_ip: match ingest.request_ip {
            api::RequestIp::Full => config::RequestIp::Full,
            api::RequestIp::Truncated => config::RequestIp::Truncated,
            api::RequestIp::Omitted => config::RequestIp::Omitted,
        },
        privacy: ingest.privacy.as_ref().map(privacy),
        connections: ingest.connections.as_ref().map(|stated| config::Connections {
            max_age_seconds: stated.max_age_seconds.unsigned_abs(),
            idle_timeout_seconds: stated.idle_timeout_seconds.unsigned_abs(),
        }),
        tls: None,
        cors: config::Cors {
            allowed_origins: ingest.cors.allowed_origins.clone(),
        },
        deduplication: deduplication(ingest.deduplication.as_ref()),
    }
}

/// What is not stated is the document's to say.
fn deduplication(stated: Option<&api::Deduplication>) -> config::Deduplication {
    let default = config::Deduplication::default();
    stated.map_or(default, |stated| config::Deduplication {
        state: match stated.state {
            api::Toggle::Enabled => config::Toggle::Enabled,
            api::Toggle::Disabled => config::Toggle::Disabled,
        },
        window_seconds: stated.window_seconds.unsigned_abs(),
        max_memory_bytes: stated.max_memory.bytes().unwrap_or(default.max_memory_bytes),
    })
}

fn delivery(spec: &FirehoseDestinationSpec, sizes: &sizes::Sizes) -> config::Delivery {
    let delivery = &spec.delivery;
    config::Delivery {
        state: match delivery.state {
            api::DeliveryState::Running => config::DeliveryState::Running,
            api::DeliveryState::Paused => config::DeliveryState::Paused,
        },
        acknowledge: match (delivery.acknowledge, spec.spool.kind) {
            (Some(api::Acknowledge::WhenSpooled), _) | (None, api::SpoolType::PersistentVolumeClaim) => {
                config::Acknowledge::WhenSpooled
            }
            (Some(api::Acknowledge::WhenDelivered), _) | (None, api::SpoolType::Ephemeral) => {
                config::Acknowledge::WhenDelivered
            }
        },
        linger_milliseconds: delivery.linger_milliseconds.unsigned_abs(),
        record_delimiter: match delivery.record_delimiter {
            api::RecordDelimiter::Newline => config::RecordDelimiter::Newline,
            api::RecordDelimiter::None => config::RecordDelimiter::None,
        },
        max_age_seconds: delivery.max_age_seconds.map(|age| u64::from(age.unsigned_abs())),
        quota: sizes.quota,
    }
}
