//! The status that was written and that the watch has not shown yet.

use firehose_operator_api::{ConditionType, FirehoseDestinationStatus};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;

/// What this process wrote last, as long as the watch shows an older object than that.
///
/// Each write names the version before it, so nothing can come between the versions in here: whatever else the watch
/// shows is as new as our last write, or newer, and then what is stored is believed instead.
#[derive(Debug, Clone, Default)]
pub(super) struct WrittenStatus {
    /// Versions that our writes have replaced.
    replaced: Vec<String>,
    /// The last write, and the version that came of it.
    last: Option<(FirehoseDestinationStatus, String)>,
}

impl WrittenStatus {
    /// The newest status that is known of the destination that the watch shows with `metadata` and `status`, and the
    /// version of the destination that has it.
    pub(super) fn newest(
        &mut self,
        metadata: &ObjectMeta,
        status: Option<&FirehoseDestinationStatus>,
    ) -> (FirehoseDestinationStatus, String) {
        let shown = metadata.resource_version.clone().unwrap_or_default();
        if let Some(last) = &self.last
            && self.replaced.contains(&shown)
        {
            return last.clone();
        }
        *self = Self::default();
        let mut status = status.cloned().unwrap_or_default();
        // Conditions of other writers are theirs: they are not compared with ours, and not taken away.
        status.conditions.retain(|one| one.kind != ConditionType::Unknown);
        (status, shown)
    }

    /// Remembers a write that replaced `before` and became `after`.
    pub(super) fn wrote(&mut self, status: FirehoseDestinationStatus, before: String, after: String) {
        if before != after {
            self.replaced.push(before);
            self.last = Some((status, after));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is known when the watch shows this version with this revision.
    fn newest(written: &mut WrittenStatus, version: &str, stored: &str) -> (String, String) {
        let metadata = ObjectMeta {
            resource_version: Some(version.to_owned()),
            ..ObjectMeta::default()
        };
        let (status, version) = written.newest(&metadata, Some(&to(stored)));
        (status.revision.unwrap(), version)
    }

    fn to(revision: &str) -> FirehoseDestinationStatus {
        FirehoseDestinationStatus {
            revision: Some(revision.to_owned()),
            ..FirehoseDestinationStatus::default()
        }
    }

    #[test]
    fn our_writes_are_believed_while_the_watch_shows_what_they_replaced() {
        let mut written = WrittenStatus::default();
        written.wrote(to("b"), "1".to_owned(), "2".to_owned());
        written.wrote(to("c"), "2".to_owned(), "3".to_owned());
        for stale in ["1", "2"] {
            assert_eq!(newest(&mut written, stale, "old"), ("c".to_owned(), "3".to_owned()));
        }
    }

    #[test]
    fn what_is_stored_is_believed_once_the_watch_has_shown_our_write_or_a_newer_one() {
        let mut written = WrittenStatus::default();
        written.wrote(to("b"), "1".to_owned(), "2".to_owned());
        let found = newest(&mut written, "5", "overwritten");
        assert_eq!(found, ("overwritten".to_owned(), "5".to_owned()));
        let (revision, _) = newest(&mut written, "1", "old");
        assert_eq!(revision, "old", "the memory outlived its use");
    }
}
