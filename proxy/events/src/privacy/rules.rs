//! Places in events, and what becomes of the values there.

use firehose_proxy_config::{PrivacyAction, PrivacyRule};

/// Rules about places in events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    /// The names on the way from an event to the place.
    path: Vec<Name>,
    action: PrivacyAction,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    /// Every name of one level, and every element of a list.
    Any,
    Exactly(String),
}

/// The rules whose place may lie further on, a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Open(u64);

/// A rule that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// More than [`Rules::MOST`].
    #[error("{0} rules, there may be {most}", most = Rules::MOST)]
    TooMany(usize),
    /// A path that names no place.
    #[error("{0:?} is not names with dots between them, or '*' in place of a whole name")]
    Path(String),
}

impl Rules {
    /// Most rules.
    pub const MOST: usize = 64;

    /// Reads the rules of a document. `None` when there are none.
    ///
    /// # Errors
    ///
    /// [`InvalidRule`]: what cannot be followed is never left out.
    pub fn parse(rules: &[PrivacyRule]) -> Result<Option<Self>, InvalidRule> {
        if rules.len() > Self::MOST {
            return Err(InvalidRule::TooMany(rules.len()));
        }
        let rules: Vec<Rule> = rules.iter().map(Rule::parse).collect::<Result<_, _>>()?;
        Ok((!rules.is_empty()).then_some(Self { rules }))
    }

    /// Whether a hash is asked for.
    pub fn needs_key(&self) -> bool {
        self.rules.iter().any(|rule| rule.action == PrivacyAction::Hash)
    }

    /// All rules, for the members of an event itself.
    pub fn open(&self) -> Open {
        Open(u64::MAX >> (Self::MOST - self.rules.len()))
    }

    /// What the rules say about a member `level` levels below an event's own members, or about an element of a list
    /// there: which may lie further on, and what becomes of the value. `is` compares the member's name, of which a
    /// list's elements have none.
    ///
    /// Where several rules meet, that which leaves least counts: Drop before Redact before Hash.
    pub fn below(&self, open: Open, level: usize, is: impl Fn(&str) -> bool) -> (Open, Option<PrivacyAction>) {
        let (mut further, mut action) = (0, None);
        let mut left = open.0;
        while left != 0 {
            let index = left.trailing_zeros();
            left &= left - 1;
            let rule = &self.rules[index as usize];
            let is_on_the_way = match &rule.path[level] {
                Name::Any => true,
                Name::Exactly(name) => is(name),
            };
            if !is_on_the_way {
                continue;
            }
            if rule.path.len() > level + 1 {
                further |= 1 << index;
            } else {
                action = stricter(action, rule.action);
            }
        }
        (Open(further), action)
    }

    /// What becomes of a member of the event itself.
    pub fn action(&self, name: &str) -> Option<PrivacyAction> {
        self.below(self.open(), 0, |other| other == name).1
    }
}

impl Open {
    /// Whether no rule's place lies further on.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl Rule {
    fn parse(rule: &PrivacyRule) -> Result<Self, InvalidRule> {
        let name = |name: &str| match name {
            "*" => Ok(Name::Any),
            "" => Err(InvalidRule::Path(rule.path.clone())),
            name if name.contains('*') => Err(InvalidRule::Path(rule.path.clone())),
            name => Ok(Name::Exactly(name.to_owned())),
        };
        Ok(Self {
            path: rule.path.split('.').map(name).collect::<Result<_, _>>()?,
            action: rule.action,
        })
    }
}

fn stricter(one: Option<PrivacyAction>, other: PrivacyAction) -> Option<PrivacyAction> {
    use PrivacyAction::{Drop, Hash, Redact};
    Some(match (one, other) {
        (Some(Drop), _) | (_, Drop) => Drop,
        (Some(Redact), _) | (_, Redact) => Redact,
        (Some(Hash) | None, Hash) => Hash,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(rules: &[(&str, PrivacyAction)]) -> Result<Option<Rules>, InvalidRule> {
        let rule = |(path, action): &(&str, PrivacyAction)| PrivacyRule {
            path: (*path).to_owned(),
            action: *action,
        };
        Rules::parse(&rules.iter().map(rule).collect::<Vec<_>>())
    }

    #[test]
    fn a_rule_that_cannot_be_followed_is_an_error() {
        use PrivacyAction::Drop;
        assert_eq!(rules(&[]), Ok(None));
        for path in ["", ".", "a.", ".a", "a..b", "a*", "a.*b", "**"] {
            assert_eq!(
                rules(&[("ok", Drop), (path, Drop)]),
                Err(InvalidRule::Path(path.to_owned()))
            );
        }
        let many = vec![("a", Drop); 65];
        assert_eq!(rules(&many), Err(InvalidRule::TooMany(65)));
        let most = rules(&many[..64]).unwrap().unwrap();
        assert_eq!(most.open(), Open(u64::MAX));
    }

    #[test]
    fn the_rule_that_leaves_least_counts() {
        use PrivacyAction::{Drop, Hash, Redact};
        for (found, action) in [
            (&[("a", Hash), ("*", Redact)][..], Redact),
            (&[("*", Drop), ("a", Redact)], Drop),
            (&[("a", Hash), ("a", Drop), ("a", Redact)], Drop),
            (&[("b", Drop), ("a", Hash)], Hash),
        ] {
            assert_eq!(rules(found).unwrap().unwrap().action("a"), Some(action), "{found:?}");
        }
        let deep = rules(&[("a.b", Drop), ("a.*.c", Hash)]).unwrap().unwrap();
        assert_eq!(deep.action("a"), None);
        let (open, action) = deep.below(deep.open(), 0, |name| name == "a");
        assert_eq!((open, action), (Open(0b11), None));
        assert_eq!(deep.below(open, 1, |name| name == "b"), (Open(0b10), Some(Drop)));
        assert_eq!(deep.below(open, 1, |_| false), (Open(0b10), None));
        assert!(deep.needs_key());
    }
}
