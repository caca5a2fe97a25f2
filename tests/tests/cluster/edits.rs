//! Editing the mappings while events flow: how soon an edit is live, and that no event is lost on the way.

use std::{
    collections::BTreeMap,
    thread,
    time::{Duration, Instant},
};

use firehose_tests::arrived::Arrived;

use crate::{
    destination::{Destination, Pod},
    machine::{Meter, Stalls},
    simulator,
    traffic::{Load, Sent},
};

const EDITS: usize = 50;
/// Within it every pod must follow an edit. Time in which the machine itself stood still does not count.
const LIMIT: Duration = Duration::from_secs(2);
/// Between the end of one edit and the next.
const PAUSE: Duration = Duration::from_millis(800);
const STEADY: &str = "edits-steady";

/// MessageId to the version whose stream holds it, for each time that it arrived; steady events have no version.
type Versions<'a> = BTreeMap<&'a str, Vec<Option<usize>>>;

#[test]
#[ignore = "needs a cluster: cargo xtask cluster test"]
fn fifty_edits_are_each_live_in_every_pod_within_two_seconds_and_no_event_is_lost_or_misplaced() {
    let simulator = simulator::start();
    let destination = Destination::ready("firehose-edits", "edits", simulator::ENDPOINT, &mappings(0));
    let pods = destination.pods();
    let generation = destination.get("statefulset")["metadata"]["generation"].clone();

    // Version 0 is in force before the first event.
    let now = Instant::now();
    let mut applied = vec![Applied { began: now, done: now }];
    // One connection a request: each probe says what one pod does now, each other event goes where the Service sends
    // it.
    let each_pod: Vec<String> = pods.iter().map(|pod| destination.pod_url(pod, 8080)).collect();
    let probes = Load::start(&each_pod, &["edited"], Duration::from_millis(10));
    let through_the_service = vec![destination.url(); 4];
    let load = Load::start(&through_the_service, &["edited", "steady"], Duration::from_millis(40));
    let meter = Meter::start();
    thread::sleep(PAUSE);

    for edit in 1..=EDITS {
        let began = Instant::now();
        destination.map(&mappings(edit));
        let done = Instant::now();
        applied.push(Applied { began, done });
        thread::sleep(PAUSE);
    }
    thread::sleep(LIMIT);
    let (probes, sent, stalls) = (probes.stop(), load.stop().concat(), meter.stop());

    let arrived = simulator.arrived();
    let versions = versions(&arrived);
    print_and_check_delays(&pods, &probes, &applied, &versions, &stalls);
    check_every_event(&sent, &applied, &versions, &stalls);
    check_every_event(&probes.concat(), &applied, &versions, &stalls);
    assert_eq!(destination.pods(), pods, "a pod was restarted or replaced by an edit");
    assert_eq!(
        destination.get("statefulset")["metadata"]["generation"],
        generation,
        "an edit of the mappings changed the StatefulSet"
    );
    destination.remove();
}

/// When kubectl was given an edit, and when it said that the API server has it.
struct Applied {
    began: Instant,
    done: Instant,
}

/// What version `edit` of the destination says: another stream each time.
fn mappings(edit: usize) -> Vec<(&'static str, &'static str)> {
    // The names live as long as the program: fifty short strings.
    let stream: &'static str = format!("edits-{edit}").leak();
    vec![("edited", stream), ("steady", STEADY)]
}

/// Which version routed each event, told from its stream.
fn versions(arrived: &Arrived) -> Versions<'_> {
    let version = |stream: &&str| stream.strip_prefix("edits-").and_then(|edit| edit.parse().ok());
    let places = arrived.places();
    places
        .into_iter()
        .map(|(message_id, streams)| (message_id, streams.iter().map(version).collect()))
        .collect()
}

/// An edit is live in a pod from the first event after the last one that was routed by an older version.
fn print_and_check_delays(
    pods: &[Pod],
    probes: &[Vec<Sent>],
    applied: &[Applied],
    versions: &Versions<'_>,
    stalls: &Stalls,
) {
    let (mut since_begin, mut since_done) = (Vec::new(), Vec::new());
    for (pod, probes) in pods.iter().zip(probes) {
        for (edit, applied) in applied.iter().enumerate().skip(1) {
            let is_older = |probe: &Sent| {
                let versions = versions.get(probe.message_id.as_str());
                versions.is_some_and(|versions| versions.iter().flatten().any(|version| *version < edit))
            };
            let first_live = probes.iter().rposition(is_older).map_or(0, |last_old| last_old + 1);
            let probe = probes
                .get(first_live)
                .unwrap_or_else(|| panic!("edit {edit} was never live in {}", pod.name));
            since_begin.push(probe.began.saturating_duration_since(applied.began));
            let stalled = stalls.between(applied.done, probe.began);
            since_done.push((
                probe.began.saturating_duration_since(applied.done),
                stalled,
                edit,
                &pod.name,
            ));
        }
    }
    let (edits, pods) = (applied.len() - 1, pods.len());
    println!(
        "{edits} edits in {pods} pods: from the start of kubectl apply to live: {}",
        distribution(since_begin)
    );
    let done = since_done.iter().map(|(delay, ..)| *delay).collect();
    println!(
        "{edits} edits in {pods} pods: from the end of kubectl apply to live: {}",
        distribution(done)
    );
    println!("the machine stood still for {} ms", stalls.total().as_millis());
    // What kubectl needs to start is not the product's: the edit exists when kubectl says so.
    let late: Vec<_> = since_done
        .iter()
        .filter(|(delay, stalled, ..)| delay.saturating_sub(*stalled) > LIMIT)
        .collect();
    assert!(late.is_empty(), "edits that were live too late: {late:?}");
}

fn distribution(mut delays: Vec<Duration>) -> String {
    delays.sort();
    let at = |percent: usize| delays[(delays.len() - 1) * percent / 100].as_millis();
    format!(
        "min {} ms, p50 {}, p90 {}, p99 {}, max {}",
        at(0),
        at(50),
        at(90),
        at(99),
        at(100)
    )
}

/// Every event was answered 200 and is in exactly one stream: one that was named by a version in force while the
/// event was on its way.
fn check_every_event(sent: &[Sent], applied: &[Applied], versions: &Versions<'_>, stalls: &Stalls) {
    assert!(sent.len() > EDITS, "only {} events were sent", sent.len());
    for event in sent {
        assert_eq!(event.answer, Ok(200), "{event:?}");
        let found = versions.get(event.message_id.as_str()).map(Vec::as_slice);
        match (event.event.as_str(), found) {
            ("steady", Some([None])) => {}
            ("edited", Some([Some(version)])) => {
                let named_from = applied[*version].began;
                let named_until = applied.get(version + 1).map(|replaced| {
                    let stalled = stalls.between(replaced.done, event.began);
                    replaced.done + LIMIT + stalled
                });
                assert!(
                    event.ended >= named_from && named_until.is_none_or(|until| event.began <= until),
                    "{event:?} is in the stream of version {version}, which was not in force"
                );
            }
            (_, found) => panic!("{event:?} was answered 200 and is in the streams of versions {found:?}"),
        }
    }
}
