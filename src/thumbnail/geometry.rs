//! Sizes to crop, scale and padding; whole-number arithmetic only, exact.

use super::{Fit, Geometry, Rect};
use crate::media::picture::Size;

/// The numbers that realise a wish on a picture of `reference` size. `region` is the part of it that is wanted, in its
/// pixels; zero across or down reaches to the edge, and what lies outside is cut off. A zero side of `wanted` is derived,
/// two zeros keep the size. `None` where nothing of the region lies inside the picture: [`blank`] stands for it then.
pub fn fit(reference: Size, region: Rect, wanted: Size, fit: Fit) -> Option<Geometry> {
    let kept = clipped(region, reference)?;
    let whole = Size { width: kept.width, height: kept.height };
    let bare = |crop: Rect, scaled: Size| Geometry { reference, crop, scaled, canvas: scaled, left: 0, top: 0 };
    Some(match fit {
        _ if wanted == Size::default() => bare(kept, whole),
        Fit::Crop | Fit::CropTop => {
            let scaled = square_where_missing(wanted);
            bare(cropped(kept, scaled, fit), scaled)
        }
        _ if wanted.is_empty() => bare(kept, inside(whole, wanted)),
        Fit::Stretch => bare(kept, wanted),
        Fit::Pad => padded(bare(kept, inside(whole, wanted)), wanted),
        Fit::Inside => bare(kept, inside(whole, wanted)),
    })
}

/// The numbers of a picture of nothing but background: one pixel of it, stretched over the size wanted. One missing side
/// makes a square, two make a single pixel.
pub fn blank(wanted: Size) -> Geometry {
    let pixel = Size { width: 1, height: 1 };
    let size = square_where_missing(wanted);
    let canvas = Size { width: size.width.max(1), height: size.height.max(1) };
    let crop = Rect { x: 0, y: 0, width: 1, height: 1 };
    Geometry { reference: pixel, crop, scaled: canvas, canvas, left: 0, top: 0 }
}

/// The part of `region` inside the picture; `None` where there is none.
fn clipped(region: Rect, picture: Size) -> Option<Rect> {
    let axis = |start: u32, length: u32, end: u32| {
        let rest = end.checked_sub(start).filter(|rest| *rest > 0)?;
        Some(if length == 0 { rest } else { length.min(rest) })
    };
    let width = axis(region.x, region.width, picture.width)?;
    let height = axis(region.y, region.height, picture.height)?;
    Some(Rect { width, height, ..region })
}

fn square_where_missing(wanted: Size) -> Size {
    let or = |side: u32, other: u32| if side == 0 { other } else { side };
    Size { width: or(wanted.width, wanted.height), height: or(wanted.height, wanted.width) }
}

/// `side * to / of` rounded, halves up, at least 1. `of` is not zero.
fn proportion(side: u32, to: u32, of: u32) -> u32 {
    let (product, of) = (u64::from(side) * u64::from(to), u64::from(of));
    let rounded = product / of + u64::from(product % of >= of.div_ceil(2));
    rounded.clamp(1, u32::MAX.into()) as u32
}

/// The largest size of the shape of `size` inside `wanted`, of which one side may be zero for no limit.
fn inside(size: Size, wanted: Size) -> Size {
    let by_width = u64::from(wanted.width) * u64::from(size.height);
    let by_height = u64::from(wanted.height) * u64::from(size.width);
    if wanted.height == 0 || (wanted.width != 0 && by_width <= by_height) {
        Size { width: wanted.width, height: proportion(size.height, wanted.width, size.width) }
    } else {
        Size { width: proportion(size.width, wanted.height, size.height), height: wanted.height }
    }
}

/// The largest part of `kept` of the shape `wanted`: centred, or at the top and centred across.
fn cropped(kept: Rect, wanted: Size, fit: Fit) -> Rect {
    let width = kept.width.min(proportion(kept.height, wanted.width, wanted.height));
    let height = kept.height.min(proportion(kept.width, wanted.height, wanted.width));
    let down = if fit == Fit::CropTop { 0 } else { kept.height / 2 - height / 2 };
    Rect { x: kept.x + (kept.width / 2 - width / 2), y: kept.y + down, width, height }
}

/// `geometry` on a canvas of the size wanted, in the middle; the odd pixel goes right and below.
fn padded(geometry: Geometry, canvas: Size) -> Geometry {
    let left = (canvas.width - geometry.scaled.width) / 2;
    let top = (canvas.height - geometry.scaled.height) / 2;
    Geometry { canvas, left, top, ..geometry }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn size((width, height): (u32, u32)) -> Size {
        Size { width, height }
    }

    fn rect(x: u32, y: u32, width: u32, height: u32) -> Rect {
        Rect { x, y, width, height }
    }

    #[track_caller]
    fn check(reference: (u32, u32), wanted: (u32, u32), how: Fit, expected: (u32, u32)) {
        let geometry = fit(size(reference), Rect::default(), size(wanted), how).unwrap();
        assert_eq!(geometry.canvas, size(expected), "{reference:?} in {wanted:?} by {how:?}: {geometry:?}");
    }

    #[test]
    fn inside_keeps_the_shape() {
        check((1280, 720), (120, 90), Fit::Inside, (120, 68));
        check((1280, 720), (200, 100), Fit::Inside, (178, 100));
        check((1280, 720), (200, 0), Fit::Inside, (200, 113));
        check((1280, 720), (0, 90), Fit::Inside, (160, 90));
        check((1280, 720), (0, 0), Fit::Inside, (1280, 720));
        check((1080, 1920), (164, 0), Fit::Inside, (164, 292));
        check((1920, 1080), (10_000, 10_000), Fit::Inside, (10_000, 5625));
        check((10_000, 1), (10, 10), Fit::Inside, (10, 1));
        check((1, 10_000), (10, 10), Fit::Inside, (1, 10));
        check((u32::MAX, 1), (0, 10_000), Fit::Inside, (u32::MAX, 10_000));
    }

    #[test]
    fn padding_and_crops_are_exact() {
        let exact = [(400, 400), (300, 400), (1280, 720), (640, 360), (1, 1), (1, 10_000)];
        let references = [(1920, 1080), (640, 480), (1080, 1920), (4000, 3000), (1, 1), (3, 2)];
        for reference in references {
            for wanted in exact {
                for how in [Fit::Pad, Fit::Crop, Fit::CropTop, Fit::Stretch] {
                    check(reference, wanted, how, wanted);
                }
            }
            for how in [Fit::Crop, Fit::CropTop] {
                check(reference, (70, 0), how, (70, 70));
                check(reference, (0, 70), how, (70, 70));
                check(reference, (0, 0), how, reference);
            }
        }
        check((1280, 720), (200, 0), Fit::Pad, (200, 113));
        check((1280, 720), (0, 90), Fit::Stretch, (160, 90));
    }

    #[test]
    fn places() {
        let of = |reference, wanted, how| fit(size(reference), Rect::default(), size(wanted), how).unwrap();
        let pad = of((1920, 1080), (400, 400), Fit::Pad);
        assert_eq!((pad.scaled, pad.left, pad.top), (size((400, 225)), 0, 87));
        assert_eq!(of((1080, 1920), (300, 400), Fit::Crop).crop, rect(0, 240, 1080, 1440));
        assert_eq!(of((1080, 1920), (300, 400), Fit::CropTop).crop, rect(0, 0, 1080, 1440));
        assert_eq!(of((1920, 1080), (100, 100), Fit::CropTop).crop, rect(420, 0, 1080, 1080));
        assert_eq!(of((5, 5), (4, 5), Fit::Crop).crop, rect(0, 0, 4, 5));
    }

    #[test]
    fn regions() {
        let of = |region, wanted, how| fit(size((1280, 720)), region, size(wanted), how);
        let public = of(rect(300, 100, 500, 400), (200, 200), Fit::Inside).unwrap();
        assert_eq!((public.crop, public.canvas), (rect(300, 100, 500, 400), size((200, 160))));
        let to_the_edge = of(rect(1000, 700, 0, 9999), (0, 0), Fit::Pad).unwrap();
        assert_eq!((to_the_edge.crop, to_the_edge.canvas), (rect(1000, 700, 280, 20), size((280, 20))));
        let cropped = of(rect(100, 100, 400, 200), (50, 50), Fit::Crop).unwrap();
        assert_eq!(cropped.crop, rect(200, 100, 200, 200));
        assert_eq!(of(rect(1279, 719, 0, 0), (7, 7), Fit::Stretch).unwrap().crop, rect(1279, 719, 1, 1));
        for outside in [rect(1280, 0, 0, 0), rect(0, 720, 5, 5), rect(u32::MAX, u32::MAX, u32::MAX, u32::MAX)] {
            assert_eq!(of(outside, (120, 90), Fit::Inside), None);
        }
        assert_eq!(fit(Size::default(), Rect::default(), size((1, 1)), Fit::Crop), None);
    }

    #[test]
    fn blanks() {
        for (wanted, expected) in [((120, 90), (120, 90)), ((70, 0), (70, 70)), ((0, 70), (70, 70)), ((0, 0), (1, 1))] {
            assert_eq!(blank(size(wanted)).canvas, size(expected));
        }
    }

    /// `floor(a / b + 1/2)`, at least 1, by another way than the code's.
    fn r(a: i128, b: i128) -> i128 {
        ((2 * a + b).div_euclid(2 * b)).max(1)
    }

    /// The canvas, the scaled picture and the crop that the formulas give for what is left of a picture after its region.
    fn formula(s: (i128, i128), wanted: (i128, i128), how: Fit) -> ((i128, i128), (i128, i128), (i128, i128)) {
        let (w, h) = wanted;
        let inside = match wanted {
            (0, 0) => s,
            (_, 0) => (r(s.0 * w, s.0), r(s.1 * w, s.0)),
            (0, _) => (r(s.0 * h, s.1), r(s.1 * h, s.1)),
            // The smaller of two factors, w/Sw and h/Sh.
            _ if w * s.1 < h * s.0 => (r(s.0 * w, s.0), r(s.1 * w, s.0)),
            _ => (r(s.0 * h, s.1), r(s.1 * h, s.1)),
        };
        let both = w != 0 && h != 0;
        match how {
            Fit::Pad if both => (wanted, inside, s),
            Fit::Stretch if both => (wanted, wanted, s),
            Fit::Crop | Fit::CropTop if wanted != (0, 0) => {
                let (w, h) = (if w == 0 { h } else { w }, if h == 0 { w } else { h });
                ((w, h), (w, h), (s.0.min(r(s.1 * w, h)), s.1.min(r(s.0 * h, w))))
            }
            _ => (inside, inside, s),
        }
    }

    fn side() -> impl Strategy<Value = u32> {
        prop_oneof![1..20_u32, 1..3000_u32, 1..70_000_u32]
    }

    fn wanted() -> impl Strategy<Value = u32> {
        prop_oneof![Just(0), 1..20_u32, 1..10_001_u32]
    }

    fn any_fit() -> impl Strategy<Value = Fit> {
        prop_oneof![Just(Fit::Inside), Just(Fit::Pad), Just(Fit::Crop), Just(Fit::CropTop), Just(Fit::Stretch)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4096))]

        #[test]
        fn sizes_follow_the_formulas(reference in (side(), side()), asked in (wanted(), wanted()), how in any_fit()) {
            let geometry = fit(size(reference), Rect::default(), size(asked), how).unwrap();
            let wide = |(a, b): (u32, u32)| (i128::from(a), i128::from(b));
            let (canvas, scaled, crop) = formula(wide(reference), wide(asked), how);
            prop_assert_eq!(wide((geometry.canvas.width, geometry.canvas.height)), canvas);
            prop_assert_eq!(wide((geometry.scaled.width, geometry.scaled.height)), scaled);
            prop_assert_eq!(wide((geometry.crop.width, geometry.crop.height)), crop);
        }

        #[test]
        fn everything_stays_inside(
            reference in (1..=u32::MAX, 1..=u32::MAX),
            region in (any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>()),
            asked in (wanted(), wanted()),
            how in any_fit(),
        ) {
            let region = rect(region.0 % reference.0, region.1 % reference.1, region.2, region.3);
            let Geometry { crop, scaled, canvas, left, top, .. } = fit(size(reference), region, size(asked), how).unwrap();
            prop_assert!(crop.width > 0 && crop.height > 0 && !scaled.is_empty());
            prop_assert!(crop.x >= region.x && u64::from(crop.x) + u64::from(crop.width) <= u64::from(reference.0));
            prop_assert!(crop.y >= region.y && u64::from(crop.y) + u64::from(crop.height) <= u64::from(reference.1));
            prop_assert!(u64::from(left) + u64::from(scaled.width) <= u64::from(canvas.width));
            prop_assert!(u64::from(top) + u64::from(scaled.height) <= u64::from(canvas.height));
        }

        #[test]
        fn a_region_is_a_smaller_picture(reference in (side(), side()), at in any::<(u32, u32)>(), asked in (wanted(), wanted()),
            how in any_fit()) {
            let (x, y) = (at.0 % reference.0, at.1 % reference.1);
            let rest = size((reference.0 - x, reference.1 - y));
            let part = fit(size(reference), rect(x, y, 0, 0), size(asked), how).unwrap();
            let alone = fit(rest, Rect::default(), size(asked), how).unwrap();
            let moved = Rect { x: alone.crop.x + x, y: alone.crop.y + y, ..alone.crop };
            prop_assert_eq!(part, Geometry { reference: size(reference), crop: moved, ..alone });
        }
    }
}
