//! How a stored picture is meant to be seen: its size, which way is up, and what its numbers mean as colours.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// What makes a stored picture upright: mirrored left to right first where it says so, then turned clockwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Orientation {
    /// Mirror left to right before turning.
    pub mirrored: bool,
    /// Then turn clockwise.
    pub turn: Turn,
}

/// A clockwise turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Turn {
    /// Not at all.
    #[default]
    None,
    /// By 90 degrees.
    Quarter,
    /// By 180 degrees.
    Half,
    /// By 270 degrees.
    ThreeQuarters,
}

/// What the numbers of a picture mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Color {
    /// How luma and chroma were made of red, green and blue.
    pub matrix: Matrix,
    /// Which numbers are black and white.
    pub range: Range,
    /// How numbers relate to light.
    pub transfer: Transfer,
    /// Which red, green and blue.
    pub primaries: Primaries,
}

/// Matrix coefficients (ISO/IEC 23091-2 section 8.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Matrix {
    /// Not stated: 709 from 720 lines up, else 601.
    #[default]
    Unspecified,
    /// The planes are green, blue, red.
    Identity,
    /// BT.601.
    Bt601,
    /// BT.709.
    Bt709,
    /// BT.2020, non-constant luminance.
    Bt2020,
}

/// Which numbers are black and white.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Range {
    /// Not stated: limited for YUV video, full for the JPEG family.
    #[default]
    Unspecified,
    /// 16 to 235 of 8 bits for luma.
    Limited,
    /// 0 to 255 of 8 bits.
    Full,
}

/// Transfer characteristics, as far as they matter to a picture for the web (ISO/IEC 23091-2 section 8.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Transfer {
    /// Standard dynamic range.
    #[default]
    Sdr,
    /// Perceptual quantizer, SMPTE ST 2084.
    Pq,
    /// Hybrid log-gamma, ARIB STD-B67.
    Hlg,
}

/// Colour primaries (ISO/IEC 23091-2 section 8.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Primaries {
    /// Those of sRGB and BT.709, or so near them that the web does not care (BT.601).
    #[default]
    Bt709,
    /// BT.2020.
    Bt2020,
    /// Display P3.
    DisplayP3,
}

impl Size {
    /// The size after a turn.
    pub fn turned(self, orientation: Orientation) -> Size {
        match orientation.turn {
            Turn::None | Turn::Half => self,
            Turn::Quarter | Turn::ThreeQuarters => Size { width: self.height, height: self.width },
        }
    }

    /// Number of pixels.
    pub fn area(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// True where either side is zero.
    pub fn is_empty(self) -> bool {
        self.width == 0 || self.height == 0
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl Orientation {
    /// The orientation of an EXIF tag value, 1 to 8 (CIPA DC-008 section 4.6.4); upright for any other.
    pub fn from_exif(value: u16) -> Orientation {
        let (mirrored, turn) = match value {
            2 => (true, Turn::None),
            3 => (false, Turn::Half),
            4 => (true, Turn::Half),
            5 => (true, Turn::ThreeQuarters),
            6 => (false, Turn::Quarter),
            7 => (true, Turn::Quarter),
            8 => (false, Turn::ThreeQuarters),
            _ => (false, Turn::None),
        };
        Orientation { mirrored, turn }
    }

    /// This orientation followed by another, as one.
    pub fn then(self, next: Orientation) -> Orientation {
        let (done, more) = (self.turn.quarters(), next.turn.quarters());
        // A turn seen in a mirror goes the other way round.
        let quarters = if next.mirrored { more + 4 - done } else { more + done };
        Orientation { mirrored: self.mirrored != next.mirrored, turn: Turn::from_quarters(quarters) }
    }

    /// True where nothing needs doing.
    pub fn is_upright(self) -> bool {
        self == Orientation::default()
    }
}

impl Turn {
    /// How many quarters it is, 0 to 3.
    pub fn quarters(self) -> u8 {
        match self {
            Turn::None => 0,
            Turn::Quarter => 1,
            Turn::Half => 2,
            Turn::ThreeQuarters => 3,
        }
    }

    /// A turn by so many clockwise quarters; whole turns do not count.
    pub fn from_quarters(quarters: u8) -> Turn {
        match quarters % 4 {
            0 => Turn::None,
            1 => Turn::Quarter,
            2 => Turn::Half,
            _ => Turn::ThreeQuarters,
        }
    }
}

impl Color {
    /// The colour that the code points of ISO/IEC 23091-2 name: primaries (section 8.1), transfer characteristics (8.2) and
    /// matrix coefficients (8.3).
    pub fn from_codes(primaries: u16, transfer: u16, matrix: u16, range: Range) -> Color {
        let primaries = match primaries {
            9 => Primaries::Bt2020,
            11 | 12 => Primaries::DisplayP3,
            _ => Primaries::Bt709,
        };
        let transfer = match transfer {
            16 => Transfer::Pq,
            18 => Transfer::Hlg,
            _ => Transfer::Sdr,
        };
        let matrix = match matrix {
            0 => Matrix::Identity,
            // SMPTE ST 240 (7) differs from BT.709 by less than one level of 8 bits in most colours.
            1 | 7 => Matrix::Bt709,
            4..=6 => Matrix::Bt601,
            9 | 10 => Matrix::Bt2020,
            _ => Matrix::Unspecified,
        };
        Color { matrix, range, transfer, primaries }
    }

    /// The code points of primaries, transfer characteristics and matrix, those that [`Color::from_codes`] takes to this
    /// colour; 2 for what is not stated. Colours of standard range are told no further apart than that does.
    pub fn codes(self) -> [u16; 3] {
        let (standard, matrix) = match self.matrix {
            Matrix::Unspecified => (2, 2),
            Matrix::Identity => (1, 0),
            Matrix::Bt601 => (6, 6),
            Matrix::Bt709 => (1, 1),
            Matrix::Bt2020 => (1, 9),
        };
        let primaries = match self.primaries {
            Primaries::Bt709 => standard,
            Primaries::Bt2020 => 9,
            Primaries::DisplayP3 => 12,
        };
        let transfer = match (self.transfer, self.matrix) {
            // BT.2020 has its own number for much the same curve.
            (Transfer::Sdr, Matrix::Bt2020) => 14,
            (Transfer::Sdr, _) => standard,
            (Transfer::Pq, _) => 16,
            (Transfer::Hlg, _) => 18,
        };
        [primaries, transfer, matrix]
    }

    /// The matrix to use for a picture of `height` coded lines.
    pub fn matrix_for(self, height: u32) -> Matrix {
        match self.matrix {
            Matrix::Unspecified if height >= 720 => Matrix::Bt709,
            Matrix::Unspecified => Matrix::Bt601,
            stated => stated,
        }
    }

    /// This colour with what it leaves unspecified taken from `other`.
    pub fn or(self, other: Color) -> Color {
        Color {
            matrix: if self.matrix == Matrix::Unspecified { other.matrix } else { self.matrix },
            range: if self.range == Range::Unspecified { other.range } else { self.range },
            transfer: if self.transfer == Transfer::Sdr { other.transfer } else { self.transfer },
            primaries: if self.primaries == Primaries::Bt709 { other.primaries } else { self.primaries },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where an orientation puts the corners of a picture: those that were top left, top right, bottom right, bottom left,
    /// in the order that they are met clockwise from the top left afterwards.
    fn corners(orientation: Orientation) -> [u8; 4] {
        let mut corners = if orientation.mirrored { [1, 0, 3, 2] } else { [0, 1, 2, 3] };
        corners.rotate_right(orientation.turn.quarters().into());
        corners
    }

    #[test]
    fn one_orientation_after_another_is_one() {
        let all = || (1..=8).map(Orientation::from_exif);
        for (first, second) in all().flat_map(|first| all().map(move |second| (first, second))) {
            let (before, change) = (corners(first), corners(second));
            let expected = change.map(|corner| before[usize::from(corner)]);
            assert_eq!(corners(first.then(second)), expected, "{first:?} then {second:?}");
        }
    }

    #[test]
    fn codes_name_the_colour_they_were_read_from() {
        for primaries in [1, 2, 9, 12] {
            for transfer in [1, 2, 16, 18] {
                for matrix in [0, 1, 2, 6, 9] {
                    let color = Color::from_codes(primaries, transfer, matrix, Range::Limited);
                    let [primaries, transfer, matrix] = color.codes();
                    assert_eq!(Color::from_codes(primaries, transfer, matrix, Range::Limited), color);
                }
            }
        }
    }

    #[test]
    fn exif_values_put_the_corners_where_the_standard_says() {
        // CIPA DC-008 section 4.6.4: 6 shows the stored left column at the top, so the bottom left corner comes first.
        let firsts = [0, 1, 2, 3, 0, 3, 2, 1];
        for (value, first) in (1..=8).zip(firsts) {
            assert_eq!(corners(Orientation::from_exif(value))[0], first, "{value}");
        }
    }
}
