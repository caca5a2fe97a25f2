use super::*;

const MIB: f64 = 1024.0 * 1024.0;

fn share(bytes: f64) -> Quota {
    Quota {
        bytes,
        records: 1e6,
        requests: 1000.0,
    }
}

/// A stand-in for Firehose: a bucket that holds one second and refuses what does not fit, and now and then one record of
/// a call that is refused for no reason.
struct Limit {
    rate: f64,
    tokens: f64,
    at: Instant,
    /// One record of every such call.
    fails_every: Option<usize>,
    calls: usize,
}

impl Limit {
    fn of(rate: f64, at: Instant) -> Self {
        Self {
            rate,
            tokens: rate,
            at,
            fails_every: None,
            calls: 0,
        }
    }

    fn take(&mut self, bytes: f64, now: Instant) -> f64 {
        self.tokens = (self.tokens + (now - self.at).as_secs_f64() * self.rate).min(self.rate);
        self.at = now;
        let taken = bytes.min(self.tokens);
        self.tokens -= taken;
        taken
    }
}

/// What there is to send and how.
#[derive(Debug, Clone, Copy)]
struct Load {
    /// Bytes a second that come in; more than any quota means that there is always something.
    offered: f64,
    record_bytes: usize,
    /// Answers take this long to four times that.
    line: Duration,
    seed: u64,
}

impl Load {
    fn endless(line: Duration) -> Self {
        Self {
            offered: f64::INFINITY,
            record_bytes: 1000,
            line,
            seed: 1,
        }
    }
}

/// What came of it, in bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Came {
    sent: f64,
    accepted: f64,
}

/// Sends what the load brings and the pace lets through from `start` on, up to eight calls at a time.
fn send(pace: &mut Pace, limit: &mut Limit, load: Load, start: Instant, seconds: u64) -> Came {
    let (mut now, mut came, mut jitter) = (start, Came::default(), load.seed);
    let mut answers: Vec<(Instant, Answered)> = Vec::new();
    let end = start + Duration::from_secs(seconds);
    while now < end {
        answers.sort_by_key(|(at, _)| *at);
        if let Some((at, answered)) = answers.first().copied()
            && at <= now
        {
            answers.remove(0);
            pace.answered(&answered, now);
            continue;
        }
        let next_answer = answers.iter().map(|(at, _)| *at).min();
        let record = count(load.record_bytes);
        let waiting = load.offered * (now - start).as_secs_f64() - came.accepted;
        let full = count(pace.call_size().0).min(4e6);
        let all_under_way = answers.len() == 8;
        if waiting < record || all_under_way && waiting < full {
            pace.ran_out(now);
        }
        if waiting < record || all_under_way {
            let arrival = now + Duration::from_millis(5);
            now = next_answer.map_or(arrival, |answer| answer.min(arrival));
            continue;
        }
        let wait = pace.wait(now);
        if wait.is_none() {
            let records = full.min(waiting) / record;
            let records = whole(records).min(500);
            let bytes = records * load.record_bytes;
            pace.spend(bytes, records);
            limit.calls += 1;
            let fails = limit.fails_every.is_some_and(|every| limit.calls.is_multiple_of(every));
            let taken = limit.take(count(bytes), now);
            let taken = if fails { taken - record } else { taken }.max(0.0);
            came.sent += count(bytes);
            came.accepted += taken;
            let taken_records = whole(taken / record + 1e-6).min(records);
            let taken_records = if taken < record { 0 } else { taken_records };
            jitter = jitter.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let latency = load.line
                + load
                    .line
                    .mul_f64(f64::from(u32::try_from(jitter >> 32).unwrap()) / 1.4e9);
            let answered = Answered {
                sent_at: now,
                records,
                accepted_records: taken_records,
                accepted_bytes: whole(taken),
                throttled_records: records - taken_records,
            };
            answers.push((now + latency, answered));
            continue;
        }
        now = [wait, next_answer].into_iter().flatten().min().unwrap();
    }
    came
}

#[test]
fn a_quota_far_below_the_share_is_found_and_used() {
    let lines = [2, 20, 100].map(Duration::from_millis);
    let mut failed = Vec::new();
    for (seed, quota) in [(5.0, 1.0), (1.0, 1.0), (0.5, 1.0), (2.0, 0.5), (1.0, 5.0)] {
        for line in lines {
            let (mut sent, mut accepted) = (0.0, 0.0);
            for seed_of_line in 1..=10 {
                let start = Instant::now();
                let mut pace = Pace::new(share(seed * MIB), 64.0, start);
                let mut limit = Limit::of(quota * MIB, start);
                let load = Load {
                    seed: seed_of_line,
                    ..Load::endless(line)
                };
                let came = send(&mut pace, &mut limit, load, start, 30);
                sent += came.sent / 10.0;
                accepted += came.accepted / 10.0;
            }
            let used = accepted / (quota * MIB * 30.0);
            let refused = 1.0 - accepted / sent;
            let floor = if quota > seed { 0.80 } else { 0.98 };
            // A slow line hides the first refusal while a share far above the quota is sent.
            let is_blind = seed > quota * 2.0 && line > Duration::from_millis(50);
            let ceiling = if is_blind { 0.08 } else { 0.02 };
            let case = format!("share {seed}, quota {quota}, {line:?}: used {used:.3}, refused {refused:.4}");
            println!("{case}");
            failed.extend((used < floor || refused >= ceiling).then_some(case));
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// One record of every tenth call fails in the words of a quota, whatever the rate: a load that asks for a small part of
/// the share, most of it, or more than all of it must neither be slowed down nor leave a low rate behind.
#[test]
fn records_that_fail_now_and_then_slow_nothing_down() {
    let mut failed = Vec::new();
    for share_mib in [0.5, 5.0, 15.0] {
        for part_offered in [0.002, 0.05, 0.9, 2.0] {
            for record_bytes in [300, 1000, 20_000, 200_000] {
                for line in [2, 20].map(Duration::from_millis) {
                    let (start, bytes) = (Instant::now(), share_mib * MIB);
                    let mut pace = Pace::new(share(bytes), 1.0, start);
                    let mut limit = Limit::of(f64::INFINITY, start);
                    limit.fails_every = Some(10);
                    let load = Load {
                        offered: bytes * part_offered,
                        record_bytes,
                        line,
                        seed: 1,
                    };
                    let Came { accepted, .. } = send(&mut pace, &mut limit, load, start, 10);
                    // The last records, or the only one, may be on their way.
                    let could = bytes * part_offered.min(1.0) * 10.0 - count(record_bytes);
                    let case = format!(
                        "share {share_mib}, {part_offered} offered in {record_bytes}, {line:?}: {:.3} came, rate {:.3}",
                        accepted / could,
                        pace.scale
                    );
                    println!("{case}");
                    failed.extend((accepted < could * 0.8 || pace.scale < 0.7).then_some(case));
                }
            }
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
}

/// What does not get better by sending less is put up with, and what does get better is still noticed.
#[test]
fn a_quota_is_found_although_records_fail_at_any_rate() {
    let (start, line) = (Instant::now(), Duration::from_millis(20));
    let mut pace = Pace::new(share(5.0 * MIB), 64.0, start);
    let mut limit = Limit::of(MIB, start);
    limit.fails_every = Some(2); // one record in a hundred
    let Came { sent, accepted } = send(&mut pace, &mut limit, Load::endless(line), start, 30);
    let (used, refused) = (accepted / (MIB * 30.0), 1.0 - accepted / sent);
    assert!(used > 0.9 && refused < 0.04, "used {used:.3}, refused {refused:.4}");
}

#[test]
fn a_stated_quota_is_never_passed() {
    let start = Instant::now();
    let mut pace = Pace::new(share(MIB), 1.0, start);
    let mut limit = Limit::of(100.0 * MIB, start);
    limit.tokens = 0.0;
    let load = Load::endless(Duration::from_millis(20));
    let Came { sent, .. } = send(&mut pace, &mut limit, load, start, 10);
    assert!(sent <= 10.3 * MIB, "{sent}");
}

#[test]
fn refusals_of_one_round_trip_cut_once() {
    let start = Instant::now();
    let later = |milliseconds| start + Duration::from_millis(milliseconds);
    let mut pace = Pace::new(share(MIB), 64.0, start);
    let mut refused = |sent_at: Instant, now: Instant| {
        let answered = Answered {
            sent_at,
            records: 100,
            accepted_records: 50,
            accepted_bytes: 50_000,
            throttled_records: 50,
        };
        pace.answered(&answered, now);
        pace.rate()
    };
    let after_one = refused(start, later(500));
    refused(later(100), later(900));
    assert_eq!(refused(later(499), later(1300)), after_one);
    assert!(refused(later(501), later(1700)).bytes < after_one.bytes);
}

#[test]
fn few_calls_a_second_carry_more_each() {
    let quota = Quota {
        bytes: MIB,
        records: 1e6,
        requests: 4.0,
    };
    let pace = Pace::new(quota, 1.0, Instant::now());
    assert_eq!(pace.call_size().0, 512 * 1024);
}
