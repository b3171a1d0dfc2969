//! From a piece of playback work to its artifact: indexes in, documents and segments out.

use std::sync::Arc;

use futures_util::future::join_all;

use super::artifact::{Artifact, Body, Muxed};
use super::kit::{Film, Kit};
use super::reading::multiplexed;
use super::sources::blocking;
use super::{offer, sequence, stored};
use crate::entry::Source;
use crate::error::{Code, Error, Kind, Result};
use crate::media::time::Micros;
use crate::media::{Index, Media, Track};
use crate::packager::keyframes::keyframes;
use crate::packager::mpegts::Mux;
use crate::packager::name::{File, Selection};
use crate::packager::rendition::rendition;
use crate::packager::segments::{Segment, segments, stretches};
use crate::packager::timeline::Timeline;
use crate::packager::{Container, Protocol, captions, dash, fmp4, hls, mpegts};
use crate::plan::Work;
use crate::plan::playback::{Cues, Cut, Presentation, Strand, TrackPick};

/// What the dialect calls a multivariant playlist that `playManifest` answers with.
const MANIFEST_TYPE: &str = "application/x-mpegurl";

/// The artifact of `work`, which is of playback.
pub(super) async fn artifact(kit: &Kit, work: Work) -> Result<Artifact> {
    match work {
        Work::Presentation(presentation) => document(kit, *presentation).await,
        Work::Playlist { cut, of, iframes } => playlist(kit, *cut, of, iframes).await,
        Work::Init(cut) => init(kit, &cut).await,
        Work::Segment { cut, number, iframe: false } => segment(kit, &cut, number).await,
        Work::Segment { cut, number, iframe: true } => iframe(kit, &cut, number).await,
        Work::CaptionList { of, length, pace } => {
            let text = hls::captions_playlist(&stretches(length, &pace), &of, ToString::to_string);
            Ok(written(text, File::Playlist(of).content_type()))
        }
        Work::Cues(work) => cues(kit, *work).await,
        Work::Stored { source, window, moov_first } => stored::artifact(kit, source, window, moov_first).await,
        Work::Chain(chain) => sequence::chain(kit, *chain).await,
        Work::CaptionChain { words, pace } => Ok(sequence::captions(&words, &pace)),
        Work::Periods(periods) => sequence::periods(kit, periods).await,
        Work::Silence { silence, number, pace } => sequence::silence(silence, number, pace).await,
        Work::Written { body, media_type } => Ok(written(body, media_type)),
        Work::Thumbnail { .. } | Work::Strip { .. } => {
            Err(Error::new(Kind::Internal, "this is not a work of playback"))
        }
    }
}

pub(super) fn written(text: String, media_type: &'static str) -> Artifact {
    Artifact::new(Body::Bytes(text.into()), media_type)
}

/// Most samples whose tables are gone through on a thread that answers others too: well under a millisecond.
const SAMPLES_AT_ONCE: u64 = 100_000;

/// What `work` makes of tables of so many samples: at once where they are few, on a thread of its own where it takes longer.
async fn computed<T: Send + 'static>(samples: u64, work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    if samples <= SAMPLES_AT_ONCE { work() } else { blocking(move |_| work()).await }
}

fn samples(index: &Index) -> u64 {
    index.tracks.iter().map(|track| u64::from(track.samples.len())).sum()
}

/// A file's index; what cannot be read is as good as not there, as packagers have it.
pub(super) async fn film(kit: &Kit, strand: &Strand) -> Result<Film> {
    kit.film(&strand.source).await.map_err(|error| error.or_code(Code::FileNotFound))
}

/// The index of each flavor of a presentation.
async fn indexes(kit: &Kit, presentation: &Presentation) -> Vec<Result<Arc<Index>>> {
    let indexes = presentation.reels.iter().map(|reel| async move {
        let film = kit.film(&reel.source).await;
        film.map(|film| film.index)
    });
    join_all(indexes).await
}

/// What a player is not offered of the flavors of a presentation, and why; a line each.
pub(super) async fn left_out(kit: &Kit, presentation: Presentation) -> Result<Vec<String>> {
    let indexes = indexes(kit, &presentation).await;
    blocking(move |_| Ok(offer::gather(&presentation, &indexes)?.left_out)).await
}

/// A multivariant playlist or a manifest.
async fn document(kit: &Kit, presentation: Presentation) -> Result<Artifact> {
    let indexes = indexes(kit, &presentation).await;
    let samples = indexes.iter().flatten().map(|index| samples(index)).sum();
    computed(samples, move || {
        let gathered = offer::gather(&presentation, &indexes)?;
        for reason in &gathered.left_out {
            tracing::info!(%reason, "left out of a presentation");
        }
        let offer = gathered.offer();
        let uri = |file: &File| offer::address(&presentation, file);
        let form = offer::form(presentation.container);
        Ok(match presentation.protocol {
            Protocol::Hls => written(hls::multivariant(&offer, form, uri), media_type(&presentation)),
            Protocol::Dash => {
                written(dash::manifest(&offer, presentation.base.as_deref()), File::Manifest.content_type())
            }
        })
    })
    .await
}

/// What a packager is asked for has the registered type, what `playManifest` answers with the dialect's.
fn media_type(presentation: &Presentation) -> &'static str {
    if presentation.is_entrance { MANIFEST_TYPE } else { File::Multivariant.content_type() }
}

/// The track that a strand names.
fn track<'a>(index: &'a Index, strand: &Strand) -> Result<&'a Track> {
    let (mut found, number, kind): (Vec<&Track>, _, _) = match strand.track {
        TrackPick::Video(number) => {
            (index.tracks.iter().filter(|track| track.video().is_some()).collect(), number, "pictures")
        }
        TrackPick::Audio(number) => {
            (index.tracks.iter().filter(|track| matches!(track.media, Media::Audio(_))).collect(), number, "sound")
        }
    };
    found.retain(|track| !track.samples.is_empty());
    let count = found.len();
    let missing =
        || Error::new(Kind::NotFound, format!("the file has {count} tracks of {kind}, and no number {number}"));
    (number as usize).checked_sub(1).and_then(|place| found.get(place).copied()).ok_or_else(missing)
}

/// The samples of a strand within its window.
pub(super) fn timeline<'a>(index: &'a Index, strand: &Strand, cut: &Cut) -> Result<Timeline<'a>> {
    let track = track(index, strand)?;
    check(track, cut.container)?;
    let nothing = || Error::new(Kind::NotFound, "the track shows nothing in this part of the entry");
    Timeline::new(track, cut.window)?.ok_or_else(nothing)
}

/// Fails where a container cannot carry a track: packagers take that for a wrong request.
pub(super) fn check(track: &Track, container: Container) -> Result<()> {
    let checked = match container {
        Container::Fmp4 => fmp4::check(track),
        Container::Ts => mpegts::check(track),
    };
    checked.map_err(|error| Error::invalid(error.message().to_owned()).caused_by(error))
}

/// The only strand of what is cut.
pub(super) fn only(cut: &Cut) -> Result<&Strand> {
    cut.strands.first().ok_or_else(|| Error::new(Kind::Internal, "nothing is cut"))
}

async fn playlist(kit: &Kit, cut: Cut, of: Selection, iframes: bool) -> Result<Artifact> {
    let films = join_all(cut.strands.iter().map(|strand| film(kit, strand))).await;
    let films = films.into_iter().collect::<Result<Vec<_>>>()?;
    let samples = films.iter().map(|film| samples(&film.index)).sum();
    computed(samples, move || {
        for (film, strand) in films.iter().zip(&cut.strands) {
            timeline(&film.index, strand, &cut)?;
        }
        let (Some(film), strand) = (films.first(), only(&cut)?) else { return Err(Error::invalid("nothing is cut")) };
        let rendition = rendition(&timeline(&film.index, strand, &cut)?, &cut.pace);
        let form = offer::form(cut.container);
        let text = match iframes {
            true => hls::iframe_playlist(&rendition, &of, form, ToString::to_string),
            false => hls::media_playlist(&rendition, &of, form, ToString::to_string),
        };
        Ok(written(text, File::Playlist(of).content_type()))
    })
    .await
}

async fn init(kit: &Kit, cut: &Cut) -> Result<Artifact> {
    let strand = only(cut)?;
    let film = film(kit, strand).await?;
    let bytes = fmp4::init(&timeline(&film.index, strand, cut)?)?;
    Ok(Artifact::new(Body::Bytes(bytes.into()), segment_type(cut)))
}

fn segment_type(cut: &Cut) -> &'static str {
    match (cut.container, &cut.strands[..]) {
        (Container::Ts, _) => TS_TYPE,
        (Container::Fmp4, [Strand { track: TrackPick::Audio(_), .. }]) => "audio/mp4",
        (Container::Fmp4, _) => "video/mp4",
    }
}

async fn segment(kit: &Kit, cut: &Cut, number: u32) -> Result<Artifact> {
    if cut.container == Container::Ts {
        return ts_segment(kit, cut, number).await;
    }
    let strand = only(cut)?;
    let film = film(kit, strand).await?;
    let timeline = timeline(&film.index, strand, cut)?;
    let all = kit.grid(strand, cut, || segments(&timeline, &cut.pace));
    let layout = fmp4::segment(&timeline, numbered(&all, number)?);
    Ok(Artifact::new(Body::Slices { source: film.source, layout }, segment_type(cut)))
}

/// A segment of a transport stream: pictures say where it is cut, and sound goes along; sound alone is cut by itself.
async fn ts_segment(kit: &Kit, cut: &Cut, number: u32) -> Result<Artifact> {
    let films = join_all(cut.strands.iter().map(|strand| film(kit, strand))).await;
    let films = films.into_iter().collect::<Result<Vec<_>>>()?;
    let mut timelines = Vec::with_capacity(films.len());
    for (film, strand) in films.iter().zip(&cut.strands) {
        timelines.push(timeline(&film.index, strand, cut)?);
    }
    let leader = only(cut)?;
    let first = timelines.first().ok_or_else(|| Error::new(Kind::Internal, "nothing is cut"))?;
    let all = kit.grid(leader, cut, || segments(first, &cut.pace));
    let segment = numbered(&all, number)?;
    let sides = match (leader.track, &timelines[..]) {
        (TrackPick::Audio(_), _) => (None, Some((first, segment.samples.clone()))),
        (TrackPick::Video(_), [_]) => (Some((first, segment.samples.clone())), None),
        (TrackPick::Video(_), _) => {
            let sound = &timelines[1];
            let is_last = segment.number as usize == all.len();
            let from = first.micros(segment.start as i64);
            let to = first.micros(segment.start.saturating_add(segment.duration) as i64);
            let heard = mpegts::sound_of(sound, from, (!is_last).then_some(to));
            (Some((first, segment.samples.clone())), Some((sound, heard)))
        }
    };
    let source = |at: usize| films.get(at).map(|film| film.source.clone());
    let places = match leader.track {
        TrackPick::Video(_) => (source(0), source(1)),
        TrackPick::Audio(_) => (None, source(0)),
    };
    muxed(kit, mpegts::segment(sides.0, sides.1, number)?, places).await
}

/// A segment as it is read, or at once where only its writing tells its length.
async fn muxed(kit: &Kit, mux: Mux, (pictures, sound): (Option<Source>, Option<Source>)) -> Result<Artifact> {
    let length = mux.len();
    let layout = (0..length.unwrap_or_default()).into();
    let muxed = Muxed { pictures, sound, mux: Arc::new(mux), layout };
    let body = match length {
        Some(_) => Body::Muxed(muxed),
        None => Body::Bytes(multiplexed(&kit.origin, &muxed).await?),
    };
    Ok(Artifact::new(body, TS_TYPE))
}

/// The registered type of a transport stream.
const TS_TYPE: &str = "video/MP2T";

pub(super) fn numbered(all: &[Segment], number: u32) -> Result<&Segment> {
    let count = all.len();
    let missing = || Error::new(Kind::NotFound, format!("there are {count} segments, and no number {number}"));
    (number as usize).checked_sub(1).and_then(|place| all.get(place)).ok_or_else(missing)
}

async fn iframe(kit: &Kit, cut: &Cut, number: u32) -> Result<Artifact> {
    let strand = only(cut)?;
    let film = film(kit, strand).await?;
    let timeline = timeline(&film.index, strand, cut)?;
    let keyframes = keyframes(&timeline);
    let count = keyframes.len();
    let missing = || Error::new(Kind::NotFound, format!("there are {count} keyframes, and no number {number}"));
    let keyframe = (number as usize).checked_sub(1).and_then(|place| keyframes.get(place)).ok_or_else(missing)?;
    if cut.container == Container::Ts {
        return muxed(kit, mpegts::iframe(&timeline, keyframe.sample, number)?, (Some(film.source), None)).await;
    }
    let layout = fmp4::iframe(&timeline, number, keyframe.sample);
    Ok(Artifact::new(Body::Slices { source: film.source, layout }, segment_type(cut)))
}

async fn cues(kit: &Kit, work: Cues) -> Result<Artifact> {
    let Cues { source, number, length, container, window, pace } = work;
    if source.size > captions::BYTES_MAX as u64 {
        return Err(Error::too_large(format!("a caption file of more than {} bytes", captions::BYTES_MAX)));
    }
    let bytes = kit.origin.read(&source, 0..source.size).await?;
    blocking(move |_| {
        let cues = captions::parse(&bytes)?;
        let text = match number {
            None => captions::whole(&cues, window),
            Some(number) => {
                let all = stretches(length, &pace);
                let count = all.len();
                let missing =
                    || Error::new(Kind::NotFound, format!("there are {count} segments, and no number {number}"));
                let stretch = (number as usize).checked_sub(1).and_then(|place| all.get(place)).ok_or_else(missing)?;
                let within = |at: Micros| Micros(at.0.saturating_add(window.from.0));
                let map = (container == Container::Ts).then_some(mpegts::BASE);
                captions::segment(&cues, within(stretch.start), within(stretch.end), window.from, map)
            }
        };
        Ok(written(text, "text/vtt; charset=utf-8"))
    })
    .await
}
