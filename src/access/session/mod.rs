//! A Kaltura session (KS): who holds it, until when, and what it allows; read, verified and made.

mod privileges;
mod revocations;
mod text;
pub mod v1;
pub mod v2;
mod validity;

use std::fmt;

pub use self::privileges::Privileges;
pub use self::revocations::Revocations;
pub use self::validity::{Circumstances, Invalid, Standing};
use crate::access::secret::Secret;
use crate::entry::PartnerId;

/// A session whose signature is right. Whether it is good here and now, [`Session::check`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// What it is called where sessions are revoked.
    pub id: SessionId,
    /// What it claims.
    pub claims: Claims,
    /// What tells it from others with the same claims: any text in version 1, hexadecimal digits in version 2.
    pub rand: String,
    /// How it was written.
    pub version: Version,
}

/// What a session claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// Who made it.
    pub partner: PartnerId,
    /// The second since 1970 in which it is good no more.
    pub expiry: u64,
    /// What its holder is.
    pub role: Role,
    /// Its holder's name; empty for none.
    pub user: String,
    /// What its holder may do beyond what everybody may.
    pub privileges: Privileges,
    /// The partner that made it for this one.
    pub master_partner: Option<PartnerId>,
    /// Whatever its maker likes to keep with it.
    pub data: String,
}

/// What the holder of a session is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// One of the partner's users (0).
    User,
    /// A page's player, historically (1).
    Widget,
    /// Who may do everything (2).
    Admin,
}

/// How a session is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// Signed.
    V1,
    /// Encrypted.
    V2,
}

/// The SHA-1 that a session is revoked by; written in hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub [u8; 20]);

/// A session as a client gives it, before its signature is looked at: believe nothing of it.
pub struct Unverified {
    partner: PartnerId,
    body: Body,
}

enum Body {
    V1(v1::Signed),
    V2(v2::Sealed),
}

/// What a signature was right for, without how it was written.
struct Unsigned {
    id: SessionId,
    claims: Claims,
    rand: String,
}

/// What sessions of version 2 begin with.
const V2_MARK: &[u8] = b"v2|";

/// The session that `text` may be; [`Invalid::Text`] where no secret could make it one.
pub fn read(text: &str) -> Result<Unverified, Invalid> {
    let raw = text::decode(text).ok_or(Invalid::Text)?;
    let parsed = match raw.strip_prefix(V2_MARK) {
        Some(rest) => v2::parse(rest).map(|(partner, sealed)| (partner, Body::V2(sealed))),
        None => v1::parse(&raw).map(|(partner, signed)| (partner, Body::V1(signed))),
    };
    parsed.map(|(partner, body)| Unverified { partner, body }).ok_or(Invalid::Text)
}

impl Unverified {
    /// The partner whose secrets may have made it.
    pub fn partner(&self) -> PartnerId {
        self.partner
    }

    /// The session, if one of `secrets` made it; all are its partner's, none where nobody knows the partner. That takes as
    /// long as a wrong secret.
    pub fn verify(&self, secrets: &[Secret]) -> Result<Session, Invalid> {
        match secrets {
            [] => {
                let _ = Secret::new("-").and_then(|nobody| self.open(&nobody));
                Err(Invalid::Partner)
            }
            secrets => secrets.iter().find_map(|secret| self.open(secret)).ok_or(Invalid::Text),
        }
    }

    fn open(&self, secret: &Secret) -> Option<Session> {
        let (opened, version) = match &self.body {
            Body::V1(signed) => (signed.open(secret)?, Version::V1),
            Body::V2(sealed) => (sealed.open(self.partner, secret)?, Version::V2),
        };
        let Unsigned { id, claims, rand } = opened;
        Some(Session { id, claims, rand, version })
    }
}

impl fmt::Debug for Unverified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unverified({})", self.partner.0)
    }
}

impl Role {
    const NUMBERS: [(&'static str, Role); 3] = [("0", Role::User), ("1", Role::Widget), ("2", Role::Admin)];

    /// The role with a number of the dialect; a user where none is given.
    pub fn read(text: &str) -> Option<Role> {
        let text = if text.is_empty() { "0" } else { text };
        Role::NUMBERS.iter().find(|(number, _)| *number == text).map(|(_, role)| *role)
    }

    /// Its number in the dialect.
    pub fn number(self) -> &'static str {
        Role::NUMBERS.iter().find(|(_, role)| *role == self).map_or("0", |(number, _)| number)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A partner's number in its shortest writing: another writing would be another text for the same session.
fn partner(text: &[u8]) -> Option<PartnerId> {
    let text = str::from_utf8(text).ok()?;
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(PartnerId(number))
}

/// A time; what is none has passed.
fn number(text: &str) -> u64 {
    text.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests;
