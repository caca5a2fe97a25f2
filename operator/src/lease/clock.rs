//! The clock that leases are judged by.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// Goes on while the machine sleeps: a leader that wakes up must not take the time that others had for none.
#[cfg(target_os = "linux")]
const CLOCK: ClockId = ClockId::Boottime;

/// Where there is no such clock, the operator only runs for its tests.
#[cfg(not(target_os = "linux"))]
const CLOCK: ClockId = ClockId::Monotonic;

/// Time since the machine started, its sleep included.
pub(super) fn since_boot() -> Duration {
    let time = clock_gettime(CLOCK);
    let nanoseconds = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(time.tv_sec.unsigned_abs(), nanoseconds)
}
