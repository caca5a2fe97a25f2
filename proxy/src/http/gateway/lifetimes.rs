//! How long connections live, as the configuration in force says.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use crate::{config::Snapshot, http::Connections};

/// The bounds of connections now, and what keeps them in line with the configuration, for ever. What the configuration
/// does not say is as in `base`.
pub(super) fn follow(
    base: Connections,
    mut changes: watch::Receiver<Option<Arc<Snapshot>>>,
) -> (watch::Receiver<Connections>, impl Future<Output = ()>) {
    let now = changes
        .borrow_and_update()
        .as_ref()
        .map_or(base, |snapshot| stated(base, snapshot));
    let (edits, connections) = watch::channel(now);
    let following = async move {
        while changes.changed().await.is_ok() {
            let stated = changes
                .borrow_and_update()
                .as_ref()
                .map(|snapshot| stated(base, snapshot));
            edits.send_if_modified(|now| {
                let is_edited = stated.is_some_and(|stated| stated != *now);
                *now = stated.unwrap_or(*now);
                is_edited
            });
        }
        std::future::pending::<()>().await; // the configuration is final
    };
    (connections, following)
}

fn stated(base: Connections, snapshot: &Snapshot) -> Connections {
    match snapshot.document.ingest.connections {
        None => base,
        Some(stated) => Connections {
            max_age: Duration::from_secs(stated.max_age_seconds.into()),
            idle_timeout: Duration::from_secs(stated.idle_timeout_seconds.into()),
            ..base
        },
    }
}
