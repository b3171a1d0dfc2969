//! The manifest of DASH as text (ISO/IEC 23009-1).

mod describe;
mod xml;

use self::xml::Element;
use super::name::{File, Form, Selection};
use super::offer::{Caption, Offer, Sound, Video};
use super::rendition::{Access, Rendition, VideoRange};
use crate::media::time::{Micros, Timescale};

/// All that an entry offers, with the same segments as HLS. Names of files are relative to `base`, or to the manifest.
pub fn manifest(offer: &Offer<'_>, base: Option<&str>) -> String {
    let part = Part::new(offer);
    let period = Element::new("Period").with("id", 0).with("start", "PT0S");
    let document = document(std::slice::from_ref(&part));
    document.children(base.map(|base| Element::new("BaseURL").holding(base))).child(part.fill(period)).document()
}

/// What several entries offer, one after the other. Names of the files of each are relative to the base beside it.
pub fn periods(offers: &[(Offer<'_>, &str)]) -> String {
    let parts: Vec<_> = offers.iter().map(|(offer, _)| Part::new(offer)).collect();
    let mut start = Micros(0);
    let mut periods = Vec::with_capacity(parts.len());
    for (id, (part, (_, base))) in parts.iter().zip(offers).enumerate() {
        let length = part.duration();
        let period = Element::new("Period").with("id", id).with("start", seconds(start));
        let period = period.with("duration", seconds(length)).child(Element::new("BaseURL").holding(base));
        periods.push(part.fill(period));
        start = Micros(start.0.saturating_add(length.0));
    }
    document(&parts).children(periods).document()
}

/// The manifest of some parts, without any.
fn document(parts: &[Part<'_>]) -> Element {
    let renditions = || parts.iter().flat_map(Part::renditions);
    let supplements = renditions().any(|rendition| rendition.supplemental.is_some());
    let duration = parts.iter().fold(Micros(0), |sum, part| Micros(sum.0.saturating_add(part.duration().0)));
    Element::new("MPD")
        .with("xmlns", "urn:mpeg:dash:schema:mpd:2011")
        .some("xmlns:scte214", supplements.then_some("urn:scte:dash:scte214-extensions"))
        .with("profiles", "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019")
        .with("type", "static")
        .with("mediaPresentationDuration", seconds(duration))
        .with("minBufferTime", seconds(renditions().map(longest).max().unwrap_or_default()))
}

/// What fills a period.
struct Part<'a> {
    offer: &'a Offer<'a>,
    sets: Vec<Set<'a>>,
}

impl<'a> Part<'a> {
    fn new(offer: &'a Offer<'a>) -> Part<'a> {
        Part { offer, sets: sets(offer) }
    }

    fn renditions(&self) -> impl Iterator<Item = &'a Rendition> + '_ {
        self.sets.iter().flat_map(|set| &set.members).map(|member| member.rendition)
    }

    fn duration(&self) -> Micros {
        let durations = self.renditions().map(|rendition| micros(rendition.duration, rendition.timescale));
        durations.max().unwrap_or_default()
    }

    /// The period with its adaptation sets.
    fn fill(&self, period: Element) -> Element {
        let Part { offer, sets } = self;
        let mut id = sets.len();
        let mut next = || {
            id += 1;
            id
        };
        let trick: Vec<_> = (1..).zip(sets).filter_map(|(main, set)| trick_play(set, main, &mut next)).collect();
        let captions: Vec<_> = offer.captions.iter().map(|caption| text(caption, next())).collect();
        let main = (0..sets.len()).map(|place| adaptation_set(sets, place, offer));
        period.children(main).children(trick).children(captions)
    }
}

/// Renditions that a player may switch between as one adaptation set, all coded alike.
struct Set<'a> {
    kind: Kind,
    coding: String,
    range: Option<VideoRange>,
    language: Option<&'a str>,
    label: Option<&'a str>,
    role: &'static str,
    members: Vec<Member<'a>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Video,
    Sound,
}

struct Member<'a> {
    of: Selection,
    rendition: &'a Rendition,
}

fn sets<'a>(offer: &'a Offer<'_>) -> Vec<Set<'a>> {
    let mut sets: Vec<Set<'a>> = Vec::new();
    let mut add = |set: Set<'a>| match sets.iter_mut().find(|other| other.is_like(&set)) {
        Some(other) => other.members.extend(set.members),
        None => sets.push(set),
    };
    offer.videos.iter().for_each(|video| add(Set::of_video(video)));
    let sounds: Vec<_> = offer.sounds.iter().collect();
    if let Some(main) = sounds.get(offer.begins_with(&sounds)) {
        sounds.iter().for_each(|sound| add(Set::of_sound(sound, main)));
    }
    sets
}

impl<'a> Set<'a> {
    fn of_video(video: &'a Video<'_>) -> Set<'a> {
        let rendition = video.rendition;
        Set {
            kind: Kind::Video,
            coding: rendition.coding(),
            range: rendition.pictures().map(|pictures| pictures.range()),
            language: None,
            label: None,
            role: "main",
            members: vec![Member { of: video.of.pictures(), rendition }],
        }
    }

    /// The set of a sound beside that of the one to begin with.
    fn of_sound(sound: &'a Sound<'_>, main: &Sound<'_>) -> Set<'a> {
        let rendition = sound.rendition;
        let role = match (sound.is_description, sound.language == main.language) {
            (true, _) => "description",
            (false, true) if sound.label == main.label => "main",
            (false, _) => "alternate",
        };
        Set {
            kind: Kind::Sound,
            coding: rendition.coding(),
            range: None,
            language: sound.language,
            label: sound.label.as_deref(),
            role,
            members: vec![Member { of: sound.of.clone(), rendition }],
        }
    }

    fn is_like(&self, other: &Set<'_>) -> bool {
        self.shows_the_same_as(other) && self.coding == other.coding
    }

    /// Whether both are the same content in the same range, coded differently perhaps.
    fn shows_the_same_as(&self, other: &Set<'_>) -> bool {
        let named = (self.role, self.language, self.label) == (other.role, other.language, other.label);
        named && self.kind == other.kind && self.range == other.range
    }

    fn lines_up(&self) -> bool {
        self.lines_up_with(self)
    }

    /// Whether all segments of both start together, so that a player may switch at each.
    fn lines_up_with(&self, other: &Set<'_>) -> bool {
        let mut all = self.members.iter().chain(&other.members);
        let Some(first) = all.next() else { return false };
        all.all(|member| line_up(first.rendition, member.rendition))
    }

    /// How all segments start: 1 or 3 (ISO/IEC 14496-12 annex I); `None` where that is not known.
    fn sap(&self) -> Option<u8> {
        let saps = self.members.iter().map(|member| match member.rendition.access {
            Access::Independent => Some(1),
            Access::Leading => Some(3),
            Access::Unknown => None,
        });
        saps.min_by_key(|sap| sap.map_or(0, |sap| 4 - sap)).flatten()
    }
}

/// Whether the segments of two renditions start together, but for less than a tick.
fn line_up(one: &Rendition, other: &Rendition) -> bool {
    let (fine, coarse) = (u128::from(one.timescale.get()), u128::from(other.timescale.get()));
    let near = |(a, b): (u64, u64)| (u128::from(a) * coarse).abs_diff(u128::from(b) * fine) <= fine.max(coarse);
    let starts = one.segments.iter().zip(&other.segments).map(|(one, other)| (one.start, other.start));
    one.segments.len() == other.segments.len() && starts.into_iter().all(near)
}

/// The set at a place among all; the ids of sets are their places from 1.
fn adaptation_set(sets: &[Set<'_>], place: usize, offer: &Offer<'_>) -> Element {
    let set = &sets[place];
    let is_video = set.kind == Kind::Video;
    let others = (1..).zip(sets).filter(|(id, other)| *id != place + 1 && other.shows_the_same_as(set));
    let switchable = others.filter(|(_, other)| set.lines_up_with(other)).map(|(id, _): (usize, _)| id.to_string());
    let switchable: Vec<_> = switchable.collect();
    let shared = set.members.iter().all(|member| {
        let first = &set.members[0].rendition;
        (&member.rendition.segments, member.rendition.timescale) == (&first.segments, first.timescale)
    });
    let switching = describe::supplemental("urn:mpeg:dash:adaptation-set-switching:2016", switchable.join(","));
    let element = Element::new("AdaptationSet").with("id", place + 1);
    let element = match is_video {
        true => describe::video_set(element, set, sets),
        false => describe::sound_set(element, set),
    };
    let element = element.children((!switchable.is_empty()).then_some(switching));
    let closed = offer.closed.as_deref().filter(|_| is_video).unwrap_or_default();
    let element = element
        .children(set.label.map(|label| Element::new("Label").holding(label)))
        .children(describe::closed(closed))
        .children((set.role == "description").then(describe::for_the_blind))
        .child(describe::role(set.role));
    let template = |member: &Member<'_>| segment_template(member, "init-$RepresentationID$.mp4", SEGMENTS);
    let element = element.children(set.members.first().filter(|_| shared).map(template));
    element.children(set.members.iter().map(|member| {
        let rate = member.rendition.rate(Form::M4s);
        let representation = describe::representation(member, member.of.to_string(), rate);
        let representation = describe::moving(representation, member.rendition);
        representation.children((!shared).then(|| template(member)))
    }))
}

const SEGMENTS: &str = "seg-$Number$-$RepresentationID$.m4s";

/// What fetches the segments of a rendition. Times of segments are those of the presentation, at which the edit list of the init
/// segment has left out what only fills a decoder: so there is no `presentationTimeOffset` (section 5.3.9.6).
fn segment_template(member: &Member<'_>, init: &str, media: &str) -> Element {
    let pieces = member.rendition.segments.iter().map(|segment| (segment.start, segment.duration));
    template(member.rendition.timescale, init, media).child(timeline(pieces))
}

fn template(timescale: Timescale, init: &str, media: &str) -> Element {
    Element::new("SegmentTemplate")
        .with("timescale", timescale.get())
        .with("initialization", init)
        .with("media", media)
        .with("startNumber", 1)
}

/// Pieces by start and length, runs of equal ones as one (section 5.3.9.6.2).
fn timeline(pieces: impl Iterator<Item = (u64, u64)>) -> Element {
    let mut runs: Vec<(Option<u64>, u64, u64)> = Vec::new();
    let mut expected = None;
    for (start, duration) in pieces {
        let stated = (expected != Some(start)).then_some(start);
        expected = start.checked_add(duration);
        match runs.last_mut() {
            Some((_, same, repeats)) if *same == duration && stated.is_none() => *repeats += 1,
            _ => runs.push((stated, duration, 0)),
        }
    }
    let runs = runs.into_iter().map(|(start, duration, repeats)| {
        Element::new("S").some("t", start).with("d", duration).some("r", (repeats > 0).then_some(repeats))
    });
    Element::new("SegmentTimeline").children(runs)
}

/// The keyframes of the smallest pictures of a set, for skimming (DASH-IF IOP 4.3 section 3.2.9); `None` where there are none.
fn trick_play(set: &Set<'_>, main: usize, next: impl FnOnce() -> usize) -> Option<Element> {
    let skimmable = set.members.iter().filter(|member| !member.rendition.keyframes.is_empty());
    let member =
        skimmable.min_by_key(|member| member.rendition.pictures().map_or(0, |pictures| pictures.shown.area()))?;
    let rendition = member.rendition;
    let pieces = rendition.keyframes.iter().map(|frame| (frame.start, frame.duration));
    // The ids of representations are unique in a period, so names are written out instead.
    let init = File::Init(member.of.clone()).to_string();
    let media = format!("iframe-$Number$-{}.m4s", member.of);
    let id = format!("{}-iframes", member.of);
    let essential = Element::new("EssentialProperty").with("schemeIdUri", "http://dashif.org/guidelines/trickmode");
    let element = Element::new("AdaptationSet")
        .with("id", next())
        .with("contentType", "video")
        .with("mimeType", "video/mp4")
        .with("segmentAlignment", true)
        .with("startWithSAP", 1)
        .child(essential.with("value", main))
        .child(template(rendition.timescale, &init, &media).child(timeline(pieces)));
    let representation = describe::representation(member, id, rendition.keyframe_rate(Form::M4s));
    Some(element.child(representation.with("codingDependency", false)))
}

fn text(caption: &Caption, id: usize) -> Element {
    let file = File::Subtitles(caption.of.clone()).to_string();
    let representation = Element::new("Representation").with("id", &caption.of).with("bandwidth", TEXT_RATE);
    Element::new("AdaptationSet")
        .with("id", id)
        .with("contentType", "text")
        .with("mimeType", Form::Vtt.content_type(&caption.of))
        .some("lang", caption.language.as_deref())
        .children(caption.label.as_deref().map(|label| Element::new("Label").holding(label)))
        .child(describe::role("subtitle"))
        .children(caption.is_default.then(|| describe::role("main")))
        .child(representation.child(Element::new("BaseURL").holding(&file)))
}

/// Bits a second of text, which are stated because they must be: fast speech.
const TEXT_RATE: u32 = 256;

fn longest(rendition: &Rendition) -> Micros {
    let ticks = rendition.segments.iter().map(|segment| segment.duration).max();
    micros(ticks.unwrap_or_default(), rendition.timescale)
}

/// Rounded up, so that nothing ends before its last picture does.
fn micros(ticks: u64, timescale: Timescale) -> Micros {
    let micros = (u128::from(ticks) * 1_000_000).div_ceil(timescale.get().into());
    Micros(micros.min(i64::MAX as u128) as i64)
}

/// A duration as XML Schema writes it.
fn seconds(length: Micros) -> String {
    format!("PT{length}S")
}
