//! The last good picture for each wish: what is sent for a while where the next one cannot be made.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::admission::Admission;
use super::{Delivered, Delivery, Outcome};
use crate::cache::{Cache, Limits};
use crate::error::{Error, Kind};
use crate::media::time::Micros;
use crate::plan::{Client, Plan, Tiles, Work};
use crate::request::thumbnail::Thumbnail;
use crate::request::{Accepts, Credentials, Request};

/// Bytes of plans that are remembered: some ten thousand. The pictures themselves are where all are.
const BYTES_MAX: u64 = 16 << 20;

/// Bytes that a wish and the texts of a plan occupy, roughly.
const TEXTS_BYTES: usize = 512;

/// What was made last, by what was wished for. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Lasts(Cache<Wish, Arc<Last>>);

/// A picture as it was asked for, whoever asked, of whatever the entry has at the time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Wish {
    picture: Thumbnail,
    accepts: Accepts,
}

#[derive(Debug)]
struct Last {
    plan: Plan,
    made: Instant,
    failing: Mutex<Option<Instant>>,
}

impl Wish {
    fn of(request: &Request, client: Client<'_>) -> Option<Wish> {
        let Request::Thumbnail(picture) = request else { return None };
        let accepts = if picture.format.is_none() { client.accepts } else { Accepts::default() };
        Some(Wish { picture: Thumbnail { credentials: Credentials::default(), ..(**picture).clone() }, accepts })
    }
}

impl Lasts {
    /// Nothing yet.
    pub(super) fn new() -> Lasts {
        // They are put here when they are made; nothing is made by the cache itself.
        let limits = Limits { bytes_max: BYTES_MAX, age_max: Duration::ZERO, failures_kept: Duration::ZERO };
        Lasts(Cache::new(limits, |_, last: &Arc<Last>| last.weight()))
    }
}

impl Last {
    fn weight(&self) -> usize {
        let moments = match &self.plan.work {
            Work::Strip { tiles: Tiles::Frames { moments, .. }, .. } => moments.len(),
            _ => 0,
        };
        size_of::<Last>() + size_of::<Wish>() + TEXTS_BYTES + moments * size_of::<Micros>()
    }

    /// How long the next one could not be made, this time included.
    fn failing_for(&self) -> Duration {
        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
        failing.get_or_insert_with(Instant::now).elapsed()
    }
}

impl Delivery {
    /// Remembers what was made or found for a request, for when the next cannot be.
    pub fn remember(&self, request: &Request, client: Client<'_>, plan: &Plan, outcome: Outcome) {
        let is_new = matches!(outcome, Outcome::Made | Outcome::Shared | Outcome::OnDisk) && plan.work.is_drawn();
        if let Some(wish) = is_new.then(|| Wish::of(request, client)).flatten() {
            let last = Last { plan: plan.clone(), made: Instant::now(), failing: Mutex::default() };
            self.lasts.0.keep(wish, Arc::new(last));
        }
    }

    /// What is sent instead of what could not be made for a request, with how many seconds ago it was right: the last that was
    /// made for the same wish, if it is kept, was not purged, and has not had to stand in for too long. Only failures that may
    /// heal are covered, and nobody gets it but who is let in now.
    pub async fn last_good(
        &self,
        request: &Request,
        client: Client<'_>,
        admission: &Admission<'_>,
        error: &Error,
    ) -> Option<(Plan, Delivered, u32)> {
        let heals = matches!(error.kind(), Kind::Busy | Kind::Unavailable | Kind::TimedOut | Kind::Internal);
        let (admitted, _) = admission.admitted.as_ref().ok().filter(|_| heals)?;
        let last = self.lasts.0.get(&Wish::of(request, client)?)?;
        let stale_max = Duration::from_secs(self.policy(&admitted.entry).grace.if_error.into());
        let artifact = self.kept.find(&last.plan).await.filter(|_| last.failing_for() <= stale_max)?;
        let age_s = u32::try_from(last.made.elapsed().as_secs()).unwrap_or(u32::MAX);
        let freshness = admission.kept(last.plan.freshness.stale(age_s));
        let plan = Plan { freshness, ..last.plan.clone() };
        Some((plan, Delivered { artifact, outcome: Outcome::Stale }, age_s))
    }
}
