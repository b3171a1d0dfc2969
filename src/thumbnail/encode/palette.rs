//! Pictures reduced to 256 colours, and GIF made of them.

use std::borrow::Cow;

use quantette::deps::palette::{Srgb, cast};
use quantette::dither::FloydSteinberg;
use quantette::{ImageRef, PaletteSize, Pipeline};

use super::{Colours, colours, failed, misfit};
use crate::error::Result;
use crate::media::picture::Size;
use crate::thumbnail::{Encoding, Raster, Rgb};

/// The most entries of a palette.
pub(super) const MOST: u16 = 256;
/// Pixels of a smaller alpha do not show in a format that knows only all or nothing.
const SHOWS: u8 = 128;

/// A picture of few colours.
pub(super) struct Paletted {
    /// Red, green and blue of each entry.
    pub(super) colours: Vec<u8>,
    /// Alpha of each entry.
    pub(super) alpha: Vec<u8>,
    /// The entry of each pixel.
    pub(super) indices: Vec<u8>,
}

/// Opaque colours, dithered.
pub(super) fn opaque(size: Size, rgb: &[u8], entries: u16) -> Result<Paletted> {
    let dither = Some(FloydSteinberg::new());
    reduce(size, rgb, entries, dither)
}

fn reduce(size: Size, rgb: &[u8], entries: u16, dither: Option<FloydSteinberg>) -> Result<Paletted> {
    let pixels: &[Srgb<u8>] = cast::from_component_slice(rgb);
    let image = ImageRef::new(size.width, size.height, pixels).map_err(|_| misfit())?;
    let entries = PaletteSize::try_from(entries.clamp(1, MOST)).map_err(failed)?;
    let reduced = Pipeline::new().palette_size(entries).ditherer(dither).input_image(image);
    let (colours, indices) = reduced.output_srgb8_indexed_image().into_parts();
    let alpha = vec![u8::MAX; colours.len()];
    Ok(Paletted { colours: cast::into_component_vec(colours), alpha, indices })
}

/// Colours with alpha: pixels are reduced in groups of like alpha, and each group gets entries by its number of pixels.
pub(super) fn translucent(rgba: &[u8]) -> Result<Paletted> {
    /// All, nothing, and fourteen between.
    const GROUPS: usize = 16;
    let group_of = |alpha: u8| match alpha {
        0 => 0,
        u8::MAX => GROUPS - 1,
        _ => 1 + usize::from(alpha) * (GROUPS - 2) / 256,
    };
    let pixels = rgba.as_chunks::<4>().0;
    let mut groups: [Vec<usize>; GROUPS] = Default::default();
    pixels.iter().enumerate().for_each(|(at, pixel)| groups[group_of(pixel[3])].push(at));
    let shown: usize = groups[1..].iter().map(Vec::len).sum();
    // One entry for nothing, one more for each other group than its share.
    let spare = usize::from(MOST) - GROUPS;
    let mut whole = Paletted { colours: Vec::new(), alpha: Vec::new(), indices: vec![0; pixels.len()] };
    for (number, group) in groups.iter().enumerate().filter(|(_, group)| !group.is_empty()) {
        let entries = if number == 0 { 1 } else { 1 + spare * group.len() / shown.max(1) };
        let rgb: Vec<u8> = group.iter().flat_map(|&at| [pixels[at][0], pixels[at][1], pixels[at][2]]).collect();
        let row = Size { width: group.len() as u32, height: 1 };
        let part = reduce(row, &rgb, entries as u16, None)?;
        let first = whole.alpha.len();
        let sum: usize = group.iter().map(|&at| usize::from(pixels[at][3])).sum();
        whole.alpha.resize(first + part.alpha.len(), (sum / group.len()) as u8);
        whole.colours.extend(part.colours);
        group.iter().zip(part.indices).for_each(|(&at, index)| whole.indices[at] = (first + usize::from(index)) as u8);
    }
    Ok(whole)
}

/// A GIF file of one frame. A pixel that shows by half or more is put on the background, others do not show.
pub(super) fn gif(raster: &Raster, encoding: &Encoding) -> Result<Vec<u8>> {
    let size = raster.size;
    let (reduced, clear) = match colours(raster)? {
        Colours::Rgb(data) => (opaque(size, data, MOST)?, None),
        Colours::Rgba(data) => {
            let mut reduced = opaque(size, &on_background(data, encoding.background), MOST - 1)?;
            let clear = reduced.alpha.len() as u8;
            reduced.colours.extend([0; 3]);
            let shows = data.as_chunks::<4>().0.iter().map(|pixel| pixel[3] >= SHOWS);
            reduced.indices.iter_mut().zip(shows).filter(|(_, shows)| !shows).for_each(|(index, _)| *index = clear);
            (reduced, Some(clear))
        }
    };
    let (width, height) = (size.width as u16, size.height as u16);
    let frame = gif::Frame {
        width,
        height,
        transparent: clear,
        palette: Some(reduced.colours),
        buffer: Cow::Owned(reduced.indices),
        ..gif::Frame::default()
    };
    let mut out = Vec::new();
    let mut encoder = gif::Encoder::new(&mut out, width, height, &[]).map_err(failed)?;
    encoder.write_frame(&frame).map_err(failed)?;
    drop(encoder);
    Ok(out)
}

/// Opaque colours of pixels as they look on a background.
fn on_background(rgba: &[u8], Rgb(r, g, b): Rgb) -> Vec<u8> {
    let mix = |front: u8, back: u8, alpha: u8| {
        let (front, back, alpha) = (u32::from(front), u32::from(back), u32::from(alpha));
        ((front * alpha + back * (255 - alpha) + 127) / 255) as u8
    };
    let pixels = rgba.as_chunks::<4>().0.iter();
    pixels.flat_map(|&[pr, pg, pb, a]| [mix(pr, r, a), mix(pg, g, a), mix(pb, b, a)]).collect()
}
