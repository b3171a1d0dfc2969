//! What luma and chroma numbers mean as red, green and blue (ISO/IEC 23091-2 section 8.3), and 8-bit conversion by it.

use super::grid::Grid;
use crate::media::picture::{Color, Matrix, Range};
use crate::thumbnail::Rgb;

/// How to get red, green and blue out of luma and chroma numbers of one depth. One is full light.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Meaning {
    /// The luma number of black.
    pub(super) black: f64,
    /// The chroma number of grey.
    pub(super) grey: f64,
    /// Light of a step of luma.
    pub(super) luma: f64,
    /// Red of a step of red difference.
    pub(super) red: f64,
    /// Green of a step of blue difference and of red difference.
    pub(super) green: (f64, f64),
    /// Blue of a step of blue difference.
    pub(super) blue: f64,
}

/// Weights of red and of blue in BT.601 luma, which is JPEG's (ITU-T T.871 section 7).
const JFIF: (f64, f64) = (0.299, 0.114);

impl Meaning {
    /// Of planes of `depth` bits in a picture of `lines`. The identity matrix has none: its planes are colours already.
    pub(super) fn of(color: Color, lines: u32, depth: u8) -> Meaning {
        let (red, blue) = match color.matrix_for(lines) {
            Matrix::Bt709 => (0.2126, 0.0722),
            Matrix::Bt2020 => (0.2627, 0.0593),
            Matrix::Unspecified | Matrix::Identity | Matrix::Bt601 => JFIF,
        };
        let green = 1.0 - red - blue;
        let levels = Levels::of(color.range, depth);
        let step = 1.0 / levels.chroma;
        Meaning {
            black: levels.black,
            grey: levels.grey,
            luma: 1.0 / levels.luma,
            red: 2.0 * (1.0 - red) * step,
            green: (-2.0 * blue * (1.0 - blue) / green * step, -2.0 * red * (1.0 - red) / green * step),
            blue: 2.0 * (1.0 - blue) * step,
        }
    }
}

/// The numbers of black, of grey, and from none to full.
pub(super) struct Levels {
    /// Of black.
    pub(super) black: f64,
    /// From black to white.
    pub(super) luma: f64,
    /// Of no chroma.
    pub(super) grey: f64,
    /// From least to most chroma.
    pub(super) chroma: f64,
}

impl Levels {
    /// Of samples of `depth` bits; video that does not say is limited.
    pub(super) fn of(range: Range, depth: u8) -> Levels {
        let scale = f64::from(1u32 << (depth.clamp(8, 16) - 8));
        let most = 256.0 * scale - 1.0;
        match range {
            Range::Full => Levels { black: 0.0, luma: most, grey: 128.0 * scale, chroma: most },
            Range::Limited | Range::Unspecified => {
                Levels { black: 16.0 * scale, luma: 219.0 * scale, grey: 128.0 * scale, chroma: 224.0 * scale }
            }
        }
    }
}

/// Luma and chroma of a colour as JPEG has them.
pub(crate) fn jfif(Rgb(r, g, b): Rgb) -> [u8; 3] {
    let (r, g, b) = (f64::from(r), f64::from(g), f64::from(b));
    let y = JFIF.0 * r + (1.0 - JFIF.0 - JFIF.1) * g + JFIF.1 * b;
    let chroma = |c: f64| ((c + 128.0).round().clamp(0.0, 255.0)) as u8;
    [y.round() as u8, chroma((b - y) / (2.0 - 2.0 * JFIF.1)), chroma((r - y) / (2.0 - 2.0 * JFIF.0))]
}

/// From luma and chroma of one meaning to JPEG's, as weights of (luma, blue difference, red difference).
struct ToJfif {
    luma: [f64; 3],
    blue: [f64; 2],
    red: [f64; 2],
}

impl ToJfif {
    fn of(m: &Meaning) -> ToJfif {
        // What a step of each difference adds to red, green and blue.
        let (of_blue, of_red) = ([0.0, m.green.0, m.blue], [m.red, m.green.1, 0.0]);
        let luma = |c: [f64; 3]| JFIF.0 * c[0] + (1.0 - JFIF.0 - JFIF.1) * c[1] + JFIF.1 * c[2];
        let blue = |c: [f64; 3]| (c[2] - luma(c)) / (2.0 - 2.0 * JFIF.1);
        let red = |c: [f64; 3]| (c[0] - luma(c)) / (2.0 - 2.0 * JFIF.0);
        let full = |weight: f64| weight * 255.0;
        ToJfif {
            luma: [m.luma, luma(of_blue), luma(of_red)].map(full),
            blue: [blue(of_blue), blue(of_red)].map(full),
            red: [red(of_blue), red(of_red)].map(full),
        }
    }
}

/// A weight below four in magnitude, for [`times`].
fn fixed(weight: f64) -> i16 {
    (weight * 8192.0).round() as i16
}

/// A number of at most nine bits with sign, for [`times`].
fn widened(number: u8, zero: i16) -> i16 {
    (i16::from(number) - zero) << 7
}

/// The product in sixteenths. One instruction for eight numbers where it is inlined into a loop.
#[inline(always)]
fn times(widened: i16, fixed: i16) -> i16 {
    ((i32::from(widened) * i32::from(fixed)) >> 16) as i16
}

/// Rounds a sum of three [`times`], each of which was rounded down.
#[inline(always)]
fn rounded(sixteenths: i16) -> u8 {
    ((sixteenths + 9) >> 4).clamp(0, 255) as u8
}

/// Turns 8-bit planes into JPEG's luma and chroma in place. Chroma may be half of luma's size, rounded up, either way.
pub(super) fn to_jfif(planes: &mut [Grid<u8>; 3], meaning: &Meaning) {
    let weights = ToJfif::of(meaning);
    let (zero, grey) = (meaning.black as i16, meaning.grey as i16);
    let [y, u, v] = planes;
    if weights.luma[1].abs() + weights.luma[2].abs() < 1e-6 {
        let luma = fixed(weights.luma[0]);
        let chroma = (fixed(weights.blue[0]), fixed(weights.red[1]));
        if (zero, luma) != (0, 8192) {
            y.data.iter_mut().for_each(|y| *y = rounded(times(widened(*y, zero), luma)));
        }
        if chroma != (8192, 8192) {
            u.data.iter_mut().for_each(|u| *u = rounded(times(widened(*u, grey), chroma.0) + 2048));
            v.data.iter_mut().for_each(|v| *v = rounded(times(widened(*v, grey), chroma.1) + 2048));
        }
        return;
    }
    let shares = luma_shares(u, v, &weights);
    let mut line = vec![0; y.row_len()];
    let width = y.row_len().max(1);
    let halved = u.size.height < y.size.height;
    for (number, row) in y.data.chunks_exact_mut(width).enumerate() {
        shares.spread_row(number, halved, &mut line);
        let luma = fixed(weights.luma[0]);
        row.iter_mut().zip(&line).for_each(|(y, &share)| *y = rounded(times(widened(*y, zero), luma) + share));
    }
    let (blue, red) = (weights.blue.map(fixed), weights.red.map(fixed));
    for (u, v) in u.data.iter_mut().zip(&mut v.data) {
        let (b, r) = (widened(*u, grey), widened(*v, grey));
        *u = rounded(times(b, blue[0]) + times(r, blue[1]) + 2048);
        *v = rounded(times(b, red[0]) + times(r, red[1]) + 2048);
    }
}

/// What chroma adds to luma, in sixteenths, at chroma's size.
struct Shares {
    width: usize,
    data: Vec<i16>,
}

fn luma_shares(u: &Grid<u8>, v: &Grid<u8>, weights: &ToJfif) -> Shares {
    let (blue, red) = (fixed(weights.luma[1]), fixed(weights.luma[2]));
    let share = |(&u, &v): (&u8, &u8)| times(widened(u, 128), blue) + times(widened(v, 128), red);
    Shares { width: u.row_len(), data: u.data.iter().zip(&v.data).map(share).collect() }
}

impl Shares {
    /// The shares of one row of luma: those of the nearer chroma row and of the farther one, three to one, as decoders
    /// of JPEG spread chroma.
    fn spread_row(&self, row: usize, halved: bool, out: &mut [i16]) {
        let rows = (self.data.len() / self.width.max(1)).max(1);
        let line = |at: usize| &self.data[at.min(rows - 1) * self.width..][..self.width];
        let (near, far) = match (halved, row % 2) {
            (false, _) => (row, row),
            (true, 0) => (row / 2, (row / 2).saturating_sub(1)),
            (true, _) => (row / 2, row / 2 + 1),
        };
        let mix = |(&near, &far): (&i16, &i16)| near + ((far - near) >> 2);
        if self.width >= out.len() {
            out.iter_mut().zip(line(near).iter().zip(line(far)).map(mix)).for_each(|(out, share)| *out = share);
            return;
        }
        let mixed: Vec<i16> = line(near).iter().zip(line(far)).map(mix).collect();
        spread_across(&mixed, out);
    }
}

/// A row of half width at full width, three parts of the nearer to one of the farther.
fn spread_across(half: &[i16], out: &mut [i16]) {
    let last = half.len() - 1;
    let edge = |x: usize| {
        let (near, far) = (half[x], half[if x == 0 { 0 } else { x - 1 }]);
        (near + ((far - near) >> 2), near + ((half[(x + 1).min(last)] - near) >> 2))
    };
    let (pairs, single) = out.as_chunks_mut::<2>();
    if let Some(first) = pairs.first_mut() {
        *first = edge(0).into();
    }
    for (pair, near) in pairs.iter_mut().skip(1).zip(half.windows(3)) {
        *pair = [near[1] + ((near[0] - near[1]) >> 2), near[1] + ((near[2] - near[1]) >> 2)];
    }
    if let Some(pair) = pairs.get_mut(last) {
        *pair = edge(last).into();
    }
    if let Some(single) = single.first_mut() {
        *single = edge(last).0;
    }
}

/// Planes of one size as interleaved red, green and blue.
pub(super) fn to_rgb(planes: &[Grid<u8>; 3], meaning: &Meaning) -> Grid<u8> {
    /// Pixels worked on at a time, so that the compiler makes vectors of them.
    const RUN: usize = 64;
    let full = |weight: f64| fixed(weight * 255.0);
    let (zero, grey, luma) = (meaning.black as i16, meaning.grey as i16, full(meaning.luma));
    let (red, green, blue) = (full(meaning.red), (full(meaning.green.0), full(meaning.green.1)), full(meaning.blue));
    let [y, u, v] = planes;
    let mut data = Vec::with_capacity(y.data.len() * 3);
    for ((y, u), v) in y.data.chunks(RUN).zip(u.data.chunks(RUN)).zip(v.data.chunks(RUN)) {
        let mut run = [[0u8; RUN]; 3];
        for (at, ((&y, &u), &v)) in y.iter().zip(u).zip(v).enumerate() {
            let (y, b, r) = (times(widened(y, zero), luma), widened(u, grey), widened(v, grey));
            run[0][at] = rounded(y + times(r, red));
            run[1][at] = rounded(y + times(b, green.0) + times(r, green.1));
            run[2][at] = rounded(y + times(b, blue));
        }
        data.extend((0..y.len()).flat_map(|at| [run[0][at], run[1][at], run[2][at]]));
    }
    Grid { size: y.size, channels: 3, data }
}

/// Interleaved red, green and blue as JPEG's luma and chroma, all at full size.
pub(super) fn from_rgb(rgb: &Grid<u8>) -> [Grid<u8>; 3] {
    let (pixels, _) = rgb.data.as_chunks::<3>();
    let weigh = |weights: [f64; 3], zero: i32| {
        let weights = weights.map(|weight| (weight * 65536.0).round() as i32);
        let weigh = move |&[r, g, b]: &[u8; 3]| {
            let sum = weights[0] * i32::from(r) + weights[1] * i32::from(g) + weights[2] * i32::from(b);
            ((sum + 32768 + (zero << 16)) >> 16).clamp(0, 255) as u8
        };
        Grid { size: rgb.size, channels: 1, data: pixels.iter().map(weigh).collect() }
    };
    let [y, b, r] = jfif_weights();
    [weigh(y, 0), weigh(b, 128), weigh(r, 128)]
}

/// Weights of red, green and blue in JPEG's luma, blue difference and red difference.
pub(super) fn jfif_weights() -> [[f64; 3]; 3] {
    let (red, blue) = JFIF;
    let green = 1.0 - red - blue;
    let (to_blue, to_red) = (2.0 - 2.0 * blue, 2.0 - 2.0 * red);
    [[red, green, blue], [-red / to_blue, -green / to_blue, 0.5], [0.5, -green / to_red, -blue / to_red]]
}
