//! From a piece of work to its artifact.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::artifact::{Artifact, Body, Timings};
use super::frames::{self, Group, Target};
use super::kit::{Film, Frame, Kit};
use super::package;
use super::pool::{Admission, Stop};
use super::strip::Strip;
use crate::entry::Source;
use crate::error::{Error, Result};
use crate::media::picture::Size;
use crate::media::time::Micros;
use crate::plan::{Precision, Subject, Tiles, Work};
use crate::thumbnail::encode::encode;
use crate::thumbnail::transform::{layout_for, render};
use crate::thumbnail::{Encoding, Geometry, Packed, Picture, Pixels, Rgb, placeholder};

/// The artifact of `work`.
pub(super) async fn artifact(kit: Kit, work: Work) -> Result<Artifact> {
    match work {
        Work::Thumbnail { subject, geometry, encoding } => {
            let (frame, mut timings) = subject_of(&kit, &subject, &geometry, encoding.background).await?;
            let (body, finishing) = finish(&kit, Arc::clone(&frame), geometry, encoding).await?;
            timings.add(finishing);
            let artifact = Artifact::new(Body::Bytes(body), encoding.format.media_type());
            Ok(Artifact { shown: frame.time, timings, ..artifact })
        }
        Work::Strip { tiles, geometry, encoding } => {
            let (strip, mut timings) = strip_of(&kit, tiles, geometry, encoding).await?;
            let (body, finishing) = write_strip(&kit, strip, encoding).await?;
            timings.add(finishing);
            let artifact = Artifact::new(Body::Bytes(body), encoding.format.media_type());
            Ok(Artifact { timings, ..artifact })
        }
        other => package::artifact(&kit, other).await,
    }
}

/// The picture that `subject` names, and what it took.
async fn subject_of(
    kit: &Kit,
    subject: &Subject,
    geometry: &Geometry,
    background: Rgb,
) -> Result<(Arc<Frame>, Timings)> {
    let drawn = |picture| (Arc::new(Frame { picture, time: None }), Timings::default());
    match subject {
        Subject::Frame { source, at, precision } => kit.frame(source, *at, *precision).await,
        Subject::Still { source } => kit.still(source, needed(geometry)).await,
        Subject::Blank => Ok(drawn(blank(background))),
        Subject::Placeholder(what) => {
            let what = *what;
            let (picture, _) = kit.pool.run(Admission::Begin, move |_: &Stop| Ok(placeholder::picture(what))).await?;
            Ok(drawn(picture))
        }
    }
}

/// One pixel.
fn blank(Rgb(red, green, blue): Rgb) -> Picture {
    Picture {
        size: Size { width: 1, height: 1 },
        sample_aspect: (1, 1),
        orientation: Default::default(),
        color: Default::default(),
        pixels: Pixels::Packed(Packed::Rgb8(Bytes::copy_from_slice(&[red, green, blue]))),
    }
}

/// The smallest size of a whole picture whose cropped part has the pixels that `geometry` scales it to.
fn needed(geometry: &Geometry) -> Size {
    let side = |whole: u32, part: u32, scaled: u32| {
        let side = (u64::from(whole) * u64::from(scaled)).div_ceil(u64::from(part.max(1)));
        u32::try_from(side).unwrap_or(u32::MAX)
    };
    let Geometry { reference, crop, scaled, .. } = geometry;
    Size {
        width: side(reference.width, crop.width, scaled.width),
        height: side(reference.height, crop.height, scaled.height),
    }
}

/// Scales and writes a picture on a worker.
async fn finish(kit: &Kit, frame: Arc<Frame>, geometry: Geometry, encoding: Encoding) -> Result<(Bytes, Timings)> {
    let work = move |_: &Stop| {
        let begun = Instant::now();
        let layout = layout_for(&encoding, &frame.picture);
        let raster = render(&frame.picture, &geometry, encoding.background, layout)?;
        let scale = begun.elapsed();
        let body = encode(&raster, &encoding)?;
        Ok((Bytes::from(body), scale, begun.elapsed() - scale))
    };
    let ((body, scale, encode), queue) = kit.pool.run(Admission::Continue, work).await?;
    Ok((body, Timings { queue, scale, encode, ..Timings::default() }))
}

/// The strip of `tiles`, with all of them in place, and what they took.
async fn strip_of(kit: &Kit, tiles: Tiles, geometry: Geometry, encoding: Encoding) -> Result<(Arc<Strip>, Timings)> {
    match tiles {
        Tiles::Frames { source, moments, precision } => {
            let strip = Arc::new(Strip::new(moments.len(), geometry, encoding)?);
            let timings = shoot_all(kit, &source, &moments, precision, &strip).await?;
            Ok((strip, timings))
        }
        Tiles::Copies { subject, count } => {
            let (frame, mut timings) = subject_of(kit, &subject, &geometry, encoding.background).await?;
            let strip = Arc::new(Strip::new(count as usize, geometry, encoding)?);
            let all = Arc::clone(&strip);
            let work = move |_: &Stop| {
                let begun = Instant::now();
                all.place(&(0..count).collect::<Vec<_>>(), &frame.picture)?;
                Ok(begun.elapsed())
            };
            let (scale, queue) = kit.pool.run(Admission::Continue, work).await?;
            timings.add(Timings { queue, scale, ..Timings::default() });
            Ok((strip, timings))
        }
    }
}

/// Puts the frames of `moments` in their places, each group of them decoded once, side by side where workers are idle. One
/// group more is read ahead.
async fn shoot_all(
    kit: &Kit,
    source: &Source,
    moments: &[Micros],
    precision: Precision,
    strip: &Arc<Strip>,
) -> Result<Timings> {
    let begun = Instant::now();
    let film = kit.film(source).await?;
    let timings = Timings { index: begun.elapsed(), ..Timings::default() };
    let groups = frames::groups(&film.index, moments, precision);
    if groups.is_empty() {
        return Err(Error::unsupported("the video shows nothing"));
    }
    let at_once = kit.pool.load().idle().max(1) + 1;
    let parts = groups.into_iter().enumerate().map(|(number, group)| {
        let admission = if number == 0 { Admission::Begin } else { Admission::Continue };
        shoot(kit.clone(), film.clone(), group, admission, Arc::clone(strip))
    });
    stream::iter(parts)
        .buffer_unordered(at_once)
        .try_fold(timings, |mut sum, part| async move {
            sum.add(part);
            Ok(sum)
        })
        .await
}

/// Puts the frames of one group in their places.
async fn shoot(kit: Kit, film: Film, group: Group, admission: Admission, strip: Arc<Strip>) -> Result<Timings> {
    let each = move |target: &Target, picture: Picture| {
        let places: Vec<u32> = target.moments.iter().filter_map(|&place| u32::try_from(place).ok()).collect();
        strip.place(&places, &picture)
    };
    let (_, timings) = kit.decode(&film, group, admission, each).await?;
    Ok(timings)
}

/// Writes a strip on a worker.
async fn write_strip(kit: &Kit, strip: Arc<Strip>, encoding: Encoding) -> Result<(Bytes, Timings)> {
    let work = move |_: &Stop| {
        let begun = Instant::now();
        let raster = strip.finish()?;
        let scale = begun.elapsed();
        let body = encode(&raster, &encoding)?;
        Ok((Bytes::from(body), scale, begun.elapsed() - scale))
    };
    let ((body, scale, encode), queue) = kit.pool.run(Admission::Continue, work).await?;
    Ok((body, Timings { queue, scale, encode, ..Timings::default() }))
}
