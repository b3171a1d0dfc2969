//! Stored files as they are, with `moov` in front where it is not, or a part of one as a file of its own.

use std::borrow::Cow;

use super::artifact::{Artifact, Body};
use super::kit::Kit;
use super::sources::reading;
use crate::entry::Source;
use crate::error::{Error, Kind, Result};
use crate::media::mp4::front::{Finder, Late, Search, moved};
use crate::media::{Container, Index, Media, mime};
use crate::origin::Opened;
use crate::packager::fmp4;
use crate::packager::layout::Layout;
use crate::packager::timeline::{Timeline, Window};

/// What is sent of `source`: all of it, or what is shown within `window`. `moov_first` has a player begin before it has the
/// whole file.
pub(super) async fn artifact(kit: &Kit, source: Source, window: Window, moov_first: bool) -> Result<Artifact> {
    if window != Window::default() {
        return clip(kit, source, window).await;
    }
    let media_type = media_type(kit, &source).await?;
    let layout = match moov_first {
        true => with_moov_first(kit, &source).await?,
        false => None,
    };
    let layout = layout.unwrap_or_else(|| (0..source.size).into());
    Ok(Artifact::new(Body::slices(source, layout), media_type))
}

/// What the file is: its first bytes tell, and of a text all of them.
async fn media_type(kit: &Kit, source: &Source) -> Result<Cow<'static, str>> {
    let mut sample = kit.origin.read(source, 0..source.size.min(mime::HEAD_BYTES)).await?;
    if source.size <= mime::TEXT_BYTES_MAX && source.size > mime::HEAD_BYTES && mime::is_text(&sample) {
        sample = kit.origin.read(source, 0..source.size).await?;
    }
    Ok(mime::media_type(&sample, sample.len() as u64 == source.size, &source.location))
}

/// The file with its `moov` in front; `None` where it is there already, or cannot be moved.
async fn with_moov_first(kit: &Kit, source: &Source) -> Result<Option<Layout>> {
    let opened = kit.origin.open(source).await?;
    reading(opened, move |opened, _| {
        let Some(late) = late(opened)? else { return Ok(None) };
        let moov = opened.read(late.moov.clone())?;
        Ok(moved(&moov, &late).map(|moov| {
            let mut layout = Layout::default();
            layout.source(0..late.front);
            layout.made(moov);
            layout.source(late.front..late.moov.start);
            layout.source(late.moov.end..opened.size());
            layout
        }))
    })
    .await
}

fn late(opened: &Opened) -> Result<Option<Late>> {
    let (mut finder, mut search) = Finder::new(opened.size());
    loop {
        match search {
            Search::Read(range) => search = finder.feed(&opened.read(range)?),
            Search::Done(late) => return Ok(late),
        }
    }
}

/// The part of an MP4 file that is shown within `window`.
async fn clip(kit: &Kit, source: Source, window: Window) -> Result<Artifact> {
    let film = kit.film(&source).await?;
    let _turn = kit.clip_turn().await?;
    let (layout, media_type) = kit
        .compute(move || {
            let clip = Clip::new(&film.index, window)?;
            for reason in &clip.left_out {
                tracing::info!(file = %film.source.location, %reason, "left out of a clip");
            }
            clip.written()
        })
        .await?;
    Ok(Artifact::new(Body::slices(source, layout), media_type))
}

/// What a client does not get of the tracks of a file with a part of it, and why; a line each.
pub(super) async fn left_out(kit: &Kit, source: &Source, window: Window) -> Result<Vec<String>> {
    if window == Window::default() {
        return Ok(Vec::new());
    }
    let film = kit.film(source).await?;
    kit.compute(move || {
        let clip = Clip::new(&film.index, window)?;
        Ok(clip.left_out.iter().map(|reason| format!("{} {reason}", film.source.location)).collect())
    })
    .await
}

/// The tracks of a part of a file.
struct Clip<'a> {
    timelines: Vec<Timeline<'a>>,
    /// Which tracks are not among them, and why.
    left_out: Vec<String>,
}

impl<'a> Clip<'a> {
    fn new(index: &'a Index, window: Window) -> Result<Clip<'a>> {
        if !matches!(index.container, Container::Mp4 | Container::FragmentedMp4) {
            return Err(Error::unsupported("a part is only taken of MP4 files"));
        }
        let (mut clip, mut videos, mut audios, mut others) =
            (Clip { timelines: Vec::new(), left_out: Vec::new() }, 0, 0, 0);
        for track in &index.tracks {
            let (kind, count) = match track.media {
                Media::Video(_) => ("v", &mut videos),
                Media::Audio(_) => ("a", &mut audios),
                Media::Other => ("other ", &mut others),
            };
            *count += 1;
            match fmp4::check(track).and_then(|()| Timeline::new(track, window)) {
                Ok(Some(timeline)) => clip.timelines.push(timeline),
                Ok(None) => clip.left_out.push(format!("{kind}{count}: shows nothing in this part of the entry")),
                Err(error) => clip.left_out.push(format!("{kind}{count}: {error}")),
            }
        }
        Ok(clip)
    }

    fn written(&self) -> Result<(Layout, &'static str)> {
        if self.timelines.is_empty() {
            return Err(Error::new(Kind::NotFound, "the file shows nothing in this part of the entry"));
        }
        let is_sound = self.timelines.iter().all(|timeline| timeline.track().video().is_none());
        Ok((fmp4::whole(&self.timelines)?, if is_sound { "audio/mp4" } else { "video/mp4" }))
    }
}
