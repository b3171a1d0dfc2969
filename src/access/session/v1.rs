//! Sessions of version 1: fields in the clear behind a digest of them and the secret.

use sha1::{Digest, Sha1};
use subtle::ConstantTimeEq;

use super::privileges::Privileges;
use super::{Claims, Role, SessionId, Unsigned, number, partner, text};
use crate::access::secret::Secret;
use crate::entry::PartnerId;
use crate::error::{Error, Result};

/// What stands between fields; nothing escapes it.
const DIVIDER: char = ';';

/// What a text says before its signature is known to be right.
pub(super) struct Signed {
    digest: Vec<u8>,
    info: Vec<u8>,
}

/// A session of version 1, and the partner that it names.
pub(super) fn parse(raw: &[u8]) -> Option<(PartnerId, Signed)> {
    let bar = raw.iter().position(|b| *b == b'|')?;
    let info = &raw[bar + 1..];
    let named = info.split(|b| *b == b';').next()?;
    Some((partner(named)?, Signed { digest: raw[..bar].to_vec(), info: info.to_vec() }))
}

impl Signed {
    /// What the session claims, if it is signed with `secret`.
    pub(super) fn open(&self, secret: &Secret) -> Option<Unsigned> {
        let id = signature(secret, &self.info);
        if !bool::from(id.to_string().as_bytes().ct_eq(&self.digest)) {
            return None;
        }
        let info = String::from_utf8_lossy(&self.info);
        let fields: Vec<&str> = info.split(DIVIDER).collect();
        (fields.len() >= 3).then_some(())?;
        let field = |at: usize| fields.get(at).copied().unwrap_or_default();
        let claims = Claims {
            partner: partner(field(0).as_bytes())?,
            expiry: number(field(2)),
            role: Role::read(field(3))?,
            user: field(5).to_owned(),
            privileges: Privileges::parse(field(6)),
            master_partner: field(7).parse().ok().map(PartnerId),
            data: field(8).to_owned(),
        };
        Some(Unsigned { id, claims, rand: field(4).to_owned() })
    }
}

fn signature(secret: &Secret, info: &[u8]) -> SessionId {
    SessionId(Sha1::new().chain_update(secret.bytes()).chain_update(info).finalize().into())
}

/// The text of a session. Fails where a field holds what stands between fields.
pub fn make(claims: &Claims, rand: &str, secret: &Secret) -> Result<String> {
    let (partner, expiry, role) = (claims.partner.0, claims.expiry, claims.role.number());
    let master = claims.master_partner.map(|master| master.0.to_string()).unwrap_or_default();
    let privileges = claims.privileges.to_string();
    for (name, value) in [("rand", rand), ("user", &claims.user), ("privileges", &privileges), ("data", &claims.data)] {
        if value.contains(DIVIDER) {
            return Err(Error::invalid(format!("{name} {value:?} cannot hold a `;` in a session of version 1")));
        }
    }
    let (user, data) = (&claims.user, &claims.data);
    let info = format!("{partner};{partner};{expiry};{role};{rand};{user};{privileges};{master};{data}");
    let signed = format!("{}|{info}", signature(secret, info.as_bytes()));
    Ok(text::encode_v1(signed.as_bytes()))
}
