//! Which flavors of an entry are played, and in which order.

use super::{Known, facts};
use crate::entry::{Entry, Flavor};
use crate::error::{Code, Error, Result};
use crate::media::Facts;
use crate::media::picture::Size;
use crate::request::playback::{Choice, Format};

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
    fn is_tagged(&self, tag: &str) -> bool {
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
    if is_adaptive && !chosen.is_empty() {
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
fn original<'a>(all: &[Candidate<'a>], entry: &'a Entry) -> Option<&'a crate::entry::FlavorId> {
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
