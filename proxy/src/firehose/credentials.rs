//! Keeps a client at hand for the configuration and the credential files as they are now.
//!
//! Tells delivery of every change and leaves it to delivery to find out whether new keys work: only a call can.

use std::{path::PathBuf, sync::Arc, time::Duration};

use aws_credential_types::Credentials;
use aws_sdk_firehose::Client;
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use firehose_proxy_config::CredentialsType;
use tokio::{sync::watch, time::Instant};

use super::{
    AwsClock, Target, Transport,
    client::Base,
    credential_files::{self, FileProblem, Shape},
    current_client::{CurrentClient, Problem},
    renewal::Renewal,
};
use crate::config::Snapshot;

/// How often the credential files are looked at. They are few, small, and in memory (a Secret volume is a tmpfs).
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Makes [`CurrentClient`]s.
#[derive(Debug)]
pub struct Supplier {
    http: SharedHttpClient,
    clock: AwsClock,
    current: watch::Sender<Arc<CurrentClient>>,
    key: Option<Credentials>,
    /// Generation of the last client whose identity AWS did not take.
    rejected: watch::Receiver<u64>,
    renewal: Renewal,
    /// What is wrong with the files although an earlier key is still in use: said once.
    stale: Option<Problem>,
}

impl Supplier {
    /// A supplier and where its newest client appears. It is told in `rejected` of the generation whose identity AWS
    /// does not take: that is dropped then, whatever it was, and asked for again.
    ///
    /// # Errors
    ///
    /// When the transport's certificates cannot be read.
    pub(crate) fn new(
        transport: &Transport,
        rejected: watch::Receiver<u64>,
        clock: AwsClock,
    ) -> anyhow::Result<(Self, watch::Receiver<Arc<CurrentClient>>)> {
        let none = CurrentClient {
            target: None,
            client: Err(Problem::NotConfigured),
            revision: None,
            stale: None,
            generation: 0,
        };
        let (current, receiver) = watch::channel(Arc::new(none));
        let supplier = Self {
            http: transport.client(&clock)?,
            clock,
            current,
            key: None,
            rejected,
            renewal: Renewal::default(),
            stale: None,
        };
        Ok((supplier, receiver))
    }

    /// Follows the configuration and the files until nobody wants clients any more.
    pub async fn run(mut self, mut configuration: watch::Receiver<Option<Arc<Snapshot>>>) {
        loop {
            let target = configuration
                .borrow_and_update()
                .as_ref()
                .map(|snapshot| Target::of(&snapshot.document));
            if let Some(target) = target {
                self.look(target, Instant::now()).await;
            }
            let rejected = &mut self.rejected;
            tokio::select! {
                Ok(()) = rejected.changed() => {}
                changed = configuration.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.current.closed() => return,
            }
        }
    }

    async fn look(&mut self, target: Target, now: Instant) {
        let last = Arc::clone(&self.current.borrow());
        let same_target = last.target.as_ref() == Some(&target);
        let is_rejected = same_target && *self.rejected.borrow_and_update() == last.generation;
        let renew = is_rejected && target.has_sessions() && self.renewal.is_due(now);
        if renew {
            tracing::info!("AWS does not take the identity, another one is asked for");
        }
        if target.credentials.kind != CredentialsType::Static {
            if !same_target || renew {
                self.key = None;
                let client = target.client(Base::Source, &self.http, &self.clock).await;
                self.replace(target, Ok(client));
            }
            return;
        }
        match read(&target).await {
            Ok(key) if same_target && self.key.as_ref() == Some(&key) && !renew => self.say_stale(None),
            Ok(key) => {
                self.key = Some(key.clone());
                let client = target.client(Base::Key(key), &self.http, &self.clock).await;
                self.replace(target, Ok(client));
            }
            // Files that vanish leave the last good key in use, but only for the target it was given for.
            Err(problem) if same_target && self.key.is_some() => {
                if self.stale.as_ref() != Some(&problem) {
                    tracing::warn!(%problem, "the last good credentials stay in use");
                    self.say_stale(Some(problem));
                }
            }
            Err(problem) => {
                self.key = None;
                if !same_target || last.client.as_ref().err() != Some(&problem) {
                    tracing::error!(%problem, "nothing is delivered");
                    self.replace(target, Err(problem));
                }
            }
        }
    }

    /// Tells what is wrong with the files while the key stays as it is.
    fn say_stale(&mut self, problem: Option<Problem>) {
        if self.stale == problem {
            return;
        }
        self.stale.clone_from(&problem);
        self.current.send_modify(|current| {
            *current = Arc::new(CurrentClient {
                stale: problem,
                ..CurrentClient::clone(current)
            });
        });
    }

    fn replace(&mut self, target: Target, client: Result<Client, Problem>) {
        self.stale = None;
        let revision = self.key.as_ref().map(credential_files::revision);
        self.current.send_modify(|current| {
            *current = Arc::new(CurrentClient {
                target: Some(target),
                client,
                revision,
                stale: None,
                generation: current.generation + 1,
            });
        });
    }
}

/// Reads the files off the runtime's threads: a volume may hang.
async fn read(target: &Target) -> Result<Credentials, Problem> {
    let Some(stated) = &target.credentials.static_ else {
        return Err(Problem::SecretMissing("no directory is named".to_owned()));
    };
    let directory = PathBuf::from(&stated.directory);
    let shape = if target.is_key_for_aws() {
        Shape::Aws
    } else {
        Shape::Any
    };
    tokio::task::spawn_blocking(move || credential_files::read(&directory, shape))
        .await
        .map_err(|error| Problem::SecretIncomplete(error.to_string()))?
        .map_err(|problem: FileProblem| match problem {
            FileProblem::NoFiles => Problem::SecretMissing(problem.to_string()),
            _ => Problem::SecretIncomplete(problem.to_string()),
        })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use firehose_tests::document::{DocumentText, write_access_key};

    use super::*;

    /// Made up, of the shape of AWS's.
    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    struct Fixture {
        supplier: Supplier,
        current: watch::Receiver<Arc<CurrentClient>>,
        rejections: watch::Sender<u64>,
        files: tempfile::TempDir,
    }

    impl Fixture {
        fn new() -> Self {
            let (rejections, rejected) = watch::channel(0);
            let (supplier, current) = Supplier::new(&Transport::default(), rejected, AwsClock::default()).unwrap();
            Self {
                supplier,
                current,
                rejections,
                files: tempfile::tempdir().unwrap(),
            }
        }

        fn write(&self, secret: &str) {
            write_access_key(self.files.path(), "AKIAIOSFODNN7EXAMPLE", secret);
        }

        /// Looks once for a document with static credentials, and says which generation there is then and the client's
        /// problem.
        async fn look(&mut self, region: &str) -> (u64, Option<Problem>) {
            let document = DocumentText::default().region(region);
            let target = target(&document.static_credentials(self.files.path()));
            self.supplier.look(target, Instant::now()).await;
            let current = self.current.borrow();
            (current.generation, current.client.as_ref().err().cloned())
        }
    }

    fn target(document: &DocumentText) -> Target {
        Target::of(&firehose_proxy_config::parse(&document.to_string()).unwrap())
    }

    fn missing(file: &str) -> Option<Problem> {
        Some(Problem::SecretIncomplete(format!("the file {file:?} is missing")))
    }

    #[tokio::test]
    async fn a_look_at_unchanged_files_makes_no_new_client() {
        let mut fixture = Fixture::new();
        fixture.write(SECRET);
        assert_eq!(fixture.look("eu-west-1").await, (1, None));
        assert_eq!(fixture.look("eu-west-1").await, (1, None));
    }

    #[tokio::test]
    async fn another_key_or_another_target_makes_a_new_client() {
        let mut fixture = Fixture::new();
        fixture.write(SECRET);
        fixture.look("eu-west-1").await;
        fixture.write(&SECRET.to_lowercase());
        assert_eq!(fixture.look("eu-west-1").await, (2, None));
        assert_eq!(fixture.look("us-east-1").await, (3, None));
    }

    #[tokio::test]
    async fn files_that_vanish_leave_the_last_good_key_in_use() {
        let mut fixture = Fixture::new();
        fixture.write(SECRET);
        fixture.look("eu-west-1").await;
        fs::remove_file(fixture.files.path().join("secretAccessKey")).unwrap();
        assert_eq!(fixture.look("eu-west-1").await, (1, None));
        assert_eq!(fixture.supplier.stale, missing("secretAccessKey"));
        assert_eq!(
            fixture.current.borrow().stale,
            missing("secretAccessKey"),
            "nobody is told"
        );
        fixture.write(SECRET);
        assert_eq!(fixture.look("eu-west-1").await, (1, None));
        assert_eq!(fixture.supplier.stale, None, "and the next loss is said again");
        assert_eq!(fixture.current.borrow().stale, None);
    }

    /// It was given for the target before; where this one goes is another matter.
    #[tokio::test]
    async fn a_last_good_key_is_not_taken_along_to_another_target() {
        let mut fixture = Fixture::new();
        fixture.write(SECRET);
        fixture.look("eu-west-1").await;
        fs::remove_file(fixture.files.path().join("accessKeyID")).unwrap();
        assert_eq!(fixture.look("us-east-1").await, (2, missing("accessKeyID")));
        assert_eq!(
            fixture.look("us-east-1").await,
            (2, missing("accessKeyID")),
            "one problem is one change"
        );
    }

    /// No fall-through to the environment or the node's role.
    #[tokio::test]
    async fn static_credentials_that_are_missing_leave_no_client() {
        let mut fixture = Fixture::new();
        fixture
            .supplier
            .look(target(&DocumentText::default()), Instant::now())
            .await;
        assert!(fixture.current.borrow().client.is_ok());
        let (generation, problem) = fixture.look("eu-west-1").await;
        assert_eq!(generation, 2);
        assert!(matches!(problem, Some(Problem::SecretMissing(_))), "{problem:?}");
    }

    /// A key has nothing that could be asked for again; a session has, and is asked for ever more rarely.
    #[tokio::test]
    async fn a_rejected_session_is_asked_for_again_with_backoff_and_a_rejected_key_is_not() {
        for (role, renewed) in [("", false), ("arn:aws:iam::123456789012:role/events", true)] {
            let mut fixture = Fixture::new();
            fixture.write(SECRET);
            let directory = fixture.files.path().display().to_string();
            let role = match role {
                "" => String::new(),
                arn => format!(", assumeRole: {{roleARN: '{arn}'}}"),
            };
            let document = DocumentText::default().more(&format!(
                "credentials: {{type: Static, static: {{directory: {directory:?}}}{role}}}"
            ));
            let mut generations = Vec::new();
            let start = Instant::now();
            for looks in 0..60 {
                let now = start + LOOK_EVERY * looks;
                fixture.supplier.look(target(&document), now).await;
                let generation = fixture.current.borrow().generation;
                generations.push(generation);
                fixture.rejections.send_replace(generation);
            }
            let last = generations.last().copied().unwrap();
            // At once, and then after 2, 4, 8, 16 and 32 seconds at the earliest.
            assert_eq!(last, if renewed { 6 } else { 1 }, "{generations:?}");
            assert_eq!(generations[1], if renewed { 2 } else { 1 });
        }
    }

    /// The Secret and its keys are the destination's to name, so it could be anything.
    #[tokio::test]
    async fn what_is_no_key_is_not_sent_to_aws() {
        let mut fixture = Fixture::new();
        fixture.write("the-database-password");
        let (_, problem) = fixture.look("eu-west-1").await;
        let said = problem.unwrap().to_string();
        assert!(
            said.contains("\"secretAccessKey\" does not look like a secret access key"),
            "{said}"
        );
        assert!(!said.contains("the-database-password"), "{said}");
    }

    /// A destination's own address is AWS's or refused; another one is the installation's.
    #[tokio::test]
    async fn a_stand_in_of_the_installation_gets_any_key() {
        let mut fixture = Fixture::new();
        fixture.write("secret");
        let document = DocumentText::default().endpoint("http://simulator.example:4573");
        fixture
            .supplier
            .look(
                target(&document.static_credentials(fixture.files.path())),
                Instant::now(),
            )
            .await;
        assert!(fixture.current.borrow().client.is_ok());
    }
}
