//! Every wrong combination is noticed by the check at the next verb, and the verbs keep right ones right.

use super::{
    Adoption, Found, Index, Prepared,
    backlogs::Backlog,
    segment::Segment,
    slice_state::SliceState::{self, Gone, HandedOut, HandedOutUnreadable, Moved, Settled, Waiting},
};
use crate::{
    queue::{ByteLimit, Position, Slice},
    spool::format::{Version, frame::DATA_START},
    stream::{StreamId, StreamName, Streams},
};

const CHARGE: usize = 200;
/// Where each frame of these tests ends, one slice a frame.
const STRIDE: u64 = 256;

fn stream() -> StreamId {
    Streams::default().intern(&StreamName::try_from("orders").unwrap())
}

fn prepared(number: u64) -> Prepared<()> {
    Prepared {
        number,
        version: Version::V1,
        epoch: 1,
        size: 4096,
        file: ().into(),
    }
}

/// A log in the making.
struct Story {
    index: Index<()>,
    byte_limit: ByteLimit,
    slices: Vec<Slice>,
}

impl Story {
    /// With segment 1 active.
    fn new() -> Self {
        let byte_limit = ByteLimit::new(1 << 20);
        let mut story = Self {
            index: Index::new(byte_limit.clone()),
            byte_limit,
            slices: Vec::new(),
        };
        story.next_segment();
        story
    }

    /// Closes the active segment and goes on with the next.
    fn next_segment(&mut self) -> u64 {
        let number = self.index.next_number();
        self.index.put_spare(prepared(number));
        self.index.start_spare();
        number
    }

    /// A frame is written; its slice waits, or is handed out.
    fn write(&mut self, is_handed_out: bool) -> Slice {
        let reserved = self.index.reserve(1).unwrap();
        self.byte_limit.charge([(stream(), CHARGE)]).unwrap().keep();
        self.index.commit(reserved.segment, reserved.offset + STRIDE);
        let position = Position {
            segment: reserved.segment,
            ordinal: self.index.segments[&reserved.segment].slices(),
        };
        if is_handed_out {
            self.index.place_handed_out(reserved.segment, stream(), CHARGE);
        } else {
            self.index
                .place_waiting(reserved.segment, stream(), CHARGE, reserved.offset);
        }
        let slice = Slice {
            position,
            stream: stream(),
            charge: CHARGE,
        };
        self.slices.push(slice);
        slice
    }

    /// A copy of a slice is written.
    fn relocate(&mut self, slice: Slice) {
        self.index.moves_begin(1);
        let reserved = self.index.reserve(1).unwrap();
        self.index.commit(reserved.segment, reserved.offset + STRIDE);
        self.index.move_ends();
        self.index.relocate(slice, reserved.segment);
    }

    fn state(&self, segment: u64, ordinal: u32) -> SliceState {
        self.index.segments[&segment].state(ordinal)
    }

    fn segment(&mut self, number: u64) -> &mut Segment<()> {
        self.index.segments.get_mut(&number).unwrap()
    }

    /// Settled, handed out, waiting, moved while handed out, moved while waiting, unreadable: one of each.
    fn with_one_of_each() -> Self {
        let mut story = Self::new();
        let settled = story.write(true);
        story.index.settle(settled);
        story.write(true);
        story.write(false);
        let moved = [story.write(true), story.write(false)];
        story.next_segment();
        for slice in moved {
            story.relocate(slice);
        }
        let unreadable = story.write(true);
        story.next_segment();
        story.index.mark_gaps(2);
        let others: Vec<Slice> = (0..2)
            .map(|ordinal| Slice {
                position: Position { segment: 2, ordinal },
                ..unreadable
            })
            .collect();
        assert_eq!(story.index.recount(2, &others), 0);
        story
    }
}

#[test]
fn verbs_lead_to_every_state_and_keep_what_is_charged() {
    let story = Story::with_one_of_each();
    let states = |segment: u64, count| -> Vec<SliceState> { (0..count).map(|n| story.state(segment, n)).collect() };
    assert_eq!(states(1, 5), [Settled, HandedOut, Waiting, Moved, Moved]);
    assert_eq!(states(2, 4), [HandedOut, Waiting, HandedOutUnreadable, Gone]);
    assert_eq!(story.index.check(), Ok(()));
    assert_eq!(
        story.byte_limit.used(),
        4 * CHARGE,
        "all but the settled and the unreadable one"
    );
    assert_eq!(story.index.unsettled().slices, 5);
}

/// A change that no verb makes: what a defect in one would leave.
type Tampering = fn(&mut Story);

#[test]
fn every_wrong_combination_is_noticed() {
    let cases: &[(&str, Tampering)] = &[
        ("0 slices are said to wait, 1 do", |story| {
            story.segment(1).waiting.clear();
        }),
        ("slices are said to be unsettled", |story| story.segment(1).live.clear()),
        ("are said to wait", |story| story.segment(1).states.set(1, Waiting)),
        ("are said to wait", |story| story.segment(1).states.set(2, Gone)),
        ("said to be unsettled", |story| story.segment(1).states.set(1, Settled)),
        ("a slice cannot be read, and the segment has no gaps", |story| {
            story.segment(1).states.set(1, HandedOutUnreadable);
        }),
        ("damaged without gaps", |story| story.segment(1).damaged = true),
        ("would be written down as Settled", |story| {
            story.segment(1).acknowledge(1, stream(), 200, false);
        }),
        ("would be written down as Moved", |story| {
            story.segment(1).acknowledge(0, stream(), 200, true);
        }),
        ("would be written down twice", |story| {
            story.segment(1).acknowledge(0, stream(), 200, false);
        }),
        ("records were written, and there is no file", |story| {
            story.segment(1).acks.unsynced = true;
        }),
        ("records are synced and their file is open", |story| {
            story.segment(1).acks.file = Some(().into());
        }),
        ("closed and open", |story| story.segment(1).file = Some(().into())),
        ("closed and open", |story| story.segment(3).file = None),
        ("sealed, and not closed or without a file", |story| {
            story.segment(3).acks.sealed = true;
        }),
        ("frames end at", |story| story.segment(1).end = 8000),
        ("frames end at", |story| story.segment(1).end = DATA_START as u64 - 8),
        ("frames end at", |story| story.segment(1).end += 3),
        ("unsettled and", |story| {
            story.segment(1).live.get_mut(&stream()).unwrap().bytes -= 1;
        }),
        ("were put in", |story| {
            story.segment(1).held.get_mut(&stream()).unwrap().slices = 1;
        }),
        ("are not those of", |story| story.segment(1).held.clear()),
        ("closed and open, or the other way round", |story| {
            story.segment(1).closed = false;
        }),
        ("closed and open, or the other way round", |story| {
            story.segment(3).closed = true;
        }),
        ("the active segment 9 is not there", |story| {
            story.segment(3).closed = true;
            story.segment(3).file = None;
            story.index.active = Some(9);
        }),
        ("a place is reserved and no segment is active", |story| {
            story.segment(3).closed = true;
            story.segment(3).file = None;
            story.index.active = None;
            story.index.writing = true;
        }),
        ("is spare and in use", |story| story.index.spare = Some(prepared(2))),
        ("a later segment would get number 3", |story| {
            story.index.last_number = 2;
        }),
        ("a backlog of 3, and 2 slices wait", |story| {
            story.index.backlogs.wait(stream(), 1, DATA_START as u64);
        }),
        ("slices wait without a backlog", |story| {
            story.index.backlogs.streams.clear();
        }),
        ("and slices wait in 1", |story| {
            let cursor = (2, DATA_START as u64);
            story
                .index
                .backlogs
                .streams
                .insert(stream(), Backlog { slices: 2, cursor });
        }),
        ("was moved to", |story| {
            let [from, to] = [1, 2].map(|segment| Position { segment, ordinal: 1 });
            story.index.moves.insert(from, to);
        }),
        ("was moved to", |story| story.segment(2).states.set(0, Settled)),
        ("bytes are not settled", |story| story.byte_limit.give_back(stream(), 1)),
        ("in the ledger", |story| story.segment(1).ledger.clear()),
    ];
    for (what, tamper) in cases {
        let mut story = Story::with_one_of_each();
        tamper(&mut story);
        let noticed = story.index.check().unwrap_err().to_string();
        // The move to a settled slice is first seen by the counts.
        let is_right = noticed.contains(what) || (*what == "was moved to" && noticed.contains("said to be"));
        assert!(is_right, "{what:?} is noticed as {noticed:?}");
    }
}

#[test]
#[should_panic(expected = "0 slices are said to wait, 1 do")]
fn the_next_verb_checks() {
    let mut story = Story::with_one_of_each();
    story.segment(1).waiting.clear();
    story.index.release();
}

#[test]
fn what_is_moved_while_it_is_handed_out_is_settled_and_given_back_where_it_is() {
    for is_settled in [true, false] {
        let mut story = Story::new();
        let slice = story.write(true);
        story.next_segment();
        story.relocate(slice);
        let copy = Slice {
            position: Position { segment: 2, ordinal: 0 },
            ..slice
        };
        story.next_segment();
        story.relocate(copy);
        if is_settled {
            story.index.settle(slice);
            assert_eq!((story.state(3, 0), story.byte_limit.used()), (Settled, 0));
        } else {
            assert!(!story.index.give_back(slice));
            assert_eq!((story.state(3, 0), story.byte_limit.used()), (Waiting, CHARGE));
        }
        assert!(story.index.moves.is_empty());
    }
}

#[test]
fn what_is_settled_while_its_copy_is_written_makes_the_copy_done_with() {
    let mut story = Story::new();
    let slice = story.write(true);
    story.next_segment();
    story.index.settle(slice);
    story.relocate(slice);
    assert_eq!((story.state(1, 0), story.state(2, 0)), (Settled, Settled));
    assert!(story.segment(1).copied_too_late);
    assert_eq!(story.byte_limit.used(), 0);
}

#[test]
fn a_copy_of_what_became_unreadable_is_charged_again_and_waits_when_it_comes_back() {
    let mut story = Story::new();
    let slice = story.write(true);
    story.next_segment();
    story.index.mark_gaps(1);
    story.index.recount(1, &[]);
    assert_eq!(story.byte_limit.used(), 0);
    story.relocate(slice);
    assert_eq!((story.state(2, 0), story.byte_limit.used()), (HandedOut, CHARGE));
    assert!(!story.index.give_back(slice), "the disk has it, so it is not lost");
    assert_eq!(story.state(2, 0), Waiting);
}

#[test]
fn what_a_damaged_disk_says_of_a_slice_leaves_nothing_charged_for_ever() {
    let mut story = Story::new();
    let slice = story.write(true);
    story.next_segment();
    story.index.mark_gaps(1);
    // An older frame shows at its place, with another length.
    let other = Slice { charge: 170, ..slice };
    story.index.recount(1, &[other]);
    story.index.settle(slice);
    assert_eq!(story.byte_limit.used(), 0);
    assert_eq!(story.index.check(), Ok(()));
}

/// A segment of one slice, as recovery finds it.
fn found(state: SliceState) -> Found<()> {
    let mut found = Found::new(Version::V1, 1, 4096);
    match state {
        Gone => found.push_gone(),
        _ => drop(found.push(stream(), CHARGE)),
    }
    let known = (state != Gone).then_some((stream(), CHARGE as u64));
    match state {
        Settled => found.settled(0, false, known),
        Moved => found.settled(0, true, known),
        Waiting | HandedOut | HandedOutUnreadable | Gone => {}
    }
    found.scanned_to(DATA_START as u64 + STRIDE, false, state == Gone);
    found
}

#[test]
fn of_two_places_the_one_that_counts_is_kept() {
    let cases = [
        // old place, copy → old place, copy
        ((Some(Waiting), Waiting), (Some(Waiting), Moved)),
        ((Some(Waiting), Settled), (Some(Settled), Settled)),
        ((Some(Settled), Waiting), (Some(Settled), Settled)),
        ((Some(Moved), Waiting), (Some(Moved), Waiting)),
        ((Some(Waiting), Moved), (Some(Waiting), Moved)),
        ((Some(Settled), Settled), (Some(Settled), Settled)),
        // The old place is no more: the copy is all there is.
        ((Some(Gone), Waiting), (Some(Gone), Waiting)),
        ((None, Waiting), (None, Waiting)),
    ];
    for ((old, copy), expected) in cases {
        let mut adoption = Adoption::new();
        if let Some(old) = old {
            adoption.put(1, found(old));
        }
        adoption.put(2, found(copy));
        let [from, to] = [1, 2].map(|segment| Position { segment, ordinal: 0 });
        let slice = Slice {
            position: to,
            stream: stream(),
            charge: CHARGE,
        };
        adoption.choose_place(from, slice);
        let mut story = Story::new();
        story.index.number_from(2);
        story.index.active = None;
        story.index.segments.clear();
        story.index.adopt(adoption);
        let old = story.index.segments.get(&1).map(|segment| segment.state(0));
        assert_eq!((old, story.state(2, 0)), expected, "of {old:?} and {copy:?}");
        let live = [expected.0, Some(expected.1)]
            .iter()
            .filter(|state| **state == Some(Waiting))
            .count();
        assert_eq!(story.byte_limit.used(), live * CHARGE);
    }
}
