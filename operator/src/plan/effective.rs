//! What is in force where a spec leaves a choice open, for the status. What only the proxies know is left out.

use firehose_operator_api::{Acknowledge, ByteSize, Effective, EffectiveEndpoints, EffectiveQuota};
use firehose_proxy_config as config;

use super::{Installation, Validated, children::account, confirmable::confirmable};

/// What is in force for a destination.
pub fn effective(validated: &Validated, installation: &Installation) -> Effective {
    let settings = &validated.settings;
    let endpoints = EffectiveEndpoints {
        firehose: settings.endpoint_url.clone(),
        sts: sts(settings),
    };
    Effective {
        acknowledge: Some(match settings.delivery.acknowledge {
            config::Acknowledge::WhenSpooled => Acknowledge::WhenSpooled,
            config::Acknowledge::WhenDelivered => Acknowledge::WhenDelivered,
        }),
        max_size: Some(ByteSize::of_bytes(settings.spool.max_size_bytes).to_string()),
        confirmable_request_size: confirmable(validated)
            .map(|bytes| ByteSize::of_bytes(bytes / 1024 * 1024).to_string()),
        identity: Some(identity(validated)),
        endpoints: Some(endpoints).filter(|endpoints| *endpoints != EffectiveEndpoints::default()),
        quota_per_pod: settings
            .delivery
            .quota
            .as_ref()
            .map(|quota| per_pod(quota, settings.replicas)),
        image: Some(installation.proxy_image.clone()),
    }
}

/// The address of STS that is named, where it is talked to.
fn sts(settings: &config::Document) -> Option<String> {
    let credentials = &settings.credentials;
    let role = credentials.assume_role.as_ref().map(|role| &role.sts);
    let identity = credentials.web_identity.as_ref().map(|identity| &identity.sts);
    role.or(identity)?.endpoint_url.clone()
}

/// The source of credentials, then the roles that are assumed with them. Where a role must trust the pods' service
/// account, it is named as trust policies name it.
pub(super) fn identity(validated: &Validated) -> String {
    let credentials = &validated.settings.credentials;
    let subject = || format!("system:serviceaccount:{}:{}", validated.namespace(), account(validated));
    let mut words = match (
        credentials.kind,
        &validated.credentials_secret,
        &credentials.web_identity,
    ) {
        (config::CredentialsType::Static, Some(secret), _) => format!("Static {}", secret.secret_ref.name),
        (config::CredentialsType::WebIdentity, _, Some(identity)) => {
            format!("WebIdentity {} of {}", identity.role_arn, subject())
        }
        (config::CredentialsType::PodIdentity, _, _) => format!("PodIdentity of {}", subject()),
        (config::CredentialsType::InstanceProfile, _, _) => "InstanceProfile".to_owned(),
        _ => "Ambient".to_owned(),
    };
    for role in [&credentials.assume_role, &credentials.second_role]
        .into_iter()
        .flatten()
    {
        words.push_str(", ");
        words.push_str(&role.role_arn);
    }
    words
}

/// As the proxies divide it.
fn per_pod(quota: &config::Quota, replicas: u32) -> EffectiveQuota {
    let share = |whole: Option<u64>| whole.map(|whole| whole / u64::from(replicas.max(1)));
    let count = |whole| share(whole).map(|share| i64::try_from(share).unwrap_or(i64::MAX));
    EffectiveQuota {
        bytes_per_second: share(quota.bytes_per_second).map(|bytes| ByteSize::of_bytes(bytes).to_string()),
        records_per_second: count(quota.records_per_second),
        requests_per_second: count(quota.requests_per_second),
    }
}
