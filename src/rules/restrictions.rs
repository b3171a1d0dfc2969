//! Restrictions, the form that profiles had before rules.

use super::{Action, Condition, Context, Pattern, Rule, Test};
use crate::network::Network;

/// One restriction of a profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Restriction {
    /// Pages of these sites, or all others, have nothing.
    Site(Vec<String>, Listed),
    /// Viewers in these countries, or all others, have nothing.
    Country(Vec<String>, Listed),
    /// Viewers in these networks, or all others, have nothing.
    Address(Vec<Network>, Listed),
    /// Browsers that call themselves so, or all others, have nothing.
    UserAgent(Vec<Pattern>, Listed),
    /// Viewers without a session for the entry have nothing.
    Session,
    /// Viewers without a session for the entry have so many seconds.
    Preview(u32),
}

/// Whom a list is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listed {
    /// Those on it have nothing.
    Restricted,
    /// Those not on it have nothing.
    Allowed,
}

impl Restriction {
    /// The rule that says the same, about playing, keeping, and `more`.
    pub fn rule(self, more: &[Context]) -> Rule {
        let seeing = || Test::Authenticated(vec!["sview".to_owned(), "sviewplaylist".to_owned()]);
        let (test, listed, action) = match self {
            Restriction::Site(sites, listed) => (Test::Site(sites), listed, Action::Block),
            Restriction::Country(countries, listed) => (Test::Country(countries), listed, Action::Block),
            Restriction::Address(networks, listed) => (Test::Address(networks), listed, Action::Block),
            Restriction::UserAgent(patterns, listed) => (Test::UserAgent(patterns), listed, Action::Block),
            Restriction::Session => (seeing(), Listed::Allowed, Action::Block),
            Restriction::Preview(seconds) => (seeing(), Listed::Allowed, Action::Preview(seconds)),
        };
        Rule {
            contexts: [&[Context::Play, Context::Download], more].concat(),
            conditions: vec![Condition { test, is_negated: listed == Listed::Allowed }],
            actions: vec![action],
            ..Rule::default()
        }
    }
}
