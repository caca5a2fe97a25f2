//! Which destinations may begin. Pure.

use super::{stage::Stage, staging::Turn};

/// A destination, as far as a rollout is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) uid: String,
    /// Whether it comes before all others.
    pub(super) is_first: bool,
    pub(super) stage: Stage,
}

/// Those that may begin now, of which at most `max` are under way at a time.
///
/// What an earlier image has left broken comes first. One whose pods were not all available before would fail whatever
/// the image is: it comes last, nobody waits for it, and it halts nothing.
pub(super) fn decide(members: &[Member], max: usize) -> Vec<(&str, Turn)> {
    let at = |stage: Stage| members.iter().filter(move |one| one.stage == stage);
    if at(Stage::Failed).next().is_some() {
        return Vec::new();
    }
    let under_way = at(Stage::Rolling).count();
    let free = max.saturating_sub(under_way);
    let first_are_done = !at(Stage::Waiting).chain(at(Stage::Rolling)).any(|one| one.is_first);
    let whole = at(Stage::Waiting).filter(|one| one.is_first || first_are_done);
    let mut chosen: Vec<(&str, Turn)> = at(Stage::Interrupted)
        .chain(whole)
        .map(|one| (one.uid.as_str(), Turn::Begin))
        .collect();
    if chosen.is_empty() && under_way == 0 {
        chosen = at(Stage::NotWhole)
            .map(|one| (one.uid.as_str(), Turn::BeginUnwatched))
            .collect();
    }
    chosen.truncate(free);
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(stages: &[(&str, Stage)]) -> Vec<Member> {
        let member = |(uid, stage): &(&str, Stage)| Member {
            uid: (*uid).to_owned(),
            is_first: uid.starts_with("canary"),
            stage: *stage,
        };
        stages.iter().map(member).collect()
    }

    fn chosen(stages: &[(&str, Stage)], max: usize) -> Vec<String> {
        let members = members(stages);
        let chosen = decide(&members, max);
        chosen.into_iter().map(|(uid, _)| uid.to_owned()).collect()
    }

    #[test]
    fn no_more_begin_than_there_are_places() {
        use Stage::{Current, Rolling, Waiting};
        let fleet = [
            ("a", Current),
            ("b", Rolling),
            ("c", Waiting),
            ("d", Waiting),
            ("e", Waiting),
        ];
        assert_eq!(chosen(&fleet, 3), ["c", "d"]);
        assert_eq!(chosen(&fleet, 1), [""; 0]);
    }

    #[test]
    fn those_of_the_label_are_done_before_another_begins() {
        use Stage::{Current, Rolling, Waiting};
        let begin = [("a", Waiting), ("canary-1", Waiting), ("canary-2", Waiting)];
        assert_eq!(chosen(&begin, 5), ["canary-1", "canary-2"]);
        let under_way = [("a", Waiting), ("canary-1", Current), ("canary-2", Rolling)];
        assert_eq!(chosen(&under_way, 5), [""; 0]);
        let done = [("a", Waiting), ("canary-1", Current), ("canary-2", Current)];
        assert_eq!(chosen(&done, 5), ["a"]);
    }

    #[test]
    fn one_that_fails_halts_all() {
        use Stage::{Failed, Interrupted, Waiting};
        let fleet = [("a", Failed), ("b", Waiting), ("c", Interrupted)];
        assert_eq!(chosen(&fleet, 5), [""; 0]);
    }

    #[test]
    fn what_an_earlier_image_has_broken_is_healed_first() {
        use Stage::{Interrupted, Waiting};
        let fleet = [
            ("a", Waiting),
            ("b", Interrupted),
            ("canary", Waiting),
            ("c", Interrupted),
        ];
        assert_eq!(chosen(&fleet, 2), ["b", "c"]);
        assert_eq!(chosen(&fleet, 3), ["b", "c", "canary"]);
    }

    #[test]
    fn one_that_is_not_whole_keeps_nobody_waiting_and_is_not_watched() {
        use Stage::{NotWhole, Paused, Rolling, Waiting};
        let fleet = [("canary", NotWhole), ("a", Waiting), ("b", Paused)];
        assert_eq!(chosen(&fleet, 5), ["a"]);
        assert_eq!(chosen(&[("canary", NotWhole), ("a", Rolling)], 5), [""; 0]);
        let last = members(&[("canary", NotWhole), ("b", Paused)]);
        assert_eq!(decide(&last, 5), [("canary", Turn::BeginUnwatched)]);
    }
}
