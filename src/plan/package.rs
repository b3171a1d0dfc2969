//! What answers a packager's URL and that of a stored file: what it names is found, and what is to be made of it decided.

use super::choice;
use super::key::{is_current, version};
use super::playback::{
    Cues, Cut, Presentation, Strand, TrackPick, beside, caption_pick, check_window, decided, extension, names_tracks,
    reel, text, with_tracks,
};
use super::seal::Stretch;
use super::{Decision, Freshness, Known, Plan, Policy, Work, filename, sequence};
use crate::access::Grant;
use crate::entry::{Entry, Flavor};
use crate::error::{Code, Error, Kind, Result};
use crate::media::time::Micros;
use crate::packager::name::{File, Form, Pick, Selection};
use crate::packager::{Container, Protocol};
use crate::request::playback::{Choice, Format};
use crate::request::served::{Package, Place, Served, Versioned, urlset};

/// What an answer under a versioned URL may be kept for: a year, as long as HTTP caches take seriously.
const IMMUTABLE: Freshness = Freshness::Immutable;

/// What answers a packager's URL.
pub(super) fn plan(
    package: &Package,
    entry: &Entry,
    known: &[Known<'_>],
    grant: Grant<'_>,
    policy: &Policy,
) -> Result<Decision> {
    let counter = Counter { grant, ..Counter::new(&package.of, package.protocol, entry, known, policy)? };
    let (work, freshness) = counter.work(&package.file)?;
    let freshness = match work {
        // It tells of captions and names too, which change without the version of any flavor.
        Work::Presentation(_) => Freshness::Public(policy.playback.max_age),
        _ => freshness,
    };
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
    // The name that it was given by us, before URLs took its letters.
    let own = filename::of_flavor(entry, flavor);
    let own = |given: &String| if *given == filename::safe(&own) { own.clone() } else { given.clone() };
    let (attachment, failure) = (asked.file_name.as_ref().map(own), Some(Code::FileNotFound));
    Ok(Decision::Make(Plan { attachment, failure, ..plan }))
}

/// A URL beneath a packager, with what it names found.
struct Counter<'a> {
    of: &'a Served,
    protocol: Protocol,
    entry: &'a Entry,
    known: &'a [Known<'a>],
    policy: &'a Policy,
    grant: Grant<'a>,
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
        let mut counter =
            Counter { of, protocol, entry, known, policy, grant: Grant::FULL, flavors: Vec::new(), is_versioned: true };
        for named in &of.flavors {
            let found = entry.flavors.iter().find(|flavor| flavor.id == named.id);
            let missing =
                || Error::coded(Code::FlavorNotFound, format!("the entry has no flavor {}", named.id.as_str()));
            let flavor = found.ok_or_else(missing)?;
            counter.is_versioned &= is_current(named.version.as_deref(), &flavor.source, &policy.playback.pace)?;
            counter.flavors.push(flavor);
        }
        if of.flavors.is_empty() {
            counter.is_versioned = false;
            let named = |flavor: &&Flavor| flavor.params_id.is_some_and(|id| of.params.contains(&id));
            counter.flavors = entry.flavors.iter().filter(named).collect();
        }
        Ok(counter)
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
            _ if count == 0 => return Err(Error::new(Kind::NotFound, "the URL names no flavor of the entry")),
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
        // Where the URL does not name what it shows, or names more, that has a place of its own: each flavor in HLS, all of
        // them in DASH, whose addresses are built of one pattern.
        let (reels, base) = match protocol {
            _ if self.flavors.len() == flavors.len() => (beside(flavors), None),
            Protocol::Hls => {
                let reels = flavors
                    .iter()
                    .map(|flavor| reel(flavor, format!("{}/", self.place(flavor, &[flavor])).into(), None));
                (reels.collect(), None)
            }
            Protocol::Dash => {
                let places: Vec<String> = flavors.iter().map(|flavor| self.place(flavor, flavors)).collect();
                (beside(flavors), Some(format!("{}/", urlset(&places)).into()))
            }
        };
        let captions = self.entry.captions.iter().filter(|_| self.of.captions);
        let texts = (1u32..).zip(captions).map(|(number, caption)| text(caption, "".into(), number));
        Ok(Work::Presentation(Box::new(Presentation {
            protocol,
            container: self.container(),
            reels,
            texts: texts.collect(),
            window: self.of.window,
            pace: self.policy.playback.pace.clone(),
            default_audio: self.of.default_audio.clone(),
            base,
            tracks: self.of.tracks.clone(),
            is_entrance: false,
        })))
    }

    /// Where the files of a flavor are, in a URL that names it alone or together with others.
    fn place(&self, flavor: &Flavor, together: &[&Flavor]) -> String {
        let stretch = Stretch { entry: &self.entry.id, window: self.of.window, sequence: &self.of.sequence };
        let token = stretch.of_flavors(self.grant, together);
        let place = Place {
            protocol: Some(self.protocol),
            container: self.container(),
            partner: self.entry.partner,
            entry: &self.entry.id,
            window: self.of.window,
            sequence: &self.of.sequence,
            token: token.as_deref(),
            version: &version(&flavor.source, &self.policy.playback.pace),
            of: ("flavorId", flavor.id.as_str()),
            file_name: None,
            extension: extension(&flavor.source).unwrap_or("mp4"),
        };
        with_tracks(&place, &self.of.tracks)
    }

    fn caption(&self, of: &Selection, number: Option<u32>, is_playlist: bool) -> Result<(Work, Freshness)> {
        let place = caption_pick(of).unwrap_or(1).max(1) as usize - 1;
        let (caption, is_versioned) = match &self.of.caption {
            Some(Versioned { id, version }) => {
                let found = self.entry.captions.iter().find(|caption| caption.id == *id).filter(|_| place == 0);
                let missing = || Error::new(Kind::NotFound, format!("the entry has no caption file {id:?}"));
                let caption = found.ok_or_else(missing)?;
                (caption, is_current(version.as_deref(), &caption.source, &self.policy.playback.pace)?)
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
