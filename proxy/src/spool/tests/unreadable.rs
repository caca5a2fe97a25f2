//! Segments on a disk with a bad sector: what can be read is delivered, what is in somebody's hands counts, the rest is
//! kept for a person.

use super::life::{NARROW, RECORD, WIDE, open};
use crate::spool::disk::{Disk as _, File as _, simulated::SimulatedDisk};

const SEGMENT: &str = "0000000000000001.log";

fn names(disk: &SimulatedDisk) -> Vec<String> {
    let names = disk.names().unwrap().into_iter();
    names.filter(|name| !name.ends_with(".acks")).collect()
}

fn is_kept(disk: &SimulatedDisk, letter: u8) -> bool {
    disk.holds(&[letter; RECORD], |name| name.ends_with(".damaged"))
}

/// Leaves these events on the disk, and one page of it bad.
fn left_on(disk: &SimulatedDisk, letters: &str, is_sealed: bool, bad: usize) {
    let life = open(disk, WIDE);
    life.append(letters);
    if is_sealed {
        assert!(life.log.seal().unwrap());
    }
    drop(life);
    disk.restart(true);
    disk.set_bad(SEGMENT, bad, true);
}

#[test]
fn what_is_delivered_is_acknowledged_though_the_disk_cannot_read_it_any_more() {
    let disk = SimulatedDisk::new(1);
    let mut life = open(&disk, NARROW);
    life.append("abc");
    let (letters, batches) = life.take();
    assert_eq!(letters, "a");
    disk.set_bad(SEGMENT, 3000, true);
    assert_eq!(life.take().0, "");
    assert_eq!(
        life.left(),
        (1, 0),
        "what waits is lost, what is in delivery's hands is not"
    );
    batches[0].settle(1);
    life.do_maintenance();
    assert_eq!(life.left(), (0, 0));
    drop((life, batches));
    disk.restart(true);
    disk.set_bad(SEGMENT, 3000, false);
    assert_eq!(
        open(&disk, WIDE).deliver_all(),
        "bc",
        "the disk has thought better of it"
    );
}

#[test]
fn what_comes_back_and_cannot_be_read_any_more_is_lost_and_its_file_is_kept_and_gets_no_more_events() {
    let disk = SimulatedDisk::new(1);
    let mut life = open(&disk, NARROW);
    life.append("ab");
    let (letters, batches) = life.take();
    assert_eq!(letters, "a");
    disk.set_bad(SEGMENT, 3000, true);
    assert_eq!(life.take().0, "");
    drop(batches);
    assert_eq!(life.take().0, "");
    assert_eq!(life.left(), (0, 0));
    life.append("c");
    assert_eq!(life.deliver_all(), "c");
    life.do_maintenance();
    assert_eq!(names(&disk), ["0000000000000001.damaged", "0000000000000002.log"]);
}

#[test]
fn one_bad_page_costs_the_events_on_it_and_no_others() {
    for is_sealed in [false, true] {
        let disk = SimulatedDisk::new(1);
        // The second page of a segment of four; the rest goes to the next segment.
        left_on(&disk, "abcdefghijklmn", is_sealed, 5000);
        let mut life = open(&disk, WIDE);
        // A sealed segment is not read before it is its turn.
        assert_eq!(life.recovered.damaged.len(), usize::from(!is_sealed));
        assert_eq!(life.deliver_all(), "abghijklmn", "sealed: {is_sealed}");
        assert_eq!(life.left(), (0, 0));
        life.do_maintenance();
        assert_eq!(names(&disk)[0], "0000000000000001.damaged");
        // A person finds there what is not on the bad sector itself.
        assert!(is_kept(&disk, b'e') && is_kept(&disk, b'f'));
    }
}

#[test]
fn a_segment_whose_header_cannot_be_read_is_put_away_and_the_others_are_delivered() {
    let disk = SimulatedDisk::new(1);
    left_on(&disk, "abcdefghijklmn", false, 0);
    let mut life = open(&disk, WIDE);
    assert_eq!(life.recovered.damaged, ["0000000000000001.damaged"]);
    assert_eq!(life.deliver_all(), "lmn");
    assert!(is_kept(&disk, b'a'));
}

#[test]
fn a_delivered_event_whose_frame_is_gone_does_not_confuse_the_count_of_the_others() {
    let disk = SimulatedDisk::new(1);
    let mut life = open(&disk, WIDE);
    life.append("abc");
    let (_, batches) = life.take();
    batches[1].settle(1);
    life.do_maintenance();
    drop(batches);
    drop(life);
    disk.restart(true);
    // In the middle of the second batch of one write, behind which no other has begun: it looks like a write that never
    // ended.
    let file = disk.open(SEGMENT).unwrap();
    file.write_at(b"!", 3000).unwrap();
    file.sync().unwrap();
    let life = open(&disk, WIDE);
    assert_eq!(life.recovered.torn, [SEGMENT]);
    assert!(
        !life.log.seal().unwrap(),
        "its acknowledgements know more than its frames"
    );
    drop(life);
    disk.restart(true);
    let mut life = open(&disk, WIDE);
    assert_eq!(life.deliver_all(), "ac");
    assert_eq!(life.left(), (0, 0));
}
