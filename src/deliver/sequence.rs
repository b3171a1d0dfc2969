//! From pieces of playback work about several entries to their artifacts.

use std::sync::Arc;

use futures_util::future::join_all;

use super::artifact::{Artifact, Body};
use super::kit::{Kit, Show};
use super::offer::{self, Gathered};
use super::package::{TS_TYPE, leader, numbered, offered, shows, timeline, written};
use crate::error::{Error, Kind as Failure, Result};
use crate::media::AudioFormat;
use crate::packager::name::{File, Form, Selection};
use crate::packager::rendition::{Rendition, rendition};
use crate::packager::segments::{Pace, segments, stretches};
use crate::packager::silence::Silence;
use crate::packager::timeline::Timeline;
use crate::packager::view::Kind;
use crate::packager::{Container, dash, fmp4, hls, mpegts};
use crate::plan::playback::{Cut, Presentation, Strand, TrackPick};
use crate::plan::sequence::{Chain, Clip, Words};

/// A playlist of several entries.
pub(super) async fn chain(kit: &Kit, chain: Chain) -> Result<Artifact> {
    let clips = chain.clips.iter().map(|clip| async move {
        match clip {
            Clip::Cut { cut, .. } => shows(kit, cut).await,
            Clip::Silence { .. } => Ok(Vec::new()),
        }
    });
    let clips = join_all(clips).await.into_iter().collect::<Result<Vec<_>>>()?;
    kit.compute(move || links(&chain, &clips)).await
}

fn links(chain: &Chain, clips: &[Vec<Show>]) -> Result<Artifact> {
    let Some((Clip::Cut { cut: last, .. }, of_last)) = chain.clips.last().zip(clips.last()) else {
        return Err(Error::new(Failure::Internal, "a sequence ends with the entry asked for"));
    };
    let mut links = Vec::with_capacity(chain.clips.len());
    for (clip, shows) in chain.clips.iter().zip(clips) {
        links.push(match clip {
            Clip::Cut { cut, of, .. } => link(cut, of, shows)?,
            Clip::Silence { length } => {
                let (show, strand) = leader(of_last, last)?;
                let (rendition, _) = timeline(show, strand, last)?;
                let silence = Silence::like(rendition.sound().unwrap_or(&QUIET), *length);
                (Selection::silence(silence), Arc::new(quiet(silence, &last.pace)?))
            }
        });
    }
    let links = links.iter().zip(&chain.clips).map(|((of, rendition), clip)| {
        let place = match clip {
            Clip::Cut { place, .. } => place,
            Clip::Silence { .. } => "",
        };
        hls::Link { place, of, rendition }
    });
    let pieces = if chain.iframes { hls::Pieces::Keyframes } else { hls::Pieces::Segments };
    let text = hls::playlist(&links.collect::<Vec<_>>(), pieces, offer::form(last.container));
    Ok(written(text, File::Playlist(Selection::default()).content_type()))
}

/// What is said of silence where nothing is known of the sound around it.
const QUIET: AudioFormat = AudioFormat { sample_rate: 48_000, channels: 2 };

/// The pieces of an entry, and how they are named. Of a file with fewer tracks than that of the last entry, the last track is
/// taken.
fn link(cut: &Cut, of: &Selection, shows: &[Show]) -> Result<(Selection, Arc<Rendition>)> {
    let (mut cut, mut of) = (cut.clone(), of.clone());
    for (strand, show) in cut.strands.iter_mut().zip(shows) {
        let count = |kind: Kind| show.views.iter().filter(|view| view.kind == kind).count() as u32;
        match &mut strand.track {
            TrackPick::Video(number) => *number = (*number).min(count(Kind::Pictures)).max(1),
            TrackPick::Audio(number) => *number = (*number).min(count(Kind::Sound)).max(1),
        }
    }
    for Strand { track, .. } in &cut.strands {
        for pick in &mut of.picks {
            match (track, &mut pick.video, &mut pick.audio) {
                (TrackPick::Video(number), Some(named), _) | (TrackPick::Audio(number), _, Some(named)) => {
                    *named = *number;
                }
                _ => {}
            }
        }
    }
    let mut first = None;
    for (strand, show) in cut.strands.iter().zip(shows) {
        let rendition = timeline(show, strand, &cut)?.0;
        first.get_or_insert_with(|| Arc::clone(rendition));
    }
    first.map(|rendition| (of, rendition)).ok_or_else(|| Error::new(Failure::Internal, "nothing is cut"))
}

fn quiet(silence: Silence, pace: &Pace) -> Result<Rendition> {
    let track = silence.track()?;
    let timeline = Timeline::new(&track, silence.window())?;
    let timeline = timeline.ok_or_else(|| Error::new(Failure::Internal, "silence has a length"))?;
    Ok(rendition(&timeline, pace))
}

/// A playlist of the captions of several entries.
pub(super) fn captions(words: &[Words], pace: &Pace) -> Artifact {
    let entries: Vec<_> = words.iter().map(|words| stretches(words.length, pace)).collect();
    let text = hls::captions(&entries, |at, number| match words.get(at).and_then(|words| words.place.as_deref()) {
        Some(place) => format!("{place}{}", File::Segment { number, of: Selection::caption(1), form: Form::Vtt }),
        None => File::Blank.to_string(),
    });
    written(text, File::Playlist(Selection::default()).content_type())
}

/// A manifest of several entries.
pub(super) async fn periods(kit: &Kit, periods: Vec<Presentation>) -> Result<Artifact> {
    let shows = join_all(periods.iter().map(|period| offered(kit, period))).await;
    kit.compute(move || {
        let mut gathered = Vec::with_capacity(periods.len());
        for (period, shows) in periods.iter().zip(&shows) {
            gathered.push(offer::gather(period, shows)?);
        }
        let Some((last, before)) = gathered.split_last_mut() else {
            return Err(Error::new(Failure::Internal, "a sequence ends with the entry asked for"));
        };
        for (one, period) in before.iter_mut().zip(&periods) {
            follow(one, last, &period.pace)?;
        }
        let renumbered: Vec<_> = gathered.iter().zip(&periods).map(|(one, period)| one.offer_of(period)).collect();
        let offers = renumbered.into_iter().zip(&periods);
        let offers: Vec<_> =
            offers.map(|(offer, period)| (offer, period.base.as_deref().unwrap_or_default())).collect();
        Ok(written(dash::periods(&offers), File::Manifest.content_type()))
    })
    .await
}

/// Makes a period offer sight and hearing where the last one does, and neither where it does not.
fn follow(one: &mut Gathered, last: &Gathered, pace: &Pace) -> Result<()> {
    let length = one.length();
    one.keep_kinds_of(last);
    if let Some((format, language)) = last.sound_missing_in(one) {
        let silence = Silence::like(&format, length);
        one.add_sound(Selection::silence(silence), quiet(silence, pace)?, language);
    }
    Ok(())
}

/// A piece of silence.
pub(super) fn silence(silence: Silence, number: Option<u32>, container: Container, pace: &Pace) -> Result<Artifact> {
    let track = silence.track()?;
    let timeline = Timeline::new(&track, silence.window())?;
    let timeline = timeline.ok_or_else(|| Error::new(Failure::Internal, "silence has a length"))?;
    let Some(number) = number else {
        return Ok(Artifact::new(Body::Bytes(fmp4::init(&timeline)?.into()), "audio/mp4"));
    };
    let all = segments(&timeline, pace);
    let samples = numbered(&all, number, "segments")?.samples.clone();
    let (bytes, media_type) = match container {
        Container::Fmp4 => (silence.fill(&fmp4::segment(&timeline, number, samples)), "audio/mp4"),
        Container::Ts => {
            let mux = mpegts::segment(None, Some((&timeline, samples)), number)?;
            let sound: Vec<_> = mux.sound().iter().map(|range| silence.bytes(range).collect()).collect();
            (mux.write(&[], &sound)?, TS_TYPE)
        }
    };
    Ok(Artifact::new(Body::Bytes(bytes.into()), media_type))
}
