//! Scaling of planes and of interleaved pixels, by convolution with a Catmull-Rom kernel.

use vedette_scale::{Rows, Window};

use super::grid::Grid;
use crate::error::{Error, Kind, Result};
use crate::media::picture::Size;
use crate::thumbnail::Plane;

/// The part of a plane of bytes in `window`, at `target` size.
pub(super) fn plane8(plane: &Plane, window: Window, target: Size) -> Result<Grid<u8>> {
    let (data, stride) = rows_of(plane, 1)?;
    let rows = Rows { data: &data, size: sides(plane.size), stride };
    let data = vedette_scale::u8x1(rows, window, sides(target)).map_err(broken)?;
    Ok(Grid { size: target, channels: 1, data })
}

/// The part of a plane of two-byte samples in `window`, at `target` size.
pub(super) fn plane16(plane: &Plane, window: Window, target: Size) -> Result<Grid<u16>> {
    let (data, stride) = rows_of(plane, 2)?;
    let rows = Rows { data: &data, size: sides(plane.size), stride };
    let data = vedette_scale::u16x1(rows, window, sides(target)).map_err(broken)?;
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

    fn by(&self, scale: Scale<T>, window: Window, target: Size) -> Result<Grid<T>> {
        let rows = Rows { data: self.data, size: sides(self.size), stride: self.size.width };
        let data = scale(rows, window, sides(target)).map_err(broken)?;
        Ok(Grid { size: target, channels: self.channels, data })
    }
}

/// Makes the pixels of a part at another size.
type Scale<T> = fn(Rows<'_, T>, Window, (u32, u32)) -> std::result::Result<Vec<T>, vedette_scale::Fault>;

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
        let scale = if source.channels == 3 { vedette_scale::u8x3 } else { vedette_scale::u8x4 };
        source.by(scale, window, target)
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
        let scale = if source.channels == 3 { vedette_scale::u16x3 } else { vedette_scale::u16x4 };
        source.by(scale, window, target)
    }
}

fn area(size: Size) -> usize {
    size.width as usize * size.height as usize
}

fn sides(size: Size) -> (u32, u32) {
    (size.width, size.height)
}

fn broken(cause: vedette_scale::Fault) -> Error {
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
