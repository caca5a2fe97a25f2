//! How long what was delivered stays on the disk: until its segment is full, or for a minute.

use std::time::Duration;

use tokio::time::Instant;

use super::life::{NARROW, RECORD, WIDE, open};
use crate::spool::{disk::simulated::SimulatedDisk, maintenance::MaintenanceTimes};

const A_MINUTE: Duration = Duration::from_secs(60);

fn is_on(disk: &SimulatedDisk, letter: u8) -> bool {
    disk.holds(&[letter; RECORD], |_| true)
}

#[test]
fn delivered_events_leave_the_disk_within_a_minute_without_more_traffic() {
    let disk = SimulatedDisk::new(1);
    let mut life = open(&disk, WIDE);
    let now = Instant::now();
    let mut times = MaintenanceTimes::new(now);
    life.append("ab");
    assert_eq!(life.deliver_all(), "ab");
    let sleep = life.log.maintain(&mut times, now).unwrap();
    assert!(is_on(&disk, b'a'));
    assert!(sleep.unwrap() <= A_MINUTE, "it would sleep on: {sleep:?}");
    life.log.maintain(&mut times, now + A_MINUTE).unwrap();
    assert!(!is_on(&disk, b'a') && !is_on(&disk, b'b'));
    life.append("c");
    assert_eq!(life.deliver_all(), "c");
}

#[test]
fn a_backlog_of_little_traffic_is_not_a_file_a_minute() {
    let disk = SimulatedDisk::new(1);
    let mut life = open(&disk, NARROW);
    let mut now = Instant::now();
    let mut times = MaintenanceTimes::new(now);
    for letter in ["a", "b", "c", "d", "e"] {
        life.append(letter);
        life.log.maintain(&mut times, now).unwrap();
        now += A_MINUTE;
        life.log.maintain(&mut times, now).unwrap();
    }
    assert_eq!(life.log.lock().index.segment_count(), 2);
    assert_eq!(life.deliver_all(), "abcde");
    for _ in 0..2 {
        life.log.maintain(&mut times, now).unwrap();
        now += A_MINUTE;
    }
    life.log.maintain(&mut times, now).unwrap();
    assert!((b'a'..=b'e').all(|letter| !is_on(&disk, letter)));
}
