//! The process within the limits of the pod that the operator renders, while Firehose, the disk or the clients do what
//! they should not. `cargo xtask prove limits` runs each for longer, with the binary as it is released.
//!
//! One test, because the scenarios measure one machine, one after the other, and print one table.

mod cell;
mod hostile;
mod load;

use std::{collections::BTreeMap, fmt, time::Duration};

use firehose_proxy_config::{memory, parse};
use firehose_simulator::{Availability, Fault, Rule, ServiceSettings, StreamSettings, TakesEffect};
use firehose_tests::document::DocumentText;
use tokio::time::{Instant, sleep, sleep_until};

use self::{
    cell::Cell,
    load::{Load, Sent},
};
use crate::{
    full_disk::Mounted,
    pod::{Place, Pod, setting},
};

const DELIVERED: &str = "delivery: {acknowledge: WhenDelivered}";
const SPOOLED: &str = "delivery: {acknowledge: WhenSpooled}";

/// Longest wait for what was answered, once everything works again.
const HEALED: Duration = Duration::from_secs(120);

/// What Firehose does while the clients send.
#[derive(Debug, Clone, Copy)]
enum Firehose {
    Serves,
    /// Reads calls and never answers one.
    IsSilent,
    /// Answers each call with 503.
    Refuses,
    /// Answers each call after two seconds.
    IsSlow,
}

/// What is wrong with the disk.
#[derive(Debug, Clone, Copy)]
enum Disk {
    Works,
    /// Of 48 MiB.
    FillsUp,
    /// Every eighth sync takes three seconds.
    Stalls,
}

struct Scenario {
    what: &'static str,
    /// Lines of the document.
    document: &'static str,
    streams: usize,
    firehose: Firehose,
    disk: Disk,
    /// Soft and hard limit of descriptors.
    descriptors: (u32, u32),
    load: Load,
    /// Clients that connect and send nothing.
    idle: usize,
    /// Whether it is run in every test, and not only where there is time for all.
    always: bool,
}

impl Default for Scenario {
    /// A pod as it is rendered, and clients that send batches of 50 events of 1 KiB as fast as they are answered.
    fn default() -> Self {
        Self {
            what: "",
            document: DELIVERED,
            streams: 1,
            firehose: Firehose::Serves,
            disk: Disk::Works,
            descriptors: (1024, 20_000),
            load: Load {
                clients: 32,
                events: 50,
                event_bytes: 1024,
            },
            idle: 0,
            always: false,
        }
    }
}

/// Bodies just below the largest that is taken, more of them than there is memory for.
const LARGE: Load = Load {
    clients: 32,
    events: 100,
    event_bytes: 100_000,
};

fn scenarios() -> Vec<Scenario> {
    let silent = |what, streams| Scenario {
        what,
        streams,
        firehose: Firehose::IsSilent,
        load: Load {
            clients: 256,
            events: 50,
            event_bytes: 10_000,
        },
        ..Scenario::default()
    };
    let spooled = |what| Scenario {
        what,
        document: SPOOLED,
        ..Scenario::default()
    };
    vec![
        Scenario {
            what: "WhenDelivered, everything works",
            ..Scenario::default()
        },
        silent("WhenDelivered, silent, 1 stream", 1),
        silent("WhenDelivered, silent, 10 streams", 10),
        Scenario {
            always: true,
            ..silent("WhenDelivered, silent, 200 streams", 200)
        },
        Scenario {
            what: "WhenDelivered, slow, 200 streams",
            streams: 200,
            firehose: Firehose::IsSlow,
            ..Scenario::default()
        },
        Scenario {
            what: "WhenDelivered, refused, 10 MB bodies",
            streams: 10,
            firehose: Firehose::Refuses,
            load: LARGE,
            ..Scenario::default()
        },
        Scenario {
            what: "WhenDelivered, 1,050 idle clients",
            idle: 1050,
            ..Scenario::default()
        },
        Scenario {
            streams: 200,
            firehose: Firehose::IsSilent,
            ..spooled("WhenSpooled, silent, 200 streams")
        },
        Scenario {
            firehose: Firehose::Refuses,
            load: LARGE,
            always: true,
            ..spooled("WhenSpooled, refused, 10 MB bodies")
        },
        Scenario {
            firehose: Firehose::IsSilent,
            disk: Disk::FillsUp,
            ..spooled("WhenSpooled, silent, disk of 48 MiB")
        },
        Scenario {
            disk: Disk::Stalls,
            ..spooled("WhenSpooled, the disk stalls")
        },
        Scenario {
            firehose: Firehose::IsSilent,
            descriptors: (64, 64),
            ..spooled("WhenSpooled, silent, 64 descriptors")
        },
    ]
}

/// What a scenario came to.
struct Outcome {
    peak: u64,
    limit: u64,
    killed: u64,
    statuses: BTreeMap<u16, usize>,
    without_answer: usize,
    answered: usize,
    /// Batches that nobody had taken long after everything worked again.
    given_up: usize,
    lost: usize,
    twice: usize,
}

impl Outcome {
    /// What does not hold.
    fn broken(&self) -> Option<&'static str> {
        if self.killed > 0 {
            return Some("killed for memory");
        }
        if self.peak >= self.limit {
            return Some("over the limit of memory");
        }
        if self.lost > 0 {
            return Some("lost");
        }
        (self.given_up > 0).then_some("not taken, although everything works again")
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes >> 20;
        write!(
            formatter,
            "{:>4} of {} MiB  {:>7} events safe  {} lost  {:>5} twice  answers {:?}, none {}",
            mib(self.peak),
            mib(self.limit),
            self.answered,
            self.lost,
            self.twice,
            self.statuses,
            self.without_answer
        )
    }
}

impl Scenario {
    fn stream(number: usize) -> String {
        format!("stream-{number}")
    }

    /// The document, written where the proxy looks for it; and the memory that a pod with it is given.
    fn configure(&self, place: &Place) -> u64 {
        let document = DocumentText::default()
            .endpoint(&place.firehose.url())
            .static_credentials(&place.directory.path().join("key"))
            .more(self.document);
        let document = (0..self.streams).fold(document, |document, number| {
            document.mapping(&Self::stream(number), &Self::stream(number))
        });
        document.write(&place.directory.path().join("configuration"));
        let parsed = parse(&document.to_string()).unwrap();
        memory::limit_bytes(memory::account_of(&parsed))
    }

    fn wrapper(&self, cell: &Cell) -> Vec<String> {
        let (soft, hard) = self.descriptors;
        let enter = cell.enter();
        let script = format!(r#"{enter}ulimit -Sn {soft} && ulimit -Hn {hard} && exec "$@""#);
        let mut wrapper = ["sh", "-c", &script, "sh"].map(str::to_owned).to_vec();
        if matches!(self.disk, Disk::Stalls) {
            let strace = "strace --follow-forks --quiet=all -e trace=fdatasync -o /dev/null \
                          -e inject=fdatasync:delay_enter=3000000:when=8+8";
            wrapper.extend(strace.split_whitespace().map(str::to_owned));
        }
        wrapper
    }

    fn break_firehose(&self, place: &Place) {
        let availability = match self.firehose {
            Firehose::Serves => return,
            Firehose::IsSilent => Availability::Silent,
            Firehose::Refuses => Availability::Unavailable,
            Firehose::IsSlow => {
                for number in 0..self.streams {
                    let slow = Fault::Slow {
                        milliseconds: 2000,
                        takes_effect: TakesEffect::default(),
                    };
                    place
                        .firehose
                        .configure(
                            &Self::stream(number),
                            StreamSettings {
                                faults: vec![Rule::always(slow)],
                                ..StreamSettings::default()
                            },
                        )
                        .unwrap();
                }
                return;
            }
        };
        place.firehose.configure_service(ServiceSettings {
            firehose: availability,
            ..ServiceSettings::default()
        });
    }

    fn heal_firehose(&self, place: &Place) {
        place.firehose.configure_service(ServiceSettings::default());
        if matches!(self.firehose, Firehose::IsSlow) {
            for number in 0..self.streams {
                place
                    .firehose
                    .configure(&Self::stream(number), StreamSettings::default())
                    .unwrap();
            }
        }
    }

    /// How often each event has arrived.
    fn arrived(&self, place: &Place) -> BTreeMap<String, usize> {
        let mut arrived = BTreeMap::new();
        for number in 0..self.streams {
            let records = place.firehose.records(&Self::stream(number), 0, usize::MAX);
            for id in records
                .unwrap_or_default()
                .iter()
                .flat_map(|record| load::ids(&record.data))
            {
                *arrived.entry(id).or_default() += 1;
            }
        }
        arrived
    }

    async fn run(&self, duration: Duration) -> Outcome {
        let mut place = Place::new("").await;
        let limit = self.configure(&place);
        let cell = Cell::new(limit);
        place.wrapper = self.wrapper(&cell);
        let _small = matches!(self.disk, Disk::FillsUp).then(|| Mounted::new(place.spool(), "48m"));
        let pod = place.start();
        self.break_firehose(&place);
        let idle = load::connect(&pod, self.idle).await;
        let end = Instant::now() + duration;
        let mending = async {
            sleep_until(end).await;
            assert_eq!(pod.admin("/livez").await, "ok", "{}", self.what);
            drop(idle);
            self.heal_firehose(&place);
        };
        let (sent, ()) = tokio::join!(self.load.send(&pod, self.streams, end, end + HEALED), mending);
        let arrived = self.wait_for(&place, &sent).await;
        let peak = cell::peak(serving(&pod));
        let Sent {
            answered,
            statuses,
            without_answer,
            given_up,
        } = sent;
        Outcome {
            peak,
            limit,
            killed: cell.killed(),
            statuses,
            without_answer,
            answered: answered.len(),
            given_up,
            lost: answered.iter().filter(|id| !arrived.contains_key(*id)).count(),
            twice: arrived.values().filter(|times| **times > 1).count(),
        }
    }

    /// Waits until what was answered has arrived, or for long enough.
    async fn wait_for(&self, place: &Place, sent: &Sent) -> BTreeMap<String, usize> {
        let end = Instant::now() + HEALED;
        loop {
            let arrived = self.arrived(place);
            if Instant::now() >= end || sent.answered.iter().all(|id| arrived.contains_key(id)) {
                return arrived;
            }
            sleep(Duration::from_millis(500)).await;
        }
    }
}

/// The process that serves: the tracer's child, where there is one.
fn serving(pod: &Pod) -> u32 {
    cell::child_of(pod.id()).unwrap_or(pod.id())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs root and strace: cargo xtask test durability"]
async fn a_pod_stays_within_its_limits_and_loses_nothing() {
    let seconds = setting("LIMITS_SECONDS", 0);
    let (all, duration) = (seconds > 0, Duration::from_secs(if seconds > 0 { seconds } else { 3 }));
    let mut broken = Vec::new();
    for scenario in scenarios().iter().filter(|scenario| all || scenario.always) {
        let outcome = scenario.run(duration).await;
        println!("{:<38} {outcome}", scenario.what);
        broken.extend(outcome.broken().map(|why| format!("{}: {why}", scenario.what)));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
