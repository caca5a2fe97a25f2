//! `kill -9` under load, again and again: what was answered 200 arrives, and nothing arrives twice without a kill in
//! between.
//!
//! `cargo xtask prove kill` does it 200 times; the tests do it a few times.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use http::StatusCode;
use tokio::task::JoinSet;

use crate::pod::{Place, Pod, setting, until};

/// Clients that send one event after the other.
const CLIENTS: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_when_spooled_survives_every_kill() {
    let place = Place::new("delivery: {acknowledge: WhenSpooled, lingerMilliseconds: 10}").await;
    let history = History::of(&place).await;
    let twice = history.check();
    // One more for each kill between the arrivals: an acknowledgement that was not written, or an answer of Firehose
    // that was lost.
    for (id, arrivals) in &twice {
        let between = |from: u64, to: u64| history.kills.iter().any(|at| (from..to).contains(at));
        let explained = arrivals.windows(2).all(|pair| between(pair[0], pair[1]));
        assert!(
            explained,
            "{id} arrived at {arrivals:?}, the kills were at {:?}",
            history.kills
        );
    }
    println!("{history}, {} events arrived again after a kill", twice.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_when_delivered_had_arrived_before_every_kill() {
    let place = Place::new("delivery: {acknowledge: WhenDelivered, lingerMilliseconds: 10}").await;
    let history = History::of(&place).await;
    let twice = history.check();
    assert!(
        twice.is_empty(),
        "nothing is kept, so nothing can come again: {twice:?}"
    );
    println!("{history}");
}

/// What happened.
struct History {
    answered: Vec<String>,
    refused: u64,
    arrived: BTreeMap<String, Vec<u64>>,
    /// The highest number that Firehose had given to a record at each kill.
    kills: Vec<u64>,
}

impl History {
    async fn of(place: &Place) -> Self {
        let rounds = setting("KILL_ROUNDS", 5);
        let (mut kills, mut refused) = (Vec::new(), 0);
        let (answered, next) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU64::new(0)));
        for round in 0..rounds {
            let pod = Arc::new(place.start());
            let mut clients = JoinSet::new();
            for _ in 0..CLIENTS {
                clients.spawn(send(Arc::clone(&pod), Arc::clone(&answered), Arc::clone(&next)));
            }
            // Now and then before the first answer, now and then in the middle of the work.
            if round % 2 == 0 {
                let before = answered.lock().unwrap().len();
                until("events are answered", async || {
                    answered.lock().unwrap().len() > before + 20
                })
                .await;
            }
            tokio::time::sleep(Duration::from_millis(20 + round * 97 % 500)).await;
            let id = rustix::process::Pid::from_raw(i32::try_from(pod.id()).unwrap()).unwrap();
            rustix::process::kill_process(id, rustix::process::Signal::KILL).unwrap();
            while let Some(ended) = clients.join_next().await {
                refused += ended.unwrap();
            }
            drop(pod); // waits for its end
            kills.push(
                place
                    .firehose
                    .streams()
                    .iter()
                    .map(|stream| stream.records)
                    .max()
                    .unwrap_or(0),
            );
        }
        let pod = place.start();
        until("everything is delivered", async || {
            pod.admin("/status").await.contains(r#""backlog":"Empty""#)
        })
        .await;
        let (status, said) = pod.terminate();
        assert!(status.success(), "{said}");
        let answered = std::mem::take(&mut *answered.lock().unwrap());
        assert!(answered.len() as u64 > rounds, "no load");
        Self {
            answered,
            refused,
            arrived: place.arrived(),
            kills,
        }
    }

    /// Nothing that was answered is missing. Returns what arrived more than once.
    fn check(&self) -> BTreeMap<&str, &[u64]> {
        let lost: Vec<_> = self
            .answered
            .iter()
            .filter(|id| !self.arrived.contains_key(*id))
            .collect();
        assert!(lost.is_empty(), "{} answered events are lost: {lost:?}", lost.len());
        let several = self.arrived.iter().filter(|(_, arrivals)| arrivals.len() > 1);
        several
            .map(|(id, arrivals)| (id.as_str(), arrivals.as_slice()))
            .collect()
    }
}

impl std::fmt::Display for History {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            answered,
            refused,
            arrived,
            kills,
        } = self;
        write!(
            formatter,
            "{} kills, {} events answered 200, {refused} answered otherwise, {} arrived, 0 lost",
            kills.len(),
            answered.len(),
            arrived.len()
        )
    }
}

/// Sends until there is no answer. Returns how many events were not answered 200.
async fn send(pod: Arc<Pod>, answered: Arc<Mutex<Vec<String>>>, next: Arc<AtomicU64>) -> u64 {
    let mut refused = 0;
    loop {
        let id = format!("event-{}", next.fetch_add(1, Ordering::Relaxed));
        match pod.send(&id, 200).await {
            Ok(answer) if answer.status == StatusCode::OK => answered.lock().unwrap().push(id),
            Ok(_) => refused += 1,
            Err(_) => return refused + 1,
        }
    }
}
