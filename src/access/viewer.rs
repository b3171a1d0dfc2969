//! Who asks: what a request tells of its client, and what of that counts for one entry.

use core::fmt;
use core::net::IpAddr;

use super::session::Session;
use crate::entry::Entry;

/// What is known of who asks, whatever is asked for. Parameters of the URL are not here: the request has them.
#[derive(Clone, Copy, Default)]
pub struct Asker<'a> {
    /// The Kaltura session given beside the URL, which goes before that of the URL.
    pub session: Option<&'a str>,
    /// The page that asks, where the URL does not say it.
    pub referrer: Option<&'a str>,
    /// What the browser calls itself.
    pub user_agent: Option<&'a str>,
    /// Where the client's packets come from, as far as that can be believed.
    pub address: Option<IpAddr>,
    /// The country of the address, two letters.
    pub country: Option<&'a str>,
    /// Path and query as they came, where they are all that is asked: of a form, no signature tells.
    pub target: Option<&'a str>,
    /// Seconds since 1970.
    pub now: u64,
}

/// Without the session and the target, which may hold one: who has them may do what they allow.
impl fmt::Debug for Asker<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Asker { session: _, referrer, user_agent, address, country, target: _, now } = self;
        let mut told = f.debug_struct("Asker");
        told.field("referrer", referrer).field("user_agent", user_agent).field("address", address);
        told.field("country", country).field("now", now).finish_non_exhaustive()
    }
}

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

    /// The files that the viewer's session names for itself.
    pub fn assets(&self) -> impl Iterator<Item = &'a str> {
        self.session.into_iter().flat_map(|session| session.claims.privileges.values("downloadasset"))
    }

    /// Whether the viewer's session holds one of these privileges for `entry`.
    pub fn may(&self, privileges: &[impl AsRef<str>], entry: &Entry) -> bool {
        let held = self.session.map(|session| &session.claims.privileges);
        held.is_some_and(|held| privileges.iter().any(|name| held.allow(name.as_ref(), entry.id.as_str())))
    }
}
