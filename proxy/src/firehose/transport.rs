//! The HTTP client under the SDK: one connection pool, trust in the system's certificates and a bundle of one's own, a
//! proxy from the environment, and the short cut for the usual answer.

use std::{
    fmt,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_smithy_http_client::{Connector, proxy::ProxyConfig, tls};
use aws_smithy_runtime_api::client::{
    dns::SharedDnsResolver,
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use http_body_util::{BodyExt, Limited};

use super::{AwsClock, Confirmation, confirmation::CONFIRMED_BODY, nearby};

/// Firehose closes idle connections; one that is reused at that moment loses a call.
const POOL_IDLE: Duration = Duration::from_secs(10);
/// Time to a connection, name resolution and TLS included.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A call from its first to its last byte.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(20);
/// 500 record IDs take about 120 KB.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// How this installation reaches AWS, whatever the destination.
#[derive(Debug, Clone, Default)]
pub struct Transport {
    /// PEM file with certificates to trust besides the system's.
    pub ca_bundle: Option<PathBuf>,
    /// Whether `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are followed. What hands out credentials on this machine or
    /// its node is never reached through a proxy, which would learn them.
    pub proxy_from_environment: bool,
    /// Who resolves names of hosts; the system if nobody is given.
    pub resolver: Option<SharedDnsResolver>,
}

impl Transport {
    /// A client with a pool of its own.
    ///
    /// # Errors
    ///
    /// When the bundle cannot be read or holds no certificate.
    pub(super) fn client(&self, clock: &AwsClock) -> anyhow::Result<SharedHttpClient> {
        let mut store = tls::TrustStore::default();
        if let Some(path) = &self.ca_bundle {
            let pem = std::fs::read(path)
                .map_err(|error| anyhow::Error::new(error).context(format!("failed to read {}", path.display())))?;
            anyhow::ensure!(
                memchr::memmem::find(&pem, b"-----BEGIN CERTIFICATE-----").is_some(),
                "{} holds no certificate",
                path.display()
            );
            store = store.with_pem_certificate(pem);
        }
        let context = tls::TlsContext::builder().with_trust_store(store).build()?;
        let direct = Arc::new(self.connector(&context, ProxyConfig::disabled()));
        let connector = Confirming {
            by_proxy: match self.proxy_from_environment {
                true => Arc::new(self.connector(&context, ProxyConfig::from_env())),
                false => Arc::clone(&direct),
            },
            direct,
            clock: clock.clone(),
        };
        Ok(SharedHttpClient::new(Shared(SharedHttpConnector::new(connector))))
    }

    fn connector(&self, context: &tls::TlsContext, proxy: ProxyConfig) -> Connector {
        let settings = HttpConnectorSettings::builder()
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(CALL_TIMEOUT)
            .build();
        let builder = Connector::builder()
            .connector_settings(settings)
            .sleep_impl(aws_smithy_async::rt::sleep::TokioSleep::new())
            .enable_tcp_nodelay(true)
            .pool_idle_timeout(POOL_IDLE)
            .proxy_config(proxy)
            .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::AwsLc))
            .tls_context(context.clone());
        match &self.resolver {
            Some(resolver) => builder.build_with_resolver(resolver.clone()),
            None => builder.build(),
        }
    }
}

/// Hands the same connector, and so the same pool, to every client.
#[derive(Debug)]
struct Shared(SharedHttpConnector);

impl HttpClient for Shared {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        self.0.clone()
    }
}

/// Looks at the answers of requests that carry a [`Confirmation`], and at the time that refusals tell.
struct Confirming {
    by_proxy: Arc<Connector>,
    /// For what only this machine or its node may hear.
    direct: Arc<Connector>,
    clock: AwsClock,
}

impl fmt::Debug for Confirming {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Confirming")
    }
}

impl HttpConnector for Confirming {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let confirmation = request.extension::<Confirmation>().cloned();
        let is_signed = request.headers().contains_key("authorization");
        let is_local = nearby::is_nearby(request.uri());
        let call = if is_local { &self.direct } else { &self.by_proxy }.call(request);
        let clock = self.clock.clone();
        HttpConnectorFuture::new(async move {
            let response = call.await?;
            // An agent nearby has no clock of AWS's.
            let is_refused = (400..=403).contains(&response.status().as_u16());
            if is_signed
                && is_refused
                && let Some(date) = response.headers().get("date")
            {
                clock.refused_at(date, SystemTime::now());
            }
            match confirmation {
                None => Ok(response),
                Some(confirmation) => shorten(response, &confirmation).await,
            }
        })
    }
}

/// Replaces a confirmed body by a tiny one. Every body is read under a bound.
async fn shorten(mut response: HttpResponse, confirmation: &Confirmation) -> Result<HttpResponse, ConnectorError> {
    let body = Limited::new(response.take_body(), MAX_ANSWER_BYTES).collect().await;
    let bytes = body.map_err(ConnectorError::io)?.to_bytes();
    let confirmed = response.status().as_u16() == 200 && confirmation.check(&bytes);
    *response.body_mut() = match confirmed {
        true => SdkBody::from(CONFIRMED_BODY),
        false => SdkBody::from(bytes),
    };
    Ok(response)
}
