//! Tiles of one size in rows on one picture: strips and grids.

use super::transform::color::jfif;
use super::transform::grid::Grid;
use super::{Layout, Raster, RasterPixels, Rgb};
use crate::error::{Error, Kind, Result};
use crate::media::picture::Size;

/// A picture of tiles that are placed as they arrive, in any order. What gets no tile stays background.
#[derive(Debug)]
pub struct Sheet {
    tile: Size,
    columns: u32,
    size: Size,
    layout: Layout,
    canvas: Canvas,
}

/// The pixels of a sheet; chroma of its own size.
#[derive(Debug)]
enum Canvas {
    Yuv([Grid<u8>; 3]),
    Bytes(Grid<u8>),
    Words(Grid<u16>),
}

/// The layout that tiles must have for a sheet of `layout`: chroma of half size can only be joined where the sides of a
/// tile are even, so tiles with an odd side come with full chroma, and the sheet halves it.
pub fn tile_layout(layout: Layout, tile: Size) -> Layout {
    let even = tile.width.is_multiple_of(2) && tile.height.is_multiple_of(2);
    if layout == Layout::Yuv420 && !even { Layout::Yuv444 } else { layout }
}

/// The size of a sheet of `count` tiles in rows of `columns`; `None` where that is no size at all.
pub fn size_of(tile: Size, columns: u32, count: u32) -> Option<Size> {
    if tile.is_empty() || columns == 0 || count == 0 {
        return None;
    }
    let across = columns.min(count);
    Some(Size { width: tile.width.checked_mul(across)?, height: tile.height.checked_mul(count.div_ceil(columns))? })
}

impl Sheet {
    /// A sheet of `background` for `count` tiles in rows of `columns`. The finished picture has `layout`; the tiles must
    /// have that of [`tile_layout`].
    pub fn new(tile: Size, columns: u32, count: u32, layout: Layout, background: Rgb) -> Result<Sheet> {
        let size = size_of(tile, columns, count).ok_or_else(|| misuse("a sheet without a size"))?;
        let Rgb(r, g, b) = background;
        let wide = [r, g, b, u8::MAX].map(|level| u16::from(level) * 257);
        let canvas = match tile_layout(layout, tile) {
            Layout::Yuv420 => {
                let [y, u, v] = jfif(background);
                let half = Size { width: size.width.div_ceil(2), height: size.height.div_ceil(2) };
                Canvas::Yuv([Grid::filled(size, &[y]), Grid::filled(half, &[u]), Grid::filled(half, &[v])])
            }
            Layout::Yuv444 => Canvas::Yuv(jfif(background).map(|level| Grid::filled(size, &[level]))),
            Layout::Rgb8 => Canvas::Bytes(Grid::filled(size, &[r, g, b])),
            Layout::Rgba8 => Canvas::Bytes(Grid::filled(size, &[r, g, b, u8::MAX])),
            Layout::Rgb16 => Canvas::Words(Grid::filled(size, &wide[..3])),
            Layout::Rgba16 => Canvas::Words(Grid::filled(size, &wide)),
        };
        Ok(Sheet { tile, columns, size, layout, canvas })
    }

    /// The layout that tiles must have.
    pub fn tile_layout(&self) -> Layout {
        tile_layout(self.layout, self.tile)
    }

    /// Puts a tile at its place, counted from zero along the rows.
    pub fn place(&mut self, number: u32, tile: &Raster) -> Result<()> {
        let (column, row) = (u64::from(number % self.columns), u64::from(number / self.columns));
        let (left, top) = (column * u64::from(self.tile.width), row * u64::from(self.tile.height));
        if left >= self.size.width.into() || top >= self.size.height.into() {
            return Err(misuse("a tile outside its sheet"));
        }
        if tile.size != self.tile || tile.pixels.layout() != self.tile_layout() {
            return Err(misuse("a tile of another size or layout than its sheet's"));
        }
        let (left, top, size) = (left as u32, top as u32, tile.size);
        match (&mut self.canvas, &tile.pixels) {
            (Canvas::Yuv(planes), RasterPixels::Yuv420(parts)) => {
                let half = Size { width: size.width / 2, height: size.height / 2 };
                paste(&mut planes[0], &parts[0], size, (left, top))?;
                paste(&mut planes[1], &parts[1], half, (left / 2, top / 2))?;
                paste(&mut planes[2], &parts[2], half, (left / 2, top / 2))
            }
            (Canvas::Yuv(planes), RasterPixels::Yuv444(parts)) => {
                planes.iter_mut().zip(parts).try_for_each(|(plane, part)| paste(plane, part, size, (left, top)))
            }
            (Canvas::Bytes(grid), RasterPixels::Rgb8(part) | RasterPixels::Rgba8(part)) => {
                paste(grid, part, size, (left, top))
            }
            (Canvas::Words(grid), RasterPixels::Rgb16(part) | RasterPixels::Rgba16(part)) => {
                paste(grid, part, size, (left, top))
            }
            _ => Err(misuse("a tile of another layout than its sheet's")),
        }
    }

    /// The finished picture.
    pub fn finish(self) -> Raster {
        let late = self.layout == Layout::Yuv420 && self.tile_layout() == Layout::Yuv444;
        let pixels = match self.canvas {
            Canvas::Yuv([y, u, v]) if late => {
                RasterPixels::Yuv420([y, u.halved_across().halved_down(), v.halved_across().halved_down()].map(data))
            }
            Canvas::Yuv(planes) if self.layout == Layout::Yuv420 => RasterPixels::Yuv420(planes.map(data)),
            Canvas::Yuv(planes) => RasterPixels::Yuv444(planes.map(data)),
            Canvas::Bytes(grid) if grid.channels == 4 => RasterPixels::Rgba8(grid.data),
            Canvas::Bytes(grid) => RasterPixels::Rgb8(grid.data),
            Canvas::Words(grid) if grid.channels == 4 => RasterPixels::Rgba16(grid.data),
            Canvas::Words(grid) => RasterPixels::Rgb16(grid.data),
        };
        Raster { size: self.size, pixels }
    }
}

fn data(grid: Grid<u8>) -> Vec<u8> {
    grid.data
}

fn paste<T: Copy>(canvas: &mut Grid<T>, part: &[T], size: Size, at: (u32, u32)) -> Result<()> {
    let row = size.width as usize * canvas.channels;
    if part.len() != row * size.height as usize {
        return Err(misuse("a tile that is not of its size"));
    }
    canvas.paste_rows(part, row, at);
    Ok(())
}

fn misuse(message: &str) -> Error {
    Error::new(Kind::Internal, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(size: Size, layout: Layout, level: u8) -> Raster {
        let area = size.area() as usize;
        let half = (size.width.div_ceil(2) * size.height.div_ceil(2)) as usize;
        let pixels = match layout {
            Layout::Yuv420 => RasterPixels::Yuv420([vec![level; area], vec![level; half], vec![level; half]]),
            Layout::Yuv444 => RasterPixels::Yuv444([vec![level; area], vec![level; area], vec![level; area]]),
            Layout::Rgb8 => RasterPixels::Rgb8(vec![level; area * 3]),
            Layout::Rgba8 => RasterPixels::Rgba8(vec![level; area * 4]),
            Layout::Rgb16 => RasterPixels::Rgb16(vec![level.into(); area * 3]),
            Layout::Rgba16 => RasterPixels::Rgba16(vec![level.into(); area * 4]),
        };
        Raster { size, pixels }
    }

    /// The luma or red of the middle of each tile of a strip of five, placed in a mixed order.
    #[track_caller]
    fn check(width: u32, height: u32, layout: Layout) {
        let size = Size { width, height };
        let mut sheet = Sheet::new(size, 5, 5, layout, Rgb::BLACK).unwrap();
        for number in [3, 0, 4, 1, 2] {
            sheet.place(number, &tile(size, sheet.tile_layout(), 10 * number as u8 + 10)).unwrap();
        }
        let strip = sheet.finish();
        assert_eq!(strip.size, Size { width: width * 5, height });
        assert_eq!(strip.pixels.layout(), layout);
        let at = |number: usize| number * width as usize + width as usize / 2;
        let found: Vec<u32> = (0..5)
            .map(|number| match &strip.pixels {
                RasterPixels::Yuv420(planes) | RasterPixels::Yuv444(planes) => planes[0][at(number)].into(),
                RasterPixels::Rgb8(data) => data[at(number) * 3].into(),
                RasterPixels::Rgba8(data) => data[at(number) * 4].into(),
                RasterPixels::Rgb16(data) => data[at(number) * 3].into(),
                RasterPixels::Rgba16(data) => data[at(number) * 4].into(),
            })
            .collect();
        assert_eq!(found, [10, 20, 30, 40, 50]);
    }

    #[test]
    fn tiles_stand_in_order_whatever_arrives_first() {
        for layout in [Layout::Yuv420, Layout::Yuv444, Layout::Rgb8, Layout::Rgba8, Layout::Rgb16, Layout::Rgba16] {
            check(8, 6, layout);
            check(7, 5, layout);
            check(1, 1, layout);
        }
    }

    #[test]
    fn odd_tiles_share_the_chroma_between_them() {
        let size = Size { width: 3, height: 1 };
        let mut sheet = Sheet::new(size, 2, 2, Layout::Yuv420, Rgb::BLACK).unwrap();
        sheet.place(0, &tile(size, Layout::Yuv444, 100)).unwrap();
        sheet.place(1, &tile(size, Layout::Yuv444, 200)).unwrap();
        let RasterPixels::Yuv420([y, u, _]) = sheet.finish().pixels else { panic!() };
        assert_eq!((y, u), (vec![100, 100, 100, 200, 200, 200], vec![100, 150, 200]));
    }

    #[test]
    fn a_grid_has_rows_and_keeps_its_background() {
        let size = Size { width: 2, height: 2 };
        let mut sheet = Sheet::new(size, 2, 3, Layout::Rgb8, Rgb(9, 9, 9)).unwrap();
        sheet.place(2, &tile(size, Layout::Rgb8, 77)).unwrap();
        let grid = sheet.finish();
        assert_eq!(grid.size, Size { width: 4, height: 4 });
        let RasterPixels::Rgb8(data) = grid.pixels else { panic!() };
        assert_eq!((data[0], data[2 * 12], data[2 * 12 + 6]), (9, 77, 9));
    }

    #[test]
    fn misuse_is_an_error() {
        let size = Size { width: 2, height: 2 };
        assert!(Sheet::new(size, 0, 3, Layout::Rgb8, Rgb::BLACK).is_err());
        assert!(Sheet::new(Size::default(), 1, 3, Layout::Rgb8, Rgb::BLACK).is_err());
        assert!(Sheet::new(Size { width: 1 << 31, height: 1 }, 3, 3, Layout::Rgb8, Rgb::BLACK).is_err());
        let mut sheet = Sheet::new(size, 3, 3, Layout::Rgb8, Rgb::BLACK).unwrap();
        assert!(sheet.place(3, &tile(size, Layout::Rgb8, 1)).is_err());
        assert!(sheet.place(0, &tile(size, Layout::Rgba8, 1)).is_err());
        assert!(sheet.place(0, &tile(Size { width: 1, height: 2 }, Layout::Rgb8, 1)).is_err());
    }
}
