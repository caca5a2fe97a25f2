//! The source of an identity, where it is not a key in files: each by itself, and never one after another but for
//! Ambient, which is the SDK's own order.

use std::{fs::File, io::Read as _, path::PathBuf, time::SystemTime};

use aws_config::{
    default_provider::credentials::DefaultCredentialsChain, ecs::EcsCredentialsProvider,
    imds::credentials::ImdsCredentialsProvider, provider_config::ProviderConfig,
};
use aws_credential_types::{
    Credentials,
    provider::{self, ProvideCredentials, SharedCredentialsProvider, error::CredentialsError, future},
};
use aws_sdk_firehose::config::Region;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use firehose_proxy_config::CredentialsType;

use super::{
    AwsClock,
    sts::{sts, timeouts},
};

/// Most bytes of a token that are read. One of Kubernetes has about 1,000.
const MAX_TOKEN_BYTES: u64 = 64 * 1024;

/// Which of AWS's addresses are called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Endpoints {
    pub(super) use_fips: bool,
    pub(super) use_dual_stack: bool,
}

/// What provides the credentials of the source that is named. Makes no call yet.
pub(super) async fn provider(
    named: &firehose_proxy_config::Credentials,
    endpoints: Endpoints,
    region: &Region,
    http: &SharedHttpClient,
    clock: &AwsClock,
) -> SharedCredentialsProvider {
    // Of STS in the SDK's own order; a source that the document names has an STS of its own.
    let config = ProviderConfig::without_region()
        .with_region(Some(region.clone()))
        .with_use_fips(endpoints.use_fips.then_some(true))
        .with_use_dual_stack(endpoints.use_dual_stack.then_some(true))
        .with_time_source(clock.clone())
        .with_sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
        .with_timeout_config(timeouts())
        .with_http_client(http.clone());
    match (named.kind, &named.web_identity) {
        (CredentialsType::Ambient, _) => {
            let chain = DefaultCredentialsChain::builder()
                .region(region.clone())
                .configure(config);
            SharedCredentialsProvider::new(chain.build().await)
        }
        (CredentialsType::WebIdentity, Some(identity)) => SharedCredentialsProvider::new(WebIdentity {
            sts: aws_sdk_sts::Client::new(&sts(&identity.sts, region, http, clock)),
            role_arn: identity.role_arn.clone(),
            session_name: identity.session_name.clone(),
            token_file: PathBuf::from(&identity.token_file),
        }),
        (CredentialsType::PodIdentity, _) => {
            SharedCredentialsProvider::new(EcsCredentialsProvider::builder().configure(&config).build())
        }
        (CredentialsType::InstanceProfile, _) => {
            SharedCredentialsProvider::new(ImdsCredentialsProvider::builder().configure(&config).build())
        }
        (CredentialsType::Static | CredentialsType::WebIdentity, _) => SharedCredentialsProvider::new(Nothing),
    }
}

/// A role by a token in a file. Not the SDK's own provider, whose address of STS is the environment's and not the
/// document's.
#[derive(Debug)]
struct WebIdentity {
    sts: aws_sdk_sts::Client,
    role_arn: String,
    session_name: String,
    token_file: PathBuf,
}

impl WebIdentity {
    async fn session(&self) -> provider::Result {
        let path = self.token_file.clone();
        // Off the runtime's threads: a volume may hang.
        let token = tokio::task::spawn_blocking(move || read(&path)).await;
        let token = token.map_err(CredentialsError::unhandled)??;
        let answer = self
            .sts
            .assume_role_with_web_identity()
            .role_arn(&self.role_arn)
            .role_session_name(&self.session_name)
            .web_identity_token(token)
            .send()
            .await
            .map_err(CredentialsError::provider_error)?;
        let session = answer
            .credentials
            .ok_or_else(|| CredentialsError::unhandled("STS gave no session"))?;
        let expires = SystemTime::try_from(session.expiration).map_err(CredentialsError::unhandled)?;
        Ok(Credentials::new(
            session.access_key_id,
            session.secret_access_key,
            Some(session.session_token),
            Some(expires),
            "WebIdentity",
        ))
    }
}

fn read(path: &std::path::Path) -> Result<String, CredentialsError> {
    let mut token = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_TOKEN_BYTES).read_to_string(&mut token));
    read.map_err(CredentialsError::not_loaded)?;
    match token.trim() {
        "" => Err(CredentialsError::not_loaded("the token file is empty")),
        token => Ok(token.to_owned()),
    }
}

impl ProvideCredentials for WebIdentity {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.session())
    }
}

/// For a document that names a source and not what belongs to it.
#[derive(Debug)]
struct Nothing;

impl ProvideCredentials for Nothing {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("the document names no identity")))
    }
}
