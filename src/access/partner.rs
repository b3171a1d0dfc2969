//! Whom this service knows, and what guards their entries.

use std::collections::HashMap;

use super::rules::{Guard, Profile};
use super::secret::Secret;
use crate::entry::{Entry, PartnerId};

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

    /// What guards `entry` beside its state: the profile that it names, or else that of its partner.
    pub fn guard(&self, entry: &Entry) -> Guard<'_> {
        let of_partner = || self.partners.get(&entry.partner)?.profile.as_deref();
        match entry.access_control.as_deref().or_else(of_partner) {
            Some(name) => self.profiles.get(name).map_or(Guard::Unknown, Guard::Profile),
            None => Guard::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{EntryId, EntryKind};

    #[test]
    fn what_guards_an_entry() {
        let named = |name: &str| (name.to_owned(), Profile { name: name.to_owned(), rules: Vec::new() });
        let strict = Partner { profile: Some("strict".to_owned()), ..Partner::default() };
        let lost = Partner { profile: Some("lost".to_owned()), ..Partner::default() };
        let config = Config {
            partners: [(PartnerId(1), Partner::default()), (PartnerId(2), strict), (PartnerId(3), lost)].into(),
            profiles: [named("strict"), named("loose")].into(),
            ..Config::default()
        };
        let guard = |partner, profile: Option<&str>| {
            let entry = Entry::new(EntryId::new("0_x").unwrap(), EntryKind::Video);
            let access_control = profile.map(str::to_owned);
            match config.guard(&Entry { partner: PartnerId(partner), access_control, ..entry }) {
                Guard::Nothing => "nothing".to_owned(),
                Guard::Profile(profile) => profile.name.clone(),
                Guard::Unknown => "unknown".to_owned(),
            }
        };
        assert_eq!((guard(1, None), guard(1, Some("loose"))), ("nothing".to_owned(), "loose".to_owned()));
        assert_eq!((guard(2, None), guard(2, Some("loose"))), ("strict".to_owned(), "loose".to_owned()));
        assert_eq!((guard(3, None), guard(1, Some("x"))), ("unknown".to_owned(), "unknown".to_owned()));
        assert_eq!(guard(9, None), "nothing");
    }
}
