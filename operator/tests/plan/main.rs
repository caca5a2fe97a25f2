//! The plan, from manifests to golden files.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test reports")]

mod children;
mod endpoints;
mod identity;
mod network_policy;
mod not_implemented;
mod outwards;
mod permitted;
mod refused;
mod withdrawal;

use firehose_operator::plan::{
    Allowed, AllowedEndpoints, Installation, Networks, PodIdentityAgent, ProxySettings, ProxyUser, Rejection,
    Validated, validate,
};
use firehose_operator_api::{FirehoseDestination, Reason, admission::admit, manifests::objects};
use serde_json::{Value, json};

pub(crate) fn installation() -> Installation {
    Installation {
        proxy_image: "registry.example/firehose-proxy:1.2.3".to_owned(),
        image_pull_policy: None,
        architecture: Some("amd64".to_owned()),
        allowed: allowed(),
        proxy_user: ProxyUser::Fixed,
        web_identity_audience: "sts.amazonaws.com".to_owned(),
        pod_identity_agent: PodIdentityAgent::Ipv4,
        networks: Some(Networks {
            operator_namespace: "firehose-system".to_owned(),
            monitoring_namespaces: vec!["monitoring".to_owned()],
        }),
        proxies: ProxySettings::default(),
    }
}

/// Anything, of addresses the hosts that tests name.
pub(crate) fn allowed() -> Allowed {
    let named = ["vpce.example", "sts.example"].map(|host| host.parse().unwrap());
    Allowed {
        endpoints: AllowedEndpoints::named(named.to_vec()),
        ..Allowed::anything()
    }
}

pub(crate) fn manifest(text: &str) -> FirehoseDestination {
    let mut destination = admit(&objects(text).unwrap()[0]).unwrap();
    destination.metadata.namespace = Some("analytics".to_owned());
    destination.metadata.uid = Some("0b5ef4a9-6a4c-4a6c-9d5c-7a3c3f1c0001".to_owned());
    destination.metadata.generation = Some(1);
    destination
}

pub(crate) fn destination(spec: &Value) -> FirehoseDestination {
    let mut manifest = json!({
        "apiVersion": "firehose-operator.dev/v1alpha1",
        "kind": "FirehoseDestination",
        "metadata": {"name": "orders"},
        "spec": {"region": "eu-west-1", "mappings": [{"event": "*", "deliveryStreamName": "everything"}]},
    });
    for (name, value) in spec.as_object().unwrap() {
        manifest["spec"][name] = value.clone();
    }
    admit(&manifest).unwrap_or_else(|refusals| panic!("{spec}: {refusals:?}"))
}

pub(crate) fn plan_of(text: &str) -> Validated {
    validate(&manifest(text), &allowed()).unwrap()
}

pub(crate) fn refusals(spec: &Value) -> Vec<(String, Reason)> {
    let rejections: Vec<Rejection> = validate(&destination(spec), &allowed()).err().unwrap_or_default();
    rejections
        .into_iter()
        .map(|rejection| (rejection.field, rejection.reason))
        .collect()
}
