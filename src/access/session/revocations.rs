//! Sessions that were ended before their time, by the list of them.

use std::collections::HashSet;

use super::{Session, SessionId};
use crate::entry::PartnerId;
use crate::error::{Error, Result};

/// The sessions, and the groups of them, that are good no more.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revocations {
    sessions: HashSet<SessionId>,
    groups: HashSet<(PartnerId, String)>,
}

/// The most lines of a list.
const LINES_MAX: usize = 1_000_000;

impl Revocations {
    /// The list in `text`: a line each, the 40 hexadecimal digits that a session is called by, or `PARTNER:NAME` for all
    /// sessions of a partner with the privilege `sessionid:NAME`. Empty lines mean nothing, as do those that `#` begins.
    pub fn read(text: &str) -> Result<Revocations> {
        let mut revocations = Revocations::default();
        for (at, line) in text.lines().enumerate() {
            if at == LINES_MAX {
                return Err(Error::too_large(format!("a list of ended sessions has at most {LINES_MAX} lines")));
            }
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let wrong = || {
                let message = format!("line {} is neither 40 hexadecimal digits nor PARTNER:NAME", at + 1);
                Error::invalid(message)
            };
            match line.split_once(':') {
                Some((partner, name)) if !name.is_empty() => {
                    let partner = partner.parse().map(PartnerId).map_err(|_| wrong())?;
                    revocations.groups.insert((partner, name.to_owned()));
                }
                _ => _ = revocations.sessions.insert(id(line).ok_or_else(wrong)?),
            }
        }
        Ok(revocations)
    }

    /// Whether `session` is one of them.
    pub fn include(&self, session: &Session) -> bool {
        let partner = session.claims.partner;
        let is_of = |group: &str| self.groups.contains(&(partner, group.to_owned()));
        self.sessions.contains(&session.id) || (!self.groups.is_empty() && session.groups().any(is_of))
    }
}

fn id(text: &str) -> Option<SessionId> {
    let is_digest = text.len() == 40 && text.bytes().all(|b| b.is_ascii_hexdigit());
    let mut id = [0; 20];
    for (at, byte) in id.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    is_digest.then_some(SessionId(id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::session::{Claims, Privileges, Role, Version};

    fn session(partner: i64, id: u8, privileges: &str) -> Session {
        let claims = Claims {
            partner: PartnerId(partner),
            expiry: 9,
            role: Role::User,
            user: String::new(),
            privileges: Privileges::parse(privileges),
            master_partner: None,
            data: String::new(),
        };
        Session { id: SessionId([id; 20]), claims, rand: String::new(), version: Version::V2 }
    }

    #[test]
    fn lists_name_sessions_and_groups() {
        let list = Revocations::read(&format!("# ended\n\n {} \n7:night shift\n-1:x\n", "aB".repeat(20))).unwrap();
        assert!(list.include(&session(1, 0xab, "")));
        assert!(!list.include(&session(1, 0xac, "sessionid:other")));
        assert!(list.include(&session(7, 1, "sessionid:night shift")));
        assert!(!list.include(&session(8, 1, "sessionid:night shift")), "a group is of its partner");
        assert!(!Revocations::default().include(&session(7, 1, "sessionid:x")));
    }

    #[test]
    fn what_is_no_list() {
        for wrong in ["x", "7:", ":x", "seven:x", &"a".repeat(39), &"g".repeat(40), &"ä".repeat(20)] {
            let message = Revocations::read(&format!("\n{wrong}")).unwrap_err().to_string();
            assert!(message.contains("line 2 is neither"), "{wrong}: {message}");
        }
        assert!(Revocations::read(&"\n".repeat(LINES_MAX)).is_ok());
        assert!(Revocations::read(&"\n".repeat(LINES_MAX + 1)).is_err());
    }
}
