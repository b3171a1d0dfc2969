//! What artifacts are made with: the origin, workers, decoders, and what is remembered on the way.

use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use metrics::Counter;
use tokio::sync::SemaphorePermit;

use super::Config;
use super::artifact::Timings;
use super::frames::{self, Group, Target};
use super::pool::{Limits as PoolLimits, Pool, Turn};
use super::quarantine::Quarantine;
use super::sources::{self, Content};
use super::stop::Stop;
use super::turns::Turns;
use crate::cache::{Cache, Limits, Outcome};
use crate::decode::place::Place;
use crate::decode::stills;
use crate::entry::Source;
use crate::error::{Error, Kind, Result};
use crate::media::picture::Size;
use crate::media::time::Micros;
use crate::media::{Facts, Index, Media};
use crate::origin::{Opened, Origin, carried};
use crate::packager::fmp4;
use crate::packager::segments::Pace;
use crate::packager::timeline::Window;
use crate::packager::view::{View, views};
use crate::plan::Precision;
use crate::plan::cost::{self, Cost};
use crate::thumbnail::Picture;

/// Most bytes of tables of a file that is read beside as many others: those of some four hours.
const TABLES_MAX: u64 = 16 << 20;

/// What reading an index with more than that may take: `moov` as it is, and what becomes of it.
const LARGE_READING_BYTES: u64 = 256 << 20;

/// Bytes of views that are kept: some hundred two-hour films and ten thousand clips.
const VIEWS_BYTES_MAX: u64 = 32 << 20;

/// Bytes that the name of views occupies, roughly.
const VIEWS_KEY_BYTES: usize = 256;

/// What artifacts are made with. Clones share everything.
#[derive(Clone, Debug)]
pub(super) struct Kit {
    /// Where stored files rest.
    pub(super) origin: Origin,
    /// Threads for work.
    pub(super) pool: Arc<Pool>,
    /// Where files are decoded.
    pub(super) place: Place,
    /// Files that are not.
    pub(super) quarantine: Arc<Quarantine>,
    facts: Cache<Source, Arc<Facts>>,
    indexes: Cache<Source, Arc<Index>>,
    frames: Cache<FrameKey, Arc<Frame>>,
    turns: Turns,
    views: Cache<ViewsKey, Arc<[View]>>,
}

/// A decoded frame of a video, or a decoded stored picture.
#[derive(Debug)]
pub(super) struct Frame {
    /// Its pixels.
    pub(super) picture: Picture,
    /// When it is shown; `None` for a stored picture.
    pub(super) time: Option<Micros>,
}

/// A video with its index at hand.
#[derive(Clone, Debug)]
pub(super) struct Film {
    /// The stored file.
    pub(super) source: Source,
    /// Its tracks and samples.
    pub(super) index: Arc<Index>,
}

/// The name of a decoded picture.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct FrameKey {
    source: Source,
    what: Decoded,
}

/// What of a source was decoded.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Decoded {
    /// A sample of a video. A keyframe asked for by time may turn out to be another sample than the tables said, so the
    /// precision belongs to the name.
    Sample(u32, Precision),
    /// A stored picture with its sides halved so many times. A larger one does not stand in: its pixels would differ by what
    /// else was asked for before.
    Halved(u8),
}

/// A file for players: its index, and what it shows within a window at a pace.
#[derive(Clone, Debug)]
pub(super) struct Show {
    /// Its tracks and samples.
    pub(super) index: Arc<Index>,
    /// What is shown of them.
    pub(super) views: Arc<[View]>,
}

/// The name of what a file shows within a window at a pace.
type ViewsKey = (Source, Window, Pace);

impl Kit {
    /// A kit of the sizes in `config`.
    pub(super) fn new(config: &Config, origin: Origin) -> Result<Kit> {
        let limits =
            |bytes_max| Limits { bytes_max, age_max: config.work_timeout, failures_kept: config.failures_kept };
        let pool = PoolLimits {
            workers: config.workers,
            queue_max: config.queue_max,
            client_queue_max: config.client_queue_max,
            queue_wait: config.queue_wait,
            memory_max: config.work_memory_max,
        };
        let pool = Arc::new(Pool::new(pool)?);
        Ok(Kit {
            origin,
            place: Place::new(&config.place, config.decoding, pool.load().workers),
            turns: Turns::new(pool.load().workers),
            pool,
            quarantine: Arc::new(Quarantine::new(config.quarantine)),
            facts: Cache::new(limits(config.facts_max), |_, _| 1),
            indexes: Cache::new(limits(config.indexes_bytes_max), |_, index: &Arc<Index>| index.weight()),
            frames: Cache::new(limits(config.frames_bytes_max), |_, frame: &Arc<Frame>| frame.picture.weight()),
            views: Cache::new(limits(VIEWS_BYTES_MAX), |_, views: &Arc<[View]>| {
                views.iter().map(View::weight).sum::<usize>() + VIEWS_KEY_BYTES
            }),
        })
    }

    /// The same for files that rest elsewhere.
    pub(super) fn at(&self, origin: Origin) -> Kit {
        Kit { origin, ..self.clone() }
    }

    /// What the plan needs to know of `source`.
    pub(super) async fn facts(&self, source: &Source) -> Result<Arc<Facts>> {
        let make = || {
            let (kit, source) = (self.clone(), source.clone());
            carried(async move { kit.read_facts(&source).await.map(Arc::new) })
        };
        let (facts, outcome) = self.facts.get_or_make(source.clone(), make).await?;
        count(Remembered::Facts, outcome);
        Ok(facts)
    }

    /// The facts of `source`, where they are remembered.
    pub(super) fn remembered_facts(&self, source: &Source) -> Option<Arc<Facts>> {
        self.facts.get(source)
    }

    async fn read_facts(&self, source: &Source) -> Result<Facts> {
        match sources::recognise(&self.origin, source).await? {
            Content::Still => {
                // What comes from elsewhere comes before anything is held for it: an origin that is slow holds up nobody else.
                sources::bring(&self.origin, source).await?;
                let _held = self.turns.hold(source.size).await?;
                let facts = sources::facts(&self.origin, &self.place, source);
                self.quarantine.around(source, facts).await
            }
            Content::Mp4 | Content::Other | Content::Foreign => {
                let index = self.index(source).await?;
                sources::facts_of(&index, source, self.place.limits())
            }
        }
    }

    /// The index of `source`.
    async fn index(&self, source: &Source) -> Result<Arc<Index>> {
        let make = || {
            let (kit, source) = (self.clone(), source.clone());
            carried(async move {
                let index = kit.quarantine.around(&source, kit.read_index(&source)).await?;
                tell_of_misfits(&index, &source);
                Ok(index)
            })
        };
        let (index, outcome) = self.indexes.get_or_make(source.clone(), make).await?;
        count(Remembered::Indexes, outcome);
        Ok(index)
    }

    /// The index of `source` as its file has it. Many are read at once, but of those with large tables few.
    async fn read_index(&self, source: &Source) -> Result<Arc<Index>> {
        let small = {
            // Those elsewhere take turns by origin: one that is slow must not hold up the others.
            let _reading = match self.origin.open(source).await? {
                Opened::Local(_) => Some(self.turns.reading().await?),
                Opened::Remote(_) | Opened::Held(_) => None,
            };
            sources::index_within(&self.origin, &self.place, source, TABLES_MAX).await?
        };
        match small {
            Some(index) => Ok(index),
            None => {
                let _held = self.turns.hold(LARGE_READING_BYTES).await?;
                sources::index(&self.origin, &self.place, source).await
            }
        }
    }

    /// What `work` makes for players, in its turn.
    pub(super) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.turns.compute(work).await
    }

    /// The video `source` with its index.
    pub(super) async fn film(&self, source: &Source) -> Result<Film> {
        Ok(Film { source: source.clone(), index: self.index(source).await? })
    }

    /// What `source` shows within `window` at `pace`, where that is remembered, or found among no more samples than `samples_left`
    /// says, which are then no longer left.
    pub(super) fn glance(&self, source: &Source, window: Window, pace: &Pace, samples_left: &mut u64) -> Option<Show> {
        let index = self.indexes.get(source)?;
        let key = views_key(source, &index, window, pace);
        if let Some(views) = self.views.get(&key) {
            count(Remembered::Views, Outcome::Hit);
            return Some(Show { index, views });
        }
        let samples = index.tracks.iter().map(|track| u64::from(track.samples.len())).sum::<u64>();
        *samples_left = samples_left.checked_sub(samples)?;
        let views: Arc<[View]> = views(&index, key.1, pace).into();
        self.views.keep(key, Arc::clone(&views));
        count(Remembered::Views, Outcome::Miss);
        Some(Show { index, views })
    }

    /// What `source` shows within `window` at `pace`.
    pub(super) async fn show(&self, source: &Source, window: Window, pace: &Pace) -> Result<Show> {
        if let Some(show) = self.glance(source, window, pace, &mut 0) {
            return Ok(show);
        }
        let index = self.index(source).await?;
        let key = views_key(source, &index, window, pace);
        let (of, window, pace) = (Arc::clone(&index), key.1, pace.clone());
        let kit = self.clone();
        let make = || async move { kit.compute(move || Ok(views(&of, window, &pace).into())).await };
        let (views, outcome) = self.views.get_or_make(key, make).await?;
        count(Remembered::Views, outcome);
        Ok(Show { index, views })
    }

    /// A turn at laying out a clip, which lasts until it is dropped.
    pub(super) async fn clip_turn(&self) -> Result<SemaphorePermit<'_>> {
        self.turns.clip().await
    }

    /// The frame of `source` for the moment `at`, and what it took: what is decoded is a part of `turn`.
    pub(super) async fn frame(
        &self,
        turn: &Arc<Turn>,
        source: &Source,
        (at, precision): (Micros, Precision),
    ) -> Result<(Arc<Frame>, Timings)> {
        let begun = Instant::now();
        let film = self.near(turn, source, self.film(source)).await?;
        let mut timings = Timings { index: begun.elapsed(), ..Timings::default() };
        let (key, group) = wanted(&film.index, source, at, precision)?;
        if !self.frames.is_coming(&key) {
            self.bring(turn, &film, &group).await?;
        }
        let turn = Arc::clone(turn);
        let (frame, decoding) = self.kept(key, |kit| async move { kit.decode_one(&turn, &film, group).await }).await?;
        timings.add(decoding);
        Ok((frame, timings))
    }

    /// What [`Kit::frame`] takes, as far as that can be told at once: nothing where it is known or being decoded.
    pub(super) fn frame_cost(&self, source: &Source, at: Micros, precision: Precision) -> Cost {
        let cost = self.indexes.get(source).and_then(|index| {
            let (key, group) = wanted(&index, source, at, precision).ok()?;
            (!self.frames.is_coming(&key)).then(|| group_cost(&index, &group))
        });
        cost.unwrap_or_default()
    }

    /// What decoding the frames of moments takes, as far as that can be told at once.
    pub(super) fn frames_cost(&self, source: &Source, moments: &[Micros], precision: Precision) -> Cost {
        let Some(index) = self.indexes.get(source) else { return Cost::NOTHING };
        let groups = frames::groups(&index, moments, precision);
        groups.iter().fold(Cost::NOTHING, |sum, group| sum.then(group_cost(&index, group)))
    }

    async fn decode_one(&self, turn: &Turn, film: &Film, group: Group) -> Result<(Frame, Timings)> {
        let cost = group_cost(&film.index, &group);
        let part = turn.part(cost.within(cost.bytes_read)).await?;
        let each = |target: &Target, picture: Picture| Ok((target.time, picture));
        let (frames, timings) = self.decode(&part, film, (group, cost), each).await?;
        let (time, picture) = frames.into_iter().next().ok_or_else(no_frame)?;
        let timescale = film.index.video().ok_or_else(no_frame)?.timescale;
        Ok((Frame { picture, time: Some(time.micros(timescale)) }, timings))
    }

    /// Reads and decodes a group on a worker, at `cost`; what `each` makes of its frames, there and then, and what it took. The
    /// time that `each` takes counts as scaling. `turn` holds the memory of the samples.
    pub(super) async fn decode<T: Send + 'static>(
        &self,
        turn: &Turn,
        film: &Film,
        (group, cost): (Group, Cost),
        each: impl FnMut(&Target, Picture) -> Result<T> + Send + 'static,
    ) -> Result<(Vec<T>, Timings)> {
        self.quarantine.around(&film.source, self.decode_group(turn, film, (group, cost), each)).await
    }

    async fn decode_group<T: Send + 'static>(
        &self,
        turn: &Turn,
        film: &Film,
        (group, cost): (Group, Cost),
        mut each: impl FnMut(&Target, Picture) -> Result<T> + Send + 'static,
    ) -> Result<(Vec<T>, Timings)> {
        let begun = Instant::now();
        let loaded = frames::read(&self.origin, &self.place, &film.source, &film.index, group).await?;
        let read = begun.elapsed();
        let (index, place) = (Arc::clone(&film.index), self.place.clone());
        let work = move |stop: &Stop| {
            let (begun, mut scale, mut made) =
                (Instant::now(), Duration::ZERO, Vec::with_capacity(loaded.targets.len()));
            frames::decode(&place, &index, &loaded, &|| stop.is_set(), &mut |target, picture| {
                let begun = Instant::now();
                made.push(each(target, picture)?);
                scale += begun.elapsed();
                Ok(())
            })?;
            Ok((made, begun.elapsed().saturating_sub(scale), scale))
        };
        let ((made, decode, scale), queue) = turn.run(cost, work).await?;
        Ok((made, Timings { queue, read, decode, scale, ..Timings::priced(cost) }))
    }

    /// The stored picture `source`, not much larger than what covers `at_least`, and what it took: what is decoded is a part of
    /// `turn`.
    pub(super) async fn still(
        &self,
        turn: &Arc<Turn>,
        source: &Source,
        at_least: Size,
    ) -> Result<(Arc<Frame>, Timings)> {
        let facts = self.near(turn, source, self.facts(source)).await?;
        let (key, halvings, cost) = halved(&facts, source, at_least);
        if !self.frames.is_coming(&key) {
            self.near(turn, source, sources::bring(&self.origin, source)).await?;
        }
        let (turn, source) = (Arc::clone(turn), source.clone());
        self.kept(key, move |kit| async move { kit.decode_still(&turn, source, (halvings, cost)).await }).await
    }

    /// What `reading` of `source` gives: where that rests elsewhere, `turn` stands aside.
    pub(super) async fn near<T>(
        &self,
        turn: &Turn,
        source: &Source,
        reading: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        if self.origin.is_far(source) { turn.aside(reading).await } else { reading.await }
    }

    /// Waits until the samples of a group are near, before memory is held for them.
    pub(super) async fn bring(&self, turn: &Turn, film: &Film, group: &Group) -> Result<()> {
        self.near(turn, &film.source, frames::bring(&self.origin, &film.source, &film.index, group)).await
    }

    /// What [`Kit::still`] takes, as far as that can be told at once: nothing where it is known or being decoded.
    pub(super) fn still_cost(&self, source: &Source, at_least: Size) -> Cost {
        let cost = self.facts.get(source).and_then(|facts| {
            let (key, _, cost) = halved(&facts, source, at_least);
            (!self.frames.is_coming(&key)).then_some(cost)
        });
        cost.unwrap_or_default()
    }

    async fn decode_still(
        &self,
        turn: &Turn,
        source: Source,
        (halvings, cost): (u8, Cost),
    ) -> Result<(Frame, Timings)> {
        let part = turn.part(cost.within(source.size)).await?;
        let begun = Instant::now();
        let file = sources::read_still(&self.origin, &source).await?;
        let (read, place) = (begun.elapsed(), self.place.clone());
        let work = move |stop: &Stop| {
            let begun = Instant::now();
            Ok((place.still(file, halvings, &|| stop.is_set())?, begun.elapsed()))
        };
        let ((picture, decode), queue) = self.quarantine.around(&source, part.run(cost, work)).await?;
        Ok((Frame { picture, time: None }, Timings { queue, read, decode, ..Timings::priced(cost) }))
    }

    /// The frame of that name, made by `make` unless it is kept, and what it took to make.
    async fn kept<M, F>(&self, key: FrameKey, make: M) -> Result<(Arc<Frame>, Timings)>
    where
        M: FnOnce(Kit) -> F,
        F: Future<Output = Result<(Frame, Timings)>> + Send + 'static,
    {
        let took = Arc::new(OnceLock::new());
        let make = || {
            let (made, took) = (make(self.clone()), Arc::clone(&took));
            carried(async move {
                let (frame, timings) = made.await?;
                let _ = took.set(timings);
                Ok(Arc::new(frame))
            })
        };
        let (frame, outcome) = self.frames.get_or_make(key, make).await?;
        count(Remembered::Frames, outcome);
        Ok((frame, took.get().copied().unwrap_or_default()))
    }
}

/// The frame of `source` for a moment: its name, and what to decode for it.
fn wanted(index: &Index, source: &Source, at: Micros, precision: Precision) -> Result<(FrameKey, Group)> {
    let group = frames::groups(index, &[at], precision).into_iter().next();
    let group = group.ok_or_else(|| Error::unsupported("the video shows nothing"))?;
    let target = group.targets.first().ok_or_else(|| Error::new(Kind::Internal, "a group without a frame"))?;
    let what = Decoded::Sample(target.number, target.precision);
    Ok((FrameKey { source: source.clone(), what }, group))
}

/// What decoding a group takes.
pub(super) fn group_cost(index: &Index, group: &Group) -> Cost {
    index.video().map(|track| cost::decoding(track, group.samples())).unwrap_or_default()
}

/// A stored picture that covers a size: its name, how often its sides are halved, and what that takes.
fn halved(facts: &Facts, source: &Source, at_least: Size) -> (FrameKey, u8, Cost) {
    let halvings = facts.picture.map_or(0, |picture| stills::halvings(&picture, at_least));
    let cost = facts.picture.map(|picture| cost::still(&picture, source.size, halvings)).unwrap_or_default();
    (FrameKey { source: source.clone(), what: Decoded::Halved(halvings) }, halvings, cost)
}

/// Equal windows of a file have equal names, however far beyond its end they reach.
fn views_key(source: &Source, index: &Index, window: Window, pace: &Pace) -> ViewsKey {
    let ends = index.tracks.iter().map(|track| track.samples.end().micros(track.timescale));
    // A microsecond more than the longest, as ticks are rounded.
    let end = ends.max().map_or(Micros(0), |end| Micros(end.0.saturating_add(1)));
    (source.clone(), window.within(end), pace.clone())
}

/// Tells the log once of each version of a file what of it no player will get.
fn tell_of_misfits(index: &Index, source: &Source) {
    for track in index.tracks.iter().filter(|track| !matches!(track.media, Media::Other)) {
        if let Err(reason) = fmp4::check(track) {
            tracing::info!(source = %source.location, %reason, "left out of playback");
        }
    }
}

fn no_frame() -> Error {
    Error::unsupported("no frame could be decoded")
}

/// What is remembered.
#[derive(Clone, Copy)]
enum Remembered {
    Facts,
    Indexes,
    Frames,
    Views,
}

/// Counts what was asked for, without a look-up of what counts it.
fn count(of: Remembered, outcome: Outcome) {
    static COUNTERS: [OnceLock<[Counter; 3]>; 4] = [const { OnceLock::new() }; 4];
    let [hits, misses, shared] = COUNTERS[of as usize].get_or_init(|| {
        let cache = match of {
            Remembered::Facts => "facts",
            Remembered::Indexes => "indexes",
            Remembered::Frames => "frames",
            Remembered::Views => "views",
        };
        [
            metrics::counter!("vedette_cache_hits_total", "cache" => cache),
            metrics::counter!("vedette_cache_misses_total", "cache" => cache),
            metrics::counter!("vedette_cache_shared_total", "cache" => cache),
        ]
    });
    let counter = match outcome {
        Outcome::Hit => hits,
        Outcome::Miss => misses,
        Outcome::Shared => shared,
    };
    counter.increment(1);
}
