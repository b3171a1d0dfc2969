//! What an entry has to show for a request: a stored picture, frames of a video, or a placeholder.

use std::cmp::Ordering;

use super::ladder::Ladder;
use super::{Known, Placeholder, Policy, facts};
use crate::entry::{Entry, EntryKind, Flavor, Source, Status};
use crate::error::{Code, Error, Result};
use crate::media::picture::Size;
use crate::media::time::Micros;
use crate::request::thumbnail::{Moment, Thumbnail};
use crate::thumbnail::placeholder;

/// What is shown, and the numbers of the entry that its geometry follows from.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    /// What is shown.
    pub(super) content: Content<'a>,
    /// Whether the wish for the nearest shape decides about the fit.
    pub(super) nearest: bool,
    /// The size asked for, defaults filled in.
    pub(super) wanted: Size,
    /// The recorded size of the entry's media, which relative regions are scaled to; zero where there is none.
    pub(super) recorded: Size,
    /// The moment of a video that is shown where none is asked for, before it is held against its length.
    pub(super) default_moment: Micros,
}

/// What there is to show.
#[derive(Debug)]
pub(super) enum Content<'a> {
    /// Frames of one of the flavors.
    Video(Ladder<'a>),
    /// A stored picture of a known size.
    Still {
        /// The picture.
        source: &'a Source,
        /// Its size, not empty.
        shown: Size,
    },
    /// A picture of our own.
    Placeholder(Placeholder),
}

impl Content<'_> {
    /// The size that geometry starts from. It does not depend on which flavor is decoded.
    pub(super) fn reference(&self) -> Size {
        match self {
            Content::Video(ladder) => ladder.original().picture.shown,
            Content::Still { shown, .. } => *shown,
            Content::Placeholder(_) => placeholder::SIZE,
        }
    }
}

/// Whether an entry has no content yet.
fn is_draft(entry: &Entry) -> bool {
    entry.flavors.is_empty() || entry.status == Status::NoContent
}

/// Whether frames are asked for by time, of an entry that has some.
fn captures(thumbnail: &Thumbnail, entry: &Entry) -> bool {
    entry.kind == EntryKind::Video && !is_draft(entry) && thumbnail.moment != Moment::Default
}

/// The picture that stands for the entry as a whole.
fn stored(entry: &Entry) -> Option<&Source> {
    entry.thumbs.iter().find(|thumb| thumb.is_default).map(|thumb| &thumb.source)
}

/// Whether a region is measured against a size of its own.
fn is_relative(thumbnail: &Thumbnail) -> bool {
    thumbnail.region.of_width != 0 || thumbnail.region.of_height != 0
}

/// The flavor that is an image entry's picture.
fn image<'a>(thumbnail: &Thumbnail, entry: &'a Entry) -> Option<&'a Flavor> {
    let named = || entry.flavors.iter().find(|flavor| Some(&flavor.id) == thumbnail.flavor.as_ref());
    let original = || entry.flavors.iter().find(|flavor| flavor.is_original);
    named().or_else(original).or_else(|| entry.flavors.first())
}

/// The sources whose facts [`scene`] may ask for.
pub(super) fn sources<'a>(thumbnail: &Thumbnail, entry: &'a Entry) -> Vec<&'a Source> {
    let captures = captures(thumbnail, entry);
    let by_flavors = !is_draft(entry)
        && match entry.kind {
            EntryKind::Image => true,
            EntryKind::Video => {
                let measured = is_relative(thumbnail) || thumbnail.sized_by_profile();
                captures || measured || stored(entry).is_none()
            }
            EntryKind::Audio | EntryKind::Document | EntryKind::Data => false,
        };
    let mut sources = Vec::new();
    if !captures && thumbnail.nearest_aspect_ratio {
        sources.extend(entry.thumbs.iter().map(|thumb| &thumb.source));
    } else if !captures && (entry.kind != EntryKind::Image || is_draft(entry)) {
        sources.extend(stored(entry));
    }
    if by_flavors {
        sources.extend(entry.flavors.iter().map(|flavor| &flavor.source));
    }
    for at in (1..sources.len()).rev() {
        if sources[..at].contains(&sources[at]) {
            sources.remove(at);
        }
    }
    sources
}

/// What `entry` shows for `thumbnail`.
pub(super) fn scene<'a>(
    thumbnail: &Thumbnail,
    entry: &'a Entry,
    known: &'a [Known<'_>],
    policy: &Policy,
) -> Result<Scene<'a>> {
    let wanted = thumbnail.wanted(profile_size(thumbnail, entry, known));
    let captures = captures(thumbnail, entry);
    let nearest =
        if thumbnail.nearest_aspect_ratio && !captures { nearest(thumbnail, entry, known, wanted) } else { None };
    let is_nearest = nearest.is_some() || (captures && thumbnail.nearest_aspect_ratio);
    let content = match nearest {
        Some(still) => still,
        None => content(thumbnail, entry, known, policy)?,
    };
    let recorded = if is_relative(thumbnail) { recorded(thumbnail, entry, known) } else { Size::default() };
    let stated = entry.thumb_offset_ms.map(|ms| Micros(i64::try_from(ms).unwrap_or(i64::MAX).saturating_mul(1000)));
    let default_moment = stated.unwrap_or(policy.thumb_offset);
    Ok(Scene { content, nearest: is_nearest, wanted, recorded, default_moment })
}

fn content<'a>(
    thumbnail: &Thumbnail,
    entry: &'a Entry,
    known: &'a [Known<'_>],
    policy: &Policy,
) -> Result<Content<'a>> {
    let has_content = !is_draft(entry);
    if has_content
        && entry.kind == EntryKind::Image
        && let Some(flavor) = image(thumbnail, entry)
    {
        return still(&flavor.source, known);
    }
    if captures(thumbnail, entry) {
        return Ladder::of(entry, known).map(Content::Video);
    }
    match stored(entry) {
        Some(source) => still(source, known),
        None if has_content && entry.kind == EntryKind::Video => Ladder::of(entry, known).map(Content::Video),
        None => stand_in(thumbnail, entry, policy).map(Content::Placeholder),
    }
}

/// What stands for an entry that has nothing to show.
fn stand_in(thumbnail: &Thumbnail, entry: &Entry, policy: &Policy) -> Result<Placeholder> {
    match entry.kind {
        EntryKind::Audio => Ok(Placeholder::Audio),
        EntryKind::Video if policy.draft_is_error => {
            Err(Error::coded(Code::FlavorNotFound, "the entry has no content yet"))
        }
        EntryKind::Image if policy.draft_is_error => {
            Err(Error::coded(Code::MissingThumbnail, "the entry has no picture yet"))
        }
        EntryKind::Video | EntryKind::Image => Ok(Placeholder::Draft),
        EntryKind::Document if thumbnail.flavor.is_none() => {
            Err(Error::coded(Code::MissingParameter, "a document without a stored picture needs flavor_id"))
        }
        EntryKind::Document => {
            Err(Error::coded(Code::ImageResizeFailed, "pages of documents are not drawn; give the entry a picture"))
        }
        EntryKind::Data => Err(Error::coded(Code::MissingThumbnail, "the entry has no picture")),
    }
}

/// A stored picture with its size.
fn still<'a>(source: &'a Source, known: &'a [Known<'_>]) -> Result<Content<'a>> {
    let unreadable = || Error::unsupported("the stored picture of the entry holds no picture that can be read");
    let size = || facts(known, source)?.picture.map(|picture| picture.shown).ok_or_else(unreadable);
    let shown = size().map_err(|error| error.or_code(Code::ImageResizeFailed))?;
    Ok(Content::Still { source, shown })
}

/// The size of the flavor of the conversion profile that the request names.
fn profile_size(thumbnail: &Thumbnail, entry: &Entry, known: &[Known<'_>]) -> Option<Size> {
    let profile = thumbnail.flavor_params.filter(|_| thumbnail.sized_by_profile())?;
    let flavor = entry.flavors.iter().find(|flavor| flavor.params_id == Some(profile))?;
    facts(known, &flavor.source).ok()?.picture.map(|picture| picture.shown)
}

/// The size of the entry's media; zero where it has none that shows anything.
fn recorded(thumbnail: &Thumbnail, entry: &Entry, known: &[Known<'_>]) -> Size {
    let size = match entry.kind {
        EntryKind::Video => Ladder::of(entry, known).ok().map(|ladder| ladder.original().picture.shown),
        EntryKind::Image => image(thumbnail, entry)
            .and_then(|flavor| facts(known, &flavor.source).ok()?.picture)
            .map(|picture| picture.shown),
        EntryKind::Audio | EntryKind::Document | EntryKind::Data => None,
    };
    size.unwrap_or_default()
}

/// A stored picture that may be the one of the nearest shape.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    source: &'a Source,
    shown: Size,
    is_default: bool,
}

/// The stored picture whose shape is nearest to `wanted`; unreadable ones are passed over.
fn nearest<'a>(thumbnail: &Thumbnail, entry: &'a Entry, known: &'a [Known<'_>], wanted: Size) -> Option<Content<'a>> {
    let own = image(thumbnail, entry).filter(|_| entry.kind == EntryKind::Image && !is_draft(entry));
    let thumbs = entry.thumbs.iter().map(|thumb| (&thumb.source, thumb.is_default && own.is_none()));
    let all = own.iter().map(|flavor| (&flavor.source, true)).chain(thumbs);
    let candidates = all.filter_map(|(source, is_default)| {
        let shown = facts(known, source).ok()?.picture?.shown;
        (!shown.is_empty()).then_some(Candidate { source, shown, is_default })
    });
    let best = candidates.min_by(|a, b| nearer(a, b, wanted))?;
    Some(Content::Still { source: best.source, shown: best.shown })
}

/// Orders candidates, the better first: the smaller difference of ratios, then the exact width, the larger width, and the
/// default picture.
fn nearer(a: &Candidate<'_>, b: &Candidate<'_>, wanted: Size) -> Ordering {
    // |w/h - cw/ch| as a fraction; w/h counts as zero where h is.
    let distance = |shown: Size| {
        let (width, height) = (u128::from(shown.width), u128::from(shown.height));
        match u128::from(wanted.height) {
            0 => (width, height),
            wanted_height => {
                let wanted_width = u128::from(wanted.width);
                ((wanted_width * height).abs_diff(width * wanted_height), wanted_height * height)
            }
        }
    };
    let ((a_over, a_under), (b_over, b_under)) = (distance(a.shown), distance(b.shown));
    let rank = |c: &Candidate<'_>| (c.shown.width == wanted.width, c.shown.width, c.is_default);
    (a_over * b_under).cmp(&(b_over * a_under)).then_with(|| rank(b).cmp(&rank(a)))
}
