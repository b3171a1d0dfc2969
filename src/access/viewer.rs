//! Who asks, as far as one entry is concerned.

use super::session::Session;
use crate::entry::Entry;
use crate::error::{Code, Error, Result};

/// Who asks for an entry.
#[derive(Clone, Copy, Debug)]
pub struct Viewer<'a> {
    /// The session that counts for the entry.
    session: Option<&'a Session>,
}

impl<'a> Viewer<'a> {
    /// Anybody.
    pub const ANONYMOUS: Viewer<'static> = Viewer { session: None };

    /// Who holds `session`, which was found good. That of another partner counts for nothing; where an entry has rules, it
    /// is refused.
    pub fn of(session: Option<&'a Session>, entry: &Entry) -> Result<Viewer<'a>> {
        match session {
            Some(other) if other.claims.partner != entry.partner => match entry.access_control {
                Some(_) => Err(Error::coded(Code::SessionOfAnotherPartner, "the session is of another partner")),
                None => Ok(Viewer::ANONYMOUS),
            },
            session => Ok(Viewer { session }),
        }
    }

    /// Whether the viewer may do everything.
    pub fn is_admin(&self) -> bool {
        self.session.is_some_and(Session::is_admin)
    }

    /// Whether the entry is the viewer's own.
    pub fn owns(&self, entry: &Entry) -> bool {
        let user = self.session.map(|session| session.claims.user.as_str()).filter(|user| !user.is_empty());
        user.is_some() && user == entry.owner.as_deref()
    }

    /// Whether the viewer's session holds one of these privileges for `entry`.
    pub fn may(&self, privileges: &[&str], entry: &Entry) -> bool {
        let held = self.session.map(|session| &session.claims.privileges);
        held.is_some_and(|held| privileges.iter().any(|name| held.allow(name, entry.id.as_str())))
    }
}
