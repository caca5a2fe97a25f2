//! Pokes the pods of one destination, a few at a time.

use std::sync::Arc;

use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use tracing::warn;

use super::{
    context::{Context, Remembered},
    situation::willing,
};
use crate::{
    apply::poke,
    verify::{Proxy, Schedule, waits_for_a_secret},
};

/// How many pods of one destination are poked at a time.
const PODS_AT_A_TIME: usize = 16;

/// What is known of the pods of one destination.
pub(super) struct Told<'a> {
    pub(super) pods: &'a [Arc<Pod>],
    pub(super) proxies: &'a [Proxy],
    /// Those that do not run the revision.
    pub(super) behind: &'a [Arc<Pod>],
    /// Whether every ready pod was asked.
    pub(super) is_complete: bool,
    /// Whether the revision has just been written.
    pub(super) is_news: bool,
}

/// Has the pods look again that are behind `revision` or wait for a Secret, when it is time to.
pub(super) async fn tell(
    context: &Context,
    namespace: &str,
    revision: &str,
    told: &Told<'_>,
    remembered: &mut Remembered,
) {
    if told.is_news {
        // Just written: every pod is to look, none has to be asked first.
        let number = remembered.schedule.begin(revision, context.now());
        poke_all(context, namespace, told.pods, revision, number).await;
        return;
    }
    if !told.is_complete {
        return; // who was not asked may run it
    }
    if let Some(number) = remembered.schedule.due(revision, context.now()) {
        let is_patient = remembered.schedule.is_patient();
        let behind = if is_patient {
            willing(told.behind, told.pods, told.proxies)
        } else {
            told.behind.to_vec()
        };
        poke_all(context, namespace, &behind, revision, number).await;
    }
    let waits = |proxy: &Proxy| proxy.report.as_ref().is_some_and(waits_for_a_secret);
    let waiting = told.pods.iter().zip(told.proxies).filter(|(_, proxy)| waits(proxy));
    let waiting: Vec<Arc<Pod>> = waiting.map(|(pod, _)| Arc::clone(pod)).collect();
    if waiting.is_empty() {
        remembered.secrets = Schedule::default();
    } else if let Some(number) = remembered.secrets.due(revision, context.now()) {
        poke_all(context, namespace, &waiting, &format!("{revision}.secret"), number).await;
    }
}

/// Pokes every pod. One that cannot be poked is poked again in a later round.
async fn poke_all(context: &Context, namespace: &str, pods: &[Arc<Pod>], revision: &str, number: u32) {
    let pokes = pods.iter().cloned().map(|pod: Arc<Pod>| async move {
        let name = pod.name_any();
        match poke(&context.client, namespace, &name, revision, number).await {
            Ok(()) => {
                context.metrics.pokes.inc();
            }
            Err(error) => warn!(pod = %name, %error, "failed to poke a pod; it is poked again"),
        }
    });
    stream::iter(pokes)
        .for_each_concurrent(PODS_AT_A_TIME, |poke| poke)
        .await;
}
