//! Profiles of rules as people write them: what of an entry is for whom.

mod pattern;
mod reading;
mod restrictions;

pub use self::pattern::Pattern;
pub use self::reading::{Mistake, parse, read};
pub use self::restrictions::{Listed, Restriction};
use crate::network::Network;

/// The rules that guard entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// What entries call it.
    pub name: String,
    /// Its rules, in the order in which they are looked at.
    pub rules: Vec<Rule>,
}

/// What is to happen where all of its conditions hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rule {
    /// What it is about; nothing said is everything.
    pub contexts: Vec<Context>,
    /// When it holds; nothing said is always.
    pub conditions: Vec<Condition>,
    /// What comes of it.
    pub actions: Vec<Action>,
    /// What viewers may be told.
    pub message: Option<String>,
    /// Whether no rule after it is looked at, where it holds.
    pub stops: bool,
    /// Whether it holds for those, too, who may do everything else.
    pub binds_admins: bool,
}

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Context {
    /// Playing (1).
    Play,
    /// Keeping (2).
    Download,
    /// Pictures (3).
    Thumbnail,
    /// What is known of an entry (4).
    Metadata,
    /// Files of what is played (6).
    Serve,
}

/// A test, or its opposite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// What is tested.
    pub test: Test,
    /// Whether the condition holds where the test does not.
    pub is_negated: bool,
}

/// What is tested of a viewer. Of a fact that is not known no test holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// Holds a session with one of these privileges for the entry, or one that may do everything.
    Authenticated(Vec<String>),
    /// Comes from a page of one of these sites.
    Site(Vec<String>),
    /// Comes from one of these networks.
    Address(Vec<Network>),
    /// Is in one of these countries, two letters each.
    Country(Vec<String>),
    /// Uses a browser that calls itself so.
    UserAgent(Vec<Pattern>),
    /// Comes in one of these seconds since 1970, the last not included.
    Time {
        /// The first.
        from: u64,
        /// The one after the last.
        until: u64,
    },
}

/// What comes of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Nothing is to be had.
    Block,
    /// So many seconds are to be had.
    Preview(u32),
    /// Some flavors are to be had.
    LimitFlavors(Flavors),
    /// Only pictures that stand for the entry are to be had, none of a moment.
    LimitCapture,
}

/// Flavors by the profiles of conversion that made them; the original is of profile 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flavors {
    /// The profiles.
    pub params: Vec<i64>,
    /// Whether all the others are meant.
    pub is_negated: bool,
}

impl Flavors {
    /// Whether one that `params` made is among them; `None` stands for a profile that is not known.
    pub fn contain(&self, params: Option<i64>) -> bool {
        params.is_some_and(|params| self.params.contains(&params)) != self.is_negated
    }
}

impl Rule {
    /// Whether it is about `context`, among others.
    pub fn is_about(&self, context: Context) -> bool {
        self.contexts.is_empty() || self.contexts.contains(&context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flavors_are_named_by_what_made_them() {
        let check = |is_negated| {
            let flavors = Flavors { params: vec![0, 7], is_negated };
            [Some(7), Some(8), Some(0), None].map(|params| flavors.contain(params))
        };
        assert_eq!((check(false), check(true)), ([true, false, true, false], [false, true, false, true]));
    }
}
