//! Tells refusals that are about the rate from those that are not.
//!
//! A quota refuses what passes it: whoever sends less is refused less. Firehose also fails a record now and then at any
//! rate, in the same words. A few of them are no reason to send less, and when many go on although the rate has fallen,
//! it was not the rate: cutting it again and again for them would end at a standstill.

use std::time::Duration;

use tokio::time::Instant;

/// What is seen counts half as much after so long.
const HALF_LIFE: Duration = Duration::from_secs(1);
/// Part of the records sent that may be refused without a cut.
const TOLERATED: f64 = 0.005;
/// Fewer records say nothing.
const FEW: f64 = 4.0;
/// Within a measurement, this part says that the rate is far too high.
const ONSET: f64 = 0.1;
/// Likewise this part of a call.
const MOST_OF_A_CALL: f64 = 0.5;
/// Beyond this part, it is the rate.
const MOST_NOISE: f64 = 0.25;
/// How much too high the rate is when nothing is known.
const BLIND: f64 = 0.3;
/// Whoever takes this part of the rate or more may be refusing for another reason.
const TAKEN: f64 = 0.7;
/// So many cuts, to this part of the rate, should have helped.
const CUTS: u32 = 3;
const FALLEN: f64 = 0.7;
/// Cuts further apart belong to different causes.
const LONGEST_GAP: Duration = Duration::from_secs(5);
/// A level that fell more slowly fell for other reasons, another pod's growth for one.
const LONGEST_SERIES: Duration = Duration::from_secs(10);
/// How long refusals that no cut helped against are put up with, before that is tried again.
const NOISE_HOLDS: Duration = Duration::from_secs(30);

/// What a refusal is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Cause {
    /// Nothing to do with the rate.
    Chance,
    /// Too few to tell.
    Few,
    /// The rate is too high.
    Rate {
        /// Part of what was sent.
        refused: f64,
    },
    /// Not the rate, although it was cut: it may go back to where it was.
    Noise {
        /// Where it was before the cuts.
        scale: f64,
    },
}

/// What there is to judge by when a call was refused in part or whole.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// The rate.
    pub(super) scale: f64,
    /// What was accepted between the last refusal and this one; `None` when that is not known.
    pub(super) accepted: Option<f64>,
    /// The last refusal has only just been.
    pub(super) is_short: bool,
    /// It was the load that set the pace: there was nothing more to send.
    pub(super) by_load: bool,
    /// Records refused in this call, and which part of it that was.
    pub(super) refused: f64,
    pub(super) refused_part: f64,
}

/// What was refused lately, and what cuts did about it.
#[derive(Debug)]
pub(super) struct Refusals {
    sent: f64,
    refused: f64,
    seen_at: Instant,
    series: Option<Series>,
    noise: Option<Noise>,
}

/// Cuts in a row.
#[derive(Debug, Clone, Copy)]
struct Series {
    /// The rate before the first of them.
    scale: f64,
    /// The largest part that was refused before one of them.
    worst: f64,
    cuts: u32,
    since: Instant,
    last: Instant,
}

/// A part that is refused at any rate.
#[derive(Debug, Clone, Copy)]
struct Noise {
    part: f64,
    until: Instant,
}

impl Refusals {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            sent: 0.0,
            refused: 0.0,
            seen_at: now,
            series: None,
            noise: None,
        }
    }

    /// A call was answered: so many records, so many of them refused.
    pub(super) fn answered(&mut self, sent: f64, refused: f64, now: Instant) {
        let age = now.saturating_duration_since(self.seen_at).as_secs_f64() / HALF_LIFE.as_secs_f64();
        let weight = 0.5_f64.powf(age);
        self.seen_at = self.seen_at.max(now);
        self.sent = self.sent * weight + sent;
        self.refused = self.refused * weight + refused;
    }

    /// What the refusals since the last cut are about.
    pub(super) fn cause(&mut self, look: Look, now: Instant) -> Cause {
        let Look { scale, accepted, .. } = look;
        let part = self.refused / self.sent.max(1.0);
        let noise = self
            .noise
            .filter(|noise| now < noise.until)
            .map_or(0.0, |noise| noise.part);
        if part <= 2.0 * noise {
            return Cause::Chance;
        }
        // A whole call may fail by chance; half of one is a quota that ran out in the middle of it.
        let is_partial = look.refused_part < 1.0;
        let is_bulk = look.refused >= FEW && look.refused_part >= MOST_OF_A_CALL && (is_partial || part > ONSET);
        let is_enough = if look.is_short {
            part > ONSET && self.refused >= FEW
        } else {
            part > TOLERATED && self.refused >= FEW || part > MOST_NOISE && self.refused > 1.0
        };
        if !is_bulk && !is_enough {
            return Cause::Few;
        }
        // Where there is nothing to hold back, a cut would only follow the load down. A quota that is really passed
        // does not stay here: it runs out in the middle of a call, or what it refuses waits, goes out again, and more
        // and more is refused.
        let ran_out = is_bulk && is_partial;
        if look.by_load && part <= MOST_NOISE && !ran_out {
            return Cause::Chance;
        }
        self.noise = None;
        let refused = match accepted {
            Some(_) => part,
            None if is_partial || is_bulk => look.refused_part.max(BLIND),
            None => part.max(BLIND),
        };
        // Far more was sent than was taken: there is a bound.
        if accepted.is_none_or(|accepted| accepted < scale * TAKEN) {
            self.series = None;
            return Cause::Rate { refused };
        }
        let fresh = Series {
            scale,
            worst: part,
            cuts: 0,
            since: now,
            last: now,
        };
        let goes_on = |series: &Series| {
            let is_recent = now - series.last <= LONGEST_GAP && now - series.since <= LONGEST_SERIES;
            is_recent && part >= series.worst / 2.0
        };
        let mut series = self.series.filter(goes_on).unwrap_or(fresh);
        series.worst = series.worst.max(part);
        if series.cuts >= CUTS && scale <= series.scale * FALLEN && series.worst <= MOST_NOISE {
            self.series = None;
            self.noise = Some(Noise {
                part: series.worst,
                until: now + NOISE_HOLDS,
            });
            return Cause::Noise { scale: series.scale };
        }
        self.series = Some(series);
        Cause::Rate { refused }
    }

    /// The rate was cut; what comes from now on shows whether that helps.
    pub(super) fn cut(&mut self, now: Instant) {
        (self.sent, self.refused, self.seen_at) = (0.0, 0.0, now);
        if let Some(series) = &mut self.series {
            series.last = now;
            series.cuts += 1;
        }
    }
}
