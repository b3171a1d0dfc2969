//! Stored files as they are, with `moov` in front where it is not, or a part of one as a file of its own.

use super::artifact::{Artifact, Body};
use super::kit::Kit;
use super::sources::blocking;
use crate::entry::Source;
use crate::error::{Error, Kind, Result};
use crate::media::mp4::front::{Finder, Late, Search, moved};
use crate::media::{Container, Index};
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
    let media_type = media_type(&source.location);
    let layout = match moov_first {
        true => with_moov_first(kit, &source).await?,
        false => None,
    };
    let layout = layout.unwrap_or_else(|| {
        let mut whole = Layout::default();
        whole.source(0..source.size);
        whole
    });
    Ok(Artifact::new(Body::slices(source, layout), media_type))
}

/// The file with its `moov` in front; `None` where it is there already, or cannot be moved.
async fn with_moov_first(kit: &Kit, source: &Source) -> Result<Option<Layout>> {
    let opened = kit.origin.open(source).await?;
    blocking(move |_| {
        let Some(late) = late(&opened)? else { return Ok(None) };
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

/// What of `source` is not in the part of it that is shown within `window`, and why; nothing of the whole.
pub(super) async fn left_out(kit: &Kit, source: &Source, window: Window) -> Result<Vec<String>> {
    if window == Window::default() {
        return Ok(Vec::new());
    }
    let film = kit.film(source).await?;
    let misfits = film.index.tracks.iter().filter_map(|track| fmp4::check(track).err());
    Ok(misfits.map(|error| format!("{}: {error}", source.location)).collect())
}

/// The part of an MP4 file that is shown within `window`. Tracks that cannot be carried are left out; the log was told of them
/// when the index was read.
async fn clip(kit: &Kit, source: Source, window: Window) -> Result<Artifact> {
    let film = kit.film(&source).await?;
    let _turn = kit.clip_turn().await?;
    let layout = blocking(move |_| clipped(&film.index, window)).await?;
    Ok(Artifact::new(Body::slices(source, layout), "video/mp4"))
}

fn clipped(index: &Index, window: Window) -> Result<Layout> {
    if !matches!(index.container, Container::Mp4 | Container::FragmentedMp4) {
        return Err(Error::unsupported("a part is only taken of MP4 files"));
    }
    let mut timelines = Vec::new();
    for track in index.tracks.iter().filter(|track| fmp4::check(track).is_ok()) {
        timelines.extend(Timeline::new(track, window)?);
    }
    if timelines.is_empty() {
        return Err(Error::new(Kind::NotFound, "the file shows nothing in this part of the entry"));
    }
    fmp4::whole(&timelines)
}

/// The registered type of a file by the end of its name.
fn media_type(location: &str) -> &'static str {
    const TYPES: [(&str, &str); 14] = [
        ("mp4", "video/mp4"),
        ("m4v", "video/mp4"),
        ("m4a", "audio/mp4"),
        ("mov", "video/quicktime"),
        ("webm", "video/webm"),
        ("mkv", "video/matroska"),
        ("ts", "video/MP2T"),
        ("mpg", "video/mpeg"),
        ("avi", "video/x-msvideo"),
        ("flv", "video/x-flv"),
        ("mp3", "audio/mpeg"),
        ("aac", "audio/aac"),
        ("ogg", "audio/ogg"),
        ("flac", "audio/flac"),
    ];
    let extension = location.rsplit_once('.').map_or("", |(_, extension)| extension);
    let known = TYPES.iter().find(|(known, _)| extension.eq_ignore_ascii_case(known));
    known.map_or("application/octet-stream", |(_, media_type)| media_type)
}
