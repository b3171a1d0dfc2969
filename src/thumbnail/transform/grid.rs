//! Small pictures on their way: channels in rows without gaps, turned upright, halved, and pasted.

use crate::media::picture::{Orientation, Size, Turn};

/// Rows of interleaved channels without gaps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grid<T> {
    /// Pixels across and down.
    pub(crate) size: Size,
    /// Channels of a pixel.
    pub(crate) channels: usize,
    /// The numbers.
    pub(crate) data: Vec<T>,
}

impl<T: Copy> Grid<T> {
    /// A grid of one value.
    pub(crate) fn filled(size: Size, pixel: &[T]) -> Grid<T> {
        let count = size.width as usize * size.height as usize;
        let data = match pixel {
            [one] => vec![*one; count],
            _ => pixel.repeat(count),
        };
        Grid { size, channels: pixel.len(), data }
    }

    /// Numbers in a row.
    pub(crate) fn row_len(&self) -> usize {
        self.size.width as usize * self.channels
    }

    /// The rows from the top.
    pub(crate) fn rows(&self) -> std::slice::ChunksExact<'_, T> {
        self.data.chunks_exact(self.row_len().max(1))
    }

    /// The same pixels, upright.
    pub(crate) fn turned(self, orientation: Orientation) -> Grid<T> {
        let mirrored = if orientation.mirrored { self.mirrored() } else { self };
        match orientation.turn {
            Turn::None => mirrored,
            Turn::Half => mirrored.turned_half(),
            Turn::Quarter => mirrored.turned_quarter(),
            Turn::ThreeQuarters => mirrored.turned_quarter().turned_half(),
        }
    }

    /// Left and right exchanged.
    fn mirrored(mut self) -> Grid<T> {
        let (row, channels) = (self.row_len().max(1), self.channels);
        for line in self.data.chunks_exact_mut(row) {
            line.reverse();
            restore_pixels(line, channels);
        }
        self
    }

    fn turned_half(mut self) -> Grid<T> {
        self.data.reverse();
        restore_pixels(&mut self.data, self.channels);
        self
    }

    /// Turned clockwise by 90 degrees, in square blocks so that both sides stay in the cache.
    fn turned_quarter(self) -> Grid<T> {
        const BLOCK: usize = 32;
        let (width, height, n) = (self.size.width as usize, self.size.height as usize, self.channels);
        let mut data = self.data.clone();
        for top in (0..height).step_by(BLOCK) {
            for left in (0..width).step_by(BLOCK) {
                for x in left..(left + BLOCK).min(width) {
                    for y in top..(top + BLOCK).min(height) {
                        let (from, to) = ((y * width + x) * n, (x * height + (height - 1 - y)) * n);
                        data[to..to + n].copy_from_slice(&self.data[from..from + n]);
                    }
                }
            }
        }
        Grid { size: Size { width: self.size.height, height: self.size.width }, channels: n, data }
    }

    /// Puts rows of `length` numbers at a place; what lies outside is cut off.
    pub(crate) fn paste_rows(&mut self, part: &[T], length: usize, (left, top): (u32, u32)) {
        let room = self.size.width.saturating_sub(left) as usize * self.channels;
        let (offset, used, row) = (left as usize * self.channels, length.min(room), self.row_len().max(1));
        if used == 0 {
            return;
        }
        let lines = self.data.chunks_exact_mut(row).skip(top as usize);
        for (line, from) in lines.zip(part.chunks_exact(length)) {
            line[offset..offset + used].copy_from_slice(&from[..used]);
        }
    }

    /// On a canvas of `pixel`, at a place.
    pub(crate) fn on_canvas(self, canvas: Size, at: (u32, u32), pixel: &[T]) -> Grid<T> {
        if canvas == self.size {
            return self;
        }
        let mut whole = Grid::filled(canvas, pixel);
        whole.paste_rows(&self.data, self.row_len(), at);
        whole
    }
}

/// Puts the channels of each pixel of a reversed run back in order.
fn restore_pixels<T>(run: &mut [T], channels: usize) {
    if channels > 1 {
        run.chunks_exact_mut(channels).for_each(<[T]>::reverse);
    }
}

impl Grid<u8> {
    /// Neighbours across averaged, a single last column kept. For one channel.
    pub(crate) fn halved_across(self) -> Grid<u8> {
        let width = self.size.width.div_ceil(2);
        let mut data = Vec::with_capacity(width as usize * self.size.height as usize);
        for row in self.rows() {
            let (pairs, last) = row.as_chunks::<2>();
            data.extend(pairs.iter().enumerate().map(|(x, &[a, b])| average(a, b, x)));
            data.extend_from_slice(last);
        }
        Grid { size: Size { width, ..self.size }, channels: 1, data }
    }

    /// Neighbours down averaged, a single last row kept. For one channel.
    pub(crate) fn halved_down(self) -> Grid<u8> {
        let (row, height) = (self.row_len().max(1), self.size.height.div_ceil(2));
        let mut data = Vec::with_capacity(row * height as usize);
        for two in self.data.chunks(row * 2) {
            let (upper, lower) = two.split_at(row);
            let lower = if lower.is_empty() { upper } else { lower };
            data.extend(upper.iter().zip(lower).enumerate().map(|(x, (&a, &b))| average(a, b, x)));
        }
        Grid { size: Size { height, ..self.size }, channels: 1, data }
    }
}

/// Rounded down and up by turns along a row, so that averages of averages do not drift.
fn average(a: u8, b: u8, x: usize) -> u8 {
    ((u16::from(a) + u16::from(b) + (x & 1) as u16) >> 1) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the 3x2 picture `ab c / de f`, upright.
    #[track_caller]
    fn check(exif: u16, expected: &[&str]) {
        let stored = Grid { size: Size { width: 3, height: 2 }, channels: 1, data: b"abcdef".to_vec() };
        let upright = stored.turned(Orientation::from_exif(exif));
        let rows: Vec<_> = upright.rows().map(|row| String::from_utf8_lossy(row).into_owned()).collect();
        assert_eq!(rows, expected);
    }

    #[test]
    fn every_orientation_comes_upright() {
        check(1, &["abc", "def"]);
        check(2, &["cba", "fed"]);
        check(3, &["fed", "cba"]);
        check(4, &["def", "abc"]);
        check(5, &["ad", "be", "cf"]);
        check(6, &["da", "eb", "fc"]);
        check(7, &["fc", "eb", "da"]);
        check(8, &["cf", "be", "ad"]);
    }

    #[test]
    fn pixels_stay_whole_when_turned() {
        let stored = Grid { size: Size { width: 2, height: 1 }, channels: 3, data: vec![1, 2, 3, 4, 5, 6] };
        for exif in [2, 3] {
            assert_eq!(stored.clone().turned(Orientation::from_exif(exif)).data, [4, 5, 6, 1, 2, 3]);
        }
    }

    #[test]
    fn odd_sides_keep_their_last() {
        let grid = Grid { size: Size { width: 3, height: 3 }, channels: 1, data: vec![0, 10, 7, 20, 30, 9, 5, 5, 1] };
        assert_eq!(grid.clone().halved_across().data, [5, 7, 25, 9, 5, 1]);
        assert_eq!(grid.halved_down().data, [10, 20, 8, 5, 5, 1]);
    }

    #[test]
    fn a_paste_is_cut_at_the_edge() {
        let mut canvas = Grid::filled(Size { width: 3, height: 2 }, &[0u8]);
        canvas.paste_rows(&[9; 4], 2, (2, 1));
        assert_eq!(canvas.data, [0, 0, 0, 0, 0, 9]);
    }
}
