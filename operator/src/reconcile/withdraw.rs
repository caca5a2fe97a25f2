//! The round of a destination whose spec is not followed: what runs goes on, without what the installation no longer
//! allows.

use super::{
    context::{Context, Remembered},
    situation::{Observed, Progress},
};
use crate::{
    apply::{self, Applied, ApplyError, MANAGER},
    plan,
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
    let withdrawal = plan::withdraw(&observed.running(), &context.installation().allowed, MANAGER);
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
