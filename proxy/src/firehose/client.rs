//! From a configuration to a Firehose client.

use aws_config::sts::AssumeRoleProvider;
use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_sdk_firehose::{
    Client,
    config::{BehaviorVersion, Region, StalledStreamProtectionConfig},
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use firehose_proxy_config::{AssumeRole, CredentialsType, Document, Toggle};

use super::{
    AwsClock, source,
    sts::{no_retries, sts, timeouts},
};

/// Where calls go and who signs them, without the key itself. Another target is another client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub(super) region: String,
    pub(super) endpoint_url: Option<String>,
    pub(super) use_fips: bool,
    pub(super) use_dual_stack: bool,
    pub(super) credentials: firehose_proxy_config::Credentials,
}

/// The identity under a possible role.
pub(super) enum Base {
    /// That of the source that the configuration names.
    Source,
    /// This key and no other.
    Key(Credentials),
}

impl Target {
    /// What a document asks for.
    pub fn of(document: &Document) -> Self {
        Self {
            region: document.region.clone(),
            endpoint_url: document.endpoint_url.clone(),
            use_fips: document.use_fips == Toggle::Enabled,
            use_dual_stack: document.use_dual_stack == Toggle::Enabled,
            credentials: document.credentials.clone(),
        }
    }

    /// Whether AWS is where a key goes: to STS for a role, and otherwise to Firehose. An address that is not AWS's was
    /// named by the installation, since a destination may name no other.
    pub(super) fn is_key_for_aws(&self) -> bool {
        let url = match &self.credentials.assume_role {
            Some(role) => role.sts.endpoint_url.as_deref(),
            None => self.endpoint_url.as_deref(),
        };
        url.is_none_or(is_of_aws)
    }

    /// Whether what signs is handed out by somebody, for a time, instead of being a key.
    pub(super) fn has_sessions(&self) -> bool {
        self.credentials.kind != CredentialsType::Static || self.credentials.assume_role.is_some()
    }

    /// A client for this target. Makes no call yet.
    pub(super) async fn client(&self, base: Base, http: &SharedHttpClient, clock: &AwsClock) -> Client {
        let region = Region::new(self.region.clone());
        let is_key = matches!(base, Base::Key(_));
        let endpoints = source::Endpoints {
            use_fips: self.use_fips,
            use_dual_stack: self.use_dual_stack,
        };
        let source = match base {
            Base::Source => source::provider(&self.credentials, endpoints, &region, http, clock).await,
            Base::Key(credentials) => SharedCredentialsProvider::new(credentials),
        };
        let roles = [&self.credentials.assume_role, &self.credentials.second_role];
        let mut provider = source;
        for role in roles.into_iter().flatten() {
            provider = SharedCredentialsProvider::new(assume(role, &region, provider, http, clock).await);
        }
        let mut config = aws_sdk_firehose::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(region)
            .credentials_provider(provider)
            .http_client(http.clone())
            .time_source(clock.clone())
            .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
            // Delivery retries record by record; the SDK could only repeat the whole call.
            .retry_config(no_retries())
            .timeout_config(timeouts())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .use_fips(self.use_fips)
            .use_dual_stack(self.use_dual_stack);
        if is_key && self.credentials.assume_role.is_none() {
            // A key does not expire; a cache would only cost a lock and a task a call.
            config = config.identity_cache(aws_sdk_firehose::config::IdentityCache::no_cache());
        }
        config.set_endpoint_url(self.endpoint_url.clone());
        Client::from_conf(config.build())
    }
}

async fn assume(
    role: &AssumeRole,
    region: &Region,
    source: SharedCredentialsProvider,
    http: &SharedHttpClient,
    clock: &AwsClock,
) -> AssumeRoleProvider {
    let mut provider = AssumeRoleProvider::builder(&role.role_arn)
        .configure(&sts(&role.sts, region, http, clock))
        .region(region.clone())
        .session_name(role.session_name.as_deref().unwrap_or("firehose-proxy"));
    if let Some(id) = &role.external_id {
        provider = provider.external_id(id);
    }
    if !role.session_tags.is_empty() {
        provider = provider.tags(role.session_tags.clone());
    }
    provider.build_from_provider(source).await
}

/// Whether an address is under a domain of AWS. Anybody may have a host under some of them: this asks for more care
/// with an address, never for less.
fn is_of_aws(url: &str) -> bool {
    const DOMAINS: &[&str] = &[
        "amazonaws.com",
        "amazonaws.com.cn",
        "amazonaws.eu",
        "api.aws",
        "api.amazonwebservices.com.cn",
        "api.amazonwebservices.eu",
        "c2s.ic.gov",
        "sc2s.sgov.gov",
        "hci.ic.gov",
        "aws.ic.gov",
        "aws.scloud",
        "adc-e.uk",
    ];
    let Ok(url) = url.parse::<http::Uri>() else { return true };
    let host = url
        .host()
        .unwrap_or_default()
        .trim_end_matches('.')
        .to_ascii_lowercase();
    let is_under = |domain: &&str| host.strip_suffix(*domain).is_some_and(|rest| rest.ends_with('.'));
    DOMAINS.iter().any(is_under)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_smithy_runtime_api::client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
        orchestrator::HttpRequest,
        result::ConnectorError,
    };
    use firehose_tests::document::DocumentText;

    use super::*;

    #[test]
    fn a_key_is_for_aws_unless_the_address_that_gets_it_is_somebody_elses() {
        let role = |endpoint: &str| {
            format!(
                "credentials: {{type: Ambient, assumeRole: {{roleARN: 'arn:aws:iam::123456789012:role/a', {endpoint}}}}}"
            )
        };
        for (more, is_for_aws) in [
            (String::new(), true),
            ("useFIPS: Enabled".to_owned(), true),
            (
                "endpointURL: https://vpce-1.firehose.eu-west-1.vpce.amazonaws.com".to_owned(),
                true,
            ),
            (
                "endpointURL: https://FIREHOSE.cn-north-1.AmazonAWS.com.cn.:443/a".to_owned(),
                true,
            ),
            ("endpointURL: http://simulator.example:4573".to_owned(), false),
            ("endpointURL: http://127.0.0.1:4573".to_owned(), false),
            ("endpointURL: http://evilamazonaws.com".to_owned(), false),
            (role(""), true),
            (role("endpointURL: 'https://sts.eu-west-1.amazonaws.com'"), true),
            (role("endpointURL: 'http://simulator.example:4573'"), false),
            (
                format!("endpointURL: http://simulator.example:4573\n{}", role("")),
                true,
            ),
        ] {
            let document = firehose_proxy_config::parse(&DocumentText::default().more(&more).to_string()).unwrap();
            assert_eq!(Target::of(&document).is_key_for_aws(), is_for_aws, "{more}");
        }
    }

    /// Notes where a request would have gone.
    #[derive(Debug, Clone, Default)]
    struct Destination(Arc<Mutex<String>>);

    impl HttpConnector for Destination {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            request.uri().clone_into(&mut self.0.lock().unwrap());
            HttpConnectorFuture::ready(Err(ConnectorError::io("not sent".into())))
        }
    }

    #[tokio::test]
    async fn calls_go_to_the_endpoint_that_the_document_asks_for() {
        let cases = [
            ("", "https://firehose.eu-west-1.amazonaws.com/"),
            ("useFIPS: Enabled", "https://firehose-fips.eu-west-1.amazonaws.com/"),
            ("useDualStack: Enabled", "https://firehose.eu-west-1.api.aws/"),
            ("endpointURL: http://localhost:4573", "http://localhost:4573/"),
        ];
        for (more, expected) in cases {
            let document = DocumentText::default().more(more).to_string();
            let document = firehose_proxy_config::parse(&document).unwrap();
            let seen = Destination::default();
            let connector = SharedHttpConnector::new(seen.clone());
            let http = http_client_fn(move |_, _| connector.clone());
            let key = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
            let client = Target::of(&document)
                .client(Base::Key(key), &http, &AwsClock::default())
                .await;
            let call = client.put_record_batch().delivery_stream_name("orders");
            call.set_records(Some(Vec::new())).send().await.unwrap_err();
            assert_eq!(*seen.0.lock().unwrap(), expected, "{more}");
        }
    }
}
