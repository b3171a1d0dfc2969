//! Playback: from what a player asks for to the document, the segment or the file that answers.

use std::fmt::Write;
use std::sync::Arc;

use super::choice::{self, Candidate};
use super::key::{Key, version};
use super::sequence;
use super::{Decision, Freshness, Known, Plan, Policy, Work};
use crate::entry::{Caption, Entry, EntryKind, Flavor, Source};
use crate::error::{Code, Error, Kind, Result};
use crate::media::time::Micros;
use crate::packager::name::{File, Form, Pick, Selection};
use crate::packager::segments::Pace;
use crate::packager::timeline::Window;
use crate::packager::{Container, Protocol};
use crate::request::playback::{Choice, Format, PlayManifest, Response};
use crate::request::served::{Package, Place, Served, Versioned, urlset};

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

/// What an answer under a versioned URL may be kept for: a year, as long as HTTP caches take seriously.
const IMMUTABLE: Freshness = Freshness::Immutable;

/// The flavors whose facts the plan of a packager's answer needs.
pub(super) fn sources_of_package<'a>(package: &Package, entry: &'a Entry) -> Vec<&'a Source> {
    let asks_for_tracks = match &package.file {
        File::Multivariant | File::Manifest => true,
        File::Playlist(of) | File::Subtitles(of) => caption_pick(of).is_some() || !names_tracks(of),
        File::Segment { of, form: Form::Vtt, .. } => caption_pick(of).is_some(),
        _ => false,
    };
    if asks_for_tracks { all(entry) } else { Vec::new() }
}

/// Every flavor's file.
pub(super) fn all(entry: &Entry) -> Vec<&Source> {
    entry.flavors.iter().map(|flavor| &flavor.source).collect()
}

fn names_tracks(of: &Selection) -> bool {
    of.picks.iter().any(|pick| pick.video.is_some() || pick.audio.is_some())
}

pub(super) fn caption_pick(of: &Selection) -> Option<u32> {
    of.picks.iter().find_map(|pick| pick.caption)
}

/// What answers `asked`. `base` is the scheme and host that URLs begin with; empty for none.
pub(super) fn manifest(
    asked: &PlayManifest,
    entry: &Entry,
    known: &[Known<'_>],
    base: &str,
    policy: &Policy,
) -> Result<Decision> {
    if !matches!(entry.kind, EntryKind::Video | EntryKind::Audio | EntryKind::Image) {
        return Err(Error::coded(Code::WrongEntryType, "the entry is neither video nor sound"));
    }
    let chosen = match entry.kind {
        EntryKind::Image => Err(Error::coded(Code::FlavorNotFound, "a picture has no flavor that plays")),
        _ => choice::choose(entry, known, &asked.choice, &asked.format),
    }?;
    if let Format::Other(name) = &asked.format {
        let message =
            format!("This format is unsupported: {name:?}; allowed are applehttp, mpegdash, url and download");
        return Err(Error::coded(Code::BadQuery, message));
    }
    check_window(asked.window)?;
    let desk = Desk { asked, entry, base, policy };
    let form = asked.response.clone().unwrap_or(match asked.format {
        Format::Hls => Response::Playlist,
        _ => Response::Redirect,
    });
    match form {
        Response::Json => Ok(desk.make(described(&desk, &chosen, None), "application/json", known)),
        Response::Jsonp(None) => Ok(desk.make(
            r#"Expecting "callback" parameter for jsonp format"#.into(),
            "text/plain; charset=utf-8",
            known,
        )),
        Response::Jsonp(Some(name)) => Ok(desk.make(described(&desk, &chosen, Some(&name)), "text/javascript", known)),
        Response::Playlist if asked.format == Format::Hls => {
            let work = Work::Presentation(Box::new(desk.playlist(&chosen)));
            Ok(desk.decided(work, known))
        }
        Response::Playlist | Response::Redirect => match asked.format {
            Format::Dash if policy.playback.inline_manifest => {
                let work = Work::Presentation(Box::new(desk.manifest(&chosen)));
                Ok(desk.decided(work, known))
            }
            _ => Ok(Decision::Redirect { location: desk.target(&chosen), max_age: policy.playback.max_age_manifest }),
        },
    }
}

fn check_window(window: Window) -> Result<()> {
    match window.to {
        Some(to) if to <= window.from => {
            let message =
                format!("clipTo {} is not after seekFrom {} (milliseconds)", to.0 / 1000, window.from.0 / 1000);
            Err(Error::coded(Code::BadQuery, message))
        }
        _ => Ok(()),
    }
}

/// What the parts of an answer to `playManifest` have in common.
struct Desk<'a> {
    asked: &'a PlayManifest,
    entry: &'a Entry,
    base: &'a str,
    policy: &'a Policy,
}

impl Desk<'_> {
    fn container(&self) -> Container {
        self.asked.container.unwrap_or_default()
    }

    fn place(&self, protocol: Option<Protocol>, flavor: &Flavor) -> String {
        let is_download = self.asked.format == Format::Download;
        let name = download_name(self.entry, flavor);
        let place = Place {
            protocol,
            container: if protocol.is_some() { self.container() } else { Container::Fmp4 },
            partner: self.entry.partner,
            entry: &self.entry.id,
            window: self.asked.window,
            sequence: &self.asked.sequence,
            version: &version(&flavor.source, &self.policy.playback.pace),
            of: ("flavorId", flavor.id.as_str()),
            file_name: is_download.then_some(&name),
            extension: extension(&flavor.source).unwrap_or("mp4"),
        };
        let tracks = Some(&self.asked.tracks).filter(|tracks| !tracks.picks.is_empty() && protocol.is_some());
        match tracks {
            Some(of) => format!("{place}/tracks/{of}"),
            None => place.to_string(),
        }
    }

    /// Where a redirect leads.
    fn target(&self, chosen: &[Candidate<'_>]) -> String {
        let (protocol, document) = match self.asked.format {
            Format::Dash => (Some(Protocol::Dash), "/manifest.mpd"),
            Format::Hls => (Some(Protocol::Hls), "/master.m3u8"),
            Format::Url | Format::Download | Format::Other(_) => (None, ""),
        };
        let paths: Vec<String> = chosen.iter().map(|candidate| self.place(protocol, candidate.flavor)).collect();
        format!("{}{}{document}", self.base, urlset(&paths))
    }

    /// A multivariant playlist, whose flavors each have a place of their own, so that the same segment has one URL whatever it
    /// is played with.
    fn playlist(&self, chosen: &[Candidate<'_>]) -> Presentation {
        let reels = chosen.iter().map(|candidate| {
            let place = format!("{}{}/", self.base, self.place(Some(Protocol::Hls), candidate.flavor));
            reel(candidate.flavor, place.into(), None)
        });
        let texts = self.entry.captions.iter().filter(|_| self.asked.captions).map(|caption| {
            let place = Place {
                protocol: Some(Protocol::Hls),
                container: self.container(),
                partner: self.entry.partner,
                entry: &self.entry.id,
                window: self.asked.window,
                sequence: &self.asked.sequence,
                version: &version(&caption.source, &self.policy.playback.pace),
                of: ("captionId", &caption.id),
                file_name: None,
                extension: "vtt",
            };
            text(caption, format!("{}{place}/", self.base).into(), 1)
        });
        Presentation {
            protocol: Protocol::Hls,
            container: self.container(),
            reels: reels.collect(),
            texts: texts.collect(),
            window: self.asked.window,
            pace: self.policy.playback.pace.clone(),
            default_audio: self.asked.default_audio.clone(),
            base: None,
        }
    }

    /// A manifest as the packager has it, told where that would be.
    fn manifest(&self, chosen: &[Candidate<'_>]) -> Presentation {
        let flavors: Vec<&Flavor> = chosen.iter().map(|candidate| candidate.flavor).collect();
        let texts = (1u32..).zip(self.entry.captions.iter().filter(|_| self.asked.captions));
        Presentation {
            protocol: Protocol::Dash,
            container: Container::Fmp4,
            reels: beside(&flavors),
            texts: texts.map(|(number, caption)| text(caption, "".into(), number)).collect(),
            window: self.asked.window,
            pace: self.policy.playback.pace.clone(),
            default_audio: self.asked.default_audio.clone(),
            base: self.target(chosen).strip_suffix("manifest.mpd").map(Arc::from),
        }
    }

    fn make(&self, body: String, media_type: &'static str, known: &[Known<'_>]) -> Decision {
        self.decided(Work::Written { body, media_type }, known)
    }

    fn decided(&self, work: Work, known: &[Known<'_>]) -> Decision {
        let freshness = Freshness::Private(self.policy.playback.max_age_manifest);
        let plan = decided(work, self.entry, known, freshness);
        Decision::Make(Plan { failure: Some(Code::FlavorNotFound), ..plan })
    }
}

fn decided(work: Work, entry: &Entry, known: &[Known<'_>], freshness: Freshness) -> Plan {
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
        Work::Stored { source, .. } => source.modified,
        Work::Cues(cues) => cues.source.modified,
        _ => known.iter().map(|(source, _)| source.modified).fold(entry.updated, u64::max),
    }
}

/// Flavors whose files are beside the document, numbered where there are several.
pub(super) fn beside(flavors: &[&Flavor]) -> Vec<Reel> {
    let numbered = (1u32..).zip(flavors);
    numbered.map(|(number, flavor)| reel(flavor, "".into(), (flavors.len() > 1).then_some(number))).collect()
}

fn reel(flavor: &Flavor, place: Arc<str>, number: Option<u32>) -> Reel {
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

/// The name that a flavor is kept under: the entry's with the flavor's, every byte outside of a plain set as `_`.
fn download_name(entry: &Entry, flavor: &Flavor) -> String {
    let full = match &flavor.label {
        Some(label) => format!("{} ({label})", entry.name),
        None => entry.name.clone(),
    };
    let is_kept = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$()*+,;=:@".contains(byte);
    let mut name: String = full.bytes().map(|byte| if is_kept(&byte) { byte.into() } else { '_' }).collect();
    if let Some(extension) = extension(&flavor.source) {
        let _ = write!(name, ".{extension}");
    }
    name
}

/// The description of an entry's flavors in JSON.
fn described(desk: &Desk<'_>, chosen: &[Candidate<'_>], callback: Option<&str>) -> String {
    let (protocol, tail) = match desk.asked.format {
        Format::Dash => (Some(Protocol::Dash), "/manifest.mpd"),
        Format::Hls => (Some(Protocol::Hls), "/index.m3u8"),
        Format::Url | Format::Download | Format::Other(_) => (None, ""),
    };
    let flavors: Vec<serde_json::Value> = chosen
        .iter()
        .map(|candidate| {
            let size = candidate.size();
            serde_json::json!({
                "url": format!("{}{}{tail}", desk.base, desk.place(protocol, candidate.flavor)),
                "urlPrefix": "",
                "ext": extension(&candidate.flavor.source).unwrap_or_default(),
                "bitrate": candidate.bitrate,
                "width": size.width,
                "height": size.height,
                "type": if candidate.is_sound() { "audio" } else { "video" },
                "flavorId": candidate.flavor.id.as_str(),
                "lang": candidate.flavor.language,
                "label": candidate.flavor.label,
            })
        })
        .collect();
    let duration = chosen.iter().map(|candidate| candidate.facts.duration.0).max().unwrap_or_default();
    let body = serde_json::json!({
        "entryId": desk.entry.id.as_str(),
        "duration": duration / 1000,
        "baseUrl": desk.base,
        "flavors": flavors,
    });
    match callback {
        Some(name) => format!("{name}({body});"),
        None => body.to_string(),
    }
}

/// What answers a packager's URL.
pub(super) fn package(package: &Package, entry: &Entry, known: &[Known<'_>], policy: &Policy) -> Result<Decision> {
    let counter = Counter::new(&package.of, package.protocol, entry, known, policy)?;
    let (work, freshness) = counter.work(&package.file)?;
    Ok(Decision::Make(decided(work, entry, known, freshness)))
}

/// A stored file, or the part of it that is asked for.
pub(super) fn stored(asked: &Served, entry: &Entry, policy: &Policy) -> Result<Decision> {
    let counter = Counter::new(asked, Protocol::Hls, entry, &[], policy)?;
    let [flavor] = counter.flavors[..] else {
        return Err(Error::coded(Code::FlavorNotFound, "the URL names no flavor of the entry"));
    };
    check_window(asked.window)?;
    // What is kept is kept as it is.
    let moov_first = asked.file_name.is_none();
    let work = Work::Stored { source: flavor.source.clone(), window: asked.window, moov_first };
    let plan = decided(work, entry, &[], counter.freshness());
    let (attachment, failure) = (asked.file_name.clone(), Some(Code::FileNotFound));
    Ok(Decision::Make(Plan { attachment, failure, ..plan }))
}

/// A URL beneath a packager, with what it names found.
struct Counter<'a> {
    of: &'a Served,
    protocol: Protocol,
    entry: &'a Entry,
    known: &'a [Known<'a>],
    policy: &'a Policy,
    flavors: Vec<&'a Flavor>,
    /// Whether all that the URL names, it names with its version.
    is_versioned: bool,
}

impl<'a> Counter<'a> {
    fn new(
        of: &'a Served,
        protocol: Protocol,
        entry: &'a Entry,
        known: &'a [Known<'a>],
        policy: &'a Policy,
    ) -> Result<Counter<'a>> {
        let mut counter = Counter { of, protocol, entry, known, policy, flavors: Vec::new(), is_versioned: true };
        for named in &of.flavors {
            let found = entry.flavors.iter().find(|flavor| flavor.id == named.id);
            let missing =
                || Error::coded(Code::FlavorNotFound, format!("the entry has no flavor {}", named.id.as_str()));
            let flavor = found.ok_or_else(missing)?;
            counter.is_versioned &= counter.is_current(named.version.as_deref(), &flavor.source)?;
            counter.flavors.push(flavor);
        }
        if of.flavors.is_empty() {
            counter.is_versioned = false;
            let named = |flavor: &&Flavor| flavor.params_id.is_some_and(|id| of.params.contains(&id));
            counter.flavors = entry.flavors.iter().filter(named).collect();
        }
        Ok(counter)
    }

    /// Whether a version is the one of `source`; false for none, and for one that is not of this service's making. Fails for
    /// one that is gone.
    fn is_current(&self, given: Option<&str>, source: &Source) -> Result<bool> {
        let Some(given) = given else { return Ok(false) };
        let current = version(source, &self.policy.playback.pace);
        let is_ours = given.len() == current.len() && given.bytes().all(|b| b.is_ascii_hexdigit());
        match given == current {
            false if is_ours => Err(Error::new(Kind::NotFound, format!("version {given} of the file is gone"))),
            is_current => Ok(is_current),
        }
    }

    fn freshness(&self) -> Freshness {
        if self.is_versioned { IMMUTABLE } else { Freshness::Public(self.policy.playback.max_age) }
    }

    fn container(&self) -> Container {
        self.of.container.unwrap_or_default()
    }

    fn work(&self, file: &File) -> Result<(Work, Freshness)> {
        if let Some(work) = sequence::filler(file, &self.policy.playback.pace) {
            return Ok((work, self.freshness()));
        }
        let work = match file {
            File::Multivariant => self.presentation(Protocol::Hls)?,
            File::Manifest => self.presentation(Protocol::Dash)?,
            File::Playlist(of) | File::Subtitles(of) if caption_pick(of).is_some() => {
                return self.caption(of, None, matches!(file, File::Playlist(_)));
            }
            File::Segment { number, of, form: Form::Vtt } => return self.caption(of, Some(*number), false),
            File::Subtitles(_) => {
                return Err(Error::invalid("a caption file is asked for as sub-s1.vtt, sub-s2.vtt, …"));
            }
            File::Playlist(of) => self.playlist(of)?,
            File::IframePlaylist(of) => {
                let of = self.completed(of)?;
                let cut = self.cut(&pictures_of(&of)?, self.container())?;
                Work::Playlist { cut: Box::new(cut), of, iframes: true }
            }
            File::Init(of) => Work::Init(Box::new(self.cut(&self.completed(of)?, Container::Fmp4)?)),
            File::Segment { number, of, form } => self.segment(of, *number, *form, false)?,
            File::Iframe { number, of, form } => self.segment(of, *number, *form, true)?,
            File::Blank => return Err(Error::new(Kind::Internal, "a blank is made of nothing")),
        };
        Ok((work, self.freshness()))
    }

    fn segment(&self, of: &Selection, number: u32, form: Form, iframe: bool) -> Result<Work> {
        let container = if form == Form::Ts { Container::Ts } else { Container::Fmp4 };
        let of = self.completed(of)?;
        let of = if iframe { pictures_of(&of)? } else { of };
        Ok(Work::Segment { cut: Box::new(self.cut(&of, container)?), number, iframe })
    }

    /// A playlist of segments. Where the URL does not say of which tracks: of all where the container takes them together,
    /// else a playlist of playlists.
    fn playlist(&self, of: &Selection) -> Result<Work> {
        let is_one = self.flavors.len() == 1 || of.picks.iter().any(|pick| pick.flavor.is_some());
        if !is_one && self.flavors.len() != 1 {
            return self.presentation(Protocol::Hls);
        }
        let of = self.completed(of)?;
        let tracks = of.picks.iter().map(|pick| pick.video.iter().count() + pick.audio.iter().count()).sum::<usize>();
        if tracks > 1 && self.container() == Container::Fmp4 {
            let flavor = self.flavor(of.picks.first().and_then(|pick| pick.flavor))?;
            return self.presentation_of(Protocol::Hls, &[flavor]);
        }
        let cut = self.cut(&of, self.container())?;
        Ok(Work::Playlist { cut: Box::new(cut), of, iframes: false })
    }

    /// The selection with its tracks named: those of the path where the file name leaves them open, else those that the
    /// flavor has.
    fn completed(&self, of: &Selection) -> Result<Selection> {
        if names_tracks(of) {
            return Ok(of.clone());
        }
        let flavor = of.picks.first().and_then(|pick| pick.flavor);
        if names_tracks(&self.of.tracks) {
            let picks = self.of.tracks.picks.iter().map(|pick| Pick { flavor, ..*pick });
            return Ok(Selection { picks: picks.collect() });
        }
        let source = &self.flavor(flavor)?.source;
        let facts = self.known.iter().find(|(known, _)| *known == source).and_then(|(_, facts)| facts.as_ref().ok());
        let (video, audio) = match facts {
            Some(facts) => (facts.picture.map(|_| 1), facts.has_audio.then_some(1)),
            None => (Some(1), None),
        };
        Ok(Selection { picks: vec![Pick { flavor, video, audio, ..Pick::default() }] })
    }

    fn flavor(&self, number: Option<u32>) -> Result<&'a Flavor> {
        let count = self.flavors.len();
        let place = match number {
            None if count == 1 => 0,
            Some(number @ 1..) => number as usize - 1,
            _ => {
                return Err(Error::invalid(format!(
                    "the name says none of the URL's {count} flavors: f1 is the first"
                )));
            }
        };
        let missing = || Error::new(Kind::NotFound, format!("the URL names {count} flavors, and not f{}", place + 1));
        self.flavors.get(place).copied().ok_or_else(missing)
    }

    fn cut(&self, of: &Selection, container: Container) -> Result<Cut> {
        let mut strands = Vec::new();
        if of.picks.iter().any(|pick| pick.silence.is_some()) {
            return Err(Error::invalid("silence has no playlist, and goes with no track"));
        }
        for pick in &of.picks {
            let source = &self.flavor(pick.flavor)?.source;
            let video = pick.video.map(|number| TrackPick::Video(number.max(1)));
            let audio = pick.audio.map(|number| TrackPick::Audio(number.max(1)));
            strands.extend(video.into_iter().chain(audio).map(|track| Strand { source: source.clone(), track }));
        }
        let videos = strands.iter().filter(|strand| matches!(strand.track, TrackPick::Video(_))).count();
        let is_allowed = match container {
            Container::Fmp4 => strands.len() == 1,
            Container::Ts => (1..=2).contains(&strands.len()) && videos <= 1 && strands.len() - videos <= 1,
        };
        if !is_allowed {
            let message = match container {
                Container::Fmp4 => "an fMP4 segment has one track: name it, as in seg-1-v1.m4s or seg-1-a1.m4s",
                Container::Ts => {
                    "a TS segment has one track of pictures and one of sound at most, as in seg-1-v1-a1.ts"
                }
            };
            return Err(Error::invalid(message));
        }
        Ok(Cut { strands, container, window: self.of.window, pace: self.policy.playback.pace.clone() })
    }

    fn presentation(&self, protocol: Protocol) -> Result<Work> {
        if self.flavors.is_empty() {
            let format = if protocol == Protocol::Hls { Format::Hls } else { Format::Dash };
            let chosen = choice::choose(self.entry, self.known, &Choice::default(), &format)?;
            let flavors: Vec<_> = chosen.iter().map(|candidate| candidate.flavor).collect();
            return self.presentation_of(protocol, &flavors);
        }
        self.presentation_of(protocol, &self.flavors)
    }

    fn presentation_of(&self, protocol: Protocol, flavors: &[&Flavor]) -> Result<Work> {
        let is_beside = self.flavors.len() == flavors.len();
        let apart = flavors.iter().map(|flavor| {
            // The URL does not name what it shows, or names more: each has a place of its own.
            let place = Place {
                protocol: Some(self.protocol),
                container: self.container(),
                partner: self.entry.partner,
                entry: &self.entry.id,
                window: self.of.window,
                sequence: &self.of.sequence,
                version: &version(&flavor.source, &self.policy.playback.pace),
                of: ("flavorId", flavor.id.as_str()),
                file_name: None,
                extension: extension(&flavor.source).unwrap_or("mp4"),
            };
            reel(flavor, format!("{place}/").into(), None)
        });
        let reels = if is_beside { beside(flavors) } else { apart.collect() };
        let texts = (1u32..).zip(&self.entry.captions).map(|(number, caption)| text(caption, "".into(), number));
        Ok(Work::Presentation(Box::new(Presentation {
            protocol,
            container: self.container(),
            reels,
            texts: texts.collect(),
            window: self.of.window,
            pace: self.policy.playback.pace.clone(),
            default_audio: None,
            base: None,
        })))
    }

    fn caption(&self, of: &Selection, number: Option<u32>, is_playlist: bool) -> Result<(Work, Freshness)> {
        let place = caption_pick(of).unwrap_or(1).max(1) as usize - 1;
        let (caption, is_versioned) = match &self.of.caption {
            Some(Versioned { id, version }) => {
                let found = self.entry.captions.iter().find(|caption| caption.id == *id).filter(|_| place == 0);
                let missing = || Error::new(Kind::NotFound, format!("the entry has no caption file {id:?}"));
                let caption = found.ok_or_else(missing)?;
                (caption, self.is_current(version.as_deref(), &caption.source)?)
            }
            None => {
                let count = self.entry.captions.len();
                let missing = || {
                    Error::new(Kind::NotFound, format!("the entry has {count} caption files, and not s{}", place + 1))
                };
                (self.entry.captions.get(place).ok_or_else(missing)?, false)
            }
        };
        let pace = self.policy.playback.pace.clone();
        let (container, window, length) = (self.container(), self.of.window, self.length());
        let freshness = if is_versioned { IMMUTABLE } else { Freshness::Public(self.policy.playback.max_age) };
        let work = match is_playlist {
            true => Work::CaptionList { of: of.clone(), length, pace },
            false => {
                Work::Cues(Box::new(Cues { source: caption.source.clone(), number, length, container, window, pace }))
            }
        };
        Ok((work, freshness))
    }

    /// How long the entry's longest flavor is presented.
    fn length(&self) -> Micros {
        let durations = self.known.iter().filter_map(|(_, facts)| facts.as_ref().ok()).map(|facts| facts.duration);
        let end = durations.max().unwrap_or_default();
        let end = self.of.window.to.map_or(end, |to| to.min(end));
        Micros((end.0 - self.of.window.from.0).max(0))
    }
}

fn pictures_of(of: &Selection) -> Result<Selection> {
    let pick = of.picks.iter().find(|pick| pick.video.is_some());
    let pick =
        pick.ok_or_else(|| Error::invalid("keyframes are of pictures: name their track, as in iframes-v1.m3u8"))?;
    Ok(Selection { picks: vec![Pick { audio: None, caption: None, ..*pick }] })
}
