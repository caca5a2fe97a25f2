//! Puts the parts together and takes them down in order: rounds, then the writes they have sent, then the lease.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use anyhow::Context as _;
use futures::{StreamExt as _, future::join_all, stream};
use kube::{Config, runtime::controller};
use prometheus_client::registry::Registry;
use tokio::{
    signal::unix,
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
};
use tracing::{debug, error, info};

use crate::{
    admin::{self, Admin},
    apply::Events,
    args::{self, Run},
    client::{self, CALL_DEADLINE},
    lease::{Elector, Fence, Leadership},
    metrics::{Metrics, Sources, register_sources},
    observe::{Edits, Scope, Stores, conditions, watch as watch_cluster},
    plan::{Installation, PodIdentityAgent, ProxyUser},
    reconcile::{Asker, CONCURRENCY, Context, Shared, reconcile, retry},
    rollout::{Rollouts, Scoped},
    trust,
};

/// Destinations that are woken to take their turns. The rounds of more than that come anyway.
const MAX_WOKEN: usize = 1024;

/// How long rounds that were cut off, and what they have sent, may take to end after a signal. Beyond it the lease is
/// not released but expires: what is still on its way may arrive until then.
const SETTLE_DEADLINE: Duration = Duration::from_secs(4);

/// Runs the controller until SIGTERM or SIGINT, against the API server of the kubeconfig or, in a pod, of the service
/// account.
///
/// # Errors
///
/// When it cannot start: no API server configured, or the admin address is taken.
pub async fn run(run: Run) -> anyhow::Result<()> {
    let config = Config::infer().await.context("failed to find the API server")?;
    serve(run, config, signal()?).await
}

/// Runs the controller until `end` resolves.
///
/// # Errors
///
/// As [`run`].
pub async fn serve(run: Run, config: Config, end: impl Future<Output = ()>) -> anyhow::Result<()> {
    let mut registry = Registry::default();
    let metrics = Metrics::register(&mut registry);
    let client = client::connect_counted(config.clone(), CALL_DEADLINE, &metrics.api_calls)
        .context("failed to configure the client of the API server")?;
    let listener = dual_stack_listener::listen(run.admin_listen).context("failed to listen on the admin address")?;
    info!(admin = %listener.local_addr()?, version = env!("CARGO_PKG_VERSION"), "started");

    let (stop, stopped) = watch::channel(false);
    let identity = identity(&run);
    let elector = Elector::new(
        client.clone(),
        &run.lease_namespace,
        run.lease_name.clone(),
        identity.clone(),
    );
    let leadership = elector.leadership();
    let fence = Fence::new(leadership.clone());
    let fenced = client::connect_fenced(config, CALL_DEADLINE, &metrics.api_calls, &fence)
        .context("failed to configure the client of the API server")?;
    let changes = elector.changes();
    let shared = Shared {
        fence: fence.clone(),
        events: Events::new(fenced.clone(), identity.clone()),
        metrics: metrics.clone(),
        progress: Arc::default(),
        rollouts: Rollouts::new(run.rollout_order()?, run.proxy_image.clone()),
    };
    // They only read, and end with this function.
    let mut askers = JoinSet::new();
    let (installation, in_force) = watch::channel(Arc::new(installation(&run)?));
    let mut controllers = Vec::new();
    let (mut stores, mut scoped) = (Vec::new(), Vec::new());
    if let Some(bundle) = run.proxies.ca_bundle.clone() {
        askers.spawn(async move { trust::follow(&bundle, &installation).await });
    }
    for scope in scopes(&run) {
        let (controller, seen) = watch_cluster(&client, &scope);
        stores.push(seen.clone());
        let (asker, asked) = Asker::new();
        let context = Arc::new(Context::new(
            fenced.clone(),
            seen.clone(),
            in_force.clone(),
            run.default_endpoint_url.clone(),
            asker.clone(),
            shared.clone(),
        ));
        let remembering = Arc::clone(&context);
        let elected = became_leader(changes.clone()).inspect(move |()| remembering.forget());
        let controller = controller
            .with_config(controller::Config::default().concurrency(CONCURRENCY))
            .reconcile_all_on(stream::select(elected, changed(in_force.clone())))
            .graceful_shutdown_on(told(stopped.clone()));
        let answered = stream::unfold(asked, |mut asked| async { Some((asked.recv().await?, asked)) });
        let controller = controller.reconcile_on(answered);
        let (wake, woken) = mpsc::channel(MAX_WOKEN);
        let woken = stream::unfold(woken, |mut woken| async { Some((woken.recv().await?, woken)) });
        let controller = controller.reconcile_on(woken);
        scoped.push(Scoped {
            stores: seen.clone(),
            wake,
        });
        askers.spawn(asker.run(seen.destinations, fence.clone(), metrics.clone()));
        let rounds = controller.run(reconcile, retry, context);
        controllers.push(tokio::spawn(rounds.for_each(|round| async move {
            if let Err(error) = round {
                debug!(%error, "a round did not finish");
            }
        })));
    }
    askers.spawn(shared.rollouts.run(scoped, fence.clone(), metrics.clone()));
    register_sources(sources(stores.clone(), leadership), &mut registry);
    let admin = Admin {
        registry: Arc::new(registry),
        ready: Arc::new(AtomicBool::new(false)),
        progress: shared.progress,
    };
    let serving = tokio::spawn(admin::serve(listener, admin.clone(), told(stopped)));
    let listed = stores.clone();
    tokio::spawn(announce(stores, admin.ready, changes, metrics));
    // The lease outlives the rounds and what they have sent, so that no other operator begins before all of it is done.
    let (release, released) = oneshot::channel();
    let election = tokio::spawn(async move {
        let mut released = released;
        // One that cannot see must not keep another from leading that can.
        tokio::select! {
            () = all_listed(&listed) => elector.run(async { released.await.unwrap_or(false) }).await,
            _ = &mut released => {}
        }
    });

    end.await;
    info!("stopping");
    fence.close();
    stop.send_replace(true);
    let settled = async {
        join_all(controllers).await;
        fence.settled().await;
    };
    let settled = tokio::time::timeout(SETTLE_DEADLINE, settled).await.is_ok();
    if !settled {
        error!("rounds did not end in time");
    }
    // Nobody to tell means that the election has ended, which the next line says.
    let _ = release.send(settled);
    election.await.context("the election ended badly")?;
    serving
        .await
        .context("the admin endpoint ended badly")?
        .context("the admin endpoint failed")
}

/// What the command line says of the installation.
fn installation(run: &Run) -> anyhow::Result<Installation> {
    let proxies = &run.proxies;
    let bundle = match &proxies.ca_bundle {
        Some(path) => Some(trust::read(path)?),
        None => None,
    };
    Ok(Installation {
        proxy_image: run.proxy_image.clone(),
        image_pull_policy: run.proxy_image_pull_policy.clone(),
        architecture: Some(run.proxy_architecture.clone()).filter(|architecture| !architecture.is_empty()),
        allowed: run.allowed()?,
        proxy_user: match run.proxy_user {
            args::ProxyUser::Fixed => ProxyUser::Fixed,
            args::ProxyUser::Cluster => ProxyUser::Cluster,
        },
        networks: run.networks(),
        web_identity_audience: run.web_identity_audience.clone(),
        pod_identity_agent: match run.pod_identity_agent {
            args::PodIdentityAgent::Ipv4 => PodIdentityAgent::Ipv4,
            args::PodIdentityAgent::Ipv6 => PodIdentityAgent::Ipv6,
        },
        proxies: proxies.settings(bundle),
    })
}

fn scopes(run: &Run) -> Vec<Scope> {
    if run.watch_namespaces.is_empty() {
        return vec![Scope::Cluster];
    }
    run.watch_namespaces.iter().cloned().map(Scope::Namespace).collect()
}

/// A name that no other process has: the pod's, or one of this process's own.
fn identity(run: &Run) -> String {
    run.identity.clone().unwrap_or_else(|| {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        format!("{}-{}", host.trim(), std::process::id())
    })
}

/// Ready once every watch has listed; the leader gauge follows the election.
async fn announce(stores: Vec<Stores>, ready: Arc<AtomicBool>, mut changes: watch::Receiver<bool>, metrics: Metrics) {
    all_listed(&stores).await;
    info!("every watch has listed");
    ready.store(true, Ordering::Relaxed);
    drop(stores);
    loop {
        metrics.leader.set(i64::from(*changes.borrow_and_update()));
        if changes.changed().await.is_err() {
            return;
        }
        metrics.leadership_changes.inc();
    }
}

/// What is looked at when somebody scrapes.
fn sources(stores: Vec<Stores>, leadership: Leadership) -> Sources {
    let edits: Vec<Edits> = stores.iter().map(|seen| seen.edits.clone()).collect();
    Sources {
        conditions: Box::new(move || conditions(&stores)),
        waiting: Box::new(move || {
            let waiting = edits.iter().map(Edits::waiting);
            waiting.fold((0, Duration::ZERO), |(all, longest), (some, age)| {
                (all + some, longest.max(age))
            })
        }),
        renewed: Box::new(move || leadership.renewed_ago()),
    }
}

async fn all_listed(stores: &[Stores]) {
    for seen in stores {
        seen.listed().await;
    }
}

/// One item each time this process becomes the leader.
fn became_leader(changes: watch::Receiver<bool>) -> impl futures::Stream<Item = ()> + Send {
    stream::unfold(changes, |mut changes| async move {
        loop {
            if changes.changed().await.is_err() {
                return None;
            }
            if *changes.borrow_and_update() {
                return Some(((), changes));
            }
        }
    })
}

/// One item each time the installation's settings have changed.
fn changed(installation: watch::Receiver<Arc<Installation>>) -> impl futures::Stream<Item = ()> + Send {
    stream::unfold(installation, |mut installation| async move {
        installation.changed().await.ok()?;
        Some(((), installation))
    })
}

async fn told(mut receiver: watch::Receiver<bool>) {
    // An error means that the sender is gone, which is as good as being told.
    let _ = receiver.wait_for(|told| *told).await;
}

/// Resolves at SIGTERM or SIGINT.
fn signal() -> anyhow::Result<impl Future<Output = ()>> {
    let mut terminate = unix::signal(unix::SignalKind::terminate())?;
    let mut interrupt = unix::signal(unix::SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}
