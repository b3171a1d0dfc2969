//! Who asks, as far as one entry is concerned.

use super::session::Session;
use crate::entry::Entry;

/// Who asks for an entry.
#[derive(Clone, Copy, Debug)]
pub struct Viewer<'a> {
    /// The session that counts for the entry.
    session: Option<&'a Session>,
}

impl<'a> Viewer<'a> {
    /// Anybody.
    pub const ANONYMOUS: Viewer<'static> = Viewer { session: None };

    /// Who holds `session`, which was found good; `None` where it is of another partner than `entry`.
    pub fn of(session: &'a Session, entry: &Entry) -> Option<Viewer<'a>> {
        (session.claims.partner == entry.partner).then_some(Viewer { session: Some(session) })
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
    pub fn may(&self, privileges: &[impl AsRef<str>], entry: &Entry) -> bool {
        let held = self.session.map(|session| &session.claims.privileges);
        held.is_some_and(|held| privileges.iter().any(|name| held.allow(name.as_ref(), entry.id.as_str())))
    }
}
