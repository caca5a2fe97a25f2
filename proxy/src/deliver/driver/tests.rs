//! The driver with a Firehose that answers when a test lets it: what it decides for all streams together.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use aws_credential_types::Credentials;
use aws_sdk_firehose::config::{BehaviorVersion, Region};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn},
    orchestrator::{HttpRequest, HttpResponse},
};
use aws_smithy_types::{body::SdkBody, retry::RetryConfig};
use firehose_tests::document::DocumentText;
use prometheus_client::registry::Registry;
use tokio::{
    sync::Semaphore,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tracing_subscriber::fmt::format::FmtSpan;

use super::*;
use crate::{
    config,
    deliver::{LogAndSettle, StreamState, StreamStatus},
    firehose::{Problem, Target},
    queue::{self, AcceptError, Accepted, BatchTooLarge, EventBatch, Intake},
    shutdown::{Controller, shutdown},
    stream::RoutingKey,
};

/// A Firehose that answers one call for each permit, and that everything was taken.
#[derive(Debug, Clone)]
struct Firehose {
    permits: Arc<Semaphore>,
    /// Calls without an answer: now, and the most there ever were.
    open: Arc<AtomicUsize>,
    most_open: Arc<AtomicUsize>,
    /// Records that arrived, by stream.
    arrived: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl Firehose {
    fn answering(calls: usize) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(calls)),
            open: Arc::default(),
            most_open: Arc::default(),
            arrived: Arc::default(),
        }
    }

    fn client(&self) -> Client {
        let connector = SharedHttpConnector::new(self.clone());
        let config = aws_sdk_firehose::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
            .retry_config(RetryConfig::disabled())
            .http_client(http_client_fn(move |_, _| connector.clone()));
        Client::from_conf(config.build())
    }

    fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    fn arrived(&self) -> usize {
        self.arrived.lock().unwrap().values().sum()
    }

    fn arrived_in(&self, stream: &str) -> usize {
        self.arrived.lock().unwrap().get(stream).copied().unwrap_or_default()
    }
}

impl HttpConnector for Firehose {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body: serde_json::Value = serde_json::from_slice(request.body().bytes().unwrap()).unwrap();
        let stream = body["DeliveryStreamName"].as_str().unwrap().to_owned();
        let records = body["Records"].as_array().unwrap().len();
        let firehose = self.clone();
        HttpConnectorFuture::new(async move {
            let open = firehose.open.fetch_add(1, Ordering::Relaxed) + 1;
            firehose.most_open.fetch_max(open, Ordering::Relaxed);
            firehose.permits.acquire().await.unwrap().forget();
            firehose.open.fetch_sub(1, Ordering::Relaxed);
            *firehose.arrived.lock().unwrap().entry(stream).or_default() += records;
            let entries = vec![serde_json::json!({"RecordId": "an id"}); records];
            let answer = serde_json::json!({"FailedPutCount": 0, "RequestResponses": entries});
            Ok(HttpResponse::new(
                200.try_into().unwrap(),
                SdkBody::from(answer.to_string()),
            ))
        })
    }
}

const FLUSH_WITHIN: Duration = Duration::from_secs(1);

/// A driver that runs, and what it is given.
struct Fixture {
    intake: Intake,
    streams: Arc<Streams>,
    status: DeliveryStatus,
    clients: watch::Sender<Arc<CurrentClient>>,
    controller: Controller,
    running: JoinHandle<Undelivered>,
}

impl Fixture {
    fn start(client: Result<Client, Problem>, more: &str) -> Self {
        let (live, streams) = (Arc::new(Live::default()), Arc::new(Streams::default()));
        let directory = tempfile::tempdir().unwrap();
        DocumentText::default().more(more).write(directory.path());
        let reloads = config::Metrics::default();
        let mounted = config::follow(directory.path(), Arc::clone(&live), Arc::clone(&streams), reloads).unwrap();
        drop(mounted);
        let target = live.load().as_ref().map(|snapshot| Target::of(&snapshot.document));
        let (intake, outlet) = queue::memory(64 << 20);
        let status = DeliveryStatus::default();
        let deliver = Deliver {
            live,
            streams: Arc::clone(&streams),
            transport: Transport::default(),
            metrics: Metrics::register(&mut Registry::default()),
            delivery_status: status.clone(),
            byte_limit: intake.byte_limit().clone(),
            closed_streams: intake.closed_streams().clone(),
            give_up: Box::new(LogAndSettle),
            account: crate::account::Account::unlimited(),
            most_calls: usize::MAX,
            flush_within: FLUSH_WITHIN,
        };
        let (clients, receiver) = watch::channel(Arc::new(CurrentClient {
            target,
            client,
            revision: None,
            stale: None,
            generation: 1,
        }));
        let (controller, shutdown) = shutdown();
        let running = tokio::spawn(
            Driver::new(deliver, receiver, watch::Sender::new(0), AwsClock::default()).run(outlet, shutdown),
        );
        Self {
            intake,
            streams,
            status,
            clients,
            controller,
            running,
        }
    }

    /// Puts events for one stream into the queue; what becomes of their request.
    fn send(&self, stream: &str, events: usize) -> JoinHandle<Result<Accepted, AcceptError>> {
        let stream = self.streams.intern(&StreamName::try_from(stream).unwrap());
        let mut batch = EventBatch::default();
        for _ in 0..events {
            let pushed = batch.push(stream, RoutingKey::default(), |record| {
                record.extend_from_slice(b"{\"a\":1}\n");
                Ok::<(), BatchTooLarge>(())
            });
            pushed.unwrap();
        }
        let intake = self.intake.clone();
        tokio::spawn(async move { intake.accept(batch, Instant::now() + Duration::from_secs(600)).await })
    }

    /// The only stream that has events, once delivery has told of it.
    fn told(&self) -> Option<StreamStatus> {
        self.status.streams().pop()
    }

    /// Another client for the same place.
    fn supply(&self, client: Client) {
        self.clients.send_modify(|current| {
            *current = Arc::new(CurrentClient {
                target: current.target.clone(),
                client: Ok(client),
                revision: None,
                stale: None,
                generation: current.generation + 1,
            });
        });
    }
}

/// Long enough for anything that a loaded machine does at once.
const SOON: Duration = Duration::from_secs(30);

async fn until(what: &str, holds: impl Fn() -> bool) {
    let waiting = async {
        while !holds() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(SOON, waiting)
        .await
        .unwrap_or_else(|_| panic!("not within {SOON:?}: {what}"));
}

#[tokio::test]
async fn what_is_delivered_answers_its_request() {
    let firehose = Firehose::answering(usize::MAX >> 3);
    let fixture = Fixture::start(Ok(firehose.client()), "");
    fixture.send("orders", 3).await.unwrap().unwrap();
    assert_eq!(firehose.arrived_in("orders"), 3);
}

#[tokio::test]
async fn the_calls_of_all_streams_together_are_bounded() {
    let firehose = Firehose::answering(0);
    let fixture = Fixture::start(Ok(firehose.client()), "");
    // Each would make eight calls at a time if it were alone.
    let requests: Vec<_> = (0..10)
        .map(|stream| fixture.send(&format!("stream-{stream}"), 4000))
        .collect();
    // Eight take all there are, and the other two have one each all the same.
    until("calls are made", || firehose.open() == MAX_CALLS_IN_FLIGHT + 2).await;
    sleep(Duration::from_millis(200)).await;
    firehose.permits.add_permits(1000);
    for request in requests {
        request.await.unwrap().unwrap();
    }
    assert_eq!(firehose.arrived(), 40_000);
    assert!(firehose.most_open.load(Ordering::Relaxed) <= MAX_CALLS_IN_FLIGHT + 10);
}

/// Otherwise streams that hang would be all that there is.
#[tokio::test]
async fn a_stream_without_a_call_may_always_make_one() {
    let firehose = Firehose::answering(0);
    let fixture = Fixture::start(Ok(firehose.client()), "");
    for stream in 0..MAX_CALLS_IN_FLIGHT + 10 {
        fixture.send(&format!("stream-{stream}"), 1);
    }
    until("each has one", || firehose.open() == MAX_CALLS_IN_FLIGHT + 10).await;
}

#[tokio::test]
async fn without_a_client_nothing_is_sent_until_there_is_one() {
    let problem = Problem::SecretIncomplete("the file \"accessKeyID\" is missing".to_owned());
    let fixture = Fixture::start(Err(problem), "");
    let request = fixture.send("orders", 1);
    let state = || fixture.told().map(|stream| stream.state);
    until("it says so", || state() == Some(StreamState::Failing)).await;
    let told = fixture.status.credentials().unwrap();
    assert_eq!(told.reason, Some(Reason::SecretIncomplete));
    assert!(told.message.contains("accessKeyID"), "{}", told.message);
    assert!(!request.is_finished());

    let firehose = Firehose::answering(10);
    fixture.supply(firehose.client());
    timeout(SOON, request).await.unwrap().unwrap().unwrap();
    until("it says so", || state() == Some(StreamState::Delivering)).await;
    assert_eq!(fixture.status.credentials().unwrap().reason, Some(Reason::Succeeded));
}

#[tokio::test]
async fn new_keys_sign_one_call_before_they_sign_all() {
    let (old, new) = (Firehose::answering(100), Firehose::answering(0));
    let fixture = Fixture::start(Ok(old.client()), "");
    fixture.send("orders", 1).await.unwrap().unwrap();
    fixture.supply(new.client());
    // Whichever call comes first after the driver has heard of the new keys.
    let on_trial = loop {
        let request = fixture.send("orders", 1);
        until("a call is made", || request.is_finished() || new.open() == 1).await;
        if new.open() == 1 {
            break request;
        }
        request.await.unwrap().unwrap();
    };
    let before = old.arrived();
    for _ in 0..3 {
        fixture.send("orders", 1).await.unwrap().unwrap();
    }
    assert_eq!((old.arrived(), new.open()), (before + 3, 1));
    new.permits.add_permits(100);
    on_trial.await.unwrap().unwrap();
    fixture.send("orders", 1).await.unwrap().unwrap();
    assert_eq!((old.arrived(), new.arrived()), (before + 3, 2));
}

#[tokio::test]
async fn a_paused_stream_keeps_its_events() {
    let firehose = Firehose::answering(10);
    let fixture = Fixture::start(Ok(firehose.client()), "delivery: {state: Paused}");
    let request = fixture.send("orders", 2);
    let told = || fixture.told().map(|stream| (stream.state, stream.backlog_events));
    until("it says so", || told() == Some((StreamState::Paused, 2))).await;
    assert!(!request.is_finished());
    assert_eq!(firehose.arrived(), 0);
}

/// A linger of a minute would be waited for if the end did not cut it short.
#[tokio::test]
async fn at_the_end_nothing_waits_for_company() {
    let firehose = Firehose::answering(10);
    let fixture = Fixture::start(Ok(firehose.client()), "delivery: {lingerMilliseconds: 60000}");
    let request = fixture.send("orders", 1);
    until("it waits", || {
        fixture.told().is_some_and(|stream| stream.backlog_events == 1)
    })
    .await;
    assert_eq!(firehose.arrived(), 0);
    fixture.controller.advance(Phase::Stopping);
    timeout(SOON, request).await.unwrap().unwrap().unwrap();
    drop(fixture.intake);
    let report = timeout(SOON, fixture.running).await.unwrap().unwrap();
    assert_eq!(report, Undelivered::default());
}

#[tokio::test]
async fn what_is_left_when_the_time_to_flush_is_over_is_reported() {
    let firehose = Firehose::answering(1);
    let fixture = Fixture::start(Ok(firehose.client()), "");
    fixture.send("delivered", 1).await.unwrap().unwrap();
    let _waiting = [fixture.send("orders", 2), fixture.send("pages", 1)];
    until("both are on their way", || firehose.open() == 2).await;
    fixture.controller.advance(Phase::Stopping);
    let begun = Instant::now();
    let mut report = fixture.running.await.unwrap();
    assert!(begun.elapsed() >= FLUSH_WITHIN, "{:?}", begun.elapsed());
    report.left.sort_by_key(|left| left.stream.to_string());
    let left: Vec<_> = report
        .left
        .iter()
        .map(|left| (left.stream.as_str(), left.events, left.bytes))
        .collect();
    assert_eq!(left, [("orders", 2, 16), ("pages", 1, 8)]);
    // Was: nobody knew that they may arrive twice.
    assert_eq!(report.cut_off, 3);
}

/// Was: started, cut off, and sent again by the next process.
#[tokio::test]
async fn no_call_starts_that_would_not_be_answered_before_the_end() {
    let firehose = Firehose::answering(0);
    let fixture = Fixture::start(Ok(firehose.client()), "delivery: {lingerMilliseconds: 0}");
    // A call that takes longer than all the time there is in the end.
    let slow = fixture.send("orders", 1);
    until("it is on its way", || firehose.open() == 1).await;
    sleep(FLUSH_WITHIN * 2).await;
    firehose.permits.add_permits(1);
    slow.await.unwrap().unwrap();
    fixture.controller.advance(Phase::Stopping);
    let _late = fixture.send("orders", 2);
    let report = timeout(SOON, fixture.running).await.unwrap().unwrap();
    assert_eq!((firehose.most_open.load(Ordering::Relaxed), firehose.open()), (1, 0));
    assert_eq!((report.left[0].events, report.cut_off), (2, 0));
}

/// The log, as far as a test wants it.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_call_has_a_span_that_names_its_stream_and_its_records() {
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter("firehose_proxy=debug")
        .with_span_events(FmtSpan::NEW)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let firehose = Firehose::answering(10);
    let fixture = Fixture::start(Ok(firehose.client()), "");
    fixture.send("orders", 3).await.unwrap().unwrap();
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains(r#"call{stream="orders" records=3}"#), "{log}");
}
