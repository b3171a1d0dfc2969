//! Source rectangles in thousandths of a pixel to whole pixels.

use crate::media::picture::Size;
use crate::request::thumbnail::Region;
use crate::thumbnail::Rect;

/// The rectangle in whole pixels: sizes rounded with halves up, edges with halves down. Parts that are measured against a
/// size of their own are scaled to `recorded`.
pub(super) fn rect(region: &Region, recorded: Size) -> Rect {
    let across = Axis::new(region.of_width, recorded.width);
    let down = Axis::new(region.of_height, recorded.height);
    Rect {
        x: across.edge(region.x),
        y: down.edge(region.y),
        width: across.length(region.width),
        height: down.length(region.height),
    }
}

/// How many pixels a thousandth is, as a fraction. The denominator is not zero.
#[derive(Clone, Copy)]
struct Axis {
    numerator: u64,
    denominator: u64,
}

impl Axis {
    fn new(of: u32, recorded: u32) -> Axis {
        match of {
            0 => Axis { numerator: 1, denominator: 1000 },
            of => Axis { numerator: recorded.into(), denominator: of.into() },
        }
    }

    /// `floor(v + 1/2)`.
    fn length(self, thousandths: u32) -> u32 {
        self.rounded(thousandths, self.denominator.div_ceil(2))
    }

    /// `ceil(v - 1/2)`.
    fn edge(self, thousandths: u32) -> u32 {
        self.rounded(thousandths, self.denominator / 2 + 1)
    }

    /// The whole pixels below, and one more where the remainder is at least `up_from`.
    fn rounded(self, thousandths: u32, up_from: u64) -> u32 {
        let product = u64::from(thousandths) * self.numerator;
        let rounded = product / self.denominator + u64::from(product % self.denominator >= up_from);
        rounded.min(u32::MAX.into()) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(region: Region, recorded: (u32, u32), expected: (u32, u32, u32, u32)) {
        let Rect { x, y, width, height } = rect(&region, Size { width: recorded.0, height: recorded.1 });
        assert_eq!((x, y, width, height), expected, "{region:?}");
    }

    #[test]
    fn thousandths_are_rounded() {
        let region = |x, y, width, height| Region { x, y, width, height, ..Region::default() };
        check(region(0, 0, 0, 0), (0, 0), (0, 0, 0, 0));
        check(region(1500, 1501, 1500, 1499), (0, 0), (1, 2, 2, 1));
        check(region(500, 499, 500, 499), (0, 0), (0, 0, 1, 0));
        check(region(10_000_000, 0, 10_000_000, 0), (5, 5), (10_000, 0, 10_000, 0));
    }

    #[test]
    fn relative_parts_are_scaled() {
        let region =
            |of_width, of_height| Region { x: 10_000, y: 10_000, width: 50_000, height: 25_000, of_width, of_height };
        check(region(100_000, 50_000), (1920, 1080), (192, 216, 960, 540));
        check(region(100_000, 0), (1920, 1080), (192, 10, 960, 25));
        check(region(3_000, 3_000), (1, 1), (3, 3, 17, 8));
        check(region(100_000, 100_000), (0, 0), (0, 0, 0, 0));
        check(region(1, 1), (u32::MAX, u32::MAX), (u32::MAX, u32::MAX, u32::MAX, u32::MAX));
        // 10 of 4 wide on 1 pixel is 2.5: the edge rounds down, a length would round up.
        check(Region { x: 10_000, width: 10_000, of_width: 4_000, ..Region::default() }, (1, 1), (2, 0, 3, 0));
        check(Region { x: 5_000, width: 5_000, of_width: 3_333, ..Region::default() }, (1, 1), (2, 0, 2, 0));
    }
}
