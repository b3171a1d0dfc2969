//! What a file shows within a window at a pace, found once: its tracks, their timelines, and how players are told of them.

use std::sync::Arc;

use super::rendition::{Rendition, rendition};
use super::segments::{Pace, Segment};
use super::timeline::{Shape, Timeline, Window};
use super::{Container, fmp4, keyframes::Keyframe, mpegts};
use crate::error::Result;
use crate::media::{ClosedCaptions, Index, Media, Track};

/// A track of pictures or of sound, as it is shown.
#[derive(Clone, Debug)]
pub struct View {
    /// Whether it is of pictures or of sound.
    pub kind: Kind,
    /// Its number among the tracks of its kind, from one.
    pub number: u32,
    /// Text inside its pictures.
    pub captions: ClosedCaptions,
    /// Its place among the tracks of the file.
    place: usize,
    /// Why fMP4, and why a transport stream, does not carry it.
    carried: [Result<()>; 2],
    shown: Result<Option<Shown>>,
}

/// What a track carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Pictures.
    Pictures,
    /// Sound.
    Sound,
}

/// What is shown of a track.
#[derive(Clone, Debug)]
pub struct Shown {
    /// How a player is told of it.
    pub rendition: Arc<Rendition>,
    shape: Arc<Shape>,
}

/// The tracks of pictures and sound of a file that have samples, in the order of the file.
pub fn views(index: &Index, window: Window, pace: &Pace) -> Vec<View> {
    let (mut views, mut numbers) = (Vec::with_capacity(index.tracks.len()), [0, 0]);
    for (place, track) in index.tracks.iter().enumerate().filter(|(_, track)| !track.samples.is_empty()) {
        let kind = match track.media {
            Media::Video(_) => Kind::Pictures,
            Media::Audio(_) => Kind::Sound,
            Media::Other => continue,
        };
        let number = &mut numbers[kind as usize];
        *number += 1;
        views.push(View {
            kind,
            number: *number,
            captions: track.captions,
            place,
            carried: [fmp4::check(track), mpegts::check(track)],
            shown: shown(track, window, pace),
        });
    }
    views
}

fn shown(track: &Track, window: Window, pace: &Pace) -> Result<Option<Shown>> {
    let timeline = Timeline::new(track, window)?;
    Ok(timeline
        .map(|timeline| Shown { rendition: Arc::new(rendition(&timeline, pace)), shape: Arc::clone(timeline.shape()) }))
}

impl View {
    /// Fails, and says why, where a container does not carry the track.
    pub fn check(&self, container: Container) -> Result<()> {
        match container {
            Container::Fmp4 => self.carried[0].clone(),
            Container::Ts => self.carried[1].clone(),
        }
    }

    /// What is shown of it; `None` where the window has nothing of it. Fails where it cannot be shown.
    pub fn shown(&self) -> Result<Option<&Shown>> {
        match &self.shown {
            Ok(shown) => Ok(shown.as_ref()),
            Err(error) => Err(error.clone()),
        }
    }

    /// Its timeline, of the index that it was found in; `None` where the window has nothing of it.
    pub fn timeline<'a>(&self, index: &'a Index) -> Option<Timeline<'a>> {
        let shape = Arc::clone(&self.shown.as_ref().ok()?.as_ref()?.shape);
        index.tracks.get(self.place).map(|track| Timeline::of(track, shape))
    }

    /// How many pieces there are to be told of.
    pub fn pieces(&self) -> usize {
        let shown = self.shown.as_ref().ok().and_then(Option::as_ref);
        shown.map_or(0, |shown| shown.rendition.segments.len() + shown.rendition.keyframes.len())
    }

    /// Bytes it occupies in memory, roughly.
    pub fn weight(&self) -> usize {
        let Ok(Some(Shown { rendition, shape })) = &self.shown else { return size_of::<View>() };
        let segments = rendition.segments.len() * (size_of::<Segment>() + size_of::<u64>());
        let keyframes = rendition.keyframes.len() * size_of::<Keyframe>();
        size_of::<View>() + size_of::<Rendition>() + shape.weight() + segments + keyframes
    }
}
