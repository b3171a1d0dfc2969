//! Interleaved colours: alpha put on a background, and from 8 bits to 16 and back.

use super::grid::Grid;
use super::resample::Sample;
use crate::thumbnail::Rgb;

/// A number of 8 or 16 bits, full at its greatest.
pub(super) trait Level: Sample + PartialEq {
    /// The number of full.
    const MOST: u32;

    /// The number as an integer.
    fn number(self) -> u32;
    /// The level of a number not above [`Level::MOST`].
    fn of(number: u32) -> Self;
    /// The level as 8 bits say it.
    fn of_byte(byte: u8) -> Self;
    /// The grid in 8 bits.
    fn to_bytes(grid: Grid<Self>) -> Grid<u8>;
    /// The grid in 16 bits.
    fn to_words(grid: Grid<Self>) -> Grid<u16>;
}

impl Level for u8 {
    const MOST: u32 = 255;

    fn number(self) -> u32 {
        self.into()
    }

    fn of(number: u32) -> u8 {
        number as u8
    }

    fn of_byte(byte: u8) -> u8 {
        byte
    }

    fn to_bytes(grid: Grid<u8>) -> Grid<u8> {
        grid
    }

    fn to_words(grid: Grid<u8>) -> Grid<u16> {
        Grid { size: grid.size, channels: grid.channels, data: grid.data.into_iter().map(widened).collect() }
    }
}

impl Level for u16 {
    const MOST: u32 = 65535;

    fn number(self) -> u32 {
        self.into()
    }

    fn of(number: u32) -> u16 {
        number as u16
    }

    fn of_byte(byte: u8) -> u16 {
        widened(byte)
    }

    fn to_bytes(grid: Grid<u16>) -> Grid<u8> {
        Grid { size: grid.size, channels: grid.channels, data: grid.data.into_iter().map(narrowed).collect() }
    }

    fn to_words(grid: Grid<u16>) -> Grid<u16> {
        grid
    }
}

/// 8 bits as 16.
pub(super) fn widened(byte: u8) -> u16 {
    u16::from(byte) * 257
}

/// 16 bits as 8, to the nearest.
pub(super) fn narrowed(word: u16) -> u8 {
    ((u32::from(word) * 255 + 32_895) >> 16) as u8
}

/// Colours with alpha on a background, as opaque colours.
pub(super) fn composed<T: Level>(grid: &Grid<T>, background: Rgb) -> Grid<T> {
    let Rgb(r, g, b) = background;
    let behind = [r, g, b].map(T::of_byte);
    let compose = |&[r, g, b, a]: &[T; 4]| {
        let (over, under) = (a.number(), T::MOST - a.number());
        let mix =
            |(front, back): (T, T)| T::of((front.number() * over + back.number() * under + T::MOST / 2) / T::MOST);
        [(r, behind[0]), (g, behind[1]), (b, behind[2])].map(mix)
    };
    let data = grid.data.as_chunks::<4>().0.iter().flat_map(compose).collect();
    Grid { size: grid.size, channels: 3, data }
}

/// Gives pixels that do not show at all the colour of the background, for readers that ignore alpha.
pub(super) fn hide<T: Level>(grid: &mut Grid<T>, background: Rgb) {
    let Rgb(r, g, b) = background;
    let [r, g, b] = [r, g, b].map(T::of_byte);
    for pixel in grid.data.as_chunks_mut::<4>().0 {
        if pixel[3].number() == 0 {
            *pixel = [r, g, b, pixel[3]];
        }
    }
}

/// Colours with alpha; opaque where they had none.
pub(super) fn with_alpha<T: Level>(grid: Grid<T>) -> Grid<T> {
    if grid.channels == 4 {
        return grid;
    }
    let opaque = T::of(T::MOST);
    let data = grid.data.as_chunks::<3>().0.iter().flat_map(|&[r, g, b]| [r, g, b, opaque]).collect();
    Grid { size: grid.size, channels: 4, data }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::picture::Size;

    #[track_caller]
    fn check(pixel: [u8; 4], expected: [u8; 3]) {
        let size = Size { width: 1, height: 1 };
        let grid = Grid { size, channels: 4, data: pixel.to_vec() };
        assert_eq!(composed(&grid, Rgb(200, 100, 0)).data, expected);
        let wide = Grid { size, channels: 4, data: pixel.map(widened).to_vec() };
        assert_eq!(u16::to_bytes(composed(&wide, Rgb(200, 100, 0))).data, expected);
    }

    #[test]
    fn alpha_shows_the_background() {
        check([10, 20, 30, 255], [10, 20, 30]);
        check([10, 20, 30, 0], [200, 100, 0]);
        check([0, 0, 255, 51], [160, 80, 51]);
    }

    #[test]
    fn narrow_undoes_widen_and_rounds_to_the_nearest() {
        assert!((0..=255).all(|byte| narrowed(widened(byte)) == byte));
        assert!((0..=65535u16).all(|word| narrowed(word) == (f64::from(word) / 257.0).round() as u8));
    }
}
