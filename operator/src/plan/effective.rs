//! What is in force where a spec leaves a choice open, for the status. What only the proxies know is left out.

use firehose_operator_api::{Acknowledge, ByteSize, Effective, EffectiveEndpoints, EffectiveQuota};
use firehose_proxy_config as config;

use super::{Installation, Validated};

/// What is in force for a destination.
pub fn effective(validated: &Validated, installation: &Installation) -> Effective {
    let settings = &validated.settings;
    let endpoints = EffectiveEndpoints {
        firehose: settings.endpoint_url.clone(),
        sts: settings
            .credentials
            .assume_role
            .as_ref()
            .and_then(|role| role.endpoint_url.clone()),
    };
    Effective {
        acknowledge: Some(match settings.delivery.acknowledge {
            config::Acknowledge::WhenSpooled => Acknowledge::WhenSpooled,
            config::Acknowledge::WhenDelivered => Acknowledge::WhenDelivered,
        }),
        max_size: Some(ByteSize::of_bytes(settings.spool.max_size_bytes).to_string()),
        confirmable_request_size: None,
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

/// The source of credentials, then the role that is assumed with them.
pub(super) fn identity(validated: &Validated) -> String {
    let source = match &validated.credentials_secret {
        Some(secret) => format!("Static {}", secret.secret_ref.name),
        None => "Ambient".to_owned(),
    };
    match &validated.settings.credentials.assume_role {
        Some(role) => format!("{source}, {}", role.role_arn),
        None => source,
    }
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
