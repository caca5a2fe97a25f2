//! One line in the log now and then about what clients send wrong: how much of it and what, never what is in it.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use crate::event::{Counts, Invalid};

/// At most one line of a kind in this time.
const INTERVAL: Duration = Duration::from_secs(10);

/// What was wrong since the last lines.
#[derive(Debug, Default)]
pub(super) struct Complaints {
    invalid: Tally<{ Invalid::ALL.len() }>,
    unread_times: Tally<{ Counts::STATED_TIMES.len() }>,
    /// By reason.
    refused: Mutex<HashMap<&'static str, Refusals>>,
}

/// Refusals for one reason since its last line.
#[derive(Debug)]
struct Refusals {
    last: Instant,
    since: u64,
}

/// Sums that are handed out at most once in an interval.
#[derive(Debug)]
struct Tally<const KINDS: usize>(Mutex<(Option<Instant>, [u64; KINDS])>);

impl Complaints {
    /// Notes what was wrong with the events of a request, and writes the lines that it is time for, with the source of
    /// this request, if it is known.
    pub(super) fn note(&self, counts: &Counts, source: Option<&str>, now: Instant) {
        if let Some([not_json, not_an_object, no_identity, too_large]) = self.invalid.due(counts.invalid, now) {
            tracing::warn!(
                not_json,
                not_an_object,
                no_identity,
                too_large,
                source,
                "events were not accepted because they are not valid"
            );
        }
        if let Some([original_timestamp, sent_at, timestamp]) = self.unread_times.due(counts.unread_times, now) {
            tracing::warn!(
                original_timestamp,
                sent_at,
                timestamp,
                source,
                "points in time could not be read, the time of arrival stands in for them; what was sent is in unreadTimes"
            );
        }
    }
}

impl Complaints {
    /// Notes a request that was refused, and writes the line if it is time for one of its reason: it shows this
    /// request, and how many there were since the last. No path and no query, in which keys may stand, and nothing of
    /// the body. As much of the peer's address as may be kept, and its source, where they are known.
    pub(super) fn note_refused(
        &self,
        reason: &'static str,
        place: Option<usize>,
        route: &'static str,
        (peer, source): (Option<IpAddr>, Option<&str>),
        now: Instant,
    ) {
        if let Some(requests) = self.refusals_due(reason, now) {
            let peer = peer.map(tracing::field::display);
            tracing::warn!(
                reason,
                requests,
                route,
                place,
                peer,
                source,
                "requests were refused, this one last"
            );
        }
    }

    fn refusals_due(&self, reason: &'static str, now: Instant) -> Option<u64> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(refusals) = refused.get_mut(reason) else {
            refused.insert(reason, Refusals { last: now, since: 0 });
            return Some(1);
        };
        refusals.since += 1;
        if now - refusals.last < INTERVAL {
            return None;
        }
        refusals.last = now;
        Some(std::mem::take(&mut refusals.since))
    }
}

impl<const KINDS: usize> Tally<KINDS> {
    /// Adds up, and hands out the sums when a line is due. Without anything to add there is none, and no lock is taken.
    fn due(&self, counts: [u32; KINDS], now: Instant) -> Option<[u64; KINDS]> {
        if counts == [0; KINDS] {
            return None;
        }
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (last, sums) = &mut *state;
        for (sum, count) in sums.iter_mut().zip(counts) {
            *sum += u64::from(count);
        }
        if last.is_some_and(|last| now - last < INTERVAL) {
            return None;
        }
        *last = Some(now);
        Some(std::mem::replace(sums, [0; KINDS]))
    }
}

impl<const KINDS: usize> Default for Tally<KINDS> {
    fn default() -> Self {
        Self(Mutex::new((None, [0; KINDS])))
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::Arc,
    };

    use super::*;

    #[test]
    fn each_reason_has_lines_of_its_own() {
        let (complaints, start) = (Complaints::default(), Instant::now());
        let at = |second| start + Duration::from_secs(second);
        assert_eq!(complaints.refusals_due("NotJson", start), Some(1));
        assert_eq!(complaints.refusals_due("NotFound", at(1)), Some(1));
        for second in 1..10 {
            assert_eq!(complaints.refusals_due("NotJson", at(second)), None);
        }
        assert_eq!(complaints.refusals_due("NotJson", at(10)), Some(10));
        assert_eq!(complaints.refusals_due("NotFound", at(10)), None);
    }

    #[test]
    fn a_line_shows_of_a_peer_what_may_be_kept() {
        for (peer, shown) in [(Some("203.0.113.0".parse().unwrap()), true), (None, false)] {
            let log = Log::default();
            tracing::subscriber::with_default(log.subscriber(), || {
                Complaints::default().note_refused("NotJson", Some(7), "batch", (peer, Some("web")), Instant::now());
            });
            let text = log.text();
            assert!(text.contains("NotJson") && text.contains("place=7"), "{text}");
            assert_eq!(text.contains("peer=203.0.113.0"), shown, "{text}");
            assert_eq!(text.contains("peer"), shown, "{text}");
            assert!(text.contains("source=\"web\""), "{text}");
        }
    }

    /// Lines of a log in memory.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Log {
        fn subscriber(&self) -> impl tracing::Subscriber + use<> {
            let log = self.clone();
            let writer = move || log.clone();
            tracing_subscriber::fmt().with_ansi(false).with_writer(writer).finish()
        }

        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_are_rare_and_forget_nothing() {
        let (tally, start) = (Tally::default(), Instant::now());
        assert_eq!(tally.due([0, 0, 0], start), None);
        assert_eq!(tally.due([1, 2, 0], start), Some([1, 2, 0]));
        for second in 1..10 {
            assert_eq!(tally.due([1, 2, 0], start + Duration::from_secs(second)), None);
        }
        assert_eq!(tally.due([1, 2, 0], start + INTERVAL), Some([10, 20, 0]));
    }
}
