//! From pieces of playback work about several entries to their artifacts.

use std::sync::Arc;

use futures_util::future::join_all;

use super::artifact::{Artifact, Body};
use super::kit::Kit;
use super::offer::{self, Gathered};
use super::package::{TS_TYPE, film, numbered, only, timeline, written};
use super::sources::blocking;
use crate::error::{Error, Kind, Result};
use crate::media::{AudioFormat, Index, Media};
use crate::packager::name::{File, Form, Selection};
use crate::packager::rendition::{Rendition, rendition};
use crate::packager::segments::{Pace, segments, stretches};
use crate::packager::silence::Silence;
use crate::packager::timeline::Timeline;
use crate::packager::{Container, dash, fmp4, hls, mpegts};
use crate::plan::playback::{Cut, Presentation, Strand, TrackPick};
use crate::plan::sequence::{Chain, Clip, Words};

/// A playlist of several entries.
pub(super) async fn chain(kit: &Kit, chain: Chain) -> Result<Artifact> {
    let films = chain.clips.iter().map(|clip| async move {
        match clip {
            Clip::Cut { cut, .. } => join_all(cut.strands.iter().map(|strand| film(kit, strand))).await,
            Clip::Silence { .. } => Vec::new(),
        }
    });
    let films = join_all(films).await;
    blocking(move |_| {
        let mut indexes = Vec::with_capacity(films.len());
        for films in films {
            indexes.push(films.into_iter().map(|film| film.map(|film| film.index)).collect::<Result<Vec<_>>>()?);
        }
        links(&chain, &indexes)
    })
    .await
}

fn links(chain: &Chain, indexes: &[Vec<Arc<Index>>]) -> Result<Artifact> {
    let Some((Clip::Cut { cut: last, .. }, of_last)) = chain.clips.last().zip(indexes.last()) else {
        return Err(Error::new(Kind::Internal, "a sequence ends with the entry asked for"));
    };
    let mut links = Vec::with_capacity(chain.clips.len());
    for (clip, indexes) in chain.clips.iter().zip(indexes) {
        links.push(match clip {
            Clip::Cut { cut, of, .. } => link(cut, of, indexes)?,
            Clip::Silence { length } => {
                let sound = of_last.first().map(|index| timeline(index, only(last)?, last)).transpose()?;
                let format = match sound.map(|sound| &sound.track().media) {
                    Some(Media::Audio(format)) => *format,
                    _ => QUIET,
                };
                let silence = Silence::like(&format, *length);
                hls::Link { of: Selection::silence(silence), rendition: quiet(silence, &last.pace)? }
            }
        });
    }
    let pieces = if chain.iframes { hls::Pieces::Keyframes } else { hls::Pieces::Segments };
    let place = |at: usize| match chain.clips.get(at) {
        Some(Clip::Cut { place, .. }) => &**place,
        Some(Clip::Silence { .. }) | None => "",
    };
    let form = offer::form(last.container);
    let text = hls::chain(&links, pieces, form, |at, file| format!("{}{file}", place(at)));
    Ok(written(text, File::Playlist(Selection::default()).content_type()))
}

/// What is said of silence where nothing is known of the sound around it.
const QUIET: AudioFormat = AudioFormat { sample_rate: 48_000, channels: 2 };

/// The pieces of an entry. Of a file with fewer tracks than that of the last entry, the last track is taken.
fn link(cut: &Cut, of: &Selection, indexes: &[Arc<Index>]) -> Result<hls::Link> {
    let (mut cut, mut of) = (cut.clone(), of.clone());
    for (strand, index) in cut.strands.iter_mut().zip(indexes) {
        let count = |is_kind: fn(&Media) -> bool| {
            index.tracks.iter().filter(|track| is_kind(&track.media) && !track.samples.is_empty()).count() as u32
        };
        match &mut strand.track {
            TrackPick::Video(number) => *number = (*number).min(count(|media| matches!(media, Media::Video(_)))).max(1),
            TrackPick::Audio(number) => *number = (*number).min(count(|media| matches!(media, Media::Audio(_)))).max(1),
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
    for (strand, index) in cut.strands.iter().zip(indexes) {
        timeline(index, strand, &cut)?;
    }
    let index = indexes.first().ok_or_else(|| Error::new(Kind::Internal, "nothing is cut"))?;
    let rendition = rendition(&timeline(index, only(&cut)?, &cut)?, &cut.pace);
    Ok(hls::Link { of, rendition })
}

fn quiet(silence: Silence, pace: &Pace) -> Result<Rendition> {
    let track = silence.track()?;
    let timeline = Timeline::new(&track, silence.window())?;
    let timeline = timeline.ok_or_else(|| Error::new(Kind::Internal, "silence has a length"))?;
    Ok(rendition(&timeline, pace))
}

/// A playlist of the captions of several entries.
pub(super) fn captions(words: &[Words], pace: &Pace) -> Artifact {
    let entries: Vec<_> = words.iter().map(|words| stretches(words.length, pace)).collect();
    let text =
        hls::captions_chain(&entries, |at, number| match words.get(at).and_then(|words| words.place.as_deref()) {
            Some(place) => format!("{place}{}", File::Segment { number, of: Selection::caption(1), form: Form::Vtt }),
            None => File::Blank.to_string(),
        });
    written(text, File::Playlist(Selection::default()).content_type())
}

/// A manifest of several entries.
pub(super) async fn periods(kit: &Kit, periods: Vec<Presentation>) -> Result<Artifact> {
    let indexes = periods.iter().map(|period| async move {
        join_all(period.reels.iter().map(|reel| async move { kit.film(&reel.source).await.map(|film| film.index) }))
            .await
    });
    let indexes = join_all(indexes).await;
    blocking(move |_| {
        let mut gathered = Vec::with_capacity(periods.len());
        for (period, indexes) in periods.iter().zip(&indexes) {
            gathered.push(offer::gather(period, indexes)?);
        }
        let Some((last, before)) = gathered.split_last_mut() else {
            return Err(Error::new(Kind::Internal, "a sequence ends with the entry asked for"));
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
        one.add_sound(Selection::silence(silence), Rendition { language, ..quiet(silence, pace)? });
    }
    Ok(())
}

/// A piece of silence.
pub(super) async fn silence(
    silence: Silence,
    number: Option<u32>,
    container: Container,
    pace: Pace,
) -> Result<Artifact> {
    blocking(move |_| {
        let track = silence.track()?;
        let timeline = Timeline::new(&track, silence.window())?;
        let timeline = timeline.ok_or_else(|| Error::new(Kind::Internal, "silence has a length"))?;
        let Some(number) = number else {
            return Ok(Artifact::new(Body::Bytes(fmp4::init(&timeline)?.into()), "audio/mp4"));
        };
        let all = segments(&timeline, &pace);
        let segment = numbered(&all, number)?;
        let (bytes, media_type) = match container {
            Container::Fmp4 => (silence.fill(&fmp4::segment(&timeline, segment)), "audio/mp4"),
            Container::Ts => {
                let mux = mpegts::segment(None, Some((&timeline, segment.samples.clone())), number)?;
                let sound: Vec<_> = mux.sound().iter().map(|range| silence.bytes(range).collect()).collect();
                (mux.write(&[], &sound)?, TS_TYPE)
            }
        };
        Ok(Artifact::new(Body::Bytes(bytes.into()), media_type))
    })
    .await
}
