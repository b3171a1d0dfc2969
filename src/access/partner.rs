//! Whom this service knows, and what guards their entries.

use std::collections::HashMap;

use super::rules::Guard;
use super::secret::Secret;
use crate::entry::{Entry, PartnerId};
use crate::rules::Profile;

/// Partners and profiles, as the settings have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The partners that are known.
    pub partners: HashMap<PartnerId, Partner>,
    /// The profiles, by what entries call them.
    pub profiles: HashMap<String, Profile>,
    /// What URLs are signed with: the newest first, older ones that stay valid after it. Without any, URLs of the dialect are
    /// not signed, and tokens are made with the newest secret of the entry's partner.
    pub url_secrets: Vec<Secret>,
    /// How many seconds tokens are good for at least.
    pub url_lifetime_s: u64,
}

/// As long as people watch one thing, pauses included.
const URL_LIFETIME_S: u64 = 6 * 60 * 60;

impl Default for Config {
    fn default() -> Config {
        Config {
            partners: HashMap::new(),
            profiles: HashMap::new(),
            url_secrets: Vec::new(),
            url_lifetime_s: URL_LIFETIME_S,
        }
    }
}

/// What is known of a partner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partner {
    /// What its sessions are made with: the newest first, older ones that stay valid after it.
    pub secrets: Vec<Secret>,
    /// Whether nothing of it is to be had.
    pub is_blocked: bool,
    /// The profile that guards its entries which name none.
    pub profile: Option<String>,
    /// Its own sites: rules against all sites but some are not against these.
    pub sites: Vec<String>,
    /// Whether pictures of any moment of its entries may be had.
    pub may_capture: bool,
    /// How long clients may keep pictures of its entries, in seconds, where it says so.
    pub thumbnail_max_age_s: Option<u32>,
    /// How long clients may keep an answer to playManifest, in seconds, where it says so.
    pub manifest_max_age_s: Option<u32>,
}

impl Default for Partner {
    fn default() -> Partner {
        Partner {
            secrets: Vec::new(),
            is_blocked: false,
            profile: None,
            sites: Vec::new(),
            may_capture: true,
            thumbnail_max_age_s: None,
            manifest_max_age_s: None,
        }
    }
}

impl Config {
    /// What sessions of `partner` are made with; nothing where it is unknown.
    pub fn secrets(&self, partner: PartnerId) -> &[Secret] {
        self.partners.get(&partner).map_or(&[], |partner| &partner.secrets)
    }

    /// What tokens in URLs to entries of `partner` are made with; nothing where nobody has a secret.
    pub fn token_secrets(&self, partner: PartnerId) -> &[Secret] {
        if self.url_secrets.is_empty() { self.secrets(partner) } else { &self.url_secrets }
    }

    /// What guards `entry` beside its state: the profile that it names, or else that of its partner. What the settings define
    /// goes before what the library defines under the same name.
    pub fn guard<'a>(&'a self, entry: &'a Entry) -> Guard<'a> {
        let Some(name) = self.profile_of(entry) else { return Guard::Nothing };
        let of_library = || entry.access_control.as_ref()?.profile.as_deref();
        self.profiles.get(name).or_else(of_library).map_or(Guard::Unknown, Guard::Profile)
    }

    /// What guards `entry` beside its state, and who defines it, for people; `None` where nothing does.
    pub fn explain(&self, entry: &Entry) -> Option<String> {
        let name = self.profile_of(entry)?;
        let whose = match self.guard(entry) {
            Guard::Profile(_) if self.profiles.contains_key(name) => "of the settings",
            Guard::Profile(_) => "of the library",
            Guard::Nothing | Guard::Unknown => "that nobody knows",
        };
        Some(format!("entry {} is under the profile {name:?} {whose}", entry.id))
    }

    /// What the profile that guards `entry` is called.
    fn profile_of<'a>(&'a self, entry: &'a Entry) -> Option<&'a str> {
        let of_partner = || self.partners.get(&entry.partner)?.profile.as_deref();
        entry.access_control.as_ref().map(|own| own.name.as_str()).or_else(of_partner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::entry::{AccessControl, EntryId, EntryKind};
    use crate::rules::Rule;

    fn rules(name: &str, count: usize) -> Profile {
        Profile { name: name.to_owned(), rules: vec![Rule::default(); count] }
    }

    /// Partners 1 with nothing, 2 under a profile, 3 under one that is not there; profiles of one rule each.
    fn config() -> Config {
        let under = |name: &str| Partner { profile: Some(name.to_owned()), ..Partner::default() };
        Config {
            partners: [
                (PartnerId(1), Partner::default()),
                (PartnerId(2), under("strict")),
                (PartnerId(3), under("lost")),
            ]
            .into(),
            profiles: ["strict", "loose"].map(|name| (name.to_owned(), rules(name, 1))).into(),
            ..Config::default()
        }
    }

    /// Expects how an entry of `partner` is guarded, and how many rules that has.
    #[track_caller]
    fn check(partner: i64, access_control: Option<AccessControl>, guarded: &str, count: usize) {
        let entry = Entry::new(EntryId::new("0_x").unwrap(), EntryKind::Video);
        let entry = Entry { partner: PartnerId(partner), access_control, ..entry };
        let found = config().explain(&entry);
        let told = found.as_deref().map_or("", |told| told.strip_prefix("entry 0_x is under the profile ").unwrap());
        let config = config();
        let rules = match config.guard(&entry) {
            Guard::Nothing | Guard::Unknown => 0,
            Guard::Profile(profile) => profile.rules.len(),
        };
        assert_eq!((told, rules), (guarded, count));
    }

    #[test]
    fn what_guards_an_entry() {
        let named = |name| Some(AccessControl::named(name));
        check(1, None, "", 0);
        check(9, None, "", 0);
        check(1, named("loose"), "\"loose\" of the settings", 1);
        check(2, None, "\"strict\" of the settings", 1);
        check(2, named("loose"), "\"loose\" of the settings", 1);
        check(3, None, "\"lost\" that nobody knows", 0);
        check(1, named("x"), "\"x\" that nobody knows", 0);
    }

    #[test]
    fn settings_go_before_the_library() {
        let own = |name| Some(AccessControl { name: String::from(name), profile: Some(Arc::new(rules(name, 2))) });
        check(1, own("x"), "\"x\" of the library", 2);
        check(2, own("x"), "\"x\" of the library", 2);
        check(1, own("loose"), "\"loose\" of the settings", 1);
        check(3, own("lost"), "\"lost\" of the library", 2);
    }
}
