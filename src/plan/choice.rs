//! Which flavors of an entry are played, and in which order.

use super::{Known, facts};
use crate::entry::{Entry, Flavor};
use crate::error::{Code, Error, Result};
use crate::media::Facts;
use crate::media::picture::Size;
use crate::request::playback::{Choice, Company, Format};

/// A flavor that can be played, with what is known of it.
#[derive(Clone, Debug)]
pub(super) struct Candidate<'a> {
    pub(super) flavor: &'a Flavor,
    pub(super) facts: &'a Facts,
    /// kbit/s, as the library or the file says.
    pub(super) bitrate: u32,
}

/// Marks a flavor that only has sound for another one.
const ALT_AUDIO: &str = "alt_audio";
/// Marks a flavor without pictures.
const AUDIO_ONLY: &str = "audio_only";
/// Marks a flavor that is never left out for another one like it.
const WATERMARK: &str = "watermark";

/// The levels of tags that a format prefers, best first; each is a list of which one will do.
fn levels(format: &Format) -> &'static [&'static [&'static str]] {
    match format {
        Format::Dash => &[&["dash"], &["ipadnew", "iphonenew"], &["ipad", "iphone"]],
        Format::Hls => &[&["applembr"], &["ipadnew", "iphonenew"], &["ipad", "iphone"]],
        Format::Url | Format::Download | Format::Other(_) => &[&["mbr"], &["web"]],
    }
}

impl Candidate<'_> {
    pub(super) fn is_tagged(&self, tag: &str) -> bool {
        self.flavor.tags.iter().any(|given| given == tag)
    }

    /// A flavor that nobody tagged is fit for everything.
    fn bears(&self, level: &[impl AsRef<str>]) -> bool {
        self.flavor.tags.is_empty() || level.iter().any(|tag| self.is_tagged(tag.as_ref()))
    }

    /// Its size as shown; nothing for sound.
    pub(super) fn size(&self) -> Size {
        self.facts.picture.map(|picture| picture.shown).unwrap_or_default()
    }

    /// Whether it has sound and no pictures.
    pub(super) fn is_sound(&self) -> bool {
        self.facts.picture.is_none()
    }
}

/// The flavors that `choice` comes to, in the order of the answer. Fails with `FLAVOR_NOT_FOUND` where none is left.
pub(super) fn choose<'a>(
    entry: &'a Entry,
    known: &'a [Known<'a>],
    choice: &Choice,
    format: &Format,
) -> Result<Vec<Candidate<'a>>> {
    let all = candidates(entry, known)?;
    let mut chosen = by_name(&all, entry, choice).unwrap_or_else(|| by_tags(&all, choice, format));
    let is_adaptive = matches!(format, Format::Hls | Format::Dash);
    if is_adaptive && choice.company == Company::All && !chosen.is_empty() {
        let is_new = |extra: &&Candidate<'_>| chosen.iter().all(|other| other.flavor.id != extra.flavor.id);
        let extra: Vec<_> = all.iter().filter(|other| other.is_tagged(ALT_AUDIO)).filter(is_new).cloned().collect();
        chosen.extend(extra);
    }
    within(&mut chosen, choice);
    if !is_adaptive {
        chosen.truncate(1);
    }
    thin_out(&mut chosen);
    sort(&mut chosen, choice, format);
    if chosen.is_empty() {
        return Err(Error::coded(Code::FlavorNotFound, "the entry has no flavor that answers this"));
    }
    Ok(chosen)
}

/// All flavors that can be read, by ascending bitrate.
pub(super) fn candidates<'a>(entry: &'a Entry, known: &'a [Known<'a>]) -> Result<Vec<Candidate<'a>>> {
    let (mut all, mut fault) = (Vec::with_capacity(entry.flavors.len()), None);
    for flavor in &entry.flavors {
        match facts(known, &flavor.source) {
            Ok(facts) if facts.picture.is_some() || facts.has_audio => {
                let kilobits = u32::try_from(facts.bitrate / 1000).unwrap_or(u32::MAX);
                all.push(Candidate { flavor, facts, bitrate: flavor.bitrate.unwrap_or(kilobits) });
            }
            Ok(_) => {}
            Err(error) => fault = Some(error),
        }
    }
    all.sort_by_key(|candidate| candidate.bitrate);
    match fault {
        Some(error) if all.is_empty() => Err(error.or_code(Code::FlavorNotFound)),
        _ => Ok(all),
    }
}

/// Those asked for by id or profile; `None` where none was, or none is there.
fn by_name<'a>(all: &[Candidate<'a>], entry: &Entry, choice: &Choice) -> Option<Vec<Candidate<'a>>> {
    let original = original(all, entry);
    let is_meant = |candidate: &&Candidate<'_>| {
        let flavor = candidate.flavor;
        let of_profile = |id: &i64| flavor.params_id == Some(*id) || (*id == 0 && original == Some(&flavor.id));
        choice.flavors.contains(&flavor.id) || (choice.flavors.is_empty() && choice.params.iter().any(of_profile))
    };
    let found: Vec<_> = all.iter().filter(is_meant).cloned().collect();
    (!found.is_empty()).then_some(found)
}

/// The flavor that was uploaded: the one that says so, else the one of the highest bitrate.
pub(super) fn original<'a>(all: &[Candidate<'a>], entry: &'a Entry) -> Option<&'a crate::entry::FlavorId> {
    let flagged = entry.flavors.iter().find(|flavor| flavor.is_original);
    flagged.or_else(|| all.last().map(|candidate| candidate.flavor)).map(|flavor| &flavor.id)
}

fn by_tags<'a>(all: &[Candidate<'a>], choice: &Choice, format: &Format) -> Vec<Candidate<'a>> {
    let of_level = |level: &dyn Fn(&Candidate<'_>) -> bool| {
        let found: Vec<_> = all.iter().filter(|candidate| level(candidate)).cloned().collect();
        (!found.is_empty()).then_some(found)
    };
    let found = match &choice.tags {
        Some(tags) => tags.iter().find_map(|tag| of_level(&|candidate| candidate.bears(&[tag]))),
        None => levels(format).iter().find_map(|level| of_level(&|candidate| candidate.bears(level))),
    };
    found.unwrap_or_default()
}

/// Leaves out pictures outside of the bitrates asked for, unless nothing would be left.
fn within(chosen: &mut Vec<Candidate<'_>>, choice: &Choice) {
    let range = choice.min_bitrate.unwrap_or(0)..=choice.max_bitrate.unwrap_or(u32::MAX);
    let stays = |candidate: &Candidate<'_>| {
        range.contains(&candidate.bitrate) || candidate.is_tagged(ALT_AUDIO) || candidate.is_tagged(AUDIO_ONLY)
    };
    if chosen.iter().any(stays) {
        chosen.retain(stays);
    }
}

/// Leaves out a flavor where a larger one costs at most a twentieth more.
fn thin_out(chosen: &mut Vec<Candidate<'_>>) {
    chosen.sort_by(|a, b| {
        let cost = |c: &Candidate<'_>| (c.size().area(), c.bitrate);
        cost(a).cmp(&cost(b)).then_with(|| a.flavor.id.cmp(&b.flavor.id))
    });
    let is_exempt = |candidate: &Candidate<'_>| candidate.is_sound() || candidate.is_tagged(WATERMARK);
    let mut kept: Vec<Candidate<'_>> = Vec::with_capacity(chosen.len());
    for next in chosen.drain(..) {
        let is_redundant = |earlier: &Candidate<'_>| {
            let rates = (u64::from(earlier.bitrate), u64::from(next.bitrate));
            let is_near = rates.1 >= rates.0 && (rates.1 - rates.0) * 20 <= rates.0;
            let is_as_large = next.size().width >= earlier.size().width && next.size().height >= earlier.size().height;
            is_near && is_as_large && !is_exempt(earlier) && !is_exempt(&next)
        };
        kept.retain(|earlier| !is_redundant(earlier));
        kept.push(next);
    }
    *chosen = kept;
}

/// What cellular networks carry, in kbit/s: where a player that knows nothing begins best.
const FIRST_BITRATE: u32 = 2000;

/// Pictures before sound, the one to begin with first, then by ascending bitrate.
fn sort(chosen: &mut [Candidate<'_>], choice: &Choice, format: &Format) {
    chosen.sort_by_key(|candidate| (candidate.is_sound(), candidate.bitrate));
    let wanted = choice.preferred_bitrate.or((*format == Format::Hls).then_some(FIRST_BITRATE));
    let pictures = chosen.iter().take_while(|candidate| !candidate.is_sound()).count();
    if let Some(wanted) = wanted {
        let nearest = (0..pictures).min_by_key(|at| chosen[*at].bitrate.abs_diff(wanted));
        if let Some(nearest) = nearest {
            chosen[..=nearest].rotate_right(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::entry::{EntryId, EntryKind, FlavorId, PartnerId, Source};
    use crate::error::Kind;
    use crate::media::PictureFacts;
    use crate::media::time::Micros;

    /// A flavor as `id height kbit/s tags`, with zero for sound alone; its conversion profile is ten times its place, from 1.
    fn flavor(place: usize, line: &str) -> (Flavor, Facts) {
        let mut words = line.split_whitespace();
        let id = words.next().unwrap();
        let mut number = || words.next().unwrap().parse::<u32>().unwrap();
        let (height, bitrate) = (number(), number());
        let picture = (height > 0).then(|| PictureFacts {
            shown: Size { width: height * 16 / 9, height },
            last_frame: Micros(0),
            frames: 1,
            halvings: 0,
        });
        let facts = Facts { duration: Micros(1), bitrate: 0, picture, has_audio: true };
        let flavor = Flavor {
            id: FlavorId::new(id).unwrap(),
            params_id: Some(place as i64 * 10),
            tags: words.map(str::to_owned).collect(),
            bitrate: Some(bitrate),
            language: None,
            label: None,
            is_default: false,
            is_original: false,
            source: Source { location: id.into(), size: 1, modified: 0, version: "1".into() },
        };
        (flavor, facts)
    }

    fn chosen(ladder: &[&str], choice: &Choice, format: &Format) -> Result<String> {
        let (flavors, facts): (Vec<_>, Vec<_>) = (1..).zip(ladder).map(|(place, line)| flavor(place, line)).unzip();
        let entry =
            Entry { partner: PartnerId(1), flavors, ..Entry::new(EntryId::new("0_x").unwrap(), EntryKind::Video) };
        let known: Vec<Known<'_>> = entry
            .flavors
            .iter()
            .zip(facts)
            .map(|(flavor, facts)| match flavor.tags.first().map(String::as_str) {
                Some("broken") => (&flavor.source, Err(Error::unsupported("broken"))),
                _ => (&flavor.source, Ok(Arc::new(facts))),
            })
            .collect();
        let chosen = choose(&entry, &known, choice, format)?;
        Ok(chosen.iter().map(|candidate| candidate.flavor.id.as_str()).collect::<Vec<_>>().join(" "))
    }

    #[track_caller]
    fn check(ladder: &[&str], format: Format, change: impl FnOnce(&mut Choice), expected: &str) {
        let mut choice = Choice::default();
        change(&mut choice);
        assert_eq!(chosen(ladder, &choice, &format).unwrap(), expected, "{ladder:?} {choice:?}");
    }

    const LADDER: [&str; 4] =
        ["low 240 300 ipad web", "mid 480 900 applembr mbr dash", "high 720 2100 applembr mbr", "best 1080 5000 mbr"];

    #[test]
    fn tags_are_levels() {
        check(&LADDER, Format::Hls, |_| {}, "high mid");
        check(&LADDER, Format::Dash, |_| {}, "mid");
        check(&LADDER[..1], Format::Dash, |_| {}, "low");
        check(&["a 240 300 ipad", "b 480 900 iphonenew"], Format::Hls, |_| {}, "b");
        check(&LADDER, Format::Url, |_| {}, "mid");
        check(&LADDER[..1], Format::Download, |_| {}, "low");
        check(&LADDER, Format::Dash, |choice| choice.tags = Some(vec!["none".into(), "ipad".into()]), "low");
        check(&LADDER, Format::Dash, |choice| choice.tags = Some(vec!["mbr".into()]), "mid high best");
        // What nobody tagged is fit for everything.
        check(&["a 240 300", "b 480 900 other"], Format::Dash, |_| {}, "a");
        let none = chosen(&["a 240 300 other"], &Choice::default(), &Format::Hls).unwrap_err();
        assert_eq!(none.code(), Some(Code::FlavorNotFound));
    }

    #[test]
    fn flavors_by_name() {
        let by_ids = |ids: &'static [&'static str]| {
            move |choice: &mut Choice| choice.flavors = ids.iter().map(|id| FlavorId::new(id).unwrap()).collect()
        };
        check(&LADDER, Format::Dash, by_ids(&["best", "low"]), "low best");
        check(&LADDER, Format::Dash, by_ids(&["gone", "low"]), "low");
        check(&LADDER, Format::Dash, by_ids(&["gone"]), "mid");
        check(&LADDER, Format::Url, by_ids(&["best", "low"]), "low");
        check(&LADDER, Format::Dash, |choice| choice.params = vec![10, 40], "low best");
        check(&LADDER, Format::Dash, |choice| choice.params = vec![0], "best");
        check(&LADDER, Format::Dash, |choice| choice.params = vec![99], "mid");
        // Profiles are not looked at where ids are given.
        let both = |choice: &mut Choice| {
            (choice.flavors, choice.params) = (vec![FlavorId::new("low").unwrap()], vec![40]);
        };
        check(&LADDER, Format::Dash, both, "low");
    }

    #[test]
    fn windows_of_bitrate() {
        let window = |min, max| {
            move |choice: &mut Choice| {
                choice.tags = Some(vec!["mbr".into()]);
                (choice.min_bitrate, choice.max_bitrate) = (min, max);
            }
        };
        check(&LADDER, Format::Dash, window(None, Some(2100)), "mid high");
        check(&LADDER, Format::Dash, window(Some(901), None), "high best");
        check(&LADDER, Format::Dash, window(Some(2000), Some(3000)), "high");
        check(&LADDER, Format::Dash, window(None, Some(100)), "mid high best");
        check(&LADDER, Format::Dash, window(Some(3000), Some(2000)), "mid high best");
        check(&LADDER, Format::Url, window(Some(1000), None), "high");
        let with_sound = ["a 480 900 mbr", "b 720 2100 mbr", "s 0 64 alt_audio", "t 0 48 mbr audio_only"];
        check(&with_sound, Format::Dash, window(Some(1000), None), "b t s");
    }

    #[test]
    fn sound_of_its_own_goes_along() {
        let ladder = ["de 0 64 alt_audio", "a 480 900 mbr", "en 0 128 alt_audio", "other 0 96 web"];
        let tagged = |choice: &mut Choice| choice.tags = Some(vec!["mbr".into()]);
        check(&ladder, Format::Hls, tagged, "a de en");
        let alone = |choice: &mut Choice| {
            tagged(choice);
            choice.company = Company::None;
        };
        check(&ladder, Format::Hls, alone, "a");
        check(&ladder, Format::Url, tagged, "a");
        assert!(chosen(&ladder[..1], &Choice::default(), &Format::Hls).is_err());
    }

    #[test]
    fn what_is_as_good_is_offered_once() {
        let all = |_: &mut Choice| {};
        check(&["a 480 1000", "b 480 1050"], Format::Dash, all, "b");
        check(&["a 480 1000", "b 480 1051"], Format::Dash, all, "a b");
        check(&["a 480 1000", "b 720 1020", "c 720 2000"], Format::Dash, all, "b c");
        check(&["a 720 1000", "b 480 1020"], Format::Dash, all, "a b");
        check(&["a 480 1000", "b 480 1000"], Format::Dash, all, "b");
        check(&["a 480 1000 dash watermark", "b 480 1020 dash"], Format::Dash, all, "a b");
        check(&["a 0 64", "b 0 65"], Format::Dash, all, "a b");
        check(&["a 480 4294967295", "b 480 4294967295"], Format::Dash, all, "b");
    }

    #[test]
    fn the_order_of_the_answer() {
        let ladder = ["s 0 64", "c 1080 5000", "a 240 300", "b 480 1900"];
        check(&ladder, Format::Dash, |_| {}, "a b c s");
        check(&ladder, Format::Hls, |_| {}, "b a c s");
        for (preferred, expected) in [(0, "a b c s"), (1900, "b a c s"), (u32::MAX, "c a b s")] {
            check(&ladder, Format::Dash, |choice| choice.preferred_bitrate = Some(preferred), expected);
        }
        check(&["s 0 64", "t 0 32"], Format::Hls, |choice| choice.preferred_bitrate = Some(64), "t s");
    }

    #[test]
    fn what_cannot_be_read() {
        check(&["a 480 900 broken", "b 480 900"], Format::Dash, |_| {}, "b");
        let error = chosen(&["a 480 900 broken"], &Choice::default(), &Format::Dash).unwrap_err();
        assert_eq!((error.kind(), error.code()), (Kind::Unsupported, Some(Code::FlavorNotFound)));
        let none = chosen(&[], &Choice::default(), &Format::Dash).unwrap_err();
        assert_eq!(none.code(), Some(Code::FlavorNotFound));
    }
}
