//! The round of a destination whose spec is not followed: what runs goes on, without what the installation no longer
//! allows.

use std::fmt::Debug;

use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::StatefulSet,
        core::v1::{ConfigMap, Service, ServiceAccount},
        networking::v1::NetworkPolicy,
    },
};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;

use super::{
    context::{Context, Remembered},
    situation::{Observed, Progress},
};
use crate::{
    apply::{self, Applied, ApplyError, MANAGER},
    plan::{self, Running, Withdrawal},
};

/// Takes from the running children what is forbidden. Events stop before anything else, and an identity goes before the
/// pods that are replaced for it.
pub(super) async fn withdraw(
    context: &Context,
    observed: &mut Observed,
    uid: &str,
    remembered: &mut Remembered,
    progress: &mut Progress,
) -> Result<(), ApplyError> {
    // The watches do not show who wrote what, so they show at most too much that is forbidden.
    let suspected = plan::withdraw(&observed.running(), &context.installation().allowed, MANAGER);
    if suspected == Withdrawal::default() {
        return Ok(());
    }
    let stored = Stored::of(&observed.running(), &context.client).await?;
    let withdrawal = plan::withdraw(&stored.running(), &context.installation().allowed, MANAGER);
    let (client, stores, known) = (&context.client, &context.stores, &mut remembered.applied);
    let writes = &context.metrics.applies;
    if let Some(config_map) = &withdrawal.config_map {
        let applied = apply::apply(client, &stores.config_maps, config_map, uid, known).await?;
        writes.inc_by(applied.count());
        if let Applied::Written(config_map) = applied {
            observed.config_map = Some((*config_map).into());
            progress.has_written_config_map = true;
        }
    }
    if let Some(account) = &withdrawal.service_account {
        let applied = apply::apply(client, &stores.service_accounts, account, uid, known).await?;
        writes.inc_by(applied.count());
    }
    if let Some(service) = &withdrawal.service {
        let applied = apply::apply(client, &stores.services, service, uid, known).await?;
        writes.inc_by(applied.count());
    }
    if let Some(policy) = &withdrawal.network_policy {
        let applied = apply::apply(client, &stores.network_policies, policy, uid, known).await?;
        writes.inc_by(applied.count());
    }
    if let Some(workload) = &withdrawal.stateful_set {
        let applied = apply::apply(client, &stores.stateful_sets, workload, uid, known).await?;
        writes.inc_by(applied.count());
        if let Applied::Written(workload) = applied {
            progress.stateful_set = Some(*workload);
        }
    }
    Ok(())
}

/// Children as the API server has them, with the managers of their fields.
struct Stored {
    config_map: Option<ConfigMap>,
    service_account: Option<ServiceAccount>,
    service: Option<Service>,
    network_policy: Option<NetworkPolicy>,
    stateful_set: Option<StatefulSet>,
}

impl Stored {
    async fn of(seen: &Running<'_>, client: &Client) -> Result<Self, ApplyError> {
        Ok(Self {
            config_map: stored(seen.config_map, client).await?,
            service_account: stored(seen.service_account, client).await?,
            service: stored(seen.service, client).await?,
            network_policy: stored(seen.network_policy, client).await?,
            stateful_set: stored(seen.stateful_set, client).await?,
        })
    }

    fn running(&self) -> Running<'_> {
        Running {
            config_map: self.config_map.as_ref(),
            service_account: self.service_account.as_ref(),
            service: self.service.as_ref(),
            network_policy: self.network_policy.as_ref(),
            stateful_set: self.stateful_set.as_ref(),
        }
    }
}

/// A child that was seen, unless it is gone or another one by now.
async fn stored<K>(seen: Option<&K>, client: &Client) -> Result<Option<K>, ApplyError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + Debug + DeserializeOwned,
{
    let Some(seen) = seen else { return Ok(None) };
    let name = seen.name_any();
    let api: Api<K> = Api::namespaced(client.clone(), &seen.namespace().unwrap_or_default());
    let found = api.get_opt(&name).await.map_err(|source| ApplyError::Kubernetes {
        kind: K::kind(&()).into_owned(),
        name,
        source: Box::new(source),
    })?;
    Ok(found.filter(|found| found.uid() == seen.uid()))
}
