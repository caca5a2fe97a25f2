//! How many bytes a call may carry: what AWS documents, and less for a while when it has counted otherwise than we do.

use std::time::Duration;

use tokio::time::Instant;

use crate::firehose::limits::MAX_CALL_BYTES;

/// The bound of a stream's calls.
#[derive(Debug)]
pub(super) struct CallSize {
    bytes: usize,
    /// When a call of the documented size is tried again.
    raise_at: Option<Instant>,
    /// How long it is left alone after the next refusal.
    pause: Duration,
}

/// The first pause and the longest. A call that is refused costs its bytes once more.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

impl Default for CallSize {
    fn default() -> Self {
        Self {
            bytes: MAX_CALL_BYTES,
            raise_at: None,
            pause: FIRST_PAUSE,
        }
    }
}

impl CallSize {
    /// Most bytes of a call, before base64.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// A call was too large, and one of `bytes` is not known to be.
    pub(super) fn refused(&mut self, bytes: usize, now: Instant) {
        // Calls that were under way together say it once.
        if self.bytes > bytes {
            self.raise_at = Some(now + self.pause);
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        }
        self.bytes = bytes;
    }

    /// Goes back to the documented size when its time has come.
    pub(super) fn look(&mut self, now: Instant) {
        if self.raise_at.is_some_and(|at| now >= at) {
            self.bytes = MAX_CALL_BYTES;
            self.raise_at = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Was: smaller calls until the process ended.
    #[test]
    fn a_call_that_was_too_large_makes_smaller_ones_for_a_while_and_for_longer_the_next_time() {
        let (mut size, start) = (CallSize::default(), Instant::now());
        let mut now = start;
        for pause in [60, 120, 240, 480, 960, 1920, 3600, 3600] {
            size.refused(3_000_000, now);
            size.refused(3_000_000, now);
            size.look(now + Duration::from_secs(pause - 1));
            assert_eq!(size.bytes(), 3_000_000, "{pause}");
            now += Duration::from_secs(pause);
            size.look(now);
            assert_eq!(size.bytes(), MAX_CALL_BYTES, "{pause}");
        }
    }
}
