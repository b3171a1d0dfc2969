//! Rules applied: what of an entry is for a viewer, and on which facts that depends.

use core::net::IpAddr;
use std::borrow::Cow;

use super::partner::Partner;
use super::session::{Invalid, Session};
use super::site;
use super::states::{self, Endpoint};
use super::viewer::Viewer;
use crate::entry::{Entry, EntryKind, Flavor};
use crate::error::{Code, Error, Result};
use crate::rules::{Action, Condition, Context, Flavors, Profile, Rule, Test};

/// What guards an entry beside its state.
#[derive(Clone, Copy, Debug)]
pub enum Guard<'a> {
    /// Nothing.
    Nothing,
    /// The rules of a profile.
    Profile(&'a Profile),
    /// A profile that nobody knows: nothing is to be had.
    Unknown,
}

/// What is known of a viewer and the moment.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The session that the viewer gives, or why it is not good.
    pub session: Option<std::result::Result<&'a Session, Invalid>>,
    /// The page that asks.
    pub referrer: Option<&'a str>,
    /// Whose the entry is, where that is known.
    pub partner: Option<&'a Partner>,
    /// Where the viewer's packets come from.
    pub address: Option<IpAddr>,
    /// The country of the address, two letters.
    pub country: Option<&'a str>,
    /// What the browser calls itself.
    pub user_agent: Option<&'a str>,
    /// Seconds since 1970.
    pub now: u64,
}

/// Which facts a decision depends on. Whoever agrees in them before `until` is decided alike; where there are none, that is
/// everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Read {
    /// The viewer's session, or that there is none.
    pub session: bool,
    /// The page.
    pub referrer: bool,
    /// The address, or the country that it is of.
    pub address: bool,
    /// The browser's name.
    pub user_agent: bool,
    /// The second, since 1970, from which another decision may be due.
    pub until: Option<u64>,
}

impl Read {
    /// What two decisions together depend on.
    #[must_use]
    pub fn and(self, other: Read) -> Read {
        Read {
            session: self.session || other.session,
            referrer: self.referrer || other.referrer,
            address: self.address || other.address,
            user_agent: self.user_agent || other.user_agent,
            until: self.until.into_iter().chain(other.until).min(),
        }
    }
}

/// How much of an entry is left to a viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How many seconds from its start may be played, where that is limited.
    pub preview_s: Option<u32>,
    /// The flavors that may be had, where they are limited.
    pub flavors: Option<Flavors>,
    /// Files that may be had although their flavors may not.
    pub besides: Vec<String>,
    /// Whether pictures of any moment may be had.
    pub may_capture: bool,
}

/// What a decision comes to.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What may be had, or why nothing.
    pub outcome: Result<Limits>,
    /// What that depends on.
    pub read: Read,
    /// What the viewer may be told: the messages of the rules that hold.
    pub messages: Vec<String>,
}

impl Limits {
    /// No limits at all.
    pub const NONE: Limits = Limits { preview_s: None, flavors: None, besides: Vec::new(), may_capture: true };

    /// Whether `flavor` may be had.
    pub fn allow(&self, flavor: &Flavor) -> bool {
        let is_exempt = || self.besides.iter().any(|id| id == flavor.id.as_str());
        // The original is of profile 0.
        let params = flavor.params_id.or(flavor.is_original.then_some(0));
        self.flavors.as_ref().is_none_or(|flavors| flavors.contain(params) || is_exempt())
    }

    /// `entry` with the flavors that may be had. Other files than those that are played are no flavors to rules.
    pub fn part_of<'a>(&self, entry: &'a Entry) -> Cow<'a, Entry> {
        let is_played = matches!(entry.kind, EntryKind::Video | EntryKind::Audio);
        if !is_played || entry.flavors.iter().all(|flavor| self.allow(flavor)) {
            return Cow::Borrowed(entry);
        }
        let mut part = entry.clone();
        part.flavors.retain(|flavor| self.allow(flavor));
        Cow::Owned(part)
    }

    /// Fails where pictures of a moment may not be had.
    pub fn check_capture(&self) -> Result<()> {
        match self.may_capture {
            true => Ok(()),
            false => Err(Error::coded(Code::ParameterNotAllowed, "no picture of a moment of the entry may be had")),
        }
    }
}

impl Endpoint {
    /// What rules call it. Files of what is played are as guarded as playing is.
    fn contexts(self) -> &'static [Context] {
        match self {
            Endpoint::PlayManifest => &[Context::Play],
            Endpoint::PlayDownload | Endpoint::Raw | Endpoint::Caption => &[Context::Download],
            Endpoint::ServeFlavor | Endpoint::Packager => &[Context::Play, Context::Serve],
            Endpoint::Thumbnail | Endpoint::ThumbAsset => &[Context::Thumbnail],
        }
    }
}

impl Guard<'_> {
    /// Whether URLs to files of what is played need a token: who may play is not who may have any file.
    pub fn needs_seal(&self) -> bool {
        matches!(self, Guard::Profile(profile) if profile.rules.iter().any(|rule| rule.is_about(Context::Play)))
    }
}

/// What of `entry` is for a viewer who asks at `endpoint`: first its state counts, then its rules.
pub fn decide(endpoint: Endpoint, entry: &Entry, guard: Guard<'_>, facts: &Facts<'_>) -> Verdict {
    let contexts = endpoint.contexts();
    let is_about = |rule: &Rule| contexts.iter().any(|context| rule.is_about(*context));
    // Who asks for a file without a token asks as who begins to play.
    let as_player = endpoint.follows_another() && is_looked_at(guard, endpoint, is_about);
    let endpoint = if as_player { Endpoint::PlayManifest } else { endpoint };
    Reader::of(entry, facts).verdict(endpoint, guard, &is_about)
}

/// What comes of a URL to `entry` that is not signed as it says: nothing, and where there is nothing, not even that.
pub fn refuse(endpoint: Endpoint, entry: &Entry, error: Error) -> Verdict {
    let outcome = states::check_is_there(endpoint, entry).and(Err(error));
    Verdict { outcome, read: Read::default(), messages: Vec::new() }
}

/// What of `entry` is for whoever has a URL that is signed until a second: rules count where they name the serving of files,
/// which is what the signer cannot have looked at.
pub fn decide_signed(
    endpoint: Endpoint,
    entry: &Entry,
    guard: Guard<'_>,
    facts: &Facts<'_>,
    until: Option<u64>,
) -> Verdict {
    let mut reader = Reader::of(entry, facts);
    until.into_iter().for_each(|until| reader.changes_at(until));
    if endpoint.follows_another() {
        return reader.verdict(endpoint, guard, &|rule| rule.contexts.contains(&Context::Serve));
    }
    let outcome = states::check_is_there(endpoint, entry).map(|()| Limits::NONE);
    Verdict { outcome, read: reader.read, messages: Vec::new() }
}

/// Facts that keep in mind which of them were asked for.
struct Reader<'a> {
    facts: &'a Facts<'a>,
    entry: &'a Entry,
    viewer: Viewer<'a>,
    read: Read,
}

impl<'a> Reader<'a> {
    fn of(entry: &'a Entry, facts: &'a Facts<'a>) -> Reader<'a> {
        Reader { facts, entry, viewer: Viewer::ANONYMOUS, read: Read::default() }
    }

    fn verdict(mut self, endpoint: Endpoint, guard: Guard<'_>, is_about: &dyn Fn(&Rule) -> bool) -> Verdict {
        let mut collected = Collected::default();
        let outcome = self.decide(endpoint, guard, is_about, &mut collected);
        Verdict { outcome, read: self.read, messages: collected.messages }
    }

    fn decide(
        &mut self,
        endpoint: Endpoint,
        guard: Guard<'_>,
        is_about: &dyn Fn(&Rule) -> bool,
        collected: &mut Collected,
    ) -> Result<Limits> {
        // Nobody learns by a session of his own that there was once an entry.
        states::check_is_there(endpoint, self.entry)?;
        let is_looked_at = is_looked_at(guard, endpoint, is_about);
        self.identify(endpoint, guard, is_looked_at)?;
        self.check_state(endpoint)?;
        if self.facts.partner.is_some_and(|partner| partner.is_blocked) {
            return Err(Error::coded(Code::PartnerNotActive, "the partner is blocked"));
        }
        match guard {
            Guard::Unknown => {
                return Err(Error::coded(
                    Code::AccessControlRestricted,
                    "the entry is guarded by an access-control profile that nobody knows",
                ));
            }
            Guard::Profile(profile) if is_looked_at => {
                let rules = profile.rules.iter().filter(|rule| is_about(rule));
                self.collect(rules, endpoint, collected);
            }
            Guard::Profile(_) | Guard::Nothing => {}
        }
        let may_capture = self.facts.partner.is_none_or(|partner| partner.may_capture);
        let limits = collected.limits(self.viewer)?;
        Ok(Limits { may_capture: limits.may_capture && may_capture, ..limits })
    }

    /// Finds out who asks. Players that fetch files of what is played hold no session; where no rule is about having
    /// pictures, one that counts for nothing is as good as none.
    fn identify(&mut self, endpoint: Endpoint, guard: Guard<'_>, is_looked_at: bool) -> Result<()> {
        let Some(session) = self.facts.session.filter(|_| !endpoint.follows_another()) else { return Ok(()) };
        if endpoint == Endpoint::Thumbnail && matches!(guard, Guard::Profile(_)) && !is_looked_at {
            let viewer = session.ok().and_then(|session| Viewer::of(session, self.entry));
            self.viewer = viewer.unwrap_or(Viewer::ANONYMOUS);
            return Ok(());
        }
        self.read_session();
        let session = session.map_err(|invalid| refusal(invalid, endpoint))?;
        match (Viewer::of(session, self.entry), guard) {
            (Some(viewer), _) => self.viewer = viewer,
            (None, Guard::Nothing) => {}
            (None, _) => {
                return Err(Error::coded(Code::SessionOfAnotherPartner, "the session is of another partner"));
            }
        }
        Ok(())
    }

    fn read_session(&mut self) {
        self.read.session = true;
        if let Some(Ok(session)) = self.facts.session {
            self.changes_at(session.claims.expiry);
        }
    }

    fn check_state(&mut self, endpoint: Endpoint) -> Result<()> {
        if !endpoint.follows_another() && !endpoint.is_picture() {
            let borders = [self.entry.start_date, self.entry.end_date.map(|end| end.saturating_add(1))];
            borders.into_iter().flatten().for_each(|border| self.changes_at(border));
        }
        let for_all = states::check(endpoint, self.entry, Viewer::ANONYMOUS, self.facts.now);
        if for_all.is_ok() || endpoint.follows_another() {
            return for_all;
        }
        self.read_session();
        states::check(endpoint, self.entry, self.viewer, self.facts.now)
    }

    fn collect<'r>(&mut self, rules: impl Iterator<Item = &'r Rule>, endpoint: Endpoint, collected: &mut Collected) {
        if !endpoint.follows_another() {
            self.read_session();
        }
        if endpoint.is_freed(self.viewer, self.entry) {
            return;
        }
        let is_admin = self.viewer.is_admin();
        for rule in rules.filter(|rule| !is_admin || rule.binds_admins) {
            if rule.conditions.iter().all(|condition| self.holds(condition)) {
                collected.add(rule);
                if rule.stops {
                    return;
                }
            }
        }
    }

    fn changes_at(&mut self, border: u64) {
        if border > self.facts.now {
            self.read.until = Some(self.read.until.map_or(border, |until| until.min(border)));
        }
    }

    fn holds(&mut self, condition: &Condition) -> bool {
        self.test(condition) != condition.is_negated
    }

    fn test(&mut self, condition: &Condition) -> bool {
        match &condition.test {
            Test::Authenticated(privileges) => self.viewer.is_admin() || self.viewer.may(privileges, self.entry),
            Test::Site(sites) => {
                self.read.referrer = true;
                let host = self.facts.referrer.and_then(site::host);
                let own = self.facts.partner.filter(|_| condition.is_negated).map_or(&[][..], |partner| &partner.sites);
                host.is_some_and(|host| sites.iter().chain(own).any(|site| site::is_of(host, site)))
            }
            Test::Address(networks) => {
                self.read.address = true;
                self.facts.address.is_some_and(|address| networks.iter().any(|network| network.contains(address)))
            }
            Test::Country(countries) => {
                self.read.address = true;
                let here = self.facts.country;
                here.is_some_and(|here| countries.iter().any(|country| country.eq_ignore_ascii_case(here)))
            }
            Test::UserAgent(patterns) => {
                self.read.user_agent = true;
                let name = self.facts.user_agent.unwrap_or_default();
                patterns.iter().any(|pattern| pattern.matches(name))
            }
            Test::Time { from, until } => {
                self.changes_at(*from);
                self.changes_at(*until);
                (*from..*until).contains(&self.facts.now)
            }
        }
    }
}

/// What a session that is not good comes to.
fn refusal(invalid: Invalid, endpoint: Endpoint) -> Error {
    match invalid {
        Invalid::Expired => Error::coded(Code::SessionExpired, "the session has expired"),
        Invalid::Address => Error::coded(Code::SessionElsewhere, "the session is for other addresses"),
        Invalid::Text | Invalid::Partner if endpoint == Endpoint::Thumbnail => {
            Error::coded(Code::SessionUnreadable, "the session cannot be read")
        }
        other => Error::coded(Code::SessionInvalid, format!("invalid session [{}]", other.number())),
    }
}

/// Whether rules are looked at. Those about pictures are, where the first of them says what pictures may be had.
fn is_looked_at(guard: Guard<'_>, endpoint: Endpoint, is_about: impl Fn(&Rule) -> bool) -> bool {
    let Guard::Profile(profile) = guard else { return false };
    let mut rules = profile.rules.iter().filter(|rule| is_about(rule));
    let is_of_pictures = |rule: &Rule| rule.actions.iter().any(|a| matches!(a, Action::Block | Action::LimitCapture));
    rules.next().is_some_and(|first| endpoint != Endpoint::Thumbnail || is_of_pictures(first))
}

/// What the rules that hold say together.
#[derive(Default)]
struct Collected {
    is_blocked: bool,
    preview_s: Option<u32>,
    flavors: Option<Flavors>,
    limits_capture: bool,
    messages: Vec<String>,
}

impl Collected {
    fn add(&mut self, rule: &Rule) {
        self.messages.extend(rule.message.clone());
        for action in &rule.actions {
            match action {
                Action::Block => self.is_blocked = true,
                Action::LimitCapture => self.limits_capture = true,
                Action::Preview(seconds) => {
                    self.preview_s = Some(self.preview_s.map_or(*seconds, |shortest| shortest.min(*seconds)));
                }
                // The first one counts.
                Action::LimitFlavors(flavors) => _ = self.flavors.get_or_insert_with(|| flavors.clone()),
            }
        }
    }

    fn limits(&self, viewer: Viewer<'_>) -> Result<Limits> {
        if self.is_blocked {
            return Err(Error::coded(Code::AccessControlRestricted, "a rule of the entry's profile says no"));
        }
        Ok(Limits {
            preview_s: self.preview_s.filter(|_| !viewer.is_admin()),
            flavors: self.flavors.clone(),
            besides: self.flavors.iter().flat_map(|_| viewer.assets()).map(str::to_owned).collect(),
            may_capture: !self.limits_capture,
        })
    }
}

#[cfg(test)]
mod tests;
