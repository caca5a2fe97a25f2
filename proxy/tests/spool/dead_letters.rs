//! What cannot be delivered: set aside with its bytes, shown, sent again and dropped by a person, never lost by a
//! crash.

use std::{collections::BTreeMap, time::Duration};

use firehose_simulator::{ErrorCode, Fault, Rule, StreamSettings};
use http::StatusCode;

use crate::pod::{Place, Pod, until};

/// Refuses records that contain "poison".
fn picky() -> StreamSettings {
    StreamSettings {
        faults: vec![Rule::always(Fault::RejectContaining {
            text: "poison".to_owned(),
            error_code: ErrorCode::InvalidArgumentException,
        })],
        ..StreamSettings::default()
    }
}

/// Sends `count` events that Firehose refuses, among good ones, until all of them are dead letters.
async fn poison(place: &Place, pod: &Pod, count: u64) {
    for number in 0..count {
        assert_eq!(
            pod.send(&format!("poison-{number}"), 30).await.unwrap().status,
            StatusCode::OK
        );
    }
    let mut number = 0;
    until("the refused events are dead letters", async || {
        // What refuses an event is told from what refuses everything by other events that get through.
        number += 1;
        let _ = pod.send(&format!("good-{number}"), 30).await;
        pod.metric("firehose_proxy_dead_letters").await == count
    })
    .await;
    assert!(!place.arrived().keys().any(|id| id.starts_with("poison")));
}

/// Waits until nothing is left in the spool; other events get through meanwhile, as in [`poison`].
async fn settled(pod: &Pod) {
    let mut number = 0;
    until("the spool is empty", async || {
        // Now and then only: each is in the spool itself for a moment.
        if number % 10 == 0 {
            let _ = pod.send(&format!("more-{number}"), 30).await;
        }
        number += 1;
        pod.metric("firehose_proxy_spool_bytes").await == 0
    })
    .await;
}

/// The ids in a list.
fn ids(list: &str) -> Vec<String> {
    let lines = list.lines().skip(1);
    lines.map(|line| line.split(' ').next().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_firehose_refuses_is_kept_with_its_bytes_through_a_kill_and_sent_again() {
    let place = Place::new("delivery: {acknowledge: WhenSpooled, lingerMilliseconds: 10}").await;
    place.firehose.configure("all", picky()).unwrap();
    let pod = place.start();
    poison(&place, &pod, 3).await;
    assert!(pod.admin("/status").await.contains(r#""deadLetters":"Waiting""#));
    pod.kill();

    let pod = place.start();
    settled(&pod).await;
    let list = place.dead_letters(&["list"]).unwrap();
    let ids = ids(&list);
    // An event whose acknowledgement the kill came before is refused, and kept, once more.
    assert!((3..=6).contains(&ids.len()), "{list}");
    let first = list.lines().nth(1).unwrap();
    assert!(first.contains(" all ") && first.contains("RecordRejected"), "{list}");
    let mut letters: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for id in &ids {
        let shown = place.dead_letters(&["show", id]).unwrap();
        assert!(
            shown.ends_with('\n') && shown.contains(&format!(r#""pad":"{}""#, "x".repeat(30))),
            "{shown}"
        );
        let event: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let of = event["messageId"].as_str().unwrap().to_owned();
        letters.entry(of).or_default().push(id);
    }
    assert!(letters.keys().eq(["poison-0", "poison-1", "poison-2"]), "{letters:?}");
    assert_eq!(
        place.dead_letters(&["show", "99-99"]).unwrap_err().lines().next(),
        Some("firehose-proxy: there is no dead letter \"99-99\"")
    );
    assert!(place.dead_letters(&["drop"]).unwrap_err().contains("say which"));

    let dropped = &letters["poison-2"];
    let said = place.dead_letters(&[&["drop"], &dropped[..]].concat()).unwrap();
    assert_eq!(said, format!("{} dropped\n", dropped.len()));
    place.firehose.configure("all", StreamSettings::default()).unwrap();
    let said = place.dead_letters(&["redrive", "--all"]).unwrap();
    assert_eq!(said, format!("{} sent again\n", ids.len() - dropped.len()));
    until("both arrive", async || {
        let arrived = place.arrived();
        ["poison-0", "poison-1"].iter().all(|id| {
            let times = arrived.get(*id).map_or(0, Vec::len);
            times == letters[*id].len()
        })
    })
    .await;
    assert!(!place.arrived().contains_key("poison-2"));
    settled(&pod).await;
    // Neither what was sent again nor what was dropped comes back.
    pod.kill();
    let pod = place.start();
    assert_eq!(pod.metric("firehose_proxy_dead_letters").await, 0);
    assert!(pod.admin("/status").await.contains(r#""deadLetters":"Empty""#));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redrive_that_is_killed_in_the_middle_loses_nothing() {
    const LETTERS: u64 = 1200;
    let place =
        Place::new("delivery: {acknowledge: WhenSpooled, lingerMilliseconds: 10, maxAgeSeconds: 1, state: Paused}")
            .await;
    let pod = place.start();
    for batch in 0..LETTERS / 100 {
        let events: Vec<String> = (0..100)
            .map(|number| {
                format!(
                    r#"{{"type":"track","anonymousId":"a","messageId":"old-{}"}}"#,
                    batch * 100 + number
                )
            })
            .collect();
        let answer = pod
            .post("/v1/batch", format!(r#"{{"batch":[{}]}}"#, events.join(",")))
            .await;
        assert_eq!(answer.unwrap().status, StatusCode::OK);
    }
    until("all are too old", async || {
        pod.metric("firehose_proxy_dead_letters").await == LETTERS
    })
    .await;
    drop(pod);
    place.configure("test", "delivery: {acknowledge: WhenSpooled, lingerMilliseconds: 10}");
    let pod = place.start();
    let redriving = std::thread::scope(|scope| {
        let order = scope.spawn(|| place.dead_letters(&["redrive", "--all"]));
        // Somewhere between the first letters and the last.
        while place.arrived().is_empty() && !order.is_finished() {
            std::thread::sleep(Duration::from_millis(1));
        }
        pod.kill();
        order.join().unwrap()
    });
    // Calls that were on their way when the process died have come to their end.
    let mut before = place.arrived().len();
    until("no call is on its way", async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        before == std::mem::replace(&mut before, place.arrived().len())
    })
    .await;
    let pod = place.start();
    let list = place.dead_letters(&["list", "--limit", "100000"]).unwrap();
    println!(
        "the redrive said {redriving:?}; {before} had arrived, {} letters are left",
        ids(&list).len()
    );
    place.dead_letters(&["redrive", "--all"]).unwrap();
    until("all arrive", async || place.arrived().len() as u64 == LETTERS).await;
    until("none is left", async || {
        pod.metric("firehose_proxy_spool_bytes").await == 0
    })
    .await;
    let twice = place.arrived().values().filter(|times| times.len() > 1).count();
    // Those of the one go that the kill hit, of which the next process cannot know that they are safe elsewhere; and
    // those that had arrived and whose acknowledgement was not written yet.
    assert!(twice <= before + 500, "{twice} arrived again, {before} before the kill");
    assert!(place.arrived().values().all(|times| times.len() <= 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_finds_no_room_as_a_dead_letter_stays_in_the_spool_until_there_is_some() {
    let place = Place::new(
        "delivery: {acknowledge: WhenSpooled, lingerMilliseconds: 10, maxAgeSeconds: 1, state: Paused}
spool: {maxSizeBytes: 67108864, deadLetters: {maxSizeBytes: 8388608}}",
    )
    .await;
    let pod = place.start();
    for number in 0..24 {
        let answer = pod.send(&format!("large-{number}"), 500_000).await.unwrap();
        assert_eq!(answer.status, StatusCode::OK);
    }
    until("the dead letters are full", async || {
        pod.admin("/status").await.contains(r#""deadLetters":"Full""#)
    })
    .await;
    // Full is said when the first finds no room; others may be on their way until then.
    let left = pod.metric("firehose_proxy_spool_bytes").await;
    let kept = pod.metric("firehose_proxy_dead_letters").await;
    assert!((1..20).contains(&kept), "{kept}");
    assert!(
        left >= (24 - kept) * 500_000,
        "{left} bytes are left in the spool, {kept} are letters"
    );
    // Room for the others: each is a letter in the end, once.
    let mut seen = std::collections::BTreeSet::new();
    until("every event was a dead letter", async || {
        let list = place.dead_letters(&["list", "--limit", "1000"]).unwrap();
        for id in ids(&list) {
            let shown = place.dead_letters(&["show", &id]).unwrap();
            let event: serde_json::Value = serde_json::from_str(&shown).unwrap();
            assert!(
                seen.insert(event["messageId"].as_str().unwrap().to_owned()),
                "twice: {id}"
            );
            place.dead_letters(&["drop", &id]).unwrap();
        }
        seen.len() == 24
    })
    .await;
    until("the spool is empty", async || {
        pod.metric("firehose_proxy_spool_bytes").await == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_spool_what_firehose_refuses_is_kept_all_the_same() {
    let place = Place::new("delivery: {acknowledge: WhenDelivered, lingerMilliseconds: 10}").await;
    place.firehose.configure("all", picky()).unwrap();
    let pod = place.start();
    let (refused, ()) = tokio::join!(pod.send("poison", 10), async {
        for number in 0..50 {
            let _ = pod.send(&format!("good-{number}"), 10).await;
        }
    });
    assert_eq!(refused.unwrap().status, StatusCode::OK);
    assert_eq!(pod.metric("firehose_proxy_dead_letters").await, 1);
    pod.kill();
    let _pod = place.start();
    assert!(place.dead_letters(&["list"]).unwrap().contains("RecordRejected"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invalid_event_of_a_batch_is_kept_as_it_came_and_the_others_are_accepted() {
    let batch = r#"{"batch":[{"userId":"u","messageId":"good"}, {"event" : "no identity", "n":1.50},
 [7] ,{"userId":"u","messageId":"good too"}]}"#;
    for (policy, status, kept) in [
        ("DeadLetter", StatusCode::OK, 2),
        ("RejectBatch", StatusCode::BAD_REQUEST, 0),
    ] {
        let place = Place::new(&format!(
            "delivery: {{acknowledge: WhenSpooled, lingerMilliseconds: 10}}\ningest: {{invalidEventPolicy: {policy}}}"
        ))
        .await;
        let pod = place.start();
        assert_eq!(pod.post("/v1/batch", batch.to_owned()).await.unwrap().status, status);
        pod.kill(); // the 200 was for these too
        let pod = place.start();
        let list = place.dead_letters(&["list"]).unwrap();
        let shown: Vec<String> = ids(&list)
            .iter()
            .map(|id| place.dead_letters(&["show", id]).unwrap())
            .collect();
        assert_eq!(shown.len(), kept, "{list}");
        if kept > 0 {
            assert_eq!(shown, [r#"{"event" : "no identity", "n":1.50}"#, "[7]"]);
            assert!(list.contains("NoIdentity") && list.contains("NotAnObject"), "{list}");
            // Nobody can send them again, because they have no stream; and each is named with that.
            let said = place.dead_letters(&["redrive", "--all"]).unwrap();
            assert!(said.starts_with("0 sent again\n2 cannot be sent again\n"), "{said}");
            for (id, reason) in ids(&list).iter().zip(["NoIdentity", "NotAnObject"]) {
                let named = format!("  {id} {reason}: it never had a delivery stream");
                assert!(said.contains(&named), "{named} in {said}");
            }
            until("the valid ones arrive", async || place.arrived().len() == 2).await;
        }
        // A request of nothing else gets its 400, and its client keeps it.
        let refused = pod
            .post("/v1/batch", r#"{"batch":[{"event":"x"}]}"#.to_owned())
            .await
            .unwrap();
        assert_eq!(refused.status, StatusCode::BAD_REQUEST);
        assert_eq!(pod.metric("firehose_proxy_dead_letters").await, kept as u64);
    }
}

#[tokio::test]
async fn without_a_proxy_the_command_says_so() {
    let place = Place::new("").await;
    let said = place.dead_letters(&["list"]).unwrap_err();
    assert!(said.contains("failed to reach a proxy"), "{said}");
}
