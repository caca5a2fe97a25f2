//! Keeps a client at hand for the configuration and the credential files as they are now.
//!
//! Tells delivery of every change and leaves it to delivery to find out whether new keys work: only a call can.

use std::{path::PathBuf, sync::Arc, time::Duration};

use aws_credential_types::Credentials;
use aws_sdk_firehose::Client;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use firehose_proxy_config::CredentialsType;
use tokio::sync::watch;

use super::{Target, Transport, client::Base, credential_files as files, credential_files::FileProblem};
use crate::config::Snapshot;

/// How often the credential files are looked at. They are few, small, and in memory (a Secret volume is a tmpfs).
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What there is to call with.
#[derive(Debug, Clone)]
pub struct CurrentClient {
    /// Where calls go. `None` before the first configuration.
    pub target: Option<Target>,
    /// The client, or why there is none. With [`CurrentClient::target`] unchanged, another client has other keys.
    pub client: Result<Client, Problem>,
    /// Counts changes of `client`.
    pub generation: u64,
    /// What is wrong with the files although an earlier key is still in use.
    pub stale: Option<Problem>,
}

/// Why there is no client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// No configuration was read yet.
    #[error("no configuration yet")]
    NotConfigured,
    /// The configuration names static credentials and they cannot be had.
    #[error("static credentials cannot be read: {0}")]
    StaticCredentials(String),
}

/// Makes [`CurrentClient`]s.
#[derive(Debug)]
pub struct Supplier {
    http: SharedHttpClient,
    offers: watch::Sender<Arc<CurrentClient>>,
    key: Option<Credentials>,
}

impl Supplier {
    /// A supplier and where its offers appear.
    ///
    /// # Errors
    ///
    /// When the transport's certificates cannot be read.
    pub fn new(transport: &Transport) -> anyhow::Result<(Self, watch::Receiver<Arc<CurrentClient>>)> {
        let none = CurrentClient {
            target: None,
            client: Err(Problem::NotConfigured),
            generation: 0,
            stale: None,
        };
        let (offers, receiver) = watch::channel(Arc::new(none));
        let supplier = Self {
            http: transport.client()?,
            offers,
            key: None,
        };
        Ok((supplier, receiver))
    }

    /// Follows the configuration and the files until nobody wants offers any more.
    pub async fn run(mut self, mut configuration: watch::Receiver<Option<Arc<Snapshot>>>) {
        loop {
            let target = configuration
                .borrow_and_update()
                .as_ref()
                .map(|snapshot| Target::of(&snapshot.document));
            if let Some(target) = target {
                self.look(target).await;
            }
            tokio::select! {
                changed = configuration.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.offers.closed() => return,
            }
        }
    }

    async fn look(&mut self, target: Target) {
        let last = Arc::clone(&self.offers.borrow());
        let same_target = last.target.as_ref() == Some(&target);
        if target.credentials.kind == CredentialsType::Ambient {
            if !same_target {
                self.key = None;
                let client = target.client(Base::Ambient, &self.http).await;
                self.offer(target, Ok(client), None);
            }
            return;
        }
        match read(&target).await {
            Ok(key) if same_target && self.key.as_ref() == Some(&key) => {
                if last.stale.is_some() {
                    self.offers.send_modify(|offer| Arc::make_mut(offer).stale = None);
                }
            }
            Ok(key) => {
                self.key = Some(key.clone());
                let client = target.client(Base::Key(key), &self.http).await;
                self.offer(target, Ok(client), None);
            }
            // Files that vanish leave the last good key in use, but only for the target it was given for.
            Err(problem) if same_target && self.key.is_some() => {
                if last.stale.as_ref() != Some(&problem) {
                    tracing::warn!(%problem, "the last good credentials stay in use");
                    self.offers
                        .send_modify(|offer| Arc::make_mut(offer).stale = Some(problem));
                }
            }
            Err(problem) => {
                self.key = None;
                if !same_target || last.client.as_ref().err() != Some(&problem) {
                    tracing::error!(%problem, "nothing is delivered");
                    self.offer(target, Err(problem), None);
                }
            }
        }
    }

    fn offer(&self, target: Target, client: Result<Client, Problem>, stale: Option<Problem>) {
        self.offers.send_modify(|offer| {
            *offer = Arc::new(CurrentClient {
                target: Some(target),
                client,
                generation: offer.generation + 1,
                stale,
            });
        });
    }
}

/// Reads the files off the runtime's threads: a volume may hang.
async fn read(target: &Target) -> Result<Credentials, Problem> {
    let Some(stated) = &target.credentials.static_ else {
        return Err(Problem::StaticCredentials("no directory is named".to_owned()));
    };
    let directory = PathBuf::from(&stated.directory);
    tokio::task::spawn_blocking(move || files::read(&directory))
        .await
        .map_err(|error| Problem::StaticCredentials(error.to_string()))?
        .map_err(|problem: FileProblem| Problem::StaticCredentials(problem.to_string()))
}
