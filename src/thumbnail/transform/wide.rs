//! Planes of any depth, matrix, light and gamut to sRGB or JPEG's luma and chroma, by way of floating point.

use super::color::{self, Levels, Meaning};
use super::grid::Grid;
use super::light::Light;
use crate::media::picture::{Color, Matrix, Range, Size};

/// What the planes of a small picture mean.
pub(super) struct Source {
    /// Colour as stated.
    pub(super) color: Color,
    /// Coded lines of the whole picture, from which an unstated matrix follows.
    pub(super) lines: u32,
    /// Bits a sample.
    pub(super) depth: u8,
}

/// One row of red, green and blue, one is full.
type Row = Vec<[f32; 3]>;

impl Source {
    /// Rows of sRGB from planes of one size; chroma is `None` for grey.
    fn rows<'a>(
        &'a self,
        y: &'a Grid<u16>,
        chroma: Option<&'a (Grid<u16>, Grid<u16>)>,
    ) -> impl Iterator<Item = Row> + 'a {
        let light = Light::of(self.color.transfer, self.color.primaries);
        let decode = self.decoder();
        let width = y.row_len().max(1);
        y.rows().enumerate().map(move |(number, luma)| {
            let at = number * width;
            let pixel = |x: usize, luma: u16| {
                let (b, r) = chroma.map_or((None, None), |(u, v)| (Some(u.data[at + x]), Some(v.data[at + x])));
                light.to_srgb(decode(luma, b, r))
            };
            luma.iter().enumerate().map(|(x, &luma)| pixel(x, luma)).collect()
        })
    }

    /// What luma, blue difference and red difference (`None` for grey) are as red, green and blue.
    fn decoder(&self) -> impl Fn(u16, Option<u16>, Option<u16>) -> [f32; 3] + use<> {
        let identity = self.color.matrix == Matrix::Identity;
        let unstated = if identity { Range::Full } else { Range::Limited };
        let color = self.color.or(Color { range: unstated, ..Color::default() });
        let (m, levels) = (Meaning::of(color, self.lines, self.depth), Levels::of(color.range, self.depth));
        let (black, grey) = (levels.black as f32, levels.grey as f32);
        let (luma, red, blue) = (m.luma as f32, m.red as f32, m.blue as f32);
        let green = (m.green.0 as f32, m.green.1 as f32);
        move |y, b, r| {
            let level = |number: u16| (f32::from(number) - black) * luma;
            if identity {
                return [r, Some(y), b].map(|number| level(number.unwrap_or(y)));
            }
            let difference = |number: Option<u16>| number.map_or(0.0, |number| f32::from(number) - grey);
            let (y, b, r) = (level(y), difference(b), difference(r));
            [y + r * red, y + b * green.0 + r * green.1, y + b * blue]
        }
    }

    /// As 8-bit red, green and blue.
    pub(super) fn to_rgb8(&self, y: &Grid<u16>, chroma: Option<&(Grid<u16>, Grid<u16>)>) -> Grid<u8> {
        let data = self.rows(y, chroma).flatten().flatten().map(|c| quantized(c * 255.0, 255.0) as u8).collect();
        Grid { size: y.size, channels: 3, data }
    }

    /// As 16-bit red, green and blue.
    pub(super) fn to_rgb16(&self, y: &Grid<u16>, chroma: Option<&(Grid<u16>, Grid<u16>)>) -> Grid<u16> {
        let data = self.rows(y, chroma).flatten().flatten().map(|c| quantized(c * 65535.0, 65535.0)).collect();
        Grid { size: y.size, channels: 3, data }
    }

    /// As JPEG's luma and chroma, all of full size.
    pub(super) fn to_jfif(&self, y: &Grid<u16>, chroma: Option<&(Grid<u16>, Grid<u16>)>) -> [Grid<u8>; 3] {
        let weights = color::jfif_weights().map(|row| row.map(|weight| weight as f32 * 255.0));
        let mut planes = [(); 3].map(|()| Vec::with_capacity(y.data.len()));
        for row in self.rows(y, chroma) {
            for (plane, (weights, zero)) in planes.iter_mut().zip(weights.iter().zip([0.0, 128.0, 128.0])) {
                let weigh = |c: &[f32; 3]| c[0] * weights[0] + c[1] * weights[1] + c[2] * weights[2] + zero;
                plane.extend(row.iter().map(|c| quantized(weigh(c), 255.0) as u8));
            }
        }
        planes.map(|data| Grid { size: y.size, channels: 1, data })
    }
}

fn quantized(number: f32, most: f32) -> u16 {
    (number + 0.5).clamp(0.0, most) as u16
}

/// Alpha samples of some depth as 16 bits; `None` for opaque.
pub(super) fn alpha16(alpha: Option<Grid<u16>>, depth: u8, size: Size) -> Grid<u16> {
    let most = (1u32 << depth.clamp(8, 16)) - 1;
    let widen = |sample: u16| ((u32::from(sample).min(most) * 65535 + most / 2) / most) as u16;
    match alpha {
        Some(mut grid) => {
            grid.data.iter_mut().for_each(|sample| *sample = widen(*sample));
            grid
        }
        None => Grid::filled(size, &[u16::MAX]),
    }
}
