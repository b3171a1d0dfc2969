//! From a piece of work to its artifact.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::artifact::{Artifact, Body, Timings};
use super::fair::Flow;
use super::frames::{self, Group, Target};
use super::kit::{Film, Frame, Kit, group_cost};
use super::package;
use super::pool::Turn;
use super::stop::Stop;
use super::strip::Strip;
use crate::decode::place::Place;
use crate::entry::Source;
use crate::error::{Error, Result};
use crate::media::picture::Size;
use crate::media::time::Micros;
use crate::plan::cost::{self, Cost};
use crate::plan::{Precision, Subject, Tiles, Work};
use crate::thumbnail::encode::encode;
use crate::thumbnail::transform::{layout_for, render};
use crate::thumbnail::{Encoding, Geometry, Packed, Picture, Pixels, Raster, Rgb, placeholder};

/// The artifact of `work`, which is made for `flow`.
pub(super) async fn artifact(kit: Kit, work: Work, flow: Flow) -> Result<Artifact> {
    let cost = price(&kit, &work);
    match work {
        Work::Thumbnail { subject, geometry, encoding } => {
            let turn = Arc::new(kit.pool.enter(flow, cost)?);
            let (frame, mut timings) = subject_of(&kit, &turn, &subject, (&geometry, encoding.background)).await?;
            let (body, finishing) = finish(&kit, &turn, Arc::clone(&frame), (geometry, encoding)).await?;
            timings.add(finishing);
            let artifact = Artifact::new(Body::Bytes(body), encoding.format.media_type());
            Ok(Artifact { shown: frame.time, timings, ..artifact })
        }
        Work::Strip { tiles, geometry, encoding } => {
            let turn = Arc::new(kit.pool.enter(flow, cost)?);
            let (body, timings) = strip_of(&kit, &turn, tiles, (geometry, encoding)).await?;
            let artifact = Artifact::new(Body::Bytes(body), encoding.format.media_type());
            Ok(Artifact { timings, ..artifact })
        }
        other => package::artifact(&kit, other).await,
    }
}

/// What `work` takes, as far as that can be told at once: of a file that was not looked at yet, nobody knows.
pub(super) fn price(kit: &Kit, work: &Work) -> Cost {
    let decoding = match work {
        Work::Thumbnail { subject, geometry, .. }
        | Work::Strip { tiles: Tiles::Copies { subject, .. }, geometry, .. } => match subject {
            Subject::Frame { source, at, precision } => kit.frame_cost(source, *at, *precision),
            Subject::Still { source } => kit.still_cost(source, needed(geometry)),
            Subject::Blank | Subject::Placeholder(_) => Cost::NOTHING,
        },
        Work::Strip { tiles: Tiles::Frames { source, moments, precision }, .. } => {
            kit.frames_cost(source, moments, *precision)
        }
        _ => Cost::NOTHING,
    };
    decoding.then(cost::finishing(work))
}

/// Looks at the file that `work` is of, so that [`price`] knows it.
pub(super) async fn look(kit: &Kit, work: &Work) -> Result<()> {
    match work {
        Work::Thumbnail { subject, .. } | Work::Strip { tiles: Tiles::Copies { subject, .. }, .. } => match subject {
            Subject::Frame { source, .. } => kit.film(source).await.map(drop),
            Subject::Still { source } => kit.facts(source).await.map(drop),
            Subject::Blank | Subject::Placeholder(_) => Ok(()),
        },
        Work::Strip { tiles: Tiles::Frames { source, .. }, .. } => kit.film(source).await.map(drop),
        _ => Ok(()),
    }
}

/// The picture that `subject` names, and what it took.
async fn subject_of(
    kit: &Kit,
    turn: &Arc<Turn>,
    subject: &Subject,
    (geometry, background): (&Geometry, Rgb),
) -> Result<(Arc<Frame>, Timings)> {
    let drawn = |picture| (Arc::new(Frame { picture, time: None }), Timings::default());
    match subject {
        Subject::Frame { source, at, precision } => kit.frame(turn, source, (*at, *precision)).await,
        Subject::Still { source } => kit.still(turn, source, needed(geometry)).await,
        Subject::Blank => Ok(drawn(blank(background))),
        Subject::Placeholder(what) => {
            let what = *what;
            let (picture, _) = turn.run(Cost::NOTHING, move |_: &Stop| Ok(placeholder::picture(what))).await?;
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
async fn finish(
    kit: &Kit,
    turn: &Turn,
    frame: Arc<Frame>,
    (geometry, encoding): (Geometry, Encoding),
) -> Result<(Bytes, Timings)> {
    let (format, place) = (encoding.format, kit.place.clone());
    let cost = cost::scaling(&geometry, format).then(cost::writing(geometry.canvas.area(), format));
    let work = move |stop: &Stop| {
        stop.check()?;
        let begun = Instant::now();
        let layout = layout_for(&encoding, &frame.picture);
        let raster = render(&frame.picture, &geometry, encoding.background, layout)?;
        let scale = begun.elapsed();
        stop.check()?;
        let body = written(&place, raster, &encoding, stop)?;
        Ok((body, scale, begun.elapsed() - scale))
    };
    let ((body, scale, encode), queue) = turn.run(cost, work).await?;
    Ok((body, Timings { queue, scale, encode, ..Timings::priced(cost) }))
}

/// The file of a picture. Where writing it takes long, that is given up as soon as nobody waits for it.
fn written(place: &Place, raster: Raster, encoding: &Encoding, stop: &Stop) -> Result<Bytes> {
    match cost::is_written_apart(raster.size.area(), encoding.format) {
        true => place.write(raster, encoding, &|| stop.is_set()),
        false => Ok(encode(&raster, encoding)?.into()),
    }
}

/// A strip, written, and what it took. Its part of `turn` holds the tiles.
async fn strip_of(
    kit: &Kit,
    turn: &Arc<Turn>,
    tiles: Tiles,
    (geometry, encoding): (Geometry, Encoding),
) -> Result<(Bytes, Timings)> {
    match tiles {
        Tiles::Frames { source, moments, precision } => {
            let strip = Arc::new(Strip::new(moments.len(), geometry, encoding)?);
            let (part, mut timings) = shoot_all(kit, turn, &source, (&moments, precision), &strip).await?;
            let (body, writing) = write_strip(kit, &part, strip).await?;
            timings.add(writing);
            Ok((body, timings))
        }
        Tiles::Copies { subject, count } => {
            let (frame, mut timings) = subject_of(kit, turn, &subject, (&geometry, encoding.background)).await?;
            let strip = Arc::new(Strip::new(count as usize, geometry, encoding)?);
            let cost = strip.tile_cost();
            let part = turn.part(cost.within(strip.memory())).await?;
            let all = Arc::clone(&strip);
            let work = move |stop: &Stop| {
                stop.check()?;
                let begun = Instant::now();
                all.place(&(0..count).collect::<Vec<_>>(), &frame.picture)?;
                Ok(begun.elapsed())
            };
            let (scale, queue) = part.run(cost, work).await?;
            timings.add(Timings { queue, scale, ..Timings::priced(cost) });
            let (body, writing) = write_strip(kit, &part, strip).await?;
            timings.add(writing);
            Ok((body, timings))
        }
    }
}

/// Puts the frames of `moments` in their places, each group of them decoded once, side by side where workers are idle beside
/// the one that this takes. One group more is read ahead. Gives the part of `turn` that holds the strip.
async fn shoot_all(
    kit: &Kit,
    turn: &Turn,
    source: &Source,
    (moments, precision): (&[Micros], Precision),
    strip: &Arc<Strip>,
) -> Result<(Arc<Turn>, Timings)> {
    let begun = Instant::now();
    let film = kit.near(turn, source, kit.film(source)).await?;
    let timings = Timings { index: begun.elapsed(), ..Timings::default() };
    let groups: Vec<(Group, Cost)> = frames::groups(&film.index, moments, precision)
        .into_iter()
        .map(|group| {
            let tiles = strip.tile_cost().times(group.targets.len() as u64);
            let cost = group_cost(&film.index, &group).then(tiles);
            (group, cost)
        })
        .collect();
    if groups.is_empty() {
        return Err(Error::unsupported("the video shows nothing"));
    }
    if let Some((first, _)) = groups.first() {
        kit.bring(turn, &film, first).await?;
    }
    let at_once = kit.pool.load().idle() + 2;
    let largest = groups.iter().map(|(_, cost)| cost.bytes_read).max().unwrap_or(0);
    let held = strip.memory().saturating_add(largest.saturating_mul(at_once.min(groups.len()) as u64));
    let all = groups.iter().fold(Cost::NOTHING, |sum, (_, cost)| sum.then(*cost));
    let part = Arc::new(turn.part(all.within(held)).await?);
    let shots = groups.into_iter().map(|group| shoot(kit, &part, &film, group, Arc::clone(strip)));
    let timings = stream::iter(shots)
        .buffer_unordered(at_once)
        .try_fold(timings, |mut sum, shot| async move {
            sum.add(shot);
            Ok(sum)
        })
        .await?;
    Ok((part, timings))
}

/// Puts the frames of one group in their places.
async fn shoot(kit: &Kit, turn: &Turn, film: &Film, group: (Group, Cost), strip: Arc<Strip>) -> Result<Timings> {
    let each = move |target: &Target, picture: Picture| {
        let places: Vec<u32> = target.moments.iter().filter_map(|&place| u32::try_from(place).ok()).collect();
        strip.place(&places, &picture)
    };
    let (_, timings) = kit.decode(turn, film, group, each).await?;
    Ok(timings)
}

/// Writes a strip on a worker.
async fn write_strip(kit: &Kit, turn: &Turn, strip: Arc<Strip>) -> Result<(Bytes, Timings)> {
    let (cost, place) = (strip.writing_cost(), kit.place.clone());
    let work = move |stop: &Stop| {
        stop.check()?;
        let begun = Instant::now();
        let raster = strip.finish()?;
        let scale = begun.elapsed();
        stop.check()?;
        let body = written(&place, raster, &strip.encoding(), stop)?;
        Ok((body, scale, begun.elapsed() - scale))
    };
    let ((body, scale, encode), queue) = turn.run(cost, work).await?;
    Ok((body, Timings { queue, scale, encode, ..Timings::priced(cost) }))
}
