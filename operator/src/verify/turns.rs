//! Whose pods are asked next. Pure: it hears of destinations, of answers and of the time, and asks nobody.
//!
//! Three queues, because one that is edited must not wait for thousands that are only looked after, nor for hundreds
//! that do not answer.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

/// How often a destination's pods are asked while nothing happens, as long as there are few pods.
const PERIOD: Duration = Duration::from_secs(20);

/// Most pods that are asked a second while nothing happens: with more than this many times [`PERIOD`], the period is
/// longer.
const PODS_PER_SECOND: usize = 200;

/// Between one question and the next while pods do not run the revision yet.
const FIRST_INTERVALS: [Duration; 6] = [
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(300),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];
const INTERVAL: Duration = Duration::from_secs(5);

/// Which of the queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Somebody waits for the answer: the destination was edited, or one of its pods fails, and they answer.
    Edited,
    /// Nobody knows yet whether the pods answer.
    Fresh,
    /// Nobody waits, or the pods did not answer the last time.
    Calm,
}

/// What has happened to a destination since it was followed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// There are other pods.
    Pods,
    /// Its pods are to run another revision.
    Revision,
}

/// Destinations by the UID of each. Times are on the process's monotonic clock.
#[derive(Debug, Default)]
pub struct Turns {
    known: HashMap<String, Turn>,
    due: [BTreeSet<(Duration, String)>; 3],
    pods: usize,
}

#[derive(Debug)]
struct Turn {
    pods: usize,
    due: Option<(Duration, Lane)>,
    /// Questions since something changed; `None` while nothing is waited for.
    step: Option<usize>,
    /// Whether the pods answered the last time.
    answered: bool,
}

impl Turns {
    /// How long between two questions of a destination that nothing happens to.
    pub fn period(&self) -> Duration {
        let pods = u64::try_from(self.pods).unwrap_or(u64::MAX);
        let stretched = Duration::from_millis(pods.saturating_mul(1000) / PODS_PER_SECOND as u64);
        PERIOD.max(stretched)
    }

    /// A destination has this many pods; `is_waiting` says whether an answer of one is waited for.
    pub fn follow(&mut self, uid: &str, pods: usize, change: Change, is_waiting: bool, now: Duration) {
        let is_new = !self.known.contains_key(uid);
        let turn = self.known.entry(uid.to_owned()).or_insert(Turn {
            pods: 0,
            due: None,
            step: None,
            answered: true,
        });
        self.pods = self.pods + pods - turn.pods;
        turn.pods = pods;
        if is_new || change != Change::None {
            turn.step = Some(0);
            let is_edit = !is_new && change == Change::Revision;
            self.schedule(uid, now, if is_edit { Lane::Edited } else { Lane::Fresh });
        } else if !is_waiting {
            turn.step = None;
        } else if turn.step.is_none() {
            turn.step = Some(FIRST_INTERVALS.len());
        }
    }

    /// Forgets a destination.
    pub fn forget(&mut self, uid: &str) {
        if let Some(turn) = self.known.remove(uid) {
            self.pods -= turn.pods;
            if let Some((at, lane)) = turn.due {
                self.due[lane as usize].remove(&(at, uid.to_owned()));
            }
        }
    }

    /// The next destination of this queue whose turn it is, which then has none until it is answered for.
    pub fn take(&mut self, lane: Lane, now: Duration) -> Option<String> {
        let (at, _) = self.due[lane as usize].first()?;
        if *at > now {
            return None;
        }
        let (_, uid) = self.due[lane as usize].pop_first()?;
        if let Some(turn) = self.known.get_mut(&uid) {
            turn.due = None;
        }
        Some(uid)
    }

    /// How long until somebody's turn comes.
    pub fn wait(&self, now: Duration) -> Option<Duration> {
        let firsts = self.due.iter().filter_map(|queue| queue.first());
        firsts.map(|(at, _)| at.saturating_sub(now)).min()
    }

    /// The pods of a destination were asked; `answered` says whether any did. `jitter` is below 1.
    pub fn asked(&mut self, uid: &str, answered: bool, jitter: f64, now: Duration) {
        let period = self.period();
        let Some(turn) = self.known.get_mut(uid) else { return };
        turn.answered = answered;
        if turn.due.is_some() {
            return; // something has happened meanwhile
        }
        let (wait, lane) = match &mut turn.step {
            None => (period.mul_f64(1.0 + jitter / 2.0), Lane::Calm),
            Some(step) => {
                let wait = FIRST_INTERVALS.get(*step).copied().unwrap_or(INTERVAL);
                *step += 1;
                (wait, if answered { Lane::Edited } else { Lane::Calm })
            }
        };
        self.schedule(uid, now + wait, lane);
    }

    fn schedule(&mut self, uid: &str, at: Duration, lane: Lane) {
        let Some(turn) = self.known.get_mut(uid) else { return };
        if let Some((before, lane)) = turn.due.replace((at, lane)) {
            self.due[lane as usize].remove(&(before, uid.to_owned()));
        }
        self.due[lane as usize].insert((at, uid.to_owned()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn an_edit_is_asked_about_at_once_however_many_others_wait() {
        let mut turns = Turns::default();
        turns.follow("edited", 2, Change::Pods, false, at(0));
        assert!(turns.take(Lane::Fresh, at(0)).is_some());
        turns.asked("edited", true, 0.0, at(0));
        for number in 0..600 {
            turns.follow(&format!("unreachable-{number}"), 2, Change::Pods, true, at(0));
        }
        assert_eq!(
            turns.take(Lane::Edited, at(0)),
            None,
            "what never answered is in nobody's way"
        );
        while let Some(uid) = turns.take(Lane::Fresh, at(0)) {
            turns.asked(&uid, false, 0.0, at(0));
        }
        turns.follow("edited", 2, Change::Revision, true, at(60));
        assert_eq!(turns.take(Lane::Edited, at(60)).as_deref(), Some("edited"));
        assert_eq!(turns.take(Lane::Edited, at(60_000)), None, "nor is what did not answer");
        assert!(turns.take(Lane::Calm, at(60_000)).is_some());
    }

    #[test]
    fn what_is_waited_for_is_asked_about_quickly_and_then_every_five_seconds() {
        let mut turns = Turns::default();
        turns.follow("a", 1, Change::Pods, true, at(0));
        let mut asked = Vec::new();
        for now in 0..15_000 {
            let taken = [Lane::Fresh, Lane::Edited]
                .into_iter()
                .find_map(|lane| turns.take(lane, at(now)));
            if taken.is_some() {
                asked.push(now);
                turns.asked("a", true, 0.0, at(now));
            }
        }
        assert_eq!(asked, [0, 100, 300, 600, 1100, 2100, 4100, 9100, 14100]);
        turns.follow("a", 1, Change::None, false, at(15_000));
        assert!(turns.take(Lane::Edited, at(19_100)).is_some());
        turns.asked("a", true, 0.0, at(19_100));
        assert_eq!(turns.wait(at(19_100)), Some(PERIOD), "nobody waits any more");
    }

    #[test]
    fn the_period_stretches_with_the_number_of_pods() {
        let mut turns = Turns::default();
        for number in 0..10_000 {
            turns.follow(&number.to_string(), 2, Change::None, false, at(0));
        }
        assert_eq!(turns.period(), Duration::from_secs(100));
        for number in 0..9_000 {
            turns.forget(&number.to_string());
        }
        assert_eq!(turns.period(), PERIOD);
    }
}
