//! What answers the API's actions that hand out files.

use super::playback::{all, decided, extension};
use super::work::Style;
use super::{Decision, Freshness, Known, Plan, Policy, Subject, Work, facts, filename, limits, picture, raw, region};
use crate::entry::{Caption, Entry, EntryKind, Source, Thumb};
use crate::error::{Code, Error, Result};
use crate::media::Facts;
use crate::media::picture::Size;
use crate::media::time::Micros;
use crate::request::asset::{Asset, Form, Look, Named, Wanted};
use crate::request::thumbnail::{FORMATS, format_name};
use crate::thumbnail::{Format, geometry};

/// Largest caption file that is made into something else, as the dialect has it.
const CAPTION_BYTES_MAX: u64 = 1 << 20;

/// Most segments of a playlist of captions.
const SEGMENTS_MAX: u64 = 100_000;

/// The sources whose facts [`plan`] needs.
pub(super) fn sources<'a>(asked: &Asset, entry: &'a Entry) -> Vec<&'a Source> {
    match &asked.wanted {
        Wanted::Captions(Form::List { .. }) => all(entry),
        Wanted::Thumb { look: Some(_), .. } => thumb(asked, entry).map(|thumb| &thumb.source).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// What answers `asked`.
pub(super) fn plan(asked: &Asset, entry: &Entry, known: &[Known<'_>], policy: &Policy) -> Result<Decision> {
    match &asked.wanted {
        Wanted::Attachment { is_shown } => {
            let is_meant = |id: &str| asked.named == Named::Asset(id.to_owned());
            let found = entry.attachments.iter().find(|attachment| is_meant(&attachment.id));
            let source = &found.ok_or_else(|| asked.unseen())?.source;
            let name = (!is_shown).then(|| filename::of_file(source));
            Ok(raw::file(entry, source, freshness(asked, source, policy)?, name))
        }
        Wanted::Captions(form) => captions(asked, form, entry, known, policy),
        Wanted::Thumb { look, is_kept } => {
            let thumb = thumb(asked, entry)?;
            let freshness = freshness(asked, &thumb.source, policy)?;
            let named = |extension| is_kept.then(|| filename::extended(thumb.id.clone(), extension));
            let Some(look) = look else {
                return Ok(raw::file(entry, &thumb.source, freshness, named(extension(&thumb.source))));
            };
            let format = look.format.unwrap_or_else(|| format_of(&thumb.source));
            let work = resized((look, format), facts(known, &thumb.source), &thumb.source, policy)?;
            let (attachment, failure) = (named(Some(format_name(format))), Some(Code::ImageResizeFailed));
            let plan = decided(work, entry, &[], freshness);
            Ok(Decision::Make(Plan { attachment, failure, modified: thumb.source.modified, ..plan }))
        }
        Wanted::Data => of_kind(asked, entry, EntryKind::Data, policy),
        Wanted::Document { flavor: Some(id) } if entry.flavors.iter().all(|flavor| flavor.id != *id) => {
            Err(Error::coded(Code::FlavorAssetIdNotFound, format!("Flavor asset id {:?} not found", id.as_str())))
        }
        Wanted::Document { .. } => of_kind(asked, entry, EntryKind::Document, policy),
    }
}

fn freshness(asked: &Asset, source: &Source, policy: &Policy) -> Result<Freshness> {
    raw::freshness(asked.version.as_deref(), source, policy)
}

/// The file of an entry of a kind, which has but one.
fn of_kind(asked: &Asset, entry: &Entry, kind: EntryKind, policy: &Policy) -> Result<Decision> {
    if entry.kind != kind {
        return Err(asked.unseen());
    }
    raw::check_version(asked.version.as_deref(), entry)?;
    let flavor = raw::original(entry, &[])?;
    let name = raw::own_name(entry, flavor);
    Ok(raw::file(entry, &flavor.source, freshness(asked, &flavor.source, policy)?, Some(name)))
}

/// The captions of a name, or those of an entry that are shown unasked, else its first.
fn caption<'a>(asked: &Asset, entry: &'a Entry) -> Result<&'a Caption> {
    let found = match &asked.named {
        Named::Asset(id) => entry.captions.iter().find(|caption| caption.id == *id),
        Named::Entry(_, Some(profile)) => entry.captions.iter().find(|caption| caption.params_id == Some(*profile)),
        Named::Entry(_, None) => entry.captions.iter().find(|caption| caption.is_default).or(entry.captions.first()),
    };
    found.ok_or_else(|| missing(asked, Code::CaptionAssetIdNotFound))
}

/// The picture of a name, or the default one of an entry.
fn thumb<'a>(asked: &Asset, entry: &'a Entry) -> Result<&'a Thumb> {
    let found = match &asked.named {
        Named::Asset(id) => entry.thumbs.iter().find(|thumb| thumb.id == *id),
        Named::Entry(_, Some(profile)) => entry.thumbs.iter().find(|thumb| thumb.params_id == Some(*profile)),
        Named::Entry(_, None) => entry.thumbs.iter().find(|thumb| thumb.is_default),
    };
    found.ok_or_else(|| missing(asked, Code::ThumbAssetIdNotFound))
}

fn missing(asked: &Asset, code: Code) -> Error {
    match &asked.named {
        Named::Asset(_) => asked.unseen(),
        Named::Entry(id, None) => Error::coded(code, format!("entry {id} has no default asset of this kind")),
        Named::Entry(id, Some(profile)) => {
            Error::coded(code, format!("entry {id} has no asset of this kind that profile {profile} made"))
        }
    }
}

fn captions(asked: &Asset, form: &Form, entry: &Entry, known: &[Known<'_>], policy: &Policy) -> Result<Decision> {
    let source = &caption(asked, entry)?.source;
    let freshness = freshness(asked, source, policy)?;
    let work = match *form {
        Form::File => return Ok(raw::file(entry, source, freshness, None)),
        _ if source.size > CAPTION_BYTES_MAX => {
            let message = format!("the caption file has {} bytes, {CAPTION_BYTES_MAX} are allowed here", source.size);
            return Err(Error::coded(Code::CaptionAssetFileNotFound, message));
        }
        Form::List { place: Some(ref location), .. } => {
            let freshness = Freshness::Private(policy.max_age_file);
            return Ok(Decision::Redirect { location: location.clone(), freshness });
        }
        Form::List { seconds, place: None } => Work::TranscriptList { seconds, total: total(seconds, known)? },
        Form::Json => transcript(source, Style::Json),
        Form::Whole => transcript(source, Style::WebVtt),
        Form::Segment { number, seconds, local_ms } => {
            let micros = i64::from(seconds) * 1_000_000;
            let at = |number: u32| Micros(i64::from(number).saturating_mul(micros));
            let local = Micros(i64::from(local_ms) * 1000);
            transcript(source, Style::Segment { from: at(number.saturating_sub(1)), to: at(number), local })
        }
    };
    let plan = decided(work, entry, known, freshness);
    Ok(Decision::Make(Plan { failure: Some(Code::CaptionAssetParsingFailed), ..plan }))
}

fn transcript(source: &Source, style: Style) -> Work {
    Work::Transcript { source: source.clone(), style }
}

/// The whole seconds that the longest flavor of an entry takes. Fails where that makes too many segments.
fn total(seconds: u32, known: &[Known<'_>]) -> Result<u64> {
    let durations = known.iter().filter_map(|(_, facts)| facts.as_ref().ok()).map(|facts| facts.duration.0);
    let total = u64::try_from(durations.max().unwrap_or_default()).unwrap_or_default().div_ceil(1_000_000);
    match total.div_ceil(seconds.into()) {
        0..=SEGMENTS_MAX => Ok(total),
        count => Err(Error::too_large(format!("{count} segments of captions; allowed are {SEGMENTS_MAX}"))),
    }
}

/// A stored picture as it is wanted.
fn resized((look, format): (&Look, Format), facts: Result<&Facts>, source: &Source, policy: &Policy) -> Result<Work> {
    let unreadable = || Error::coded(Code::ImageResizeFailed, "the file holds no picture that can be read");
    let facts = facts.map_err(|error| error.or_code(Code::ImageResizeFailed))?;
    let shown = facts.picture.ok_or_else(unreadable)?.shown;
    let wanted = Size { width: look.width, height: look.height };
    let found = geometry::fit(shown, region::rect(&look.region, shown), wanted, look.fit);
    let geometry = found.unwrap_or_else(|| geometry::blank(wanted));
    limits::check_sheet(limits::Sheet { tile: geometry.canvas, count: 1 }, format, policy)?;
    let subject = found.map_or(Subject::Blank, |_| Subject::Still { source: source.clone() });
    let encoding = picture::encoding(format, (look.quality, look.density, look.background), policy);
    Ok(Work::Thumbnail { subject, geometry, encoding })
}

/// The format that the name of a picture promises; JPEG where it is none that is written.
fn format_of(source: &Source) -> Format {
    let named = |(name, _): &&(&str, Format)| extension(source).is_some_and(|own| own.eq_ignore_ascii_case(name));
    FORMATS.iter().find(named).map_or(Format::Jpeg, |(_, format)| *format)
}
