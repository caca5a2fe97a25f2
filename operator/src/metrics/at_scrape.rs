//! What is looked at when somebody scrapes, because it changes by itself: objects, what waits, the lease, the process.

use std::{
    fmt::{self, Debug},
    fs,
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric as _},
    metrics::{MetricType, counter::ConstCounter, gauge::ConstGauge},
    registry::Registry,
};

/// Ticks a second in `/proc`. Linux has said 100 to programs on every architecture for as long as there are these
/// files.
const TICKS_PER_SECOND: f64 = 100.0;

/// Bytes of a page of memory, as `/proc` counts.
const PAGE_BYTES: u64 = 4096;

/// Condition and status, and how many destinations have that.
pub(crate) type ByCondition = Vec<((String, String), usize)>;

/// Where to look.
pub struct Sources {
    /// How many destinations have a condition at a status, each by name.
    pub conditions: Box<dyn Fn() -> ByCondition + Send + Sync>,
    /// How many destinations have changed and have had no round since, and how long the longest of them waits.
    pub waiting: Box<dyn Fn() -> (usize, Duration) + Send + Sync>,
    /// How long ago the lease was renewed; `None` while this process does not lead.
    pub renewed: Box<dyn Fn() -> Option<Duration> + Send + Sync>,
}

impl Debug for Sources {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sources").finish_non_exhaustive()
    }
}

/// Describes them in `registry`.
pub fn register(sources: Sources, registry: &mut Registry) {
    registry.register_collector(Box::new(sources));
}

impl Collector for Sources {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let mut conditions = encoder.encode_descriptor(
            "firehose_operator_destinations",
            "Destinations by the status of each of their conditions",
            None,
            MetricType::Gauge,
        )?;
        for ((condition, status), count) in (self.conditions)() {
            let labels = [("condition", condition.as_str()), ("status", status.as_str())];
            ConstGauge::new(bounded(count as u64)).encode(conditions.encode_family(&labels)?)?;
        }
        let (waiting, longest) = (self.waiting)();
        let mut gauge = |name: &str, help: &str, value: f64| {
            let gauge = ConstGauge::new(value);
            gauge.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
        };
        gauge(
            "firehose_operator_queue_destinations",
            "Destinations that have changed and whose round has not begun",
            waiting as f64,
        )?;
        gauge(
            "firehose_operator_queue_age_seconds",
            "How long the longest of them waits",
            longest.as_secs_f64(),
        )?;
        if let Some(renewed) = (self.renewed)() {
            gauge(
                "firehose_operator_lease_renewed_seconds",
                "How long ago the leader renewed its lease",
                renewed.as_secs_f64(),
            )?;
        }
        let Some(process) = Process::look() else {
            return Ok(());
        };
        gauge(
            "process_resident_memory_bytes",
            "Memory of this process",
            process.resident_bytes as f64,
        )?;
        gauge(
            "process_open_fds",
            "Descriptors that this process has open",
            process.open_descriptors as f64,
        )?;
        let cpu = ConstCounter::new(process.cpu_seconds);
        let described = encoder.encode_descriptor(
            "process_cpu_seconds",
            "Time on a processor that this process took",
            None,
            MetricType::Counter,
        )?;
        cpu.encode(described)
    }
}

fn bounded(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// This process, as the kernel tells of it.
#[derive(Debug, PartialEq)]
struct Process {
    resident_bytes: u64,
    open_descriptors: usize,
    cpu_seconds: f64,
}

impl Process {
    /// `None` where there is no `/proc`.
    fn look() -> Option<Self> {
        let resident: u64 = fs::read_to_string("/proc/self/statm")
            .ok()?
            .split(' ')
            .nth(1)?
            .parse()
            .ok()?;
        Some(Self {
            resident_bytes: resident * PAGE_BYTES,
            open_descriptors: fs::read_dir("/proc/self/fd").ok()?.count(),
            cpu_seconds: cpu_seconds(&fs::read_to_string("/proc/self/stat").ok()?)?,
        })
    }
}

/// From a line of `/proc/…/stat`: time in programs and time in the kernel are the 14th and the 15th field, counted from
/// behind the program's name, which may hold anything.
fn cpu_seconds(stat: &str) -> Option<f64> {
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut ticks = fields.split(' ').skip(11).take(2);
    let (user, system): (u32, u32) = (ticks.next()?.parse().ok()?, ticks.next()?.parse().ok()?);
    Some((f64::from(user) + f64::from(system)) / TICKS_PER_SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_on_a_processor_is_read_behind_whatever_the_program_is_called() {
        let line = "71 (a ) 1 2) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0";
        assert_eq!(cpu_seconds(line), Some(3.0));
        assert_eq!(cpu_seconds("71 (a"), None);
    }

    #[test]
    fn this_process_is_seen() {
        let process = Process::look().unwrap();
        assert!(
            process.resident_bytes > 1 << 20 && process.open_descriptors > 2,
            "{process:?}"
        );
    }
}
