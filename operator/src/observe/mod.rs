//! What exists in the cluster: one watch and one store a kind, each bounded by labels to what this operator made.
//!
//! Never writes. What is not in a store may exist all the same (another label, a watch that lags): whoever creates
//! something asks the API server first.

mod claims;
mod edits;
mod guarded;
mod owned_pods;
mod pods;
mod trouble;

pub use claims::{ClaimPhase, claim_name};
pub use edits::Edits;
pub use guarded::{Guarded, Unreadable};
pub use owned_pods::OwnedPods;
pub use pods::{address, has_write_keys, is_ready};
pub use trouble::{Trouble, is_on_a_lost_node, not_made, trouble};

use std::{
    collections::HashMap,
    error::Error,
    fmt::Debug,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::StatefulSet,
        core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Service, ServiceAccount},
        networking::v1::NetworkPolicy,
        policy::v1::PodDisruptionBudget,
    },
};
use kube::{
    Api, Client, Resource,
    runtime::{
        Controller, PredicateConfig, WatchStreamExt as _, predicates,
        reflector::{self, ObjectRef, Store},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tracing::warn;

use crate::plan::{DESTINATION_LABEL, MANAGED_SELECTOR, POD_SELECTOR};

/// Seconds after which a watch is opened anew. A connection that died silently is noticed then.
const WATCH_SECONDS: u32 = 60;

/// How often it is said that a watch fails.
const COMPLAIN_EVERY: Duration = Duration::from_secs(60);

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Every namespace.
    Cluster,
    /// This one.
    Namespace(String),
}

/// What the watches of one scope have seen.
#[derive(Debug, Clone)]
pub struct Stores {
    /// The destinations.
    pub destinations: Store<Guarded>,
    /// The children.
    pub config_maps: Store<ConfigMap>,
    /// The children.
    pub service_accounts: Store<ServiceAccount>,
    /// The children.
    pub services: Store<Service>,
    /// The children.
    pub network_policies: Store<NetworkPolicy>,
    /// The children.
    pub budgets: Store<PodDisruptionBudget>,
    /// The children.
    pub stateful_sets: Store<StatefulSet>,
    /// The proxies.
    pub pods: Store<Pod>,
    /// The proxies by the StatefulSets that control them.
    pub owned_pods: OwnedPods,
    /// Their claims.
    pub claims: Store<PersistentVolumeClaim>,
    /// Destinations that have changed and whose round has not begun.
    pub edits: Edits,
    /// Number of watches that have not listed yet.
    unlisted: watch::Receiver<usize>,
}

impl Stores {
    /// Whether every watch has listed. Before that, what is not in a store is not known to be absent.
    pub fn have_listed(&self) -> bool {
        *self.unlisted.borrow() == 0
    }

    /// Resolves once every watch has listed, or the watches have ended.
    ///
    /// Not by the stores' own `wait_until_ready`: it wakes one waiter only, and the controller is one already.
    pub async fn listed(&self) {
        let mut unlisted = self.unlisted.clone();
        let _ = unlisted.wait_for(|watches| *watches == 0).await;
    }
}

/// The controller of one scope, fed by its watches, and what they see.
pub fn watch(client: &Client, scope: &Scope) -> (Controller<Guarded>, Stores) {
    let cluster = Cluster {
        client,
        scope,
        unlisted: watch::Sender::new(0),
    };
    let (destinations, changed) = cluster.watch(config(), |_: &mut Guarded| {});
    let edits = Edits::default();
    let gone = edits.clone();
    let changed = changed.inspect_ok(move |event| {
        if let watcher::Event::Delete(destination) = event {
            gone.forget(destination.meta().uid.as_deref().unwrap_or_default());
        }
    });
    let seen = edits.clone();
    // Our own status writes do not change the generation, and a deletion needs no work of ours.
    let changed = changed
        .applied_objects()
        .predicate_filter(predicates::generation, PredicateConfig::default())
        .inspect_ok(move |destination: &Guarded| seen.saw(destination.meta().uid.as_deref().unwrap_or_default()));
    let controller = Controller::for_stream(changed, destinations.clone());
    let (config_maps, changed) = cluster.children::<ConfigMap>();
    let controller = controller.owns_stream(changed);
    let (service_accounts, changed) = cluster.children::<ServiceAccount>();
    let controller = controller.owns_stream(changed);
    let (services, changed) = cluster.children::<Service>();
    let controller = controller.owns_stream(changed);
    let (network_policies, changed) = cluster.children::<NetworkPolicy>();
    let controller = controller.owns_stream(changed);
    let (budgets, changed) = cluster.children::<PodDisruptionBudget>();
    let controller = controller.owns_stream(changed);
    let (stateful_sets, changed) = cluster.children::<StatefulSet>();
    let controller = controller.owns_stream(changed);
    let (pods, changed) = cluster.watch(config().labels(POD_SELECTOR), pods::trim);
    let owned_pods = OwnedPods::default();
    let followed = owned_pods.clone();
    let changed = changed
        .inspect_ok(move |event| followed.follow(event))
        .touched_objects()
        .predicate_filter(pods::matters, PredicateConfig::default());
    let controller = controller.watches_stream(changed, |pod: Pod| destination_of(&pod));
    let (claims, changed) = cluster.watch(config().labels(POD_SELECTOR), claims::trim);
    let changed = changed
        .touched_objects()
        .predicate_filter(claims::matters, PredicateConfig::default());
    let controller = controller.watches_stream(changed, |claim: PersistentVolumeClaim| destination_of(&claim));
    let stores = Stores {
        destinations,
        config_maps,
        service_accounts,
        services,
        network_policies,
        budgets,
        stateful_sets,
        pods,
        owned_pods,
        claims,
        edits,
        unlisted: cluster.unlisted.subscribe(),
    };
    (controller, stores)
}

/// How many destinations have a condition at a status, each by name.
pub fn conditions(stores: &[Stores]) -> Vec<((String, String), usize)> {
    let mut counts = HashMap::new();
    for guarded in stores.iter().flat_map(|seen| seen.destinations.state()) {
        let status = match &guarded.0 {
            Ok(destination) => destination.status.as_ref(),
            Err(unreadable) => Some(&unreadable.status),
        };
        for condition in status.map(|status| status.conditions.as_slice()).unwrap_or_default() {
            let at = (condition.kind.to_string(), format!("{:?}", condition.status));
            *counts.entry(at).or_insert(0) += 1;
        }
    }
    let mut counts: Vec<_> = counts.into_iter().collect();
    counts.sort();
    counts
}

/// The pods of `stateful_set`, those on their way out too.
pub fn pods_of(stores: &Stores, stateful_set: &StatefulSet) -> Vec<Arc<Pod>> {
    let uid = stateful_set.metadata.uid.as_deref().unwrap_or_default();
    stores.owned_pods.of(uid, &stores.pods)
}

fn config() -> watcher::Config {
    watcher::Config::default().timeout(WATCH_SECONDS)
}

/// Drops who wrote what: of every child that is more than half of its bytes. Whoever has to know asks the API server.
fn trim<K: Resource>(child: &mut K) {
    child.meta_mut().managed_fields = None;
}

/// Says that a watch fails, once and then again every minute: it is opened again all the time.
#[derive(Debug, Default)]
struct Complaint(Option<Instant>);

impl Complaint {
    fn make(&mut self, kind: &str, error: &watcher::Error) {
        let is_due = self.0.is_none_or(|made| made.elapsed() >= COMPLAIN_EVERY);
        if is_due {
            self.0 = Some(Instant::now());
            warn!(kind, error = %words(error), "failed to watch; is the definition installed, and may this account list and watch it?");
        }
    }
}

/// An error with its causes, which it does not say itself.
fn words(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        words.push_str(": ");
        words.push_str(&cause.to_string());
        next = cause.source();
    }
    words
}

/// Events of a watch, on their way from its store to the controller.
type Events<K> = BoxStream<'static, Result<watcher::Event<K>, watcher::Error>>;

/// Changes that wake the owner of a child.
type Changes<K> = BoxStream<'static, Result<K, watcher::Error>>;

/// Opens watches.
struct Cluster<'a> {
    client: &'a Client,
    scope: &'a Scope,
    unlisted: watch::Sender<usize>,
}

impl Cluster<'_> {
    fn watch<K>(&self, config: watcher::Config, trim: fn(&mut K)) -> (Store<K>, Events<K>)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        let api: Api<K> = match self.scope {
            Scope::Cluster => Api::all(self.client.clone()),
            Scope::Namespace(namespace) => Api::namespaced(self.client.clone(), namespace),
        };
        let (reader, writer) = reflector::store();
        let stream = watcher(api, config).default_backoff().modify(trim).reflect(writer);
        self.unlisted.send_modify(|watches| *watches += 1);
        let (unlisted, mut first) = (self.unlisted.clone(), true);
        let kind = K::kind(&()).into_owned();
        let mut complaint = Complaint::default();
        let stream = stream.inspect_err(move |error| complaint.make(&kind, error));
        let events = stream.inspect_ok(move |event| {
            if first && matches!(event, watcher::Event::InitDone) {
                first = false;
                unlisted.send_modify(|watches| *watches -= 1);
            }
        });
        (reader, events.boxed())
    }

    /// Children of one kind, and every change of one, its deletion too: with the generation as the predicate, a child
    /// that was deleted by hand would go unnoticed.
    fn children<K>(&self) -> (Store<K>, Changes<K>)
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
            + Clone
            + Debug
            + DeserializeOwned
            + Send
            + Sync
            + 'static,
    {
        let (reader, events) = self.watch(config().labels(MANAGED_SELECTOR), trim);
        let changes = events.touched_objects();
        (
            reader,
            changes
                .predicate_filter(predicates::resource_version, PredicateConfig::default())
                .boxed(),
        )
    }
}

/// The destination that a pod or a claim says it belongs to. It only wakes the destination; see [`pods_of`] for what is
/// believed.
fn destination_of<K: Resource>(object: &K) -> Option<ObjectRef<Guarded>> {
    let name = object.meta().labels.as_ref()?.get(DESTINATION_LABEL)?;
    Some(ObjectRef::new(name).within(object.meta().namespace.as_deref()?))
}
