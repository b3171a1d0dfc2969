//! Where the kept part of a picture lies among its stored samples, and how large it becomes there.

use vedette_scale::Window;

use crate::media::picture::{Orientation, Size, Turn};
use crate::thumbnail::{Geometry, Rect};

/// The part of a stored picture that is kept, and the size it gets before it is turned upright.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Placement {
    /// In samples of the full-resolution planes.
    pub(super) window: Window,
    /// Its size after scaling, as stored.
    pub(super) target: Size,
}

/// The kept part of a stored picture of `size` that `orientation` makes upright.
pub(super) fn placement(size: Size, orientation: Orientation, geometry: &Geometry) -> Placement {
    let stored = stored_rect(geometry.crop, geometry.reference, orientation);
    let reference = geometry.reference.turned(orientation);
    let (left, width) = span(stored.x, stored.width, reference.width, size.width);
    let (top, height) = span(stored.y, stored.height, reference.height, size.height);
    Placement { window: Window { left, top, width, height }, target: geometry.scaled.turned(orientation) }
}

/// A run of `length` from `start` in a reference of `of`, in samples of a side that has `samples`.
fn span(start: u32, length: u32, of: u32, samples: u32) -> (f64, f64) {
    let scaled = |at: u32| f64::from(at) * f64::from(samples) / f64::from(of);
    let left = scaled(start);
    (left, scaled(start + length) - left)
}

/// An upright rectangle inside `reference` as it lies in the stored picture: turned back, then mirrored back.
fn stored_rect(upright: Rect, reference: Size, orientation: Orientation) -> Rect {
    let right = reference.width - upright.x - upright.width;
    let bottom = reference.height - upright.y - upright.height;
    let (x, y) = match orientation.turn {
        Turn::None => (upright.x, upright.y),
        Turn::Quarter => (upright.y, right),
        Turn::Half => (right, bottom),
        Turn::ThreeQuarters => (bottom, upright.x),
    };
    let size = Size { width: upright.width, height: upright.height }.turned(orientation);
    let x = if orientation.mirrored { reference.turned(orientation).width - x - size.width } else { x };
    Rect { x, y, width: size.width, height: size.height }
}

/// The whole of a plane.
pub(super) fn whole(size: Size) -> Window {
    Window { left: 0.0, top: 0.0, width: f64::from(size.width), height: f64::from(size.height) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the one-pixel rectangle at (1, 2) of an upright 5x4 picture is stored.
    #[track_caller]
    fn check(exif: u16, expected: (u32, u32)) {
        let upright = Rect { x: 1, y: 2, width: 1, height: 1 };
        let rect = stored_rect(upright, Size { width: 5, height: 4 }, Orientation::from_exif(exif));
        assert_eq!((rect.x, rect.y), expected);
    }

    #[test]
    fn every_orientation_is_turned_back() {
        // CIPA DC-008 section 4.6.4: where row 0 and column 0 of the stored picture are on the upright one.
        check(1, (1, 2));
        check(2, (3, 2));
        check(3, (3, 1));
        check(4, (1, 1));
        check(5, (2, 1));
        check(6, (2, 3));
        check(7, (1, 3));
        check(8, (1, 1));
    }

    #[test]
    fn another_resolution_scales_the_window() {
        let geometry = Geometry {
            reference: Size { width: 1920, height: 1080 },
            crop: Rect { x: 3, y: 6, width: 960, height: 540 },
            scaled: Size { width: 100, height: 50 },
            canvas: Size { width: 100, height: 50 },
            left: 0,
            top: 0,
        };
        let placed = placement(Size { width: 640, height: 360 }, Orientation::default(), &geometry);
        assert_eq!(placed.window, Window { left: 1.0, top: 2.0, width: 320.0, height: 180.0 });
    }
}
