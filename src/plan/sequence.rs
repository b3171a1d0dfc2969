//! Entries that play one after the other: what the documents of the last one tell of those before it.
//!
//! Nothing is cut anew: documents list the segments of each entry where they are without the others. What the last entry
//! offers is what is played; of each entry before it, the flavor is taken that goes best with the one of the last. An entry
//! without sound among entries with it is silent, one without the captions shows none, and one without pictures among
//! pictures is an error.

use std::cmp::Reverse;
use std::sync::Arc;

use super::choice::{self, Candidate};
use super::key::{Key, version};
use super::playback::{self, Cut, Presentation, Strand, TrackPick};
use super::{Decision, Freshness, Known, Plan, Policy, Work};
use crate::entry::{Caption, Entry, EntryKind, Flavor, Source};
use crate::error::{Code, Error, Kind, Result};
use crate::media::time::Micros;
use crate::packager::name::{File, Form, Pick, Selection};
use crate::packager::segments::Pace;
use crate::packager::timeline::Window;
use crate::packager::{Container, Protocol, language};
use crate::request::Request;
use crate::request::served::{Package, Place, urlset};

/// An entry with the facts of its flavors.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    /// The entry.
    pub entry: &'a Entry,
    /// What is known of its flavors.
    pub known: &'a [Known<'a>],
}

/// A playlist of several entries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Chain {
    /// What is played, in order; the last is of the entry asked for.
    pub clips: Vec<Clip>,
    /// Whether it lists keyframes alone.
    pub iframes: bool,
}

/// What an entry adds to a playlist.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Clip {
    /// Its segments.
    Cut {
        /// What is cut.
        cut: Cut,
        /// How file names call it.
        of: Selection,
        /// Where the segments are, with a slash at the end.
        place: Arc<str>,
    },
    /// Silence like the sound of the last entry.
    Silence {
        /// How long it is.
        length: Micros,
    },
}

/// What an entry adds to a playlist of captions.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Words {
    /// Where the segments are, with a slash at the end; `None` where the entry says nothing in this language.
    pub place: Option<Arc<str>>,
    /// How long the entry is.
    pub length: Micros,
}

/// What fills the place of sound or captions that an entry does not have; `None` for files of entries.
pub(super) fn filler(file: &File, pace: &Pace) -> Option<Work> {
    let silence = |of: &Selection| of.picks.iter().find_map(|pick| pick.silence);
    let (silence, number) = match file {
        File::Blank => {
            let media_type = "text/vtt; charset=utf-8";
            return Some(Work::Written { body: "WEBVTT\n\n".to_owned(), media_type });
        }
        File::Init(of) => (silence(of)?, None),
        File::Segment { number, of, form: Form::M4s } => (silence(of)?, Some(*number)),
        _ => return None,
    };
    Some(Work::Silence { silence, number, pace: pace.clone() })
}

/// What is decided for the last entry, with the entries before it.
pub(super) fn preceded(
    request: &Request,
    decision: Decision,
    before: &[Member<'_>],
    last: Member<'_>,
    policy: &Policy,
) -> Result<Decision> {
    let troupe = Troupe::new(before, last, &policy.playback.pace)?;
    let Decision::Make(plan) = decision else { return Ok(decision) };
    let work = match plan.work {
        Work::Playlist { cut, iframes, .. } => troupe.playlist(*cut, iframes)?,
        Work::CaptionList { length, pace, .. } => match request {
            Request::Package(package) => troupe.captions(package, length, pace)?,
            _ => return Err(Error::new(Kind::Internal, "a playlist of captions is a packager's")),
        },
        Work::Presentation(presentation) if presentation.protocol == Protocol::Dash => troupe.periods(*presentation)?,
        work => work,
    };
    let of_members = before.iter().flat_map(|member| member.known.iter().map(|(source, _)| source.modified));
    let updated = before.iter().map(|member| member.entry.updated);
    Ok(Decision::Make(Plan {
        key: Key::of(&work),
        work,
        modified: of_members.chain(updated).fold(plan.modified, u64::max),
        // The URL names no version of the other entries.
        freshness: match plan.freshness {
            Freshness::Immutable => Freshness::Public(policy.playback.max_age),
            freshness => freshness,
        },
        ..plan
    }))
}

/// The entries that play one after the other, with their flavors.
struct Troupe<'a> {
    before: Vec<Player<'a>>,
    last: Player<'a>,
    pace: &'a Pace,
}

struct Player<'a> {
    entry: &'a Entry,
    all: Vec<Candidate<'a>>,
}

/// What a flavor is taken for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sense {
    Sight,
    Hearing,
}

impl<'a> Troupe<'a> {
    fn new(before: &[Member<'a>], last: Member<'a>, pace: &'a Pace) -> Result<Troupe<'a>> {
        let player = |member: &Member<'a>| {
            Ok(Player { entry: member.entry, all: choice::candidates(member.entry, member.known)? })
        };
        let troupe = Troupe { before: before.iter().map(player).collect::<Result<_>>()?, last: player(&last)?, pace };
        let has_pictures = |player: &Player<'_>| player.all.iter().any(|candidate| !candidate.is_sound());
        for player in &troupe.before {
            let plays = matches!(player.entry.kind, EntryKind::Video | EntryKind::Audio) && !player.all.is_empty();
            if !plays || (has_pictures(&troupe.last) && !has_pictures(player)) {
                let message =
                    format!("entry {} of the sequence has no flavor that goes with the others", player.entry.id);
                return Err(Error::coded(Code::FlavorNotFound, message));
            }
        }
        Ok(troupe)
    }

    fn playlist(&self, cut: Cut, iframes: bool) -> Result<Work> {
        let mut clips = Vec::with_capacity(self.before.len() + 1);
        for player in &self.before {
            clips.push(self.clip(player, &cut)?);
        }
        clips.push(self.home(&self.last, cut)?);
        Ok(Work::Chain(Box::new(Chain { clips, iframes })))
    }

    /// What goes with a cut of the last entry.
    fn clip(&self, player: &Player<'a>, cut: &Cut) -> Result<Clip> {
        let mut strands = Vec::new();
        for strand in &cut.strands {
            let sense = match strand.track {
                TrackPick::Video(_) => Sense::Sight,
                TrackPick::Audio(_) => Sense::Hearing,
            };
            let flavor = self.last.all.iter().find(|candidate| candidate.flavor.source == strand.source);
            let companion = flavor.and_then(|flavor| player.companion(flavor, sense));
            strands.extend(companion.map(|found| Strand { source: found.flavor.source.clone(), track: strand.track }));
        }
        if strands.is_empty() {
            return Ok(Clip::Silence { length: player.length() });
        }
        let cut = Cut { strands, container: cut.container, window: Window::default(), pace: cut.pace.clone() };
        self.home(player, cut)
    }

    /// A cut at the place of its entry.
    fn home(&self, player: &Player<'a>, cut: Cut) -> Result<Clip> {
        let mut flavors: Vec<&Flavor> = Vec::new();
        let mut picks: Vec<Pick> = Vec::new();
        for strand in &cut.strands {
            let flavor = player.flavor(&strand.source)?;
            let place = flavors.iter().position(|other| other.id == flavor.id).unwrap_or_else(|| {
                flavors.push(flavor);
                picks.push(Pick { flavor: Some(flavors.len() as u32), ..Pick::default() });
                flavors.len() - 1
            });
            match strand.track {
                TrackPick::Video(number) => picks[place].video = Some(number),
                TrackPick::Audio(number) => picks[place].audio = Some(number),
            }
        }
        if let [alone] = &mut picks[..] {
            alone.flavor = None;
        }
        let place = self.place(player.entry, Protocol::Hls, cut.container, cut.window, &flavors);
        Ok(Clip::Cut { cut, of: Selection { picks }, place })
    }

    /// Where the segments of flavors of an entry are, whatever they are played with.
    fn place(
        &self,
        entry: &Entry,
        protocol: Protocol,
        container: Container,
        window: Window,
        flavors: &[&Flavor],
    ) -> Arc<str> {
        let paths = flavors.iter().map(|flavor| {
            let place = Place {
                protocol: Some(protocol),
                container,
                partner: entry.partner,
                entry: &entry.id,
                window,
                sequence: &[],
                version: &version(&flavor.source, self.pace),
                of: ("flavorId", flavor.id.as_str()),
                file_name: None,
                extension: playback::extension(&flavor.source).unwrap_or("mp4"),
            };
            place.to_string()
        });
        format!("{}/", urlset(&paths.collect::<Vec<_>>())).into()
    }

    fn captions(&self, package: &Package, length: Micros, pace: Pace) -> Result<Work> {
        let of = match &package.file {
            File::Playlist(of) => of,
            _ => return Err(Error::new(Kind::Internal, "a playlist of captions is a playlist")),
        };
        let captions = &self.last.entry.captions;
        let caption = match &package.of.caption {
            Some(named) => captions.iter().find(|caption| caption.id == named.id),
            None => captions.get(playback::caption_pick(of).unwrap_or(1).max(1) as usize - 1),
        };
        let caption = caption.ok_or_else(|| Error::new(Kind::NotFound, "the entry has no such caption file"))?;
        let container = package.of.container.unwrap_or_default();
        let mut words: Vec<Words> = Vec::with_capacity(self.before.len() + 1);
        for player in &self.before {
            let same = player.entry.captions.iter().find(|other| speaks_alike(other, caption));
            let place = same.map(|same| self.words_at(player.entry, same, container, Window::default()));
            words.push(Words { place, length: player.length() });
        }
        let place = self.words_at(self.last.entry, caption, container, package.of.window);
        words.push(Words { place: Some(place), length });
        Ok(Work::CaptionChain { words, pace })
    }

    fn words_at(&self, entry: &Entry, caption: &Caption, container: Container, window: Window) -> Arc<str> {
        let place = Place {
            protocol: Some(Protocol::Hls),
            container,
            partner: entry.partner,
            entry: &entry.id,
            window,
            sequence: &[],
            version: &version(&caption.source, self.pace),
            of: ("captionId", &caption.id),
            file_name: None,
            extension: "vtt",
        };
        format!("{place}/").into()
    }

    /// A manifest of a period each.
    fn periods(&self, last: Presentation) -> Result<Work> {
        let mut flavors = Vec::with_capacity(last.reels.len());
        for reel in &last.reels {
            flavors.push(self.last.flavor(&reel.source)?);
        }
        let mut periods = Vec::with_capacity(self.before.len() + 1);
        for player in &self.before {
            let mut found: Vec<&Flavor> = Vec::new();
            for flavor in &flavors {
                let leader = self.last.all.iter().find(|candidate| candidate.flavor.id == flavor.id);
                let Some(leader) = leader else { continue };
                let sense = if leader.is_sound() { Sense::Hearing } else { Sense::Sight };
                let companion = player.companion(leader, sense).map(|companion| companion.flavor);
                found.extend(companion.filter(|one| found.iter().all(|other| other.id != one.id)));
            }
            let is_told = |caption: &&Caption| {
                last.texts.iter().any(|text| language::tag(&text.language) == language::tag(&caption.language))
            };
            let texts = (1u32..).zip(&player.entry.captions).filter(|(_, caption)| is_told(caption));
            periods.push(Presentation {
                reels: playback::beside(&found),
                texts: texts.map(|(number, caption)| playback::text(caption, "".into(), number)).collect(),
                window: Window::default(),
                base: Some(self.place(player.entry, Protocol::Dash, Container::Fmp4, Window::default(), &found)),
                ..last.clone()
            });
        }
        let base = self.place(self.last.entry, Protocol::Dash, Container::Fmp4, last.window, &flavors);
        periods.push(Presentation { base: Some(base), ..last });
        Ok(Work::Periods(periods))
    }
}

impl<'a> Player<'a> {
    fn flavor(&self, source: &Source) -> Result<&'a Flavor> {
        let found = self.entry.flavors.iter().find(|flavor| flavor.source == *source);
        found.ok_or_else(|| Error::new(Kind::Internal, "a file of another entry is played"))
    }

    /// How long its longest flavor is.
    fn length(&self) -> Micros {
        self.all.iter().map(|candidate| candidate.facts.duration).max().unwrap_or_default()
    }

    /// The flavor that goes with one of another entry: made by the same profile, else of the same language where it is heard,
    /// with the most tags in common and the fewest others, of the nearest size and bitrate.
    fn companion(&self, leader: &Candidate<'_>, sense: Sense) -> Option<&Candidate<'a>> {
        let fit = self.all.iter().filter(|candidate| match sense {
            Sense::Sight => !candidate.is_sound(),
            Sense::Hearing => candidate.facts.has_audio,
        });
        fit.max_by_key(|candidate| {
            let (ours, theirs) = (candidate.flavor, leader.flavor);
            let common = ours.tags.iter().filter(|tag| theirs.tags.contains(tag)).count();
            let spoken = |flavor: &Flavor| flavor.language.as_deref().and_then(language::tag);
            let area = |of: &Candidate<'_>| of.size().area();
            (
                ours.params_id.is_some() && ours.params_id == theirs.params_id,
                sense == Sense::Hearing && spoken(ours) == spoken(theirs),
                candidate.is_sound() == leader.is_sound(),
                common,
                Reverse(ours.tags.len() - common),
                Reverse(area(candidate).abs_diff(area(leader))),
                Reverse(candidate.bitrate.abs_diff(leader.bitrate)),
            )
        })
    }
}

fn speaks_alike(one: &Caption, other: &Caption) -> bool {
    language::tag(&one.language) == language::tag(&other.language)
}
