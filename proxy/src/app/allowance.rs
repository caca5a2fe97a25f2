//! How much memory the process allows itself: what its document needs, and never more than the kernel lets it have.

use std::sync::Arc;

use firehose_proxy_config::{Acknowledge, Ingest, memory};
use tokio::sync::watch;
use tracing::{info, warn};

use super::cgroup;
use crate::{
    account::Account,
    config::{Live, Snapshot},
};

/// What a connection takes at least: its buffer, its task, the kernel's part.
const CONNECTION_BYTES: u64 = 12 * 1024;
/// Of a limit, the part that idle connections may have is one in so many.
const CONNECTIONS_OF_LIMIT: u64 = 10;
/// Fewest connections, however little memory there is.
const LEAST_CONNECTIONS: u64 = 64;

/// The account of the process, which follows the document in force.
pub(super) fn account(live: &Live) -> Account {
    let limit = cgroup::memory_limit();
    let mut changes = live.subscribe();
    let account = Account::new(bytes(changes.borrow_and_update().as_deref(), limit));
    tokio::spawn(follow(account.clone(), changes, limit));
    account
}

/// Most connections that there is memory for.
pub(super) fn connections() -> usize {
    let limit = cgroup::memory_limit();
    let most = limit.map(|limit| (limit / CONNECTIONS_OF_LIMIT / CONNECTION_BYTES).max(LEAST_CONNECTIONS));
    most.map_or(usize::MAX, |most| usize::try_from(most).unwrap_or(usize::MAX))
}

async fn follow(account: Account, mut changes: watch::Receiver<Option<Arc<Snapshot>>>, limit: Option<u64>) {
    while changes.changed().await.is_ok() {
        let bytes = bytes(changes.borrow_and_update().as_deref(), limit);
        if bytes != account.limit() {
            info!(bytes, "memory for what comes from outside");
            account.set_limit(bytes);
        }
    }
}

/// The account of a document, or of one that says nothing, under a limit of the kernel's.
fn bytes(snapshot: Option<&Snapshot>, limit: Option<u64>) -> usize {
    let needed = match snapshot {
        Some(snapshot) => memory::account_of(&snapshot.document),
        None => memory::account_bytes(
            Acknowledge::WhenDelivered,
            Ingest::default().max_request_size_bytes,
            u64::MAX,
        ),
    };
    let allowed = limit.map_or(u64::MAX, memory::account_within);
    if allowed < needed {
        warn!(
            needed_limit_bytes = memory::limit_bytes(needed),
            limit_bytes = limit,
            "the memory limit is below what maxRequestSize and maxSize need; requests are refused earlier"
        );
    }
    usize::try_from(needed.min(allowed)).unwrap_or(usize::MAX)
}
