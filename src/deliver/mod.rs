//! Carries a plan out: the only module that knows all the others.

pub mod artifact;
pub mod extent;
pub mod frames;
mod kit;
mod make;
mod offer;
mod package;
pub mod pool;
mod quarantine;
pub mod reading;
mod sequence;
pub mod sources;
mod stored;
mod strip;
mod transcript;

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;

use self::artifact::{Artifact, Body};
use self::extent::Held;
use self::kit::Kit;
use self::pool::Load;
use self::reading::Reading;
use crate::access::{self, Grant};
use crate::cache::{Cache, Limits, Outcome as Cached};
use crate::catalog::Catalog;
use crate::decode::cage::Walls;
use crate::decode::limits::Limits as Decodable;
use crate::decode::place::Config as PlaceConfig;
use crate::entry::{Entry, Source};
use crate::error::{Code, Error, Kind, Result};
use crate::media::time::Micros;
use crate::origin::Origin;
use crate::plan::key::Key;
use crate::plan::playback::Rules;
use crate::plan::sequence::Member;
use crate::plan::{self, Client, Decision, Known, Plan, Policy, Work};
use crate::request::asset::Wanted;
use crate::request::{Request, Subject};

/// The settings of caches, workers and pictures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Most bytes of finished pictures kept.
    pub artifacts_bytes_max: u64,
    /// Most bytes of decoded frames kept.
    pub frames_bytes_max: u64,
    /// Most bytes of media indexes kept.
    pub indexes_bytes_max: u64,
    /// Most sources whose facts are kept.
    pub facts_max: u64,
    /// Threads that decode and encode; zero for one a core.
    pub workers: usize,
    /// Most pieces of work that wait for a worker; more are refused.
    pub queue_max: usize,
    /// How long a piece of work may wait for a worker.
    pub queue_wait: Duration,
    /// How long an artifact may take from the request on.
    pub work_timeout: Duration,
    /// How long a failure that cannot heal is remembered.
    pub failures_kept: Duration,
    /// How large a picture may be to be decoded.
    pub decoding: Decodable,
    /// Where it is decoded.
    pub place: PlaceConfig,
    /// How long nothing is tried with a file that broke what was to decode it.
    pub quarantine: Duration,
    /// What a site decides about pictures.
    pub policy: Policy,
}

/// Some ten thousand thumbnails.
const ARTIFACTS_BYTES_MAX: u64 = 256 << 20;
/// Eighty frames of 1080p.
const FRAMES_BYTES_MAX: u64 = 256 << 20;
/// Some fifty two-hour films, or thousands of clips.
const INDEXES_BYTES_MAX: u64 = 256 << 20;
/// A few hundred bytes each.
const FACTS_MAX: u64 = 100_000;
/// Longer queues only turn refusals into timeouts: eight seconds of common work a core.
const QUEUE_MAX: usize = 128;
/// As long as people wait for a picture.
const QUEUE_WAIT: Duration = Duration::from_secs(10);
/// A strip over a long film takes this long on a slow machine.
const WORK_TIMEOUT: Duration = Duration::from_secs(60);
/// Long enough that a page that reloads does not repeat the work, short enough that a repaired file shows at once.
const FAILURES_KEPT: Duration = Duration::from_secs(5);
/// A file costs no more than two processes in so long, and one that was not to blame is shown again soon.
const QUARANTINE: Duration = Duration::from_secs(300);

/// A picture of 8K.
const OUTPUT_PIXELS_MAX: u64 = 36_000_000;
/// Ten times what players ask for.
const SLICES_MAX: u32 = 1000;
/// What the dialect documents.
const QUALITY: u8 = 75;
/// Past the black of most openings.
const THUMB_OFFSET: Micros = Micros(3_000_000);
/// What the dialect sends for an entry that is ready.
const MAX_AGE: u32 = 3600;
/// What the dialect sends for anything else.
const MAX_AGE_UNREADY: u32 = 60;
/// A file may be replaced under such a URL.
const MAX_AGE_FILE: u32 = 60;

impl Default for Config {
    fn default() -> Config {
        Config {
            artifacts_bytes_max: ARTIFACTS_BYTES_MAX,
            frames_bytes_max: FRAMES_BYTES_MAX,
            indexes_bytes_max: INDEXES_BYTES_MAX,
            facts_max: FACTS_MAX,
            workers: 0,
            queue_max: QUEUE_MAX,
            queue_wait: QUEUE_WAIT,
            work_timeout: WORK_TIMEOUT,
            failures_kept: FAILURES_KEPT,
            decoding: Decodable::default(),
            place: PlaceConfig::default(),
            quarantine: QUARANTINE,
            policy: Policy {
                output_pixels_max: OUTPUT_PIXELS_MAX,
                slices_max: SLICES_MAX,
                quality: QUALITY,
                thumb_offset: THUMB_OFFSET,
                max_age: MAX_AGE,
                max_age_unready: MAX_AGE_UNREADY,
                max_age_file: MAX_AGE_FILE,
                draft_is_error: false,
                playback: Rules::default(),
            },
        }
    }
}

/// Everything that answers are made of: a catalog, what makes artifacts, and the artifacts themselves.
#[derive(Debug)]
pub struct Delivery {
    catalog: Catalog,
    kit: Kit,
    artifacts: Cache<Key, Arc<Artifact>>,
    policy: Policy,
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
    /// It was there.
    Hit,
    /// It was made for this request.
    Made,
    /// It was being made for another request already.
    Shared,
}

impl Delivery {
    /// Delivery from a catalog whose files rest at an origin. Fails where the system has no threads for workers.
    pub fn new(config: &Config, catalog: Catalog, origin: Origin) -> Result<Delivery> {
        let limits = Limits {
            bytes_max: config.artifacts_bytes_max,
            age_max: config.work_timeout,
            failures_kept: config.failures_kept,
        };
        let artifacts = Cache::new(limits, |_, artifact: &Arc<Artifact>| artifact.weight());
        Ok(Delivery { catalog, kit: Kit::new(config, origin)?, artifacts, policy: config.policy.clone() })
    }

    /// Starts the processes that decode, and tells what stands around them; `None` where the service itself decodes.
    pub fn open(&self) -> Result<Option<Walls>> {
        self.kit.place.open()
    }

    /// Tells the metrics how what decodes fares, and how many files are left alone because they broke it.
    pub fn measure(&self) {
        self.kit.place.measure();
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

    /// What will be done for a request at a time in seconds since 1970, and what names its result. Opens only files whose
    /// facts are not known yet.
    pub async fn plan(&self, request: &Request, client: Client<'_>, now: u64) -> Result<Decision> {
        access::check_expiry(request.expiry(), now)?;
        let entry = self.entry(request).await?;
        let grant = granted(request, &entry, now).map_err(|error| plan::unseen(request, error))?;
        let known = self.known(plan::sources(request, &entry)).await;
        let failed = |error| numbered(error, plan::failure(request));
        let decision = plan::plan(request, &entry, &known, grant, client, &self.policy).map_err(failed)?;
        if request.sequence().is_empty() {
            return Ok(decision);
        }
        self.preceded(request, &entry, decision, now).await.map_err(failed)
    }

    /// The entry that a request is about.
    async fn entry(&self, request: &Request) -> Result<Arc<Entry>> {
        let found = match request.subject()? {
            Subject::Entry(id) => self.catalog.entry(id).await,
            Subject::Asset(id) => self.catalog.owner(id).await,
        };
        found.map_err(|error| plan::unseen(request, error))
    }

    /// What is decided for `entry`, with the entries that play before it.
    async fn preceded(&self, request: &Request, entry: &Entry, decision: Decision, now: u64) -> Result<Decision> {
        let mut entries = Vec::with_capacity(request.sequence().len());
        for id in request.sequence() {
            let entry = self.catalog.entry(id).await?;
            granted(request, &entry, now)?;
            access::check_sequence(&entry)?;
            entries.push(entry);
        }
        let known = entries.iter().map(|entry| self.known(plan::sources_of_sequence(entry)));
        let known = join_all(known).await;
        let before = entries.iter().zip(&known).map(|(entry, known)| Member { entry, known });
        let before: Vec<_> = before.collect();
        let known = self.known(plan::sources_of_sequence(entry)).await;
        plan::preceded(request, decision, &before, Member { entry, known: &known }, &self.policy)
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

    /// The artifact of a plan: kept, or made now.
    pub async fn artifact(&self, plan: &Plan) -> Result<Delivered> {
        if let Some(artifact) = self.artifacts.get(&plan.key) {
            return Ok(Delivered { artifact, outcome: Outcome::Hit });
        }
        let code = plan.failure;
        // What takes microseconds is made by whoever asks: agreeing on one maker costs more than making it twice.
        if let Some(made) = package::at_once(&self.kit, &plan.work) {
            let artifact = Arc::new(made.map_err(|error| numbered(error, code))?);
            self.artifacts.keep(plan.key, Arc::clone(&artifact));
            return Ok(Delivered { artifact, outcome: Outcome::Made });
        }
        let (kit, work) = (self.kit.clone(), plan.work.clone());
        let made = async move { make::artifact(kit, work).await.map(Arc::new).map_err(|error| numbered(error, code)) };
        let (artifact, outcome) = self.artifacts.get_or_make(plan.key, || made).await?;
        let outcome = match outcome {
            Cached::Hit => Outcome::Hit,
            Cached::Miss => Outcome::Made,
            Cached::Shared => Outcome::Shared,
        };
        Ok(Delivered { artifact, outcome })
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

/// What the client may have of an entry that `request` names.
fn granted(request: &Request, entry: &Entry, now: u64) -> Result<Grant> {
    match request {
        Request::Thumbnail(_) => access::check(entry),
        Request::PlayManifest(_) => access::check_play(entry, now),
        Request::Package(_) | Request::Served(_) => access::check_serve(entry),
        Request::Raw(_) | Request::Download(_) => access::check_download(entry, now),
        Request::Asset(asked) => match asked.wanted {
            Wanted::Thumb { .. } => access::check_thumb_asset(entry),
            Wanted::Attachment { .. } | Wanted::Captions(_) | Wanted::Data | Wanted::Document { .. } => {
                access::check_download(entry, now)
            }
        },
    }
}

/// A failure under a number of the dialect, where it is to have one.
fn numbered(error: Error, code: Option<Code>) -> Error {
    match code {
        Some(code) => error.or_code(code),
        None => error,
    }
}
