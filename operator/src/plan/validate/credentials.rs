//! The identity that a destination asks for, in the words of the configuration document.

use firehose_operator_api::{self as api, EndpointType, FirehoseDestination, SessionTags};
use firehose_proxy_config as config;
use kube::ResourceExt as _;
use std::collections::BTreeMap;

/// Keys of the tags that a session bears, on which policies may decide.
const NAMESPACE_TAG: &str = "firehose-operator.dev/namespace";
const NAME_TAG: &str = "firehose-operator.dev/name";

/// The identity; `address` is that of STS, if the spec names one.
pub(super) fn credentials(destination: &FirehoseDestination, address: Option<String>) -> config::Credentials {
    let credentials = &destination.spec.credentials;
    let sts = sts(&destination.spec.endpoints, address);
    let mut roles = credentials.assume_roles.iter();
    let mut next_role = || {
        let role = roles.next()?;
        Some(config::AssumeRole {
            role_arn: role.role_arn.clone(),
            external_id: role.external_id.clone(),
            session_name: Some(role.session_name.clone().unwrap_or_else(|| session_name(destination))),
            sts: sts.clone(),
            session_tags: match role.session_tags {
                SessionTags::None => BTreeMap::new(),
                SessionTags::Destination => tags(destination),
            },
        })
    };
    config::Credentials {
        kind: match credentials.kind {
            api::CredentialsType::Ambient => config::CredentialsType::Ambient,
            api::CredentialsType::Static => config::CredentialsType::Static,
            api::CredentialsType::WebIdentity => config::CredentialsType::WebIdentity,
            api::CredentialsType::PodIdentity => config::CredentialsType::PodIdentity,
            api::CredentialsType::InstanceProfile => config::CredentialsType::InstanceProfile,
        },
        static_: None,
        web_identity: credentials.web_identity.as_ref().map(|identity| config::WebIdentity {
            role_arn: identity.role_arn.clone(),
            session_name: session_name(destination),
            token_file: String::new(),
            sts: sts.clone(),
        }),
        assume_role: next_role(),
        second_role: next_role(),
    }
}

pub(super) fn toggle(on: bool) -> config::Toggle {
    if on {
        config::Toggle::Enabled
    } else {
        config::Toggle::Disabled
    }
}

/// Absent, STS is of Firehose's type, or the region's own where that is an address.
fn sts(endpoints: &api::Endpoints, address: Option<String>) -> config::Sts {
    let kind = endpoints.sts.as_ref().unwrap_or(&endpoints.firehose).kind;
    config::Sts {
        endpoint_url: address,
        use_fips: toggle(matches!(kind, EndpointType::Fips | EndpointType::FipsDualStack)),
        use_dual_stack: toggle(matches!(kind, EndpointType::DualStack | EndpointType::FipsDualStack)),
    }
}

fn tags(destination: &FirehoseDestination) -> BTreeMap<String, String> {
    BTreeMap::from([
        (NAMESPACE_TAG.to_owned(), destination.namespace().unwrap_or_default()),
        (NAME_TAG.to_owned(), destination.name_any()),
    ])
}

/// STS takes at most 64 characters.
fn session_name(destination: &FirehoseDestination) -> String {
    let namespace = destination.namespace().unwrap_or_default();
    format!("{namespace}.{}", destination.name_any())
        .chars()
        .take(64)
        .collect()
}
