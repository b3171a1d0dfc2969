//! Carries a plan out: the only module that knows all the others.

pub mod admission;
pub mod artifact;
mod books;
mod checkup;
mod config;
pub mod extent;
pub mod fair;
pub mod frames;
mod generation;
mod journal;
mod kept;
mod kit;
mod last;
mod make;
mod offer;
mod pace;
mod package;
pub mod pool;
mod quarantine;
pub mod reading;
mod sequence;
mod sessions;
pub mod sources;
mod standing;
pub mod stop;
mod stored;
mod strip;
mod transcript;
mod turns;
mod window;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use futures_util::future::join_all;

use self::admission::{Admission, Admitted, Door};
use self::artifact::{Artifact, Body};
pub use self::config::Config;
use self::extent::Held;
use self::fair::Flow;
use self::generation::End;
use self::kept::Kept;
use self::kit::Kit;
use self::last::Lasts;
use self::pool::Load;
use self::reading::Reading;
use self::sessions::Sessions;
use crate::access::partner::{Config as AccessConfig, Partner};
use crate::access::viewer::Asker;
use crate::cache::Outcome as Cached;
use crate::catalog::Catalog;
use crate::decode::cage::Walls;
use crate::entry::{Entry, EntryId, PartnerId, Source};
use crate::error::{Code, Error, Kind, Result};
use crate::network::subscriber;
use crate::origin::{Origin, carried};
use crate::plan::cost::Cost;
use crate::plan::sequence::Member;
use crate::plan::{self, Client, Decision, Known, Plan, Policy, Work};
use crate::request::stale::Stale;
use crate::request::{Request, Subject};

/// Everything that answers are made of: a catalog, what makes artifacts, and the artifacts themselves.
#[derive(Debug)]
pub struct Delivery {
    catalog: Catalog,
    kit: Kit,
    kept: Kept,
    lasts: Lasts,
    policy: Policy,
    /// The policy for entries of partners that have a word in it.
    policies: HashMap<PartnerId, Policy>,
    door: Door,
}

/// An artifact, and where it came from.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// The artifact.
    pub artifact: Arc<Artifact>,
    /// Where it came from.
    pub outcome: Outcome,
}

/// Where an artifact came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It was in memory.
    Hit,
    /// It was on disk.
    OnDisk,
    /// It was there, and may not be right any more.
    Stale,
    /// It was made for this request.
    Made,
    /// It was being made for another request already.
    Shared,
}

impl Delivery {
    /// Delivery from a catalog whose files rest at an origin, to whom `access` lets in. Fails where the system has no threads
    /// for workers, or the list of ended sessions cannot be read.
    pub fn new(config: &Config, access: &AccessConfig, catalog: Catalog, origin: Origin) -> Result<Delivery> {
        let sessions = Sessions::new(config.sessions_ended.as_deref())?;
        let kept = Kept::new(config, origin.library())?;
        Ok(Delivery::with(config, (access, sessions), (catalog, Kit::new(config, origin)?, (kept, Lasts::new()))))
    }

    /// The same with other policies and other people let in: what is kept stays, for what is made is named by all that it
    /// depends on. Of `config` nothing else counts. Fails where the list of ended sessions cannot be read.
    pub fn renewed(&self, config: &Config, access: &AccessConfig) -> Result<Delivery> {
        let sessions = self.door.sessions.renewed(config.sessions_ended.as_deref())?;
        let parts = (self.catalog.clone(), self.kit.clone(), (self.kept.clone(), self.lasts.clone()));
        Ok(Delivery::with(config, (access, sessions), parts))
    }

    fn with(
        config: &Config,
        (access, sessions): (&AccessConfig, Sessions),
        (catalog, kit, (kept, lasts)): (Catalog, Kit, (Kept, Lasts)),
    ) -> Delivery {
        let policies =
            access.partners.iter().filter_map(|(id, partner)| Some((*id, policy_of(partner, &config.policy)?)));
        Delivery {
            catalog,
            kit,
            kept,
            lasts,
            policy: config.policy.clone(),
            policies: policies.collect(),
            door: Door { config: access.clone(), sessions },
        }
    }

    /// Starts the processes that decode, and tells what stands around them; `None` where the service itself decodes.
    pub fn open(&self) -> Result<Option<Walls>> {
        self.kit.place.open()
    }

    /// Tells the metrics how what decodes fares, how disks do, and how many files are left alone because they broke it.
    pub fn measure(&self) {
        self.kit.place.measure();
        self.kit.origin.measure();
        self.kept.measure();
        metrics::gauge!("vedette_decode_quarantined").set(self.kit.quarantine.len() as f64);
    }

    /// How busy the workers are.
    pub fn load(&self) -> Load {
        self.kit.pool.load()
    }

    /// Drops what is known of the entries of a request that failed because a file of theirs was replaced meanwhile. True
    /// where that is why it failed: then it is worth one more try, on what the library has now.
    pub async fn relearn(&self, request: &Request, failure: &Error) -> bool {
        if failure.kind() != Kind::Changed {
            return false;
        }
        let Ok(entry) = self.entry(request).await else { return false };
        tracing::info!(entry = %entry.id, error = ?failure, "tried once more");
        [&entry.id].into_iter().chain(request.sequence()).for_each(|id| self.catalog.forget(id));
        true
    }

    /// Answers no more with what is kept of something: its library is looked at again, and what is made of its files is made
    /// anew. What a file holds is kept by its version, and needs no such word. Fails where nobody knows what is meant, and where
    /// what is on disk may come back after a restart.
    pub async fn forget(&self, stale: &Stale) -> Result<()> {
        match stale {
            Stale::Subject(request) => {
                let id = match request.subject()? {
                    Subject::Entry(id) => id.clone(),
                    Subject::Asset(_) => self.entry(request).await?.id.clone(),
                };
                self.forget_entry(id).await
            }
            Stale::Entry(id) => self.forget_entry(id.clone()).await,
            Stale::Partner(partner) => {
                tracing::info!(partner = partner.0, "purged");
                self.catalog.forget_all();
                self.kept.end(End::Partner(*partner)).await
            }
            Stale::Everything => {
                tracing::info!("all purged");
                self.catalog.forget_all();
                self.kept.end(End::of_all()).await
            }
        }
    }

    async fn forget_entry(&self, id: EntryId) -> Result<()> {
        tracing::info!(entry = %id, "purged");
        self.catalog.forget(&id);
        self.kept.end(End::Entry(id)).await
    }

    /// What will be done for a request that is admitted, and what names its result. Opens only files whose facts are not
    /// known yet.
    pub async fn plan(&self, request: &Request, client: Client<'_>, admission: &Admission<'_>) -> Result<Decision> {
        let decision = self.decided(request, client, admission).await;
        // What leads elsewhere is no use of a session; what it leads to may be.
        if let Some(session) = admission.used.as_ref().filter(|_| !matches!(decision, Ok(Decision::Make(_)))) {
            self.door.sessions.give_back(session);
        }
        decision.map(|decision| admission.bound(decision))
    }

    async fn decided(&self, request: &Request, client: Client<'_>, admission: &Admission<'_>) -> Result<Decision> {
        let failed = |error| numbered(error, plan::failure(request));
        let (admitted, before) = admission.admitted.as_ref().map_err(|error| error.clone())?;
        let (entry, grant) = (&*admitted.entry, admitted.grant());
        let known = self.known(plan::sources(request, entry)).await;
        let decision = plan::plan(request, entry, &known, grant, client, self.policy(entry)).map_err(failed)?;
        if before.is_empty() {
            return Ok(decision);
        }
        self.preceded(request, admitted, decision, before).await.map_err(failed)
    }

    /// What [`Delivery::plan`] decides for anybody, where all that it needs is remembered and nothing has a say but the
    /// target.
    fn plan_at_once(&self, request: &Request, asker: &Asker<'_>) -> Option<Plan> {
        let Subject::Entry(id) = request.subject().ok()? else { return None };
        let entry = self.catalog.glance(id).filter(|_| is_plain(request))?;
        let admission = self.admit_at_once(entry, request, asker)?;
        let (admitted, _) = admission.admitted.as_ref().ok()?;
        let known = |source| Some((source, Ok(self.kit.remembered_facts(source)?)));
        let known: Vec<_> = plan::sources(request, &admitted.entry).into_iter().map(known).collect::<Option<_>>()?;
        let (entry, policy) = (&admitted.entry, self.policy(&admitted.entry));
        let decision = plan::plan(request, entry, &known, admitted.grant(), Client::default(), policy).ok()?;
        match admission.bound(decision) {
            Decision::Make(plan) if !plan.negotiated => Some(plan),
            _ => None,
        }
    }

    /// The entry that a request is about.
    async fn entry(&self, request: &Request) -> Result<Arc<Entry>> {
        let found = match request.subject()? {
            Subject::Entry(id) => self.catalog.entry(id).await,
            Subject::Asset(id) => self.catalog.owner(id).await,
        };
        found.map_err(|error| plan::unseen(request, error))
    }

    /// What is decided for an entry, with the entries that play before it.
    async fn preceded(
        &self,
        request: &Request,
        last: &Admitted<'_>,
        decision: Decision,
        before: &[Admitted<'_>],
    ) -> Result<Decision> {
        let parts: Vec<_> = before.iter().map(|one| one.grant().limits.part_of(&one.entry)).collect();
        let known = join_all(parts.iter().map(|entry| self.known(plan::sources_of_sequence(entry)))).await;
        let before = before.iter().zip(parts.iter().zip(&known));
        let before: Vec<_> = before.map(|(one, (entry, known))| Member { entry, known, grant: one.grant() }).collect();
        let entry = last.grant().limits.part_of(&last.entry);
        let known = self.known(plan::sources_of_sequence(&entry)).await;
        let policy = self.policy(&entry);
        let last = Member { entry: &entry, known: &known, grant: last.grant() };
        plan::preceded(request, decision, &before, last, policy)
    }

    /// The policy for an entry: its partner may have a word in it.
    fn policy(&self, entry: &Entry) -> &Policy {
        self.policies.get(&entry.partner).unwrap_or(&self.policy)
    }

    /// The sources with their facts. Why there are none is for the plan to judge: it may do without.
    async fn known<'a>(&self, sources: Vec<&'a Source>) -> Vec<Known<'a>> {
        join_all(sources.into_iter().map(|source| async move { (source, self.kit.facts(source).await) })).await
    }

    /// What of an entry is not in the presentation or the part of a file that `plan` makes, and why; a line each, none for
    /// any other work.
    pub async fn left_out(&self, request: &Request, plan: &Plan) -> Result<Vec<String>> {
        let presentation = match &plan.work {
            Work::Presentation(presentation) => presentation,
            Work::Stored { source, window, .. } => return stored::left_out(&self.kit, source, *window).await,
            _ => return Ok(Vec::new()),
        };
        let entry = self.entry(request).await?;
        let mut lines = Vec::new();
        for flavor in &entry.flavors {
            if presentation.reels.iter().all(|reel| reel.source != flavor.source) {
                let reason = self.kit.facts(&flavor.source).await.err();
                let reason =
                    reason.map_or_else(|| "not among the flavors chosen".to_owned(), |error| error.to_string());
                lines.push(format!("{}: {reason}", flavor.source.location));
            }
        }
        lines.extend(package::left_out(&self.kit, presentation).await?);
        Ok(lines)
    }

    /// What making the artifact of a plan takes, by an estimate; nothing for what is not about pictures. Reads the indexes of
    /// files that were not looked at yet.
    pub async fn price(&self, plan: &Plan) -> Result<Cost> {
        make::look(&self.kit, &plan.work).await?;
        Ok(make::price(&self.kit, &plan.work))
    }

    /// The artifact of a request and its plan, where that is a matter of microseconds and the same for everyone who asks in
    /// these words; `None` for everything else, failures among it.
    pub fn at_once(&self, request: &Request, asker: &Asker<'_>) -> Option<(Plan, Delivered)> {
        let plan = self.plan_at_once(request, asker)?;
        let delivered = self.artifact_at_once(&plan)?.ok()?;
        Some((plan, delivered))
    }

    /// The artifact of a plan: kept, or made now, for `client` where nobody else has asked for it already. Fails with
    /// [`Kind::Busy`] before it reads anything where too much is being made.
    pub async fn artifact(&self, plan: &Plan, client: Option<IpAddr>) -> Result<Delivered> {
        if let Some(delivered) = self.artifact_at_once(plan) {
            return delivered;
        }
        let code = plan.failure;
        let (kit, work) = (self.kit.clone(), plan.work.clone());
        let flow = Flow { partner: plan.partner, client: client.map(subscriber) };
        let make = carried(async move { make::artifact(kit, work, flow).await.map_err(|error| numbered(error, code)) });
        let (artifact, outcome) = self.kept.get_or_make(plan, make).await?;
        let outcome = match outcome {
            Cached::Hit => Outcome::Hit,
            Cached::Miss | Cached::Shared if artifact.was_on_disk => Outcome::OnDisk,
            Cached::Miss => Outcome::Made,
            Cached::Shared => Outcome::Shared,
        };
        Ok(Delivered { artifact, outcome })
    }

    /// The artifact of a plan, where it is kept or takes microseconds: that is made by whoever asks, as agreeing on one maker
    /// costs more than making it twice.
    fn artifact_at_once(&self, plan: &Plan) -> Option<Result<Delivered>> {
        if let Some(artifact) = self.kept.glance(plan) {
            return Some(Ok(Delivered { artifact, outcome: Outcome::Hit }));
        }
        let made = package::at_once(&self.kit, &plan.work)?;
        Some(made.map_err(|error| numbered(error, plan.failure)).map(|made| {
            let artifact = Arc::new(made);
            self.kept.keep(plan, Arc::clone(&artifact));
            Delivered { artifact, outcome: Outcome::Made }
        }))
    }

    /// The bytes of a body where nothing has to be made of them; `None` where it has to be read. Opens its file, if it is in
    /// one, and reads nothing.
    pub async fn held(&self, body: &Body) -> Result<Option<Held>> {
        Held::of(&self.kit.origin, body).await
    }

    /// Begins to read bodies, one after the other.
    pub async fn read(&self, bodies: Vec<Body>) -> Result<Reading> {
        Reading::begin(&self.kit.origin, bodies).await
    }
}

/// The policy for entries of a partner; `None` where that has no word in it.
fn policy_of(partner: &Partner, policy: &Policy) -> Option<Policy> {
    let Partner { thumbnail_max_age_s, manifest_max_age_s, .. } = partner;
    thumbnail_max_age_s.or(*manifest_max_age_s)?;
    let mut policy = policy.clone();
    policy.max_age = thumbnail_max_age_s.unwrap_or(policy.max_age);
    policy.playback.max_age_manifest = manifest_max_age_s.unwrap_or(policy.playback.max_age_manifest);
    Some(policy)
}

/// Whether what `request` asks for is a picture or what a packager tells, of one entry: other answers begin with the host that
/// was asked, or are files.
fn is_plain(request: &Request) -> bool {
    let credentials = match request {
        Request::Thumbnail(asked) => &asked.credentials,
        Request::Package(asked) if asked.of.sequence.is_empty() => &asked.of.credentials,
        _ => return false,
    };
    credentials.referrer.is_none()
}

/// A failure under a number of the dialect, where it is to have one.
fn numbered(error: Error, code: Option<Code>) -> Error {
    match code {
        Some(code) => error.or_code(code),
        None => error,
    }
}
