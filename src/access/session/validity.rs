//! Whether a session is good here and now.

use core::net::IpAddr;
use std::fmt;

use super::{Role, Session};
use crate::entry::PartnerId;

/// Why a session is not good. The numbers are the dialect's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(i8)]
pub enum Invalid {
    /// Whether it was revoked cannot be known now.
    Unknown = 0,
    /// It is none, or nobody's secret made it.
    Text = -1,
    /// Its partner is unknown.
    Partner = -2,
    /// It has expired.
    Expired = -5,
    /// It was revoked.
    Revoked = -6,
    /// As much was done with it as it allows.
    ActionsSpent = -8,
    /// It is not for this address.
    Address = -9,
    /// It is not for this URI.
    Uri = -11,
}

/// Where and when a session is used.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// Seconds since 1970.
    pub now: u64,
    /// The client's address, where it is known.
    pub address: Option<IpAddr>,
    /// Path and query of the request as they came.
    pub uri: &'a str,
    /// What became of the session since it was made.
    pub standing: Standing,
}

/// What became of a session since it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was used for so many actions before.
    Used(u64),
    /// It was revoked, or the group that it belongs to.
    Revoked,
    /// That cannot be known now.
    Unknown,
}

impl Session {
    /// Fails with the first reason, in the order of the dialect, why the session is not good.
    pub fn check(&self, at: &Circumstances<'_>) -> Result<(), Invalid> {
        if self.claims.expiry <= at.now {
            return Err(Invalid::Expired);
        }
        self.check_standing(at.standing)?;
        if !self.is_for_address(at.address) {
            return Err(Invalid::Address);
        }
        match self.is_for_uri(at.uri) {
            true => Ok(()),
            false => Err(Invalid::Uri),
        }
    }

    fn check_standing(&self, standing: Standing) -> Result<(), Invalid> {
        let used = match standing {
            // Nobody ends these.
            _ if self.is_widget() || self.is_batch() => 0,
            Standing::Used(actions) => actions,
            Standing::Revoked => return Err(Invalid::Revoked),
            Standing::Unknown => return Err(Invalid::Unknown),
        };
        match self.actions_max() {
            Some(most) if used >= most => Err(Invalid::ActionsSpent),
            _ => Ok(()),
        }
    }

    /// Whether its holder may do everything: historically a widget, too.
    pub fn is_admin(&self) -> bool {
        self.claims.role != Role::User
    }

    /// Whether it is what a page's player is given, for everybody.
    pub fn is_widget(&self) -> bool {
        let is_nobody = matches!(self.claims.user.as_str(), "" | "0");
        let privileges = &self.claims.privileges;
        self.claims.role == Role::User && is_nobody && privileges.values("widget").any(|value| value == "1")
    }

    /// Whether a machine of the platform itself holds it.
    fn is_batch(&self) -> bool {
        self.claims.partner == PartnerId(-1)
    }

    /// The groups that are revoked together which it belongs to.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.claims.privileges.values("sessionid")
    }

    /// How many actions it is good for, where that is limited; what is no number allows none.
    pub fn actions_max(&self) -> Option<u64> {
        let has_limit = self.claims.privileges.has("actionslimit");
        has_limit
            .then(|| self.claims.privileges.values("actionslimit").next()?.parse().ok())
            .map(Option::unwrap_or_default)
    }

    /// Whether it is good for whoever holds it, from wherever and however often.
    pub fn is_for_holders(&self) -> bool {
        !self.claims.privileges.has("iprestrict") && self.actions_max().is_none()
    }

    fn is_for_address(&self, address: Option<IpAddr>) -> bool {
        let is_free = !self.claims.privileges.has("iprestrict");
        let mut allowed = self.claims.privileges.values("iprestrict").filter_map(|text| text.parse::<IpAddr>().ok());
        is_free || address.is_some_and(|address| allowed.any(|one| one.to_canonical() == address.to_canonical()))
    }

    fn is_for_uri(&self, uri: &str) -> bool {
        let is_free = !self.claims.privileges.has("urirestrict");
        let is_allowed = |allowed: &str| match allowed.strip_suffix('*') {
            Some(beginning) => uri.starts_with(beginning),
            None => uri == allowed,
        };
        is_free || self.claims.privileges.values("urirestrict").any(is_allowed)
    }
}

impl Invalid {
    /// The number on the wire.
    pub fn number(self) -> i8 {
        self as i8
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Invalid::Unknown => "whether it was revoked cannot be known now",
            Invalid::Text => "it is none, or another secret made it",
            Invalid::Partner => "its partner is unknown",
            Invalid::Expired => "it has expired",
            Invalid::Revoked => "it was revoked",
            Invalid::ActionsSpent => "as much was done with it as it allows",
            Invalid::Address => "it is not for this address",
            Invalid::Uri => "it is not for this URI",
        })
    }
}
