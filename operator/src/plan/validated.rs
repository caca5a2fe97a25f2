//! A destination that can be planned: every size a number, every choice made.

use firehose_operator_api::{
    AllowedClients, PersistentVolumeClaim, ProxySettings, Retention, SecretKeyRef, StaticCredentials,
};
use firehose_proxy_config::{ClientCertificateMode, Document, Toggle};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;

/// A destination that can be planned. Made by [`super::validate()`] only.
#[derive(Debug, Clone, PartialEq)]
pub struct Validated {
    /// The configuration but for its directories, which depend on where the proxy runs; see [`super::document()`].
    pub(super) settings: Document,
    /// The Secret to mount for static credentials.
    pub(super) credentials_secret: Option<StaticCredentials>,
    /// The Secret to mount for write keys.
    pub(super) write_keys_secret: Option<SecretKeyRef>,
    /// The named senders, and the Secret to mount for the write keys of each.
    pub(super) source_secrets: Vec<(String, SecretKeyRef)>,
    /// The Secret to mount for the key of hashes.
    pub(super) hash_key_secret: Option<SecretKeyRef>,
    /// The Secrets to mount for TLS; `None` for plain HTTP.
    pub(super) certificates: Option<Certificates>,
    /// Whom the destination lets in, if it says.
    pub(super) allowed_clients: Option<AllowedClients>,
    /// The claim of each pod; `None` for a spool that goes with its pod.
    pub(super) claim: Option<PersistentVolumeClaim>,
    /// Whether the pods deliver what they have before the destination goes.
    pub(super) drains: bool,
    /// Settings of the pods.
    pub(super) proxy: ProxySettings,
    /// The destination as the owner of its children.
    pub(super) owner: OwnerReference,
}

/// What TLS is served with.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Certificates {
    /// Name of the Secret with certificate and key.
    pub(super) own: String,
    /// Whether clients show certificates.
    pub(super) mode: ClientCertificateMode,
    /// Name of the Secret with the authorities of theirs, where they do.
    pub(super) authorities: Option<String>,
}

impl Validated {
    /// The destination's namespace.
    pub fn namespace(&self) -> &str {
        &self.settings.destination.namespace
    }

    /// The destination's name.
    pub fn name(&self) -> &str {
        &self.settings.destination.name
    }

    /// The destination's UID; empty for a manifest that never met an API server.
    pub fn uid(&self) -> &str {
        &self.settings.destination.uid
    }

    /// The Firehose address that the destination names, if it names one.
    pub fn endpoint_url(&self) -> Option<&str> {
        self.settings.endpoint_url.as_deref()
    }

    /// Uses `url` unless the destination names an address or a variant of the region's own. For demos, tests and the
    /// local path.
    #[must_use]
    pub fn with_default_endpoint(mut self, url: Option<&str>) -> Self {
        let settings = &mut self.settings;
        if settings.use_fips == Toggle::Disabled && settings.use_dual_stack == Toggle::Disabled {
            settings.endpoint_url = settings.endpoint_url.take().or_else(|| url.map(str::to_owned));
        }
        self
    }

    /// Number of mappings.
    pub fn mappings(&self) -> usize {
        self.settings.mappings.len()
    }

    /// Number of pods that take events: as many as the spec asks for.
    #[expect(
        clippy::misnamed_getters,
        reason = "the spec's word; the document's `replicas` counts those that drain, too"
    )]
    pub fn replicas(&self) -> u32 {
        self.settings.active_replicas
    }

    /// Number of pods that there must be: those above [`Self::replicas`] deliver what they have before they go.
    pub fn pods(&self) -> u32 {
        self.settings.replicas
    }

    /// Lets there be `pods` pods while the spec, in its `generation`, may ask for fewer.
    #[must_use]
    pub fn with_pods(mut self, pods: u32, generation: i64) -> Self {
        let settings = &mut self.settings;
        settings.replicas = pods.max(settings.active_replicas);
        settings.drain_generation = (settings.replicas > settings.active_replicas).then_some(generation);
        self
    }

    /// Whether the claims of pods that go when there are to be fewer stay.
    pub fn keeps_claims_when_scaled(&self) -> bool {
        let claim = self.claim.as_ref();
        claim.is_some_and(|claim| claim.retention_policy.when_scaled == Retention::Retain)
    }

    /// What a 200 means.
    pub fn acknowledge(&self) -> firehose_proxy_config::Acknowledge {
        self.settings.delivery.acknowledge
    }

    /// Whether events of a stream that takes none are kept and answered 200.
    pub fn sets_aside(&self) -> bool {
        self.settings.delivery.undeliverable == firehose_proxy_config::Undeliverable::DeadLetter
    }

    /// Whether senders present a write key.
    pub fn requires_write_keys(&self) -> bool {
        self.write_keys_secret.is_some() || !self.source_secrets.is_empty()
    }

    /// Whether clients come by HTTPS.
    pub fn serves_tls(&self) -> bool {
        self.certificates.is_some()
    }

    /// Whether values of events are hashed.
    pub fn hashes(&self) -> bool {
        self.hash_key_secret.is_some()
    }

    /// Whether what is spooled outlives its pod.
    pub fn is_spool_persistent(&self) -> bool {
        self.claim.is_some()
    }
}
