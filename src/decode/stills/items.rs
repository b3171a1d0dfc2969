//! AVIF and HEIC: coded pictures of a file's items decoded, put together, and given their alpha and profile.

use bytes::Bytes;

use super::profile::{self, Inks};
use super::{Header, check_size, damaged};
use crate::decode::frames::{Coded, Decoders, Run};
use crate::decode::limits::Limits;
use crate::error::{Error, Result};
use crate::media::mp4::items::{self, Layer, Region, StillItem, Tile};
use crate::media::picture::{Color, Matrix, Primaries, Range, Size, Transfer};
use crate::media::samples::Samples;
use crate::media::time::{Ticks, Timescale};
use crate::media::{Media, Packing, Track, VideoFormat};
use crate::thumbnail::transform::render;
use crate::thumbnail::{Geometry, Layout, Packed, Picture, Pixels, Plane, Planes, RasterPixels, Rect, Rgb};

/// True where a file starts as one of pictures does: by its major brand (ISO/IEC 23008-12 section 10.2).
pub(super) fn recognises(head: &[u8]) -> bool {
    const BRANDS: [&[u8]; 8] = [b"avif", b"avis", b"mif1", b"msf1", b"heic", b"heix", b"heim", b"heis"];
    head.get(4..8) == Some(b"ftyp") && head.get(8..12).is_some_and(|brand| BRANDS.contains(&brand))
}

/// Size and orientation.
pub(super) fn header(file: &[u8]) -> Result<Header> {
    let item = items::picture(file)?;
    Ok(Header { size: item.visible.size, orientation: item.orientation, halvings: 0 })
}

/// The picture.
pub(super) fn decode(file: &[u8], limits: Limits) -> Result<Picture> {
    let item = items::picture(file)?;
    let decoders = Decoders::new(limits.still_pixels_max);
    let mut picture = layer(&decoders, &item.color, limits)?;
    // ISO/IEC 23000-22 section 7.3.6.4: what is not said is sRGB by the matrix of BT.601 in full range.
    let unsaid = Color { matrix: Matrix::Bt601, range: Range::Full, ..Color::default() };
    picture.color = item.stated.unwrap_or_default().or(picture.color).or(unsaid);
    picture.orientation = Default::default();
    if let Some(alpha) = &item.alpha {
        give_alpha(&mut picture, layer(&decoders, alpha, limits)?)?;
    }
    cut(&mut picture, item.visible);
    let mut picture = in_srgb(picture, &item)?;
    picture.orientation = item.orientation;
    Ok(picture)
}

/// Decodes the tiles of a layer and puts them together.
fn layer(decoders: &Decoders, layer: &Layer<'_>, limits: Limits) -> Result<Picture> {
    check_size(layer.size, limits)?;
    let covered: u64 = layer.tiles.iter().map(|tile| tile.size.area()).sum();
    // Tiles reach beyond the picture, at most by one in each direction.
    let allowed = limits.still_pixels_max.saturating_mul(2);
    if covered > allowed {
        return Err(Error::too_large(format!(
            "the tiles of the picture have {covered} pixels; at most {allowed} are decoded"
        )));
    }
    if let [single] = &layer.tiles[..] {
        return tile(decoders, single);
    }
    let mut whole: Option<(Picture, Mosaic)> = None;
    for (number, part) in layer.tiles.iter().enumerate() {
        let picture = tile(decoders, part)?;
        let Pixels::Yuv(planes) = &picture.pixels else { return Err(damaged("a tile without planes")) };
        let columns = layer.columns as usize;
        let place = ((number % columns) * part.size.width as usize, (number / columns) * part.size.height as usize);
        if whole.is_none() {
            whole = Some((picture.clone(), Mosaic::new(planes, layer.size)));
        }
        if let Some((_, mosaic)) = &mut whole {
            mosaic.place(planes, place)?;
        }
    }
    let (first, mosaic) = whole.ok_or_else(|| damaged("a picture without tiles"))?;
    Ok(Picture { size: layer.size, pixels: Pixels::Yuv(mosaic.finish()), ..first })
}

/// Decodes one coded picture by way of a track of a single sample.
fn tile(decoders: &Decoders, tile: &Tile<'_>) -> Result<Picture> {
    let timescale = Timescale::new(1).ok_or_else(|| damaged("no timescale"))?;
    let format = VideoFormat {
        coded: tile.size,
        sample_aspect: (1, 1),
        orientation: Default::default(),
        color: Color::default(),
        dolby_vision: None,
    };
    let track = Track {
        id: 1,
        timescale,
        language: None,
        codec: tile.codec,
        config: Bytes::copy_from_slice(tile.config),
        media: Media::Video(format),
        samples: Samples::default(),
        packing: Packing::Plain,
        captions: Default::default(),
    };
    let samples = [Coded { time: Ticks(0), data: Bytes::copy_from_slice(&tile.data), alpha: None }];
    let mut decoded = None;
    let run = Run { track: &track, samples: &samples, wanted: &[Ticks(0)] };
    decoders.decode(run, &|| false, &mut |_, picture| {
        decoded = Some(picture);
        Ok(())
    })?;
    let picture = decoded.ok_or_else(|| damaged("no picture came out of the decoder"))?;
    if picture.size != tile.size {
        return Err(damaged(format!("a picture of {} said to be {}", picture.size, tile.size)));
    }
    Ok(picture)
}

/// Planes that tiles are put on.
struct Mosaic {
    size: Size,
    depth: u8,
    shift: (u8, u8),
    left_sited: bool,
    planes: Vec<Canvas>,
}

struct Canvas {
    size: Size,
    stride: usize,
    data: Vec<u8>,
}

impl Mosaic {
    /// For a picture of `size` whose tiles are like `first`.
    fn new(first: &Planes, size: Size) -> Mosaic {
        let sample = bytes_of(first.depth);
        let half = Size { width: shrunk(size.width, first.shift.0), height: shrunk(size.height, first.shift.1) };
        let sizes = if first.chroma.is_some() { vec![size, half, half] } else { vec![size] };
        let canvas = |size: Size| {
            let stride = size.width as usize * sample;
            Canvas { size, stride, data: vec![0; stride * size.height as usize] }
        };
        let planes = sizes.into_iter().map(canvas).collect();
        Mosaic { size, depth: first.depth, shift: first.shift, left_sited: first.left_sited, planes }
    }

    /// Puts a tile at a place, in pixels of luma; what reaches beyond the picture is cut off.
    fn place(&mut self, tile: &Planes, (left, top): (usize, usize)) -> Result<()> {
        let (u, v) = tile.chroma.as_ref().map_or((None, None), |(u, v)| (Some(u), Some(v)));
        let parts: Vec<&Plane> = [Some(&tile.y), u, v].into_iter().flatten().collect();
        if (tile.depth, tile.shift, parts.len()) != (self.depth, self.shift, self.planes.len()) {
            return Err(damaged("tiles of different kinds"));
        }
        let sample = bytes_of(self.depth);
        for (number, (canvas, part)) in self.planes.iter_mut().zip(parts).enumerate() {
            let (right, down) = if number == 0 { (0, 0) } else { self.shift };
            let (left, top) = ((left >> right) * sample, top >> down);
            let used = canvas.stride.saturating_sub(left).min(part.size.width as usize * sample);
            let rows = (canvas.size.height as usize).saturating_sub(top).min(part.size.height as usize);
            for row in 0..rows {
                let from = part.data.get(row * part.stride..row * part.stride + used);
                let from = from.ok_or_else(|| damaged("a tile smaller than its size"))?;
                canvas.data[(top + row) * canvas.stride + left..][..used].copy_from_slice(from);
            }
        }
        Ok(())
    }

    fn finish(self) -> Planes {
        let plane = |canvas: Canvas| Plane { data: canvas.data.into(), stride: canvas.stride, size: canvas.size };
        let mut planes = self.planes.into_iter().map(plane);
        let y = planes.next().unwrap_or(Plane { data: Bytes::new(), stride: 0, size: self.size });
        let chroma = planes.next().zip(planes.next());
        Planes {
            y,
            chroma,
            alpha: None,
            depth: self.depth,
            shift: self.shift,
            left_sited: self.left_sited,
            interlaced: false,
        }
    }
}

fn bytes_of(depth: u8) -> usize {
    if depth > 8 { 2 } else { 1 }
}

fn shrunk(length: u32, shift: u8) -> u32 {
    length.div_ceil(1 << shift.min(4))
}

/// Makes the luma of another picture the alpha of this one, in the depth of this one.
fn give_alpha(picture: &mut Picture, alpha: Picture) -> Result<()> {
    let Pixels::Yuv(planes) = &mut picture.pixels else { return Ok(()) };
    let Pixels::Yuv(Planes { y, depth, .. }) = alpha.pixels else { return Err(damaged("alpha without planes")) };
    planes.alpha = Some(if depth == planes.depth { y } else { in_depth(&y, depth, planes.depth)? });
    Ok(())
}

/// The samples of a plane in another depth, full as before.
fn in_depth(plane: &Plane, from: u8, to: u8) -> Result<Plane> {
    let (before, after) = (bytes_of(from), bytes_of(to));
    let (most, wanted) = ((1u32 << from) - 1, (1u32 << to) - 1);
    let (width, height) = (plane.size.width as usize, plane.size.height as usize);
    let mut data = Vec::with_capacity(width * height * after);
    for row in 0..height {
        let row = plane.data.get(row * plane.stride..row * plane.stride + width * before);
        for sample in row.ok_or_else(|| damaged("alpha smaller than its size"))?.chunks_exact(before) {
            let number = match *sample {
                [low, high] => u32::from(u16::from_ne_bytes([low, high])),
                _ => u32::from(sample[0]),
            };
            let number = (number.min(most) * wanted + most / 2) / most;
            match after {
                2 => data.extend((number as u16).to_ne_bytes()),
                _ => data.push(number as u8),
            }
        }
    }
    Ok(Plane { data: data.into(), stride: width * after, size: plane.size })
}

/// Leaves of a picture only what is meant to be seen. Its left and top edges move to whole samples of chroma.
fn cut(picture: &mut Picture, visible: Region) {
    if visible.size == picture.size {
        return;
    }
    let Pixels::Yuv(planes) = &mut picture.pixels else { return };
    let shift = planes.shift;
    let (left, top) = (visible.left >> shift.0 << shift.0, visible.top >> shift.1 << shift.1);
    let sample = bytes_of(planes.depth);
    let part = |plane: &mut Plane, shift: (u8, u8)| {
        let start = (top >> shift.1) as usize * plane.stride + (left >> shift.0) as usize * sample;
        plane.data = plane.data.slice(start.min(plane.data.len())..);
        plane.size = Size { width: shrunk(visible.size.width, shift.0), height: shrunk(visible.size.height, shift.1) };
    };
    // Alpha of another size cannot be cut along; it is stretched over what is seen.
    if let Some(alpha) = planes.alpha.as_mut().filter(|alpha| alpha.size == picture.size) {
        part(alpha, (0, 0));
    }
    part(&mut planes.y, (0, 0));
    if let Some((u, v)) = &mut planes.chroma {
        part(u, shift);
        part(v, shift);
    }
    picture.size = visible.size;
}

/// The picture by its profile, and with colours that alpha has not darkened yet. Most pictures stay as they are.
fn in_srgb(mut picture: Picture, item: &StillItem<'_>) -> Result<Picture> {
    let inks = if picture.has_alpha() { Inks::ColoursAndAlpha } else { Inks::Colours };
    let conversion = item.icc.and_then(|profile| profile::conversion(profile, inks));
    let darkened = item.premultiplied && picture.has_alpha();
    if item.icc.is_some() {
        // The profile says what the colours are.
        picture.color = Color { transfer: Transfer::Sdr, primaries: Primaries::Bt709, ..picture.color };
    }
    if conversion.is_none() && !darkened {
        return Ok(picture);
    }
    let size = picture.size;
    let crop = Rect { x: 0, y: 0, width: size.width, height: size.height };
    let whole = Geometry { reference: size, crop, scaled: size, canvas: size, left: 0, top: 0 };
    let layout = if picture.has_alpha() { Layout::Rgba16 } else { Layout::Rgb16 };
    let mut words = match render(&picture, &whole, Rgb::BLACK, layout)?.pixels {
        RasterPixels::Rgb16(words) | RasterPixels::Rgba16(words) => words,
        _ => return Err(damaged("colours of another layout")),
    };
    if darkened {
        words.as_chunks_mut::<4>().0.iter_mut().for_each(lighten);
    }
    let words = match conversion {
        Some(conversion) => conversion.words(&words)?,
        None => words,
    };
    let packed = if layout == Layout::Rgba16 { Packed::Rgba16(words) } else { Packed::Rgb16(words) };
    Ok(Picture { color: Color::default(), pixels: Pixels::Packed(packed), ..picture })
}

/// Divides colours by their alpha.
fn lighten([colours @ .., alpha]: &mut [u16; 4]) {
    let alpha = u32::from(*alpha);
    for colour in colours {
        *colour =
            (u32::from(*colour) * u32::from(u16::MAX)).checked_div(alpha).unwrap_or(0).min(u16::MAX.into()) as u16;
    }
}
