//! Who is let in: what of the entries that a request names is for who asks.

use std::sync::Arc;

use super::Delivery;
use super::sessions::Sessions;
use crate::access::partner::Config;
use crate::access::rules::{self, Facts, Guard, Limits, Read, Verdict};
use crate::access::session::{Invalid, Session};
use crate::access::states::Endpoint;
use crate::access::token::{self, Seal};
use crate::access::viewer::Asker;
use crate::access::{self, Grant};
use crate::entry::{Entry, PartnerId};
use crate::error::{Code, Error, Result};
use crate::plan::{self, Decision, Freshness, Plan, seal};
use crate::request::Request;
use crate::request::asset::Wanted;
use crate::request::playback::Format;

/// What is for who asks, of everything that a request names.
#[derive(Debug)]
pub struct Admission<'a> {
    /// The entry asked for, and those that play before it.
    pub(super) admitted: Result<(Admitted<'a>, Vec<Admitted<'a>>)>,
    /// What viewers may be told: the messages of the rules that hold.
    pub messages: Vec<String>,
    /// What it depends on beside the URL and the time.
    read: Read,
    now: u64,
    /// How many seconds ago the entry was right, where its library cannot be asked whether it still is.
    pub doubt_s: Option<u32>,
    /// Whether the session, if one is given, is good for whoever holds it.
    is_bearers: bool,
    /// The session that it counts as a use of.
    pub(super) used: Option<Arc<Session>>,
}

/// An entry, and what of it is for who asks.
#[derive(Debug)]
pub(super) struct Admitted<'a> {
    pub(super) entry: Arc<Entry>,
    limits: Limits,
    seal: Option<Seal<'a>>,
}

impl<'a> Admitted<'a> {
    /// The same, unless it is but a preview: what plays before another entry plays whole.
    fn whole(self) -> Result<Admitted<'a>> {
        match self.limits.preview_s {
            Some(_) => {
                let message = format!("entry {} of the sequence may not be had whole", self.entry.id);
                Err(Error::coded(Code::AccessControlRestricted, message))
            }
            None => Ok(self),
        }
    }

    pub(super) fn grant(&self) -> Grant<'_> {
        Grant { limits: &self.limits, seal: self.seal }
    }
}

impl Admission<'_> {
    /// Whether whoever asks for the same at this time is let in alike: no fact about who asks had a say.
    pub fn is_for_all(&self) -> bool {
        let Read { session, referrer, address, user_agent, until: _ } = self.read;
        !(session || referrer || address || user_agent)
    }

    /// Whether whoever sends the same target and session in this second is let in alike: no other fact had a say.
    pub fn is_for_holders(&self) -> bool {
        let Read { session, referrer, address, user_agent, until: _ } = self.read;
        !(referrer || address || user_agent) && (!session || self.is_bearers)
    }

    /// How long an answer may be kept that could be for so long if everybody were let in for good.
    pub(super) fn kept(&self, freshness: Freshness) -> Freshness {
        match self.read.until {
            _ if !self.is_for_all() => Freshness::Unkept,
            Some(until) => freshness.at_most(until.saturating_sub(self.now)),
            None => freshness,
        }
    }

    /// The same decision, kept no longer than it is right.
    pub(super) fn bound(&self, decision: Decision) -> Decision {
        match decision {
            Decision::Make(plan) => {
                let freshness = self.doubt_s.map_or(plan.freshness, |age_s| plan.freshness.stale(age_s));
                Decision::Make(Plan { freshness: self.kept(freshness), ..plan })
            }
            Decision::Redirect { location, freshness } => {
                let freshness = self.doubt_s.map_or(freshness, |_| freshness.stale(0));
                Decision::Redirect { location, freshness: self.kept(freshness) }
            }
        }
    }

    /// What it comes to, for people: a line each.
    pub fn explain(&self) -> String {
        let mut lines = Vec::new();
        if let Ok((admitted, _)) = &self.admitted {
            let Limits { preview_s, flavors, besides: _, may_capture } = &admitted.limits;
            lines.extend(preview_s.map(|seconds| format!("its first {seconds} s alone")));
            lines.extend(flavors.as_ref().map(|flavors| {
                let but = if flavors.is_negated { "none" } else { "alone" };
                format!("flavors of profiles {:?} {but}", flavors.params)
            }));
            lines.extend((!may_capture).then(|| "no pictures of moments".to_owned()));
            lines.extend(admitted.seal.map(|seal| format!("URLs that end {} s after 1970", seal.expiry)));
        }
        let Read { session, referrer, address, user_agent, until } = self.read;
        let facts = [(session, "session"), (referrer, "referrer"), (address, "address"), (user_agent, "user agent")];
        let facts: Vec<_> = facts.iter().filter(|(is_read, _)| *is_read).map(|(_, name)| *name).collect();
        lines.extend((!facts.is_empty()).then(|| format!("by {}", facts.join(", "))));
        lines.extend(until.map(|until| format!("until {until} s after 1970")));
        lines.extend(self.messages.iter().map(|message| format!("told {message:?}")));
        lines.iter().map(|line| format!("access   {line}\n")).collect()
    }
}

/// What of the library is asked of, to access.
fn endpoint(request: &Request) -> Endpoint {
    match request {
        Request::Thumbnail(_) => Endpoint::Thumbnail,
        Request::PlayManifest(asked) if asked.format == Format::Download => Endpoint::PlayDownload,
        Request::PlayManifest(_) => Endpoint::PlayManifest,
        Request::Package(_) => Endpoint::Packager,
        Request::Served(_) => Endpoint::ServeFlavor,
        Request::Raw(_) | Request::Download(_) => Endpoint::Raw,
        Request::Asset(asked) => match asked.wanted {
            Wanted::Thumb { .. } => Endpoint::ThumbAsset,
            Wanted::Captions(_) => Endpoint::Caption,
            Wanted::Attachment { .. } | Wanted::Data | Wanted::Document { .. } => Endpoint::Raw,
        },
    }
}

/// What decides who is let in.
#[derive(Debug)]
pub(super) struct Door {
    /// Partners, profiles, and what URLs are signed with.
    pub(super) config: Config,
    /// The sessions that clients give.
    pub(super) sessions: Sessions,
}

/// A request at the door.
struct Caller<'a> {
    door: &'a Door,
    request: &'a Request,
    asker: &'a Asker<'a>,
}

/// What the signature of a URL opens.
#[derive(Clone, Copy)]
enum Pass {
    /// Nothing: there is none that counts.
    Nothing,
    /// What the dialect's token does, until a second where there is one.
    Url(Option<u64>),
    /// A stretch of playback, until a second.
    Playback(u64),
}

impl<'a> Caller<'a> {
    /// What the signature opens; `needs_seal` tells whether URLs of playback have one that counts. Fails for one that is not
    /// right.
    fn pass(&self, partner: PartnerId, needs_seal: bool) -> Result<Pass> {
        let Caller { door, request, asker } = self;
        let credentials = request.credentials();
        let Some(kt) = credentials.token.as_deref() else { return Ok(Pass::Nothing) };
        let (of, file) = match request {
            Request::Package(asked) => (&asked.of, Some(&asked.file)),
            Request::Served(asked) => (&**asked, None),
            // Without a secret there are no such tokens.
            _ if door.config.url_secrets.is_empty() => return Ok(Pass::Nothing),
            _ => {
                let uri = asker.target.ok_or_else(|| Error::coded(Code::TokenInvalid, "forms are not signed"))?;
                token::check_kt(uri, kt, &door.config.url_secrets)?;
                return Ok(Pass::Url(credentials.expiry.and_then(|expiry| u64::try_from(expiry).ok())));
            }
        };
        if !needs_seal {
            return Ok(Pass::Nothing);
        }
        seal::check(of, file, kt, door.config.token_secrets(partner), asker.now).map(Pass::Playback)
    }

    /// The session that is given, if it counts. A service that knows no partners cannot tell good ones from bad ones, and looks
    /// at none.
    fn session(&self, guard: Guard<'_>) -> Option<std::result::Result<Arc<Session>, Invalid>> {
        let is_free = endpoint(self.request).follows_another() && matches!(guard, Guard::Nothing);
        let is_free = is_free || self.door.config.partners.is_empty();
        let of_url = self.request.credentials().session.as_deref();
        let text = self.asker.session.or(of_url).filter(|_| !is_free)?;
        Some(self.door.sessions.take(text, &self.door.config, self.asker))
    }

    fn facts<'f>(
        &'f self,
        entry: &Entry,
        session: Option<&'f std::result::Result<Arc<Session>, Invalid>>,
    ) -> Facts<'f> {
        Facts {
            session: session.map(|session| session.as_deref().map_err(|invalid| *invalid)),
            referrer: self.request.credentials().referrer.as_deref().or(self.asker.referrer),
            partner: self.door.config.partners.get(&entry.partner),
            address: self.asker.address,
            country: self.asker.country,
            user_agent: self.asker.user_agent,
            now: self.asker.now,
        }
    }

    fn verdict(&self, entry: &Entry, guard: Guard<'_>, pass: &Result<Pass>, facts: &Facts<'_>) -> Verdict {
        let endpoint = endpoint(self.request);
        let mut verdict = match pass {
            Ok(Pass::Nothing) => rules::decide(endpoint, entry, guard, facts),
            Ok(Pass::Url(until)) => rules::decide_signed(endpoint, entry, guard, facts, *until),
            Ok(Pass::Playback(until)) => rules::decide_signed(endpoint, entry, guard, facts, Some(*until)),
            Err(error) => rules::refuse(endpoint, entry, error.clone()),
        };
        // Whoever asks for the same says the same there.
        verdict.read.referrer &= self.request.credentials().referrer.is_none();
        verdict
    }

    /// What tokens in URLs to the entry are made with. They end no later than the one that they come of.
    fn seal(&self, partner: PartnerId, needs_seal: bool, pass: &Result<Pass>) -> Option<Seal<'a>> {
        let config = &self.door.config;
        let secret = match (self.request, pass) {
            (Request::Raw(_) | Request::Download(_), Ok(Pass::Url(_))) => config.url_secrets.first(),
            (Request::PlayManifest(_) | Request::Package(_), Ok(_)) if needs_seal => {
                config.token_secrets(partner).first()
            }
            _ => None,
        };
        let expiry = match pass {
            Ok(Pass::Playback(until)) => *until,
            _ => token::expiry(self.asker.now, config.url_lifetime_s),
        };
        secret.map(|secret| Seal { secret, expiry })
    }
}

impl Delivery {
    /// What is for who asks, of everything that `request` names. Fails only where that is not found, or the URL has expired.
    pub async fn admit<'a>(&'a self, request: &'a Request, asker: &'a Asker<'a>) -> Result<Admission<'a>> {
        access::check_expiry(request.credentials().expiry, asker.now)?;
        let entry = self.entry(request).await?;
        let mut before = Vec::with_capacity(request.sequence().len());
        for id in request.sequence() {
            before.push(self.catalog.entry(id).await?);
        }
        let doubt = [&entry].into_iter().chain(&before).filter_map(|entry| self.catalog.doubt(&entry.id)).max();
        let doubt_s = doubt.map(|doubt| u32::try_from(doubt.as_secs()).unwrap_or(u32::MAX));
        let admission = self.admitted(&Caller { door: &self.door, request, asker }, entry, before);
        Ok(Admission { doubt_s, ..admission })
    }

    /// The same for a request that names `entry` and no other, without a moment's waiting. `None` where the URL has expired, or
    /// anything but the target and the session has a say.
    pub(super) fn admit_at_once<'a>(
        &'a self,
        entry: Arc<Entry>,
        request: &'a Request,
        asker: &'a Asker<'a>,
    ) -> Option<Admission<'a>> {
        access::check_expiry(request.credentials().expiry, asker.now).ok()?;
        let admission = self.admitted(&Caller { door: &self.door, request, asker }, entry, Vec::new());
        if admission.is_for_holders() && admission.messages.is_empty() {
            return Some(admission);
        }
        admission.used.iter().for_each(|session| self.door.sessions.give_back(session));
        None
    }

    /// Which profiles guard what `request` names, and who defines them, for people: a line each. Fails where nothing is found.
    pub async fn guarded(&self, request: &Request) -> Result<String> {
        let mut entries = vec![self.entry(request).await?];
        for id in request.sequence() {
            entries.push(self.catalog.entry(id).await?);
        }
        let lines = entries.iter().filter_map(|entry| self.door.config.explain(entry));
        Ok(lines.map(|line| format!("access   {line}\n")).collect())
    }

    fn admitted<'a>(&'a self, caller: &Caller<'a>, entry: Arc<Entry>, before: Vec<Arc<Entry>>) -> Admission<'a> {
        let config = &self.door.config;
        let needs_seal = [&entry].into_iter().chain(&before).any(|entry| config.guard(entry).needs_seal());
        let pass = caller.pass(entry.partner, needs_seal);
        let session = matches!(pass, Ok(Pass::Nothing)).then(|| caller.session(config.guard(&entry))).flatten();
        let decide = |entry: &Arc<Entry>, needs_seal| {
            let facts = caller.facts(entry, session.as_ref());
            let verdict = caller.verdict(entry, config.guard(entry), &pass, &facts);
            let seal = caller.seal(entry.partner, needs_seal, &pass);
            let admitted = |limits| Admitted { entry: Arc::clone(entry), limits, seal };
            (verdict.outcome.map(admitted), verdict.read, verdict.messages)
        };
        let (main, mut read, messages) = decide(&entry, needs_seal);
        let mut admitted = main.map_err(|error| plan::unseen(caller.request, error)).map(|main| (main, Vec::new()));
        for entry in &before {
            let (one, read_too, _) = decide(entry, config.guard(entry).needs_seal());
            read = read.and(read_too);
            admitted = admitted.and_then(|(main, mut others)| {
                let one = one?;
                access::check_sequence(entry)?;
                others.push(one.whole()?);
                Ok((main, others))
            });
        }
        let is_bearers =
            session.as_ref().is_none_or(|session| session.as_ref().is_ok_and(|session| session.is_for_holders()));
        let used = session.and_then(std::result::Result::ok);
        if let Some(session) = used.as_ref().filter(|_| !read.session || admitted.is_err()) {
            self.door.sessions.give_back(session);
        }
        let used = used.filter(|_| read.session && admitted.is_ok());
        Admission { admitted, messages, read, now: caller.asker.now, doubt_s: None, is_bearers, used }
    }
}
