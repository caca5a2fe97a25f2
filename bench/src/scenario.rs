//! What is compared with what, and what the project wants the ratio to be. Runs nothing.

use firehose_proxy_config::Acknowledge;

use crate::event::Grouping;

/// Two sides that are measured in turn. The figure is the ratio of the first one's CPU time per event to the second's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scenario {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    pub(crate) subject: Side,
    pub(crate) reference: Side,
    /// The ratio that is wanted, and the one that must be; the second is the first where there is none.
    pub(crate) goal: f64,
    pub(crate) must: Option<f64>,
}

/// One program under one load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Side {
    pub(crate) who: Who,
    pub(crate) grouping: Grouping,
    /// Whether bodies are compressed with gzip.
    pub(crate) compressed: bool,
    /// Streams that the events go to, the n-th one n times as rarely as the first.
    pub(crate) streams: usize,
    pub(crate) connections: usize,
    /// How many times the events of the run's size; what is cheap needs more of them for the same precision.
    pub(crate) times: usize,
    pub(crate) trouble: Trouble,
}

/// A program under test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Who {
    /// The proxy, with what a 200 of it means.
    Proxy(Acknowledge),
    /// The axum service, which answers when Firehose has the events.
    Baseline,
}

/// What Firehose does to a load.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Trouble {
    None,
    /// It takes so many records a second and refuses the others one by one.
    Throttled(u32),
    /// It answers nothing but 503 while the load is sent, and for so many seconds.
    Outage(u32),
}

const SINGLE: Side = Side {
    who: Who::Proxy(Acknowledge::WhenDelivered),
    grouping: Grouping::Single,
    compressed: false,
    streams: 1,
    connections: 1_000,
    times: 1,
    trouble: Trouble::None,
};

const BATCH: Side = Side {
    grouping: Grouping::Batch(50),
    connections: 40,
    times: 2,
    ..SINGLE
};

impl Side {
    /// The same with another promise.
    const fn spooled(self) -> Self {
        Self {
            who: Who::Proxy(Acknowledge::WhenSpooled),
            ..self
        }
    }

    /// The same load for the axum service.
    const fn of_baseline(self) -> Self {
        Self {
            who: Who::Baseline,
            ..self
        }
    }
}

/// Every scenario. The first eight say what an event costs, the last two what becomes of that in bad times.
pub(crate) fn all() -> Vec<Scenario> {
    let against_baseline = |name, subject: Side, goal, must| Scenario {
        name,
        subject,
        reference: subject.of_baseline(),
        goal,
        must,
    };
    let compressed = Side {
        grouping: Grouping::Batch(100),
        compressed: true,
        connections: 20,
        ..BATCH.spooled()
    };
    let throttled = Side {
        trouble: Trouble::Throttled(10_000),
        times: 1,
        ..BATCH.spooled()
    };
    let outage = Side {
        trouble: Trouble::Outage(10),
        ..BATCH.spooled()
    };
    let many = Side { streams: 20, ..BATCH };
    vec![
        against_baseline("single", SINGLE, 0.50, None),
        against_baseline("single-spooled", SINGLE.spooled(), 0.55, None),
        against_baseline("batch", BATCH, 0.18, Some(0.20)),
        against_baseline("batch-spooled", BATCH.spooled(), 0.22, Some(0.26)),
        against_baseline("gzip", compressed, 0.35, None),
        Scenario {
            name: "streams",
            subject: many,
            reference: BATCH,
            goal: 1.3,
            must: None,
        },
        against_baseline("throttled", throttled, 0.5, None),
        Scenario {
            name: "outage",
            subject: outage,
            reference: BATCH.spooled(),
            goal: 1.3,
            must: None,
        },
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn scenarios_have_names_of_their_own_and_goals_no_looser_than_their_musts() {
        let names: HashSet<_> = all().iter().map(|scenario| scenario.name).collect();
        assert_eq!(names.len(), all().len());
        assert!(
            all()
                .iter()
                .all(|scenario| scenario.must.is_none_or(|must| scenario.goal <= must))
        );
    }

    #[test]
    fn the_two_sides_differ_in_what_is_compared_and_nothing_else() {
        for Scenario { subject, reference, .. } in all() {
            assert_ne!(subject, reference);
            assert_eq!(subject.grouping, reference.grouping);
            assert_eq!(subject.compressed, reference.compressed);
        }
    }
}
