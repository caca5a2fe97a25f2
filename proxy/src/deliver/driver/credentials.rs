//! What the driver hears of credentials, from their supplier and from answers, and what it tells of them.

use std::sync::Arc;

use tokio::time::Instant;

use super::Driver;
use crate::{
    deliver::CredentialsStatus,
    firehose::{Change, Problem, Reason},
};

impl Driver {
    pub(super) fn client_changed(&mut self) {
        let newest = Arc::clone(&self.clients.borrow_and_update());
        self.stale.clone_from(&newest.stale);
        let change = self.rotation.update(&newest, Instant::now());
        if change == Change::Nothing {
            self.tell_of_stale();
            return;
        }
        tracing::info!(?change, "credentials or endpoint changed");
        if change == Change::Replaced {
            self.credentials = None;
            let problem = self.rotation.problem();
            let (reason, message) = (problem.map(Problem::reason), problem.map(ToString::to_string));
            self.tell_of_credentials(reason, message.unwrap_or_else(|| "not tried yet".to_owned()));
        }
        self.retry_now();
    }

    pub(super) fn heard_of_credentials(&mut self, reason: Reason, detail: Option<String>) {
        let about = match reason {
            Reason::Unreachable | Reason::Unanswered => return,
            reason if reason.is_about_credentials() => reason,
            _ => Reason::Succeeded,
        };
        if self.credentials.replace(about) == Some(about) {
            return;
        }
        let message = match about {
            Reason::Succeeded if self.rotation.is_candidate_refused() => {
                "new credentials are refused, the old ones stay".to_owned()
            }
            Reason::Succeeded => "AWS takes the credentials".to_owned(),
            _ => detail.unwrap_or_default(),
        };
        match about {
            Reason::Succeeded => tracing::info!(message, "credentials"),
            _ => tracing::warn!(reason = about.as_str(), message, "credentials"),
        }
        self.tell_of_credentials(Some(about), message);
    }

    /// Puts into the status how the credentials are, and which.
    fn tell_of_credentials(&self, reason: Option<Reason>, message: String) {
        self.deliver.delivery_status.put_credentials(CredentialsStatus {
            reason,
            message,
            revision: self.rotation.revision().map(str::to_owned),
            stale: self
                .stale
                .as_ref()
                .map(|problem| (problem.reason(), problem.to_string())),
        });
    }

    /// Puts into the status that their files are broken, or no longer.
    fn tell_of_stale(&self) {
        if let Some(before) = self.deliver.delivery_status.credentials() {
            self.tell_of_credentials(before.reason, before.message);
        }
    }
}
