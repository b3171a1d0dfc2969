//! From a piece of playback work to its artifact: views of files in, documents and segments out.

use std::ops::Range;
use std::sync::Arc;

use futures_util::future::join_all;

use super::artifact::{Artifact, Body, Muxed};
use super::kit::{Kit, Show};
use super::reading::multiplexed;
use super::{offer, sequence, stored, transcript};
use crate::entry::Source;
use crate::error::{Code, Error, Kind as Failure, Result};
use crate::media::time::Micros;
use crate::packager::mpegts::Mux;
use crate::packager::name::{File, Form, Selection};
use crate::packager::rendition::Rendition;
use crate::packager::segments::{Pace, stretches};
use crate::packager::timeline::Timeline;
use crate::packager::view::{Kind, Shown, View};
use crate::packager::{Container, Protocol, captions, dash, fmp4, hls, mpegts};
use crate::plan::Work;
use crate::plan::playback::{Cues, Cut, Presentation, Strand, TrackPick};

/// What the dialect calls a multivariant playlist that `playManifest` answers with.
const MANIFEST_TYPE: &str = "application/x-mpegurl";

/// The registered type of a transport stream.
pub(super) const TS_TYPE: &str = "video/MP2T";

/// Most samples of files whose views are found on a thread that answers others too: each may be a keyframe, and a hundred
/// nanoseconds' work.
const SAMPLES_AT_ONCE: u64 = 5_000;

/// Most pieces told of, and most samples laid out, on a thread that answers others too: less than a millisecond's work.
const PIECES_AT_ONCE: usize = 5_000;

/// The artifact of `work` where it is a matter of microseconds: all that it needs is remembered, and there is little of it.
/// `None` for everything else.
pub(super) fn at_once(kit: &Kit, work: &Work) -> Option<Result<Artifact>> {
    match work {
        Work::Presentation(presentation) => {
            let Presentation { reels, window, pace, .. } = &**presentation;
            let mut left = SAMPLES_AT_ONCE;
            let shows = reels.iter().map(|reel| kit.glance(&reel.source, *window, pace, &mut left).map(Ok));
            let shows = shows.collect::<Option<Vec<_>>>()?;
            (pieces(shows.iter().flatten()) <= PIECES_AT_ONCE).then(|| document(presentation, &shows))
        }
        Work::Playlist { cut, of, iframes } => {
            let shows = glances(kit, cut)?;
            (pieces(&shows) <= PIECES_AT_ONCE).then(|| playlist(&shows, cut, of, *iframes))
        }
        Work::Init(cut) => Some(init(&glances(kit, cut)?, cut)),
        Work::Segment { cut, number, iframe } => {
            let shows = glances(kit, cut)?;
            let laid = match Found::find(&shows, cut, *number, *iframe) {
                Ok(found) if found.samples() > PIECES_AT_ONCE => return None,
                Ok(found) => found.laid(cut),
                Err(error) => Err(error),
            };
            match laid {
                Ok(Laid::Out(artifact)) => Some(Ok(*artifact)),
                Ok(Laid::Unmeasured(_)) => None,
                Err(error) => Some(Err(error)),
            }
        }
        Work::Written { body, media_type } => Some(Ok(written(body.clone(), media_type))),
        _ => None,
    }
}

/// The artifact of `work`, which is of playback.
pub(super) async fn artifact(kit: &Kit, work: Work) -> Result<Artifact> {
    match work {
        Work::Presentation(presentation) => {
            let shows = offered(kit, &presentation).await;
            computed(kit, pieces(shows.iter().flatten()), move || document(&presentation, &shows)).await
        }
        Work::Playlist { cut, of, iframes } => {
            let shows = shows(kit, &cut).await?;
            computed(kit, pieces(&shows), move || playlist(&shows, &cut, &of, iframes)).await
        }
        Work::Init(cut) => init(&shows(kit, &cut).await?, &cut),
        Work::Segment { cut, number, iframe } => segment(kit, *cut, number, iframe).await,
        Work::CaptionList { of, length, pace } => kit.compute(move || Ok(caption_list(&of, length, &pace))).await,
        Work::Cues(work) => cues(kit, *work).await,
        Work::Stored { source, window, moov_first } => stored::artifact(kit, source, window, moov_first).await,
        Work::Chain(chain) => sequence::chain(kit, *chain).await,
        Work::CaptionChain { words, pace } => kit.compute(move || Ok(sequence::captions(&words, &pace))).await,
        Work::Periods(periods) => sequence::periods(kit, periods).await,
        Work::Silence { silence, number, container, pace } => {
            kit.compute(move || sequence::silence(silence, number, container, &pace)).await
        }
        Work::Transcript { source, style } => transcript::artifact(kit, source, style).await,
        Work::TranscriptList { seconds, total } => Ok(transcript::list(seconds, total)),
        Work::Written { body, media_type } => Ok(written(body, media_type)),
        Work::Thumbnail { .. } | Work::Strip { .. } => {
            Err(Error::new(Failure::Internal, "this is not a work of playback"))
        }
    }
}

pub(super) fn written(text: String, media_type: &'static str) -> Artifact {
    Artifact::new(Body::Bytes(text.into()), media_type)
}

/// What `work` makes of so many pieces: at once where they are few, on a thread of its own where it takes longer.
async fn computed<T: Send + 'static>(
    kit: &Kit,
    pieces: usize,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    if pieces <= PIECES_AT_ONCE { work() } else { kit.compute(work).await }
}

fn pieces<'a>(shows: impl IntoIterator<Item = &'a Show>) -> usize {
    shows.into_iter().flat_map(|show| show.views.iter()).map(View::pieces).sum()
}

/// The files of each strand, as they are remembered.
fn glances(kit: &Kit, cut: &Cut) -> Option<Vec<Show>> {
    let mut left = SAMPLES_AT_ONCE;
    cut.strands.iter().map(|strand| kit.glance(&strand.source, cut.window, &cut.pace, &mut left)).collect()
}

/// The files of each strand; what cannot be read is as good as not there, as packagers have it.
pub(super) async fn shows(kit: &Kit, cut: &Cut) -> Result<Vec<Show>> {
    let shows = join_all(cut.strands.iter().map(|strand| kit.show(&strand.source, cut.window, &cut.pace))).await;
    shows.into_iter().map(|show| show.map_err(|error| error.or_code(Code::FileNotFound))).collect()
}

/// The file of each flavor of a presentation.
pub(super) async fn offered(kit: &Kit, presentation: &Presentation) -> Vec<Result<Show>> {
    let Presentation { reels, window, pace, .. } = presentation;
    join_all(reels.iter().map(|reel| kit.show(&reel.source, *window, pace))).await
}

/// What a player is not offered of the flavors of a presentation, and why; a line each.
pub(super) async fn left_out(kit: &Kit, presentation: &Presentation) -> Result<Vec<String>> {
    Ok(offer::gather(presentation, &offered(kit, presentation).await)?.left_out)
}

/// A multivariant playlist or a manifest.
fn document(presentation: &Presentation, shows: &[Result<Show>]) -> Result<Artifact> {
    let gathered = offer::gather(presentation, shows)?;
    for reason in &gathered.left_out {
        tracing::debug!(%reason, "left out of a presentation");
    }
    let offer = gathered.offer();
    let uri = |file: &File| offer::address(presentation, file);
    Ok(match presentation.protocol {
        Protocol::Hls => {
            written(hls::multivariant(&offer, offer::form(presentation.container), uri), media_type(presentation))
        }
        Protocol::Dash => written(dash::manifest(&offer, presentation.base.as_deref()), File::Manifest.content_type()),
    })
}

/// What a packager is asked for has the registered type, what `playManifest` answers with the dialect's.
fn media_type(presentation: &Presentation) -> &'static str {
    if presentation.is_entrance { MANIFEST_TYPE } else { File::Multivariant.content_type() }
}

/// What is shown of a track in a container that is to carry it: packagers take one that cannot for a wrong request.
pub(super) fn shown(view: &View, container: Container) -> Result<Option<&Shown>> {
    view.check(container).map_err(|error| Error::invalid(error.message().to_owned()).caused_by(error))?;
    view.shown()
}

/// The track that a strand names.
pub(super) fn view<'a>(show: &'a Show, strand: &Strand) -> Result<&'a View> {
    let (kind, number, word) = match strand.track {
        TrackPick::Video(number) => (Kind::Pictures, number, "pictures"),
        TrackPick::Audio(number) => (Kind::Sound, number, "sound"),
    };
    let of_kind = || show.views.iter().filter(|view| view.kind == kind);
    let missing = || {
        let count = of_kind().count();
        Error::new(Failure::NotFound, format!("the file has {count} tracks of {word}, and no number {number}"))
    };
    of_kind().find(|view| view.number == number).ok_or_else(missing)
}

/// What is shown of a strand, and the samples of it.
pub(super) fn timeline<'a>(show: &'a Show, strand: &Strand, cut: &Cut) -> Result<(&'a Arc<Rendition>, Timeline<'a>)> {
    let view = view(show, strand)?;
    let nothing = || Error::new(Failure::NotFound, "the track shows nothing in this part of the entry");
    let shown = shown(view, cut.container)?.ok_or_else(nothing)?;
    Ok((&shown.rendition, view.timeline(&show.index).ok_or_else(nothing)?))
}

/// The first strand of what is cut, which says where, with its file.
pub(super) fn leader<'a>(shows: &'a [Show], cut: &'a Cut) -> Result<(&'a Show, &'a Strand)> {
    let nothing = || Error::new(Failure::Internal, "nothing is cut");
    shows.iter().zip(&cut.strands).next().ok_or_else(nothing)
}

fn playlist(shows: &[Show], cut: &Cut, of: &Selection, iframes: bool) -> Result<Artifact> {
    for (show, strand) in shows.iter().zip(&cut.strands) {
        timeline(show, strand, cut)?;
    }
    let (show, strand) = leader(shows, cut)?;
    let (rendition, _) = timeline(show, strand, cut)?;
    let pieces = if iframes { hls::Pieces::Keyframes } else { hls::Pieces::Segments };
    let text = hls::playlist(&[hls::Link { place: "", of, rendition }], pieces, offer::form(cut.container));
    Ok(written(text, File::Playlist(Selection::default()).content_type()))
}

fn caption_list(of: &Selection, length: Micros, pace: &Pace) -> Artifact {
    let name = |_, number| File::Segment { number, of: of.clone(), form: Form::Vtt };
    written(hls::captions(&[stretches(length, pace)], name), File::Playlist(Selection::default()).content_type())
}

fn init(shows: &[Show], cut: &Cut) -> Result<Artifact> {
    let (show, strand) = leader(shows, cut)?;
    let (_, timeline) = timeline(show, strand, cut)?;
    Ok(Artifact::new(Body::Bytes(fmp4::init(&timeline)?.into()), segment_type(cut)))
}

fn segment_type(cut: &Cut) -> &'static str {
    match (cut.container, &cut.strands[..]) {
        (Container::Ts, _) => TS_TYPE,
        (Container::Fmp4, [Strand { track: TrackPick::Audio(_), .. }]) => "audio/mp4",
        (Container::Fmp4, _) => "video/mp4",
    }
}

async fn segment(kit: &Kit, cut: Cut, number: u32, iframe: bool) -> Result<Artifact> {
    let shows = shows(kit, &cut).await?;
    let samples = Found::find(&shows, &cut, number, iframe)?.samples();
    let laid = computed(kit, samples, move || Found::find(&shows, &cut, number, iframe)?.laid(&cut)).await?;
    match laid {
        Laid::Out(artifact) => Ok(*artifact),
        Laid::Unmeasured(muxed) => {
            // All of it is in memory at once.
            let _turn = kit.clip_turn().await?;
            let bytes = multiplexed(&kit.origin, &muxed).await?;
            Ok(Artifact::new(Body::Bytes(bytes), TS_TYPE))
        }
    }
}

/// A segment that is found: the samples of its tracks, by their places in decoding order.
struct Found<'a> {
    number: u32,
    pictures: Option<(Timeline<'a>, Range<u32>)>,
    sound: Option<(Timeline<'a>, Range<u32>)>,
    /// Whether it is a keyframe alone.
    is_iframe: bool,
}

/// A segment whose samples have their places.
enum Laid {
    Out(Box<Artifact>),
    /// Only its writing tells its length.
    Unmeasured(Muxed),
}

impl<'a> Found<'a> {
    /// Pictures say where it is cut, and sound goes along; sound alone is cut by itself.
    fn find(shows: &'a [Show], cut: &'a Cut, number: u32, is_iframe: bool) -> Result<Found<'a>> {
        let (show, strand) = leader(shows, cut)?;
        let (rendition, first) = timeline(show, strand, cut)?;
        if is_iframe {
            let sample = numbered(&rendition.keyframes, number, "keyframes")?.sample;
            let pictures = Some((first, sample..sample.saturating_add(1)));
            return Ok(Found { number, pictures, sound: None, is_iframe });
        }
        let segment = numbered(&rendition.segments, number, "segments")?;
        let samples = segment.samples.clone();
        let (pictures, sound) = match (strand.track, shows.get(1).zip(cut.strands.get(1))) {
            (TrackPick::Audio(_), _) => (None, Some((first, samples))),
            (TrackPick::Video(_), None) => (Some((first, samples)), None),
            (TrackPick::Video(_), Some((show, strand))) => {
                let (_, sound) = timeline(show, strand, cut)?;
                let is_last = number as usize == rendition.segments.len();
                let from = first.micros(segment.start as i64);
                let to = first.micros(segment.start.saturating_add(segment.duration) as i64);
                let heard = mpegts::sound_of(&sound, from, (!is_last).then_some(to));
                (Some((first, samples)), Some((sound, heard)))
            }
        };
        Ok(Found { number, pictures, sound, is_iframe })
    }

    /// How many samples it has.
    fn samples(&self) -> usize {
        [&self.pictures, &self.sound].into_iter().flatten().map(|(_, samples)| samples.len()).sum()
    }

    fn laid(self, cut: &Cut) -> Result<Laid> {
        let source = |at: usize| cut.strands.get(at).map(|strand| strand.source.clone());
        if cut.container == Container::Ts {
            let sources = if self.pictures.is_some() { (source(0), source(1)) } else { (None, source(0)) };
            return Ok(muxed(self.mux()?, sources));
        }
        let only = self.pictures.or(self.sound).zip(source(0));
        let ((timeline, samples), source) = only.ok_or_else(|| Error::new(Failure::Internal, "nothing is cut"))?;
        let layout = match self.is_iframe {
            true => fmp4::iframe(&timeline, self.number, samples.start),
            false => fmp4::segment(&timeline, self.number, samples),
        };
        Ok(Laid::Out(Box::new(Artifact::new(Body::slices(source, layout), segment_type(cut)))))
    }

    fn mux(&self) -> Result<Mux> {
        let [pictures, sound] = [&self.pictures, &self.sound]
            .map(|side| side.as_ref().map(|(timeline, samples)| (timeline, samples.clone())));
        mpegts::segment(pictures, sound, self.number)
    }
}

fn muxed(mux: Mux, (pictures, sound): (Option<Source>, Option<Source>)) -> Laid {
    let length = mux.len();
    let muxed = Muxed { pictures, sound, mux: Arc::new(mux), range: 0..length.unwrap_or_default() };
    match length {
        Some(_) => Laid::Out(Box::new(Artifact::new(Body::Muxed(muxed), TS_TYPE))),
        None => Laid::Unmeasured(muxed),
    }
}

/// The piece of a number, from one, among all; `kind` is what they are.
pub(super) fn numbered<'a, T>(all: &'a [T], number: u32, kind: &str) -> Result<&'a T> {
    let count = all.len();
    let missing = || Error::new(Failure::NotFound, format!("there are {count} {kind}, and no number {number}"));
    (number as usize).checked_sub(1).and_then(|place| all.get(place)).ok_or_else(missing)
}

async fn cues(kit: &Kit, work: Cues) -> Result<Artifact> {
    let Cues { source, number, length, container, window, pace } = work;
    if source.size > captions::BYTES_MAX as u64 {
        return Err(Error::too_large(format!("a caption file of more than {} bytes", captions::BYTES_MAX)));
    }
    let bytes = kit.origin.read(&source, 0..source.size).await?;
    kit.compute(move || {
        let cues = captions::parse(&bytes)?;
        let text = match number {
            None => captions::whole(&cues, window),
            Some(number) => {
                let all = stretches(length, &pace);
                let stretch = numbered(&all, number, "segments")?;
                let within = |at: Micros| Micros(at.0.saturating_add(window.from.0));
                let map = captions::TimestampMap { stream: mpegts::BASE, local: Micros(0) };
                let map = (container == Container::Ts).then_some(map);
                captions::segment(&cues, within(stretch.start), within(stretch.end), window.from, map)
            }
        };
        Ok(written(text, "text/vtt; charset=utf-8"))
    })
    .await
}
