//! What a request for a picture comes to: its moments, its geometry, the flavor it is taken from, its format.

use super::content::{self, Content, Scene};
use super::key::Key;
use super::ladder::Ladder;
use super::limits::{self, Sheet};
use super::{Freshness, Known, Plan, Policy, Precision, Subject, Tiles, Work, moments, region};
use crate::entry::{Entry, Status};
use crate::error::{Code, Error, Result};
use crate::media::picture::Size;
use crate::request::Accepts;
use crate::request::thumbnail::{Moment, Thumbnail};
use crate::thumbnail::{Encoding, Fit, Format, Geometry, Rect, Rgb, encode, geometry};

/// The quality of formats without loss, whatever is asked for: they have only one.
const LOSSLESS: u8 = 100;

/// What will be done for a picture.
pub(super) fn plan(
    thumbnail: &Thumbnail,
    entry: &Entry,
    known: &[Known<'_>],
    accepts: Accepts,
    policy: &Policy,
) -> Result<Plan> {
    let scene = content::scene(thumbnail, entry, known, policy)?;
    let work = work(thumbnail, &scene, accepts, policy)?;
    let settled = known.iter().all(|(_, facts)| facts.as_ref().err().is_none_or(Error::is_lasting));
    let ready = settled && entry.status == Status::Ready && !matches!(scene.content, Content::Placeholder(_));
    Ok(Plan {
        key: Key::of(&work),
        work,
        entry: entry.id.clone(),
        partner: entry.partner,
        freshness: match ready {
            // Who wants nothing kept wants nothing kept for longer.
            true if policy.max_age > 0 => Freshness::Lenient(policy.max_age, policy.grace),
            true => Freshness::Public(0),
            false => Freshness::Public(policy.max_age_unready),
        },
        modified: known.iter().map(|(source, _)| source.modified).fold(entry.updated, u64::max),
        negotiated: thumbnail.format.is_none(),
        attachment: None,
        failure: Some(Code::ImageResizeFailed),
    })
}

/// The work that shows `scene` as asked.
fn work(thumbnail: &Thumbnail, scene: &Scene<'_>, accepts: Accepts, policy: &Policy) -> Result<Work> {
    let count = match thumbnail.moment {
        Moment::Strip { of, .. } => of,
        Moment::Default | Moment::At(_) | Moment::Slice { .. } => 1,
    };
    limits::check_slices(count, policy)?;
    let found = resolved(thumbnail, scene, count);
    let geometry = found.unwrap_or_else(|| geometry::blank(scene.wanted));
    let sheet = Sheet { tile: geometry.canvas, count };
    let format = thumbnail.format.unwrap_or_else(|| negotiated(accepts, sheet));
    limits::check_sheet(sheet, format, policy)?;
    let encoding = encoding(format, (thumbnail.quality, thumbnail.density, thumbnail.background), policy);
    let tiles = match &scene.content {
        _ if found.is_none() => copies(Subject::Blank, count),
        Content::Video(ladder) => frames(thumbnail, scene, ladder, &geometry),
        Content::Still { source, .. } => copies(Subject::Still { source: (*source).clone() }, count),
        Content::Placeholder(placeholder) => copies(Subject::Placeholder(*placeholder), count),
    };
    Ok(match tiles {
        Tiles::Copies { subject, count: 1 } => Work::Thumbnail { subject, geometry, encoding },
        tiles => Work::Strip { tiles, geometry, encoding },
    })
}

/// How the picture is written; what its format has no use for is the same for every request.
pub(super) fn encoding(
    format: Format,
    (quality, density, background): (Option<u8>, u16, Rgb),
    policy: &Policy,
) -> Encoding {
    let lossy = matches!(format, Format::Jpeg | Format::Pdf | Format::Webp | Format::Avif);
    let quality = if lossy { quality.unwrap_or(policy.quality) } else { LOSSLESS };
    let has_density = !matches!(format, Format::Gif | Format::Webp | Format::Avif);
    let density = if has_density { density } else { 0 };
    Encoding { format, quality, density, background }
}

fn copies(subject: Subject, count: u32) -> Tiles {
    Tiles::Copies { subject, count }
}

/// The frames of a video that are shown, from the flavor that suits them; equal ones as copies.
fn frames(thumbnail: &Thumbnail, scene: &Scene<'_>, ladder: &Ladder<'_>, geometry: &Geometry) -> Tiles {
    let mut moments = moments::times(thumbnail.moment, ladder.original().duration, scene.default_moment);
    let latest = moments.last().copied().unwrap_or_default();
    let rung = ladder.choose(thumbnail, geometry, latest);
    for moment in &mut moments {
        *moment = (*moment).min(rung.picture.last_frame);
    }
    let source = rung.flavor.source.clone();
    let precision = if thumbnail.keyframe_only { Precision::Keyframe } else { Precision::Exact };
    match moments[..] {
        [at, ref rest @ ..] if rest.iter().all(|other| *other == at) => {
            copies(Subject::Frame { source, at, precision }, moments.len() as u32)
        }
        _ => Tiles::Frames { source, moments, precision },
    }
}

/// The best format that a client takes and that can hold the picture.
fn negotiated(accepts: Accepts, sheet: Sheet) -> Format {
    let offers = [(accepts.avif, Format::Avif), (accepts.webp, Format::Webp)];
    let fits = |format: Format| limits::holds(format, sheet);
    offers.into_iter().find(|(taken, format)| *taken && fits(*format)).map_or(Format::Jpeg, |(_, format)| format)
}

/// The numbers for one tile; `None` where nothing of the source is seen. A strip of original sizes is narrowed to what its
/// format can hold.
fn resolved(thumbnail: &Thumbnail, scene: &Scene<'_>, count: u32) -> Option<Geometry> {
    let reference = scene.content.reference();
    let (region, fit) = if scene.nearest {
        let both = scene.wanted.width != 0 && scene.wanted.height != 0;
        (Rect::default(), if both { Fit::Crop } else { Fit::Inside })
    } else {
        (region::rect(&thumbnail.region, scene.recorded), thumbnail.fit)
    };
    let found = geometry::fit(reference, region, scene.wanted, fit)?;
    let widest = encode::side_max(thumbnail.format.unwrap_or_default()) / count.max(1);
    if count > 1 && scene.wanted == Size::default() && found.canvas.width > widest {
        return geometry::fit(reference, region, Size { width: widest.max(1), height: 0 }, Fit::Inside);
    }
    Some(found)
}
