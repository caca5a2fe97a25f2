//! Says when events are sent again: they arrive nowhere a second time, and whoever tries it out would wonder why.

use std::time::Duration;

use firehose_proxy::queue::Recent;
use tracing::info;

/// How often is looked.
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Looks for ever.
pub(crate) async fn say(recent: Recent) {
    let mut told = 0;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let repeats = recent.repeats();
        let all = repeats.safe + repeats.under_way;
        if all > told {
            info!(
                events = all - told,
                "Repeated: these events were sent before, are confirmed and not delivered again"
            );
            told = all;
        }
    }
}
