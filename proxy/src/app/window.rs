//! The window of events that clients may send again, as the destination wants it: an edit is in force at once.

use std::{sync::Arc, time::Duration};

use firehose_proxy_config::{Deduplication, Toggle, report::DeduplicationReport};
use tokio::{sync::watch, task::JoinSet};

use crate::{
    account::{Account, Held, Use},
    config::Snapshot,
    queue::{Extent, Recent, Repeats, WindowSettings},
};

/// Puts the settings in force, and those of each document that comes as long as the task is there.
pub(super) fn follow(
    recent: Recent,
    account: Account,
    mut changes: watch::Receiver<Option<Arc<Snapshot>>>,
) -> JoinSet<()> {
    let mut held = put(&recent, &account, &mut changes);
    let mut following = JoinSet::new();
    following.spawn(async move {
        while changes.changed().await.is_ok() {
            if let Some(now_held) = put(&recent, &account, &mut changes) {
                held = Some(now_held);
            }
        }
        drop(held);
    });
    following
}

/// The memory that the window may take is held as long as it is in force, used or not.
fn put(recent: &Recent, account: &Account, changes: &mut watch::Receiver<Option<Arc<Snapshot>>>) -> Option<Held> {
    let snapshot = changes.borrow_and_update();
    let settings = settings(&snapshot.as_ref()?.document.ingest.deduplication);
    recent.configure(settings);
    Some(account.hold(Use::Window, settings.map_or(0, |settings| settings.max_bytes)))
}

/// `None` when nothing is to be remembered.
pub(super) fn settings(deduplication: &Deduplication) -> Option<WindowSettings> {
    let Deduplication {
        state,
        window_seconds,
        max_memory_bytes,
    } = *deduplication;
    (state == Toggle::Enabled).then(|| WindowSettings {
        duration: Duration::from_secs(window_seconds.into()),
        max_bytes: usize::try_from(max_memory_bytes).unwrap_or(usize::MAX),
    })
}

/// For `/status`. `None` while nothing is remembered.
pub(super) fn report(recent: &Recent) -> Option<DeduplicationReport> {
    let Extent { entries, reach } = recent.extent()?;
    let Repeats {
        safe,
        under_way,
        other_content,
    } = recent.repeats();
    Some(DeduplicationReport {
        entries: entries as u64,
        reaches_seconds: reach.as_secs(),
        repeated: safe + under_way,
        message_ids_reused: other_content,
    })
}
