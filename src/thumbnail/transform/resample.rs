//! Scaling of planes and of interleaved pixels, by convolution with a Catmull-Rom kernel.

use fast_image_resize::images::{TypedCroppedImage, TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x3, U8x4, U16, U16x3, U16x4};
use fast_image_resize::{FilterType, ImageView, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

use super::grid::Grid;
use super::place::Window;
use crate::error::{Error, Kind, Result};
use crate::media::picture::Size;
use crate::thumbnail::Plane;

/// The part of a plane of bytes in `window`, at `target` size.
pub(super) fn plane8(plane: &Plane, window: Window, target: Size) -> Result<Grid<u8>> {
    let (data, row) = rows_of(plane, 1)?;
    let mut out = vec![0; area(target)];
    let whole = TypedImageRef::<U8>::from_buffer(row, plane.size.height, &data).map_err(broken)?;
    let mut scaled = TypedImage::<U8>::from_buffer(target.width, target.height, &mut out).map_err(broken)?;
    resize(&cropped(whole, plane.size, window)?, &mut scaled, window)?;
    Ok(Grid { size: target, channels: 1, data: out })
}

/// The part of a plane of two-byte samples in `window`, at `target` size.
pub(super) fn plane16(plane: &Plane, window: Window, target: Size) -> Result<Grid<u16>> {
    let (data, row) = rows_of(plane, 2)?;
    let mut scaled = TypedImage::<U16>::new(target.width, target.height);
    if let Ok(aligned) = TypedImageRef::<U16>::from_buffer(row, plane.size.height, &data) {
        resize(&cropped(aligned, plane.size, window)?, &mut scaled, window)?;
    } else {
        let (pairs, _) = data.as_chunks::<2>();
        let copied: Vec<U16> = pairs.iter().map(|&pair| U16::new(u16::from_ne_bytes(pair))).collect();
        let aligned = TypedImageRef::new(row, plane.size.height, &copied).map_err(broken)?;
        resize(&cropped(aligned, plane.size, window)?, &mut scaled, window)?;
    }
    let data = scaled.pixels().iter().map(|pixel| pixel.0).collect();
    Ok(Grid { size: target, channels: 1, data })
}

/// A plane as rows of full stride, and the samples in a row. The last row may be shorter than the stride: then the rows
/// are copied.
fn rows_of(plane: &Plane, sample: usize) -> Result<(std::borrow::Cow<'_, [u8]>, u32)> {
    let (used, height) = (plane.size.width as usize * sample, plane.size.height as usize);
    let needed = plane.stride.checked_mul(height.saturating_sub(1)).and_then(|rows| rows.checked_add(used));
    if plane.size.is_empty() || plane.stride < used || needed.is_none_or(|needed| needed > plane.data.len()) {
        return Err(Error::new(Kind::Internal, "a plane is smaller than its size"));
    }
    let even = plane.stride.is_multiple_of(sample);
    if even && let Some(whole) = plane.data.get(..plane.stride * height) {
        return Ok((whole.into(), (plane.stride / sample) as u32));
    }
    let rows = (0..height).flat_map(|y| &plane.data[y * plane.stride..][..used]);
    Ok((rows.copied().collect::<Vec<u8>>().into(), plane.size.width))
}

/// The whole samples that `window` touches, so that nothing outside the kept part bleeds into it.
fn cropped<'a, P: PixelTrait>(
    image: TypedImageRef<'a, P>,
    size: Size,
    window: Window,
) -> Result<TypedCroppedImage<'a, TypedImageRef<'a, P>>> {
    let (left, right) = touched(window.left, window.width, size.width);
    let (top, bottom) = touched(window.top, window.height, size.height);
    TypedCroppedImage::new(image, left, top, right - left, bottom - top).map_err(broken)
}

/// The whole samples, out of so many, that a run from `start` touches; at least one.
fn touched(start: f64, length: f64, samples: u32) -> (u32, u32) {
    let first = (start.max(0.0) as u32).min(samples.saturating_sub(1));
    let last = ((start + length).ceil() as u32).clamp(first + 1, samples.max(first + 1));
    (first, last)
}

fn resize<P: PixelTrait>(
    source: &impl ImageView<Pixel = P>,
    target: &mut TypedImage<'_, P>,
    window: Window,
) -> Result<()> {
    let (left, width) = inside(window.left.fract().max(0.0), window.width, source.width());
    let (top, height) = inside(window.top.fract().max(0.0), window.height, source.height());
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::CatmullRom))
        .crop(left, top, width, height)
        .use_alpha(true);
    Resizer::new().resize_typed(source, target, &options).map_err(broken)
}

/// A run of `length` from `start`, kept inside a side of so many samples whatever rounding did to its end.
fn inside(start: f64, length: f64, samples: u32) -> (f64, f64) {
    let samples = f64::from(samples);
    let start = start.min(samples.next_down());
    let mut length = length.min(samples - start);
    while start + length > samples {
        length = length.next_down();
    }
    (start, length)
}

/// Interleaved pixels in rows without gaps, borrowed.
pub(super) struct Interleaved<'a, T> {
    /// The numbers.
    pub(super) data: &'a [T],
    /// Three for colours, four where alpha follows.
    pub(super) channels: usize,
    /// Pixels across and down.
    pub(super) size: Size,
}

/// A number that a plane, or interleaved pixels, can be made of.
pub(super) trait Sample: Copy {
    /// Mixes four neighbours by weights whose sum is one.
    fn mixer(weights: [f64; 4]) -> impl Fn([Self; 4]) -> Self;

    /// The part of `source` in `window`, at `target` size; colours are weighted by alpha.
    fn scale(source: &Interleaved<'_, Self>, window: Window, target: Size) -> Result<Grid<Self>>;
}

impl<T: Sample> Interleaved<'_, T> {
    /// The part in `window`, at `target` size; colours are weighted by alpha.
    pub(super) fn scaled(&self, window: Window, target: Size) -> Result<Grid<T>> {
        if self.size.is_empty() || self.data.len() != area(self.size) * self.channels {
            return Err(Error::new(Kind::Internal, "a picture is not of its size"));
        }
        T::scale(self, window, target)
    }
}

impl Sample for u8 {
    fn mixer(weights: [f64; 4]) -> impl Fn([u8; 4]) -> u8 {
        let mut fixed = weights.map(|weight| (weight * 64.0).round() as i16);
        fixed[1] += 64 - fixed.iter().sum::<i16>();
        move |taps| {
            let sum: i16 = taps.iter().zip(fixed).map(|(&tap, weight)| i16::from(tap) * weight).sum();
            ((sum + 32) >> 6).clamp(0, 255) as u8
        }
    }

    fn scale(source: &Interleaved<'_, u8>, window: Window, target: Size) -> Result<Grid<u8>> {
        match source.channels {
            3 => bytes::<U8x3>(source, window, target),
            _ => bytes::<U8x4>(source, window, target),
        }
    }
}

impl Sample for u16 {
    fn mixer(weights: [f64; 4]) -> impl Fn([u16; 4]) -> u16 {
        let weights = weights.map(|weight| weight as f32);
        move |taps| {
            let sum: f32 = taps.iter().zip(weights).map(|(&tap, weight)| f32::from(tap) * weight).sum();
            (sum + 0.5) as u16
        }
    }

    fn scale(source: &Interleaved<'_, u16>, window: Window, target: Size) -> Result<Grid<u16>> {
        let data = if source.channels == 3 {
            let pixels: Vec<_> = source.data.as_chunks().0.iter().map(|&c| U16x3::new(c)).collect();
            words(source.size, &pixels, window, target)?.iter().flat_map(|pixel| pixel.0).collect()
        } else {
            let pixels: Vec<_> = source.data.as_chunks().0.iter().map(|&c| U16x4::new(c)).collect();
            words(source.size, &pixels, window, target)?.iter().flat_map(|pixel| pixel.0).collect()
        };
        Ok(Grid { size: target, channels: source.channels, data })
    }
}

fn bytes<P: PixelTrait>(source: &Interleaved<'_, u8>, window: Window, target: Size) -> Result<Grid<u8>> {
    let mut out = vec![0; area(target) * source.channels];
    let whole = TypedImageRef::<P>::from_buffer(source.size.width, source.size.height, source.data).map_err(broken)?;
    let mut scaled = TypedImage::<P>::from_buffer(target.width, target.height, &mut out).map_err(broken)?;
    resize(&cropped(whole, source.size, window)?, &mut scaled, window)?;
    Ok(Grid { size: target, channels: source.channels, data: out })
}

fn words<P: PixelTrait>(size: Size, pixels: &[P], window: Window, target: Size) -> Result<Vec<P>> {
    let whole = TypedImageRef::new(size.width, size.height, pixels).map_err(broken)?;
    let mut scaled = TypedImage::<P>::new(target.width, target.height);
    resize(&cropped(whole, size, window)?, &mut scaled, window)?;
    Ok(scaled.pixels().to_vec())
}

fn area(size: Size) -> usize {
    size.width as usize * size.height as usize
}

fn broken(cause: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(Kind::Internal, "the picture could not be scaled").caused_by(cause)
}

/// One channel moved to the left by `by` samples, which may be a fraction; its last column stands for what comes after it.
pub(super) fn shifted<T: Sample>(grid: Grid<T>, by: f64) -> Grid<T> {
    let whole = by.floor().clamp(0.0, f64::from(grid.size.width)) as usize;
    let mix = T::mixer(catmull_rom(by.fract().max(0.0)));
    let width = grid.row_len();
    let mut data = Vec::with_capacity(grid.data.len());
    let mut line = Vec::with_capacity(width + 3);
    for row in grid.rows() {
        let at = |x: usize| row[x.min(width - 1)];
        line.clear();
        line.push(at(whole.saturating_sub(1)));
        line.extend_from_slice(&row[whole.min(width - 1)..]);
        line.resize(width + 3, at(width - 1));
        data.extend(line.windows(4).map(|taps| mix([taps[0], taps[1], taps[2], taps[3]])));
    }
    Grid { data, ..grid }
}

/// The weights of four neighbours for a point at `f`, zero to one, between the second and the third.
fn catmull_rom(f: f64) -> [f64; 4] {
    let (f2, f3) = (f * f, f * f * f);
    [(2.0 * f2 - f3 - f) / 2.0, (3.0 * f3 - 5.0 * f2 + 2.0) / 2.0, (4.0 * f2 - 3.0 * f3 + f) / 2.0, (f3 - f2) / 2.0]
}
