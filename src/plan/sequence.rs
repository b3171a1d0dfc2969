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
use super::seal::Stretch;
use super::{Decision, Freshness, Known, Plan, Policy, Work};
use crate::access::Grant;
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
    /// How much of it the client may have.
    pub grant: Grant<'a>,
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
    let (silence, number, container) = match file {
        File::Blank => {
            let media_type = "text/vtt; charset=utf-8";
            return Some(Work::Written { body: "WEBVTT\n\n".to_owned(), media_type });
        }
        File::Init(of) => (silence(of)?, None, Container::Fmp4),
        File::Segment { number, of, form: Form::M4s } => (silence(of)?, Some(*number), Container::Fmp4),
        File::Segment { number, of, form: Form::Ts } => (silence(of)?, Some(*number), Container::Ts),
        _ => return None,
    };
    Some(Work::Silence { silence, number, container, pace: pace.clone() })
}

/// What will be done where other entries play before that of `last`, for which `decision` is made.
pub fn preceded(
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
    grant: Grant<'a>,
}

/// How segments are fetched.
#[derive(Clone, Copy)]
struct Way {
    protocol: Protocol,
    container: Container,
    window: Window,
}

impl Way {
    fn dash(window: Window) -> Way {
        Way { protocol: Protocol::Dash, container: Container::Fmp4, window }
    }
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
            let all = choice::candidates(member.entry, member.known)?;
            Ok(Player { entry: member.entry, all, grant: member.grant })
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
        let way = Way { protocol: Protocol::Hls, container: cut.container, window: cut.window };
        let place = self.place(player, way, &flavors);
        Ok(Clip::Cut { cut, of: Selection { picks }, place })
    }

    /// Where the segments of flavors of an entry are, whatever they are played with.
    fn place(&self, player: &Player<'_>, way: Way, flavors: &[&Flavor]) -> Arc<str> {
        let entry = player.entry;
        let token = Stretch { entry: &entry.id, window: way.window, sequence: &[] }.of_flavors(player.grant, flavors);
        let paths = flavors.iter().map(|flavor| {
            let place = Place {
                protocol: Some(way.protocol),
                container: way.container,
                partner: entry.partner,
                entry: &entry.id,
                window: way.window,
                sequence: &[],
                token: token.as_deref(),
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
            let place = same.map(|same| self.words_at(player, same, container, Window::default()));
            words.push(Words { place, length: player.length() });
        }
        let place = self.words_at(&self.last, caption, container, package.of.window);
        words.push(Words { place: Some(place), length });
        Ok(Work::CaptionChain { words, pace })
    }

    fn words_at(&self, player: &Player<'_>, caption: &Caption, container: Container, window: Window) -> Arc<str> {
        let entry = player.entry;
        let token = Stretch { entry: &entry.id, window, sequence: &[] }.of_caption(player.grant, &caption.id);
        let place = Place {
            protocol: Some(Protocol::Hls),
            container,
            partner: entry.partner,
            entry: &entry.id,
            window,
            sequence: &[],
            token: token.as_deref(),
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
                base: Some(self.place(player, Way::dash(Window::default()), &found)),
                ..last.clone()
            });
        }
        let base = self.place(&self.last, Way::dash(last.window), &flavors);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{EntryId, FlavorId, PartnerId};
    use crate::media::picture::Size;
    use crate::media::{Facts, PictureFacts};

    fn source(location: &str) -> Source {
        Source { location: location.into(), size: 1, modified: 500, version: "v".into() }
    }

    fn caption(id: &str, language: &str) -> Caption {
        let source = source(id);
        Caption {
            id: id.to_owned(),
            params_id: None,
            language: language.to_owned(),
            label: None,
            is_default: false,
            source,
        }
    }

    /// A flavor by its name, profile, tags between blanks, and language.
    fn flavor(id: &str, params_id: Option<i64>, tags: &str, language: Option<&str>) -> Flavor {
        Flavor {
            id: FlavorId::new(id).unwrap(),
            params_id,
            tags: tags.split_whitespace().map(str::to_owned).collect(),
            bitrate: None,
            language: language.map(str::to_owned),
            label: None,
            is_default: false,
            is_original: false,
            source: source(&format!("{id}.mp4")),
        }
    }

    fn entry(id: &str, flavors: Vec<Flavor>, captions: Vec<Caption>) -> Entry {
        Entry {
            partner: PartnerId(7),
            name: id.to_owned(),
            flavors,
            captions,
            ..Entry::new(EntryId::new(id).unwrap(), EntryKind::Video)
        }
    }

    /// Facts of each flavor by its height, zero for sound alone; heights that are odd are without sound.
    fn known<'a>(entry: &'a Entry, heights: &[u32]) -> Vec<Known<'a>> {
        let facts = heights.iter().map(|height| {
            let shown = Size { width: height * 16 / 9, height: *height };
            let picture = PictureFacts { shown, last_frame: Micros(0), frames: 1, halvings: 0 };
            let (picture, has_audio) = ((*height > 0).then_some(picture), height % 2 == 0);
            let bitrate = u64::from(*height) * 1000 + 64_000;
            Ok(Arc::new(Facts { duration: Micros(2_500_000), bitrate, picture, has_audio }))
        });
        entry.flavors.iter().map(|flavor| &flavor.source).zip(facts).collect()
    }

    /// What `target` comes to with one entry before it.
    fn decided(target: &str, before: (&Entry, &[u32]), last: (&Entry, &[u32])) -> Result<Plan> {
        let policy = crate::deliver::Config::default().policy;
        let request = crate::request::parse(target).unwrap()?;
        let known_before = known(before.0, before.1);
        let known_last = known(last.0, last.1);
        let client = Default::default();
        let decision = crate::plan::plan(&request, last.0, &known_last, Grant::FULL, client, &policy)?;
        let before = [Member { entry: before.0, known: &known_before, grant: Grant::FULL }];
        let last_member = Member { entry: last.0, known: &known_last, grant: Grant::FULL };
        match preceded(&request, decision, &before, last_member, &policy)? {
            Decision::Make(plan) => Ok(plan),
            Decision::Redirect { location, .. } => panic!("a redirect to {location}"),
        }
    }

    const PLACE: &str = "/hls/p/7/serveFlavor/entryId/0_main/clipTo/1000/sequence/0_ad";

    /// Which file of the entry before goes with flavor `of` of the main one.
    #[track_caller]
    fn check_companion(of: &str, track: &str, flavors: Vec<(Flavor, u32)>, expected: Option<&str>) {
        let all = vec![
            flavor("big", Some(7), "a b", None),
            flavor("small", Some(5), "", None),
            flavor("told", None, "", Some("en")),
        ];
        let main = entry("0_main", all, Vec::new());
        let (flavors, heights): (Vec<_>, Vec<_>) = flavors.into_iter().unzip();
        let ad = entry("0_ad", flavors, Vec::new());
        let target = format!("{PLACE}/flavorId/{of}/name/a.mp4/index-{track}.m3u8");
        let plan = decided(&target, (&ad, &heights), (&main, &[720, 180, 0])).unwrap();
        assert_eq!(plan.freshness, Freshness::Public(600));
        let Work::Chain(chain) = plan.work else { panic!("{}", plan.work) };
        let found = match &chain.clips[..] {
            [Clip::Cut { cut, .. }, Clip::Cut { cut: last, place, .. }] => {
                assert_eq!((cut.window, last.window.to), (Window::default(), Some(Micros(1_000_000))));
                assert!(place.contains("/clipTo/1000/v/") && !place.contains("sequence"), "{place}");
                Some(cut.strands[0].source.location.to_string())
            }
            [Clip::Silence { length: Micros(2_500_000) }, Clip::Cut { .. }] => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(found.as_deref(), expected);
    }

    #[test]
    fn flavors_that_go_together() {
        let plain = |id: &str, height| (flavor(id, None, "", None), height);
        check_companion("big", "v1", vec![plain("x", 720), (flavor("y", Some(7), "", None), 90)], Some("y.mp4"));
        check_companion("big", "v1", vec![plain("x", 720), (flavor("y", None, "b", None), 90)], Some("y.mp4"));
        let tagged = |id: &str, tags: &str| (flavor(id, None, tags, None), 90);
        check_companion("big", "v1", vec![tagged("x", "a b c"), tagged("y", "a b")], Some("y.mp4"));
        check_companion("big", "v1", vec![plain("x", 360), plain("y", 700), plain("z", 1080)], Some("y.mp4"));
        check_companion("small", "v1", vec![plain("x", 360), plain("y", 700)], Some("x.mp4"));
        check_companion("told", "a1", vec![plain("x", 720), plain("y", 0)], Some("y.mp4"));
        let spoken = |id: &str, language| (flavor(id, None, "", Some(language)), 720);
        check_companion("told", "a1", vec![spoken("x", "de"), spoken("y", "eng"), plain("z", 0)], Some("y.mp4"));
        check_companion("told", "a1", vec![plain("x", 721)], None);
    }

    #[test]
    fn pictures_that_are_missing() {
        let main = entry("0_main", vec![flavor("big", None, "", None)], Vec::new());
        let ad = entry("0_ad", vec![flavor("x", None, "", None)], Vec::new());
        let target = format!("{PLACE}/flavorId/big/name/a.mp4/index-v1.m3u8");
        let error = decided(&target, (&ad, &[0]), (&main, &[720])).unwrap_err();
        assert_eq!(error.code(), Some(Code::FlavorNotFound));
    }

    #[test]
    fn captions_of_the_same_language() {
        let flavors = || vec![flavor("big", None, "", None)];
        let main = entry("0_main", flavors(), vec![caption("one", "en"), caption("two", "fr")]);
        let ad = entry("0_ad", flavors(), vec![caption("three", "fra")]);
        for (name, expected) in [("one", false), ("two", true)] {
            let target = format!("{PLACE}/captionId/{name}/name/a.vtt/index-s1.m3u8");
            let plan = decided(&target, (&ad, &[720]), (&main, &[720])).unwrap();
            let Work::CaptionChain { words, .. } = plan.work else { panic!("{}", plan.work) };
            let lengths: Vec<_> = words.iter().map(|words| words.length.0).collect();
            assert_eq!((words[0].place.is_some(), lengths), (expected, vec![2_500_000, 1_000_000]), "{name}");
        }
    }

    #[test]
    fn keys_follow_the_entries() {
        let main = entry("0_main", vec![flavor("big", None, "", None)], Vec::new());
        let (one, other) = (flavor("x", None, "", None), flavor("y", None, "", None));
        for file in ["index-v1.m3u8", "iframes-v1.m3u8", "manifest.mpd"] {
            let key = |flavor: &Flavor| {
                let ad = entry("0_ad", vec![flavor.clone()], Vec::new());
                let target = format!("{PLACE}/flavorId/big/name/a.mp4/{file}");
                decided(&target, (&ad, &[720]), (&main, &[720])).unwrap().key
            };
            assert_eq!(key(&one), key(&one), "{file}");
            assert_ne!(key(&one), key(&other), "{file}");
        }
    }
}
