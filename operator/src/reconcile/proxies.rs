//! Talks to the pods of one destination, a few at a time.

use std::sync::Arc;

use futures::{StreamExt as _, stream};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt as _;
use tracing::{debug, warn};

use super::context::Context;
use crate::{
    apply::poke,
    observe::{address, has_write_keys, is_ready},
    verify::{Proxy, Unasked, ask},
};

/// How many pods of one destination are asked or poked at a time.
const PODS_AT_A_TIME: usize = 16;

/// Asks every pod for its report.
pub(super) async fn ask_all(pods: &[Arc<Pod>], uid: &str) -> Vec<Proxy> {
    let questions = pods.iter().cloned().map(|pod: Arc<Pod>| async move {
        let report = match address(&pod) {
            Some(address) => ask(address, uid).await,
            None => Err(Unasked::NoAddress),
        };
        Proxy {
            name: pod.name_any(),
            ready: is_ready(&pod),
            has_write_keys: has_write_keys(&pod),
            report: report
                .inspect_err(|error| debug!(pod = %pod.name_any(), %error, "failed to ask a proxy"))
                .ok(),
        }
    });
    stream::iter(questions).buffered(PODS_AT_A_TIME).collect().await
}

/// Pokes every pod. One that cannot be poked is poked again in a later round.
pub(super) async fn poke_all(context: &Context, namespace: &str, pods: &[Arc<Pod>], revision: &str, number: u32) {
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
