//! How a stored picture is meant to be seen: its size, which way is up, and what its numbers mean as colours.

use std::fmt;

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Size {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// What makes a stored picture upright: mirrored left to right first where it says so, then turned clockwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Orientation {
    /// Mirror left to right before turning.
    pub mirrored: bool,
    /// Then turn clockwise.
    pub turn: Turn,
}

/// A clockwise turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
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

    /// True where nothing needs doing.
    pub fn is_upright(self) -> bool {
        self == Orientation::default()
    }
}

impl Color {
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
