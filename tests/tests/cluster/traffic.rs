//! Events at a steady, bounded rate, and what was answered to each.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::json;

use crate::http;

/// No load goes on longer than this, whatever happens to the test that started it.
const LONGEST: Duration = Duration::from_secs(300);

/// One event that was sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// Its messageId.
    pub(crate) message_id: String,
    /// Its event name.
    pub(crate) event: String,
    /// When sending began.
    pub(crate) began: Instant,
    /// When the answer was there.
    pub(crate) ended: Instant,
    /// The status, or why there is none.
    pub(crate) answer: Result<u16, String>,
}

/// Sends one track event to a base URL.
pub(crate) fn send(url: &str, event: &str) -> Sent {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let message_id = format!("m-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
    let body = json!({
        "event": event,
        "messageId": message_id,
        "userId": "u-1",
        "properties": { "price": 9.5 },
    });
    let began = Instant::now();
    let answer = http::post(&format!("{url}/v1/track"), &body.to_string());
    Sent {
        message_id,
        event: event.to_owned(),
        began,
        ended: Instant::now(),
        answer,
    }
}

/// Threads that send until they are told to stop.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Vec<Sent>>>,
}

impl Load {
    /// One thread a base URL, each sending the events in turn, one at a time, with `pause` between an answer and the
    /// next event.
    pub(crate) fn start(urls: &[String], events: &[&str], pause: Duration) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let threads = urls
            .iter()
            .map(|url| {
                let (stop, url) = (Arc::clone(&stop), url.clone());
                let events: Vec<String> = events.iter().map(|event| (*event).to_owned()).collect();
                let end = Instant::now() + LONGEST;
                thread::spawn(move || {
                    let mut sent = Vec::new();
                    for event in events.iter().cycle() {
                        if stop.load(Ordering::Relaxed) || Instant::now() > end {
                            break;
                        }
                        sent.push(send(&url, event));
                        thread::sleep(pause);
                    }
                    sent
                })
            })
            .collect();
        Self { stop, threads }
    }

    /// Ends the load and returns what each thread sent.
    pub(crate) fn stop(self) -> Vec<Vec<Sent>> {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    }
}
