//! Playback: what is made for players, what a site decides about it, and what all of its plans have in common.

use std::sync::Arc;

use super::key::Key;
use super::{Freshness, Known, Plan, Work};
use crate::entry::{Caption, Entry, Flavor, Source};
use crate::error::{Code, Error, Result};
use crate::media::time::Micros;
use crate::packager::name::{File, Form, Selection};
use crate::packager::segments::Pace;
use crate::packager::timeline::Window;
use crate::packager::{Container, Protocol};
use crate::request::served::{Package, Place};

/// What is told of a presentation, in one document.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Presentation {
    /// A multivariant playlist or a manifest.
    pub protocol: Protocol,
    /// How segments are wrapped.
    pub container: Container,
    /// The flavors, in the order of the answer.
    pub reels: Vec<Reel>,
    /// The captions that are offered.
    pub texts: Vec<Text>,
    /// The part of the entry.
    pub window: Window,
    /// How segments are cut.
    pub pace: Pace,
    /// The language to begin with.
    pub default_audio: Option<String>,
    /// Where the files beside the document are, with a slash at the end, if that is not where the document is.
    pub base: Option<Arc<str>>,
    /// The tracks that are told of; empty for all.
    pub tracks: Selection,
    /// Whether `playManifest` answers with it, whose playlists have a type of the dialect's.
    pub is_entrance: bool,
}

/// A flavor of a presentation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Reel {
    /// Its file.
    pub source: Source,
    /// Where its playlists and segments are, with a slash at the end; empty for beside the document.
    pub place: Arc<str>,
    /// How file names number it, if they do.
    pub number: Option<u32>,
    /// The language of its sound, as stated.
    pub language: Option<String>,
    /// A name for people.
    pub label: Option<String>,
    /// Whether a player should begin with its sound.
    pub is_default: bool,
    /// Whether its sound describes the pictures to those who do not see them.
    pub is_description: bool,
}

/// A caption file of a presentation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Text {
    /// As [`Reel::place`].
    pub place: Arc<str>,
    /// How file names number it.
    pub number: u32,
    /// Its language, as stated.
    pub language: String,
    /// A name for people.
    pub label: Option<String>,
    /// Whether a player should show it unasked.
    pub is_default: bool,
}

/// One track of a source, counted from one among those of its kind.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Strand {
    /// The file.
    pub source: Source,
    /// Which track.
    pub track: TrackPick,
}

/// A track by its kind and its place among the tracks of that kind, from one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrackPick {
    /// Pictures.
    Video(u32),
    /// Sound.
    Audio(u32),
}

/// What playlists, init segments and segments are cut from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cut {
    /// The tracks: one, or pictures and sound together.
    pub strands: Vec<Strand>,
    /// How segments are wrapped.
    pub container: Container,
    /// The part of the entry.
    pub window: Window,
    /// How segments are cut.
    pub pace: Pace,
}

/// A piece of captions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cues {
    /// The caption file.
    pub source: Source,
    /// The number of the segment, from one; `None` for the whole.
    pub number: Option<u32>,
    /// How long the presentation is.
    pub length: Micros,
    /// For which container's clock.
    pub container: Container,
    /// The part of the entry.
    pub window: Window,
    /// How segments are cut.
    pub pace: Pace,
}

/// Six seconds: what Apple recommends.
const TARGET: Micros = Micros(6_000_000);
/// What the dialect sends for `playManifest`.
const MAX_AGE_MANIFEST: u32 = 60;
/// Ten minutes: how long a replaced file may go on being played by who already plays it.
const MAX_AGE: u32 = 600;

impl Default for Rules {
    fn default() -> Rules {
        Rules {
            pace: Pace { target: TARGET, first: Vec::new() },
            max_age_manifest: MAX_AGE_MANIFEST,
            max_age: MAX_AGE,
            inline_manifest: false,
        }
    }
}

/// What a site decides about playback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// How segments are cut.
    pub pace: Pace,
    /// Seconds that an answer to `playManifest` may be kept.
    pub max_age_manifest: u32,
    /// Seconds that an answer under a URL without a version may be kept.
    pub max_age: u32,
    /// Whether `format/mpegdash` answers with the manifest itself instead of a redirect to it.
    pub inline_manifest: bool,
}

/// The flavors whose facts the plan of a packager's answer needs.
pub(super) fn sources_of_package<'a>(package: &Package, entry: &'a Entry) -> Vec<&'a Source> {
    let asks_for_tracks = match &package.file {
        File::Multivariant | File::Manifest => true,
        // A URL that names no flavor is about those that a player would be offered.
        File::Playlist(of) | File::Subtitles(of) => {
            caption_pick(of).is_some() || !names_tracks(of) || package.of.flavors.is_empty()
        }
        File::Segment { of, form: Form::Vtt, .. } => caption_pick(of).is_some(),
        _ => false,
    };
    if asks_for_tracks { all(entry) } else { Vec::new() }
}

/// Every flavor's file.
pub(super) fn all(entry: &Entry) -> Vec<&Source> {
    entry.flavors.iter().map(|flavor| &flavor.source).collect()
}

/// Whether a selection names any track.
pub(super) fn names_tracks(of: &Selection) -> bool {
    of.picks.iter().any(|pick| pick.video.is_some() || pick.audio.is_some())
}

/// The caption that a selection names.
pub(super) fn caption_pick(of: &Selection) -> Option<u32> {
    of.picks.iter().find_map(|pick| pick.caption)
}

/// Fails for a part that ends before it begins.
pub(super) fn check_window(window: Window) -> Result<()> {
    match window.to {
        Some(to) if to <= window.from => {
            let message =
                format!("clipTo {} is not after seekFrom {} (milliseconds)", to.0 / 1000, window.from.0 / 1000);
            Err(Error::coded(Code::BadQuery, message))
        }
        _ => Ok(()),
    }
}

/// A place where only some tracks are told of.
pub(super) fn with_tracks(place: &Place<'_>, tracks: &Selection) -> String {
    if tracks.picks.is_empty() { place.to_string() } else { format!("{place}/tracks/{tracks}") }
}

/// The plan of a piece of playback work.
pub(super) fn decided(work: Work, entry: &Entry, known: &[Known<'_>], freshness: Freshness) -> Plan {
    Plan {
        key: Key::of(&work),
        modified: modified(&work, entry, known),
        work,
        entry: entry.id.clone(),
        partner: entry.partner,
        freshness,
        negotiated: false,
        attachment: None,
        failure: None,
    }
}

/// What is cut from one file is as old as that file; what tells of an entry, as its youngest.
fn modified(work: &Work, entry: &Entry, known: &[Known<'_>]) -> u64 {
    match work {
        Work::Init(cut) | Work::Segment { cut, .. } | Work::Playlist { cut, .. } => {
            cut.strands.iter().map(|strand| strand.source.modified).max().unwrap_or_default()
        }
        Work::Stored { source, .. } | Work::Transcript { source, .. } => source.modified,
        Work::Cues(cues) => cues.source.modified,
        _ => known.iter().map(|(source, _)| source.modified).fold(entry.updated, u64::max),
    }
}

/// Flavors whose files are beside the document, numbered where there are several.
pub(super) fn beside(flavors: &[&Flavor]) -> Vec<Reel> {
    let numbered = (1u32..).zip(flavors);
    numbered.map(|(number, flavor)| reel(flavor, "".into(), (flavors.len() > 1).then_some(number))).collect()
}

/// A flavor as a presentation has it.
pub(super) fn reel(flavor: &Flavor, place: Arc<str>, number: Option<u32>) -> Reel {
    let Flavor { language, label, is_default, source, tags, .. } = flavor;
    Reel {
        source: source.clone(),
        place,
        number,
        language: language.clone(),
        label: label.clone(),
        is_default: *is_default,
        is_description: tags.iter().any(|tag| DESCRIPTION.contains(&tag.as_str())),
    }
}

/// Tags of flavors whose sound describes the pictures.
const DESCRIPTION: [&str; 2] = ["audio_description", "audio_desc"];

/// Captions as a presentation has them.
pub(super) fn text(caption: &Caption, place: Arc<str>, number: u32) -> Text {
    let Caption { language, label, is_default, .. } = caption;
    Text { place, number, language: language.clone(), label: label.clone(), is_default: *is_default }
}

/// What a location ends in behind its last dot.
pub(super) fn extension(source: &Source) -> Option<&str> {
    let (_, extension) = source.location.rsplit_once('.')?;
    let is_plain = (1..=5).contains(&extension.len()) && extension.bytes().all(|b| b.is_ascii_alphanumeric());
    is_plain.then_some(extension)
}
