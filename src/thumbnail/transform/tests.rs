//! Renderings against plain arithmetic in double precision, and properties of every geometry.

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::media::picture::{Color, Orientation, Range};
use crate::thumbnail::Rect;

/// Numbers without a pattern.
fn noise(count: usize) -> impl Iterator<Item = u32> {
    let mut state = 0x2545_f491u32;
    std::iter::repeat_with(move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    })
    .take(count)
}

fn plane(size: Size, depth: u8, samples: impl IntoIterator<Item = u32>) -> Plane {
    let samples: Vec<u32> = samples.into_iter().collect();
    assert_eq!(samples.len() as u64, size.area());
    let wide = depth > 8;
    let bytes = |&sample: &u32| {
        let pair = (sample as u16).to_ne_bytes();
        if wide { pair.to_vec() } else { vec![sample as u8] }
    };
    let stride = size.width as usize * if wide { 2 } else { 1 };
    Plane { data: Bytes::from(samples.iter().flat_map(bytes).collect::<Vec<u8>>()), stride, size }
}

fn picture(size: Size, color: Color, planes: Planes) -> Picture {
    Picture { size, sample_aspect: (1, 1), orientation: Orientation::default(), color, pixels: Pixels::Yuv(planes) }
}

fn packed(size: Size, packed: Packed) -> Picture {
    let color = Color::default();
    Picture { size, sample_aspect: (1, 1), orientation: Orientation::default(), color, pixels: Pixels::Packed(packed) }
}

/// All of a picture, as it is.
fn whole(size: Size) -> Geometry {
    let crop = Rect { x: 0, y: 0, width: size.width, height: size.height };
    Geometry { reference: size, crop, scaled: size, canvas: size, left: 0, top: 0 }
}

fn scaled_to(size: Size, width: u32, height: u32) -> Geometry {
    let scaled = Size { width, height };
    Geometry { scaled, canvas: scaled, ..whole(size) }
}

const SIDE: Size = Size { width: 64, height: 48 };

/// Red, green and blue, one is full, by the formulas of ISO/IEC 23091-2 section 8.3, with the weights as published.
fn reference(color: Color, depth: u8, [y, b, r]: [u32; 3]) -> [f64; 3] {
    let (kr, kb) = match color.matrix {
        Matrix::Bt709 => (0.2126, 0.0722),
        Matrix::Bt2020 => (0.2627, 0.0593),
        _ => (0.299, 0.114),
    };
    let steps = f64::from(1u32 << (depth - 8));
    let (y, b, r) = (f64::from(y), f64::from(b), f64::from(r));
    let (y, b, r) = if color.range == Range::Full {
        let most = 256.0 * steps - 1.0;
        (y / most, (b - 128.0 * steps) / most, (r - 128.0 * steps) / most)
    } else {
        let grey = 128.0 * steps;
        ((y / steps - 16.0) / 219.0, (b - grey) / (224.0 * steps), (r - grey) / (224.0 * steps))
    };
    let (red, blue) = (y + 2.0 * (1.0 - kr) * r, y + 2.0 * (1.0 - kb) * b);
    [red, (y - kr * red - kb * blue) / (1.0 - kr - kb), blue]
}

fn jfif_of([r, g, b]: [f64; 3]) -> [f64; 3] {
    let y = 0.299 * r + 0.587 * g + 0.114 * b;
    [255.0 * y, 255.0 * (b - y) / 1.772 + 128.0, 255.0 * (r - y) / 1.402 + 128.0]
}

/// Noise of full chroma through every layout, at its own size.
#[track_caller]
fn check_colours(color: Color, depth: u8) {
    let area = SIDE.area() as usize;
    let samples: Vec<u32> = noise(area * 3).map(|number| number >> (32 - depth)).collect();
    let of = |at: usize| plane(SIDE, depth, samples[at * area..][..area].iter().copied());
    let planes = Planes {
        y: of(0),
        chroma: Some((of(1), of(2))),
        alpha: None,
        depth,
        shift: (0, 0),
        left_sited: false,
        interlaced: false,
    };
    let picture = picture(SIDE, color, planes);
    let show = |layout| render(&picture, &whole(SIDE), Rgb::BLACK, layout).unwrap().pixels;
    let at = |at: usize| [samples[at], samples[area + at], samples[2 * area + at]];
    let near = |found: f64, expected: f64, most: f64, allowed: f64| {
        let expected = expected.clamp(0.0, most);
        assert!((found - expected).abs() <= allowed, "{color:?} {depth}: {found}, not {expected}");
    };
    let RasterPixels::Rgb8(rgb) = show(Layout::Rgb8) else { panic!() };
    let RasterPixels::Rgb16(deep) = show(Layout::Rgb16) else { panic!() };
    let RasterPixels::Yuv444(yuv) = show(Layout::Yuv444) else { panic!() };
    for pixel in 0..area {
        let expected = reference(color, depth, at(pixel));
        for channel in 0..3 {
            near(rgb[pixel * 3 + channel].into(), expected[channel] * 255.0, 255.0, 1.0);
            near(deep[pixel * 3 + channel].into(), expected[channel] * 65535.0, 65535.0, 1.0);
            near(yuv[channel][pixel].into(), jfif_of(expected)[channel], 255.0, 1.0);
        }
    }
}

#[test]
fn every_matrix_range_and_depth_is_within_a_level() {
    for matrix in [Matrix::Bt601, Matrix::Bt709, Matrix::Bt2020] {
        for range in [Range::Limited, Range::Full] {
            for depth in [8, 10, 12, 16] {
                check_colours(Color { matrix, range, ..Color::default() }, depth);
            }
        }
    }
}

#[test]
fn identity_planes_are_green_blue_and_red() {
    let one = Size { width: 1, height: 1 };
    let planes = Planes {
        y: plane(one, 8, [10]),
        chroma: Some((plane(one, 8, [20]), plane(one, 8, [30]))),
        alpha: None,
        depth: 8,
        shift: (0, 0),
        left_sited: false,
        interlaced: false,
    };
    let picture = picture(one, Color { matrix: Matrix::Identity, ..Color::default() }, planes);
    let raster = render(&picture, &whole(one), Rgb::BLACK, Layout::Rgb8).unwrap();
    assert_eq!(raster.pixels, RasterPixels::Rgb8(vec![30, 10, 20]));
}

#[test]
fn an_unstated_matrix_follows_the_lines() {
    for (lines, matrix) in [(576, Matrix::Bt601), (720, Matrix::Bt709)] {
        let size = Size { width: 2, height: lines };
        let flat = |level: u32| plane(size, 8, vec![level; size.area() as usize]);
        let planes = Planes {
            y: flat(120),
            chroma: Some((flat(90), flat(200))),
            alpha: None,
            depth: 8,
            shift: (0, 0),
            left_sited: false,
            interlaced: false,
        };
        let raster = render(&picture(size, Color::default(), planes), &whole(size), Rgb::BLACK, Layout::Rgb8).unwrap();
        let RasterPixels::Rgb8(rgb) = raster.pixels else { panic!() };
        let expected = reference(Color { matrix, ..Color::default() }, 8, [120, 90, 200]);
        assert!(rgb.iter().zip(expected).take(3).all(|(&found, e)| (f64::from(found) - e * 255.0).abs() < 1.0));
    }
}

/// A ramp of 4:2:0 chroma, whose value at each point of the picture is known, sited as said.
fn ramp(left_sited: bool, depth: u8) -> Picture {
    let (size, half) = (Size { width: 64, height: 32 }, Size { width: 32, height: 16 });
    let one = 1u32 << (depth - 8);
    // Differences are twice the place on the picture: blue across, red down. Left-sited samples stand in the middle of
    // the left of two pixels, others between them.
    let offset = if left_sited { 1 } else { 2 };
    let u = (0..half.area() as u32).map(|at| (64 + (at % 32) * 4 + offset) * one);
    let v = (0..half.area() as u32).map(|at| (64 + (at / 32) * 4 + 2) * one);
    let planes = Planes {
        y: plane(size, depth, vec![100 * one; size.area() as usize]),
        chroma: Some((plane(half, depth, u), plane(half, depth, v))),
        alpha: None,
        depth,
        shift: (1, 1),
        left_sited,
        interlaced: false,
    };
    picture(size, Color { matrix: Matrix::Bt601, range: Range::Full, ..Color::default() }, planes)
}

/// The ramp at another size: chroma is where it belongs, on average to a sixth of a pixel of the ramp, where a pixel is two levels.
#[track_caller]
fn check_siting(picture: &Picture, (width, height): (u32, u32), layout: Layout) {
    let raster = render(picture, &scaled_to(picture.size, width, height), Rgb::BLACK, layout).unwrap();
    let (RasterPixels::Yuv420([_, u, v]) | RasterPixels::Yuv444([_, u, v])) = raster.pixels else { panic!() };
    let step = if layout == Layout::Yuv420 { 2 } else { 1 };
    let (across, down) = (width.div_ceil(step) as usize, height.div_ceil(step) as usize);
    let place = |at: usize, side: u32, of: f64| 64.0 + 2.0 * (at as f64 + 0.5) * f64::from(step) * of / f64::from(side);
    let (mut sum, mut count) = ((0.0, 0.0), 0.0);
    // The middle, where no edge has a say.
    for y in down / 4..down * 3 / 4 {
        for x in across / 4..across * 3 / 4 {
            let (b, r) = (f64::from(u[y * across + x]), f64::from(v[y * across + x]));
            let off = (b - place(x, width, 64.0), r - place(y, height, 32.0));
            assert!(off.0.abs() < 1.6 && off.1.abs() < 1.6, "{width}x{height} {layout:?}: {off:?}");
            sum = (sum.0 + off.0, sum.1 + off.1);
            count += 1.0;
        }
    }
    let mean = (sum.0 / count, sum.1 / count);
    assert!(mean.0.abs() < 0.35 && mean.1.abs() < 0.35, "{width}x{height} {layout:?}: {mean:?}");
}

#[test]
fn chroma_lands_where_it_was_sited() {
    for (left_sited, depth) in [(false, 8), (true, 8), (false, 10), (true, 10)] {
        let picture = ramp(left_sited, depth);
        for size in [(64, 32), (32, 16), (27, 13), (40, 21), (200, 130)] {
            check_siting(&picture, size, Layout::Yuv444);
            check_siting(&picture, size, Layout::Yuv420);
        }
    }
}

/// A black picture with one white pixel.
fn marked(size: Size, x: u32, y: u32) -> Picture {
    let mut data = vec![0; size.area() as usize * 3];
    let at = (y * size.width + x) as usize * 3;
    data[at..at + 3].fill(255);
    packed(size, Packed::Rgb8(data.into()))
}

/// Where the white pixel is, if there is exactly one and all others are black.
fn mark(raster: &Raster) -> Option<(u32, u32)> {
    let RasterPixels::Rgb8(data) = &raster.pixels else { panic!() };
    let lit: Vec<usize> = (0..data.len() / 3).filter(|&at| data[at * 3] != 0).collect();
    let [at] = lit[..] else { return None };
    (data[at * 3] == 255).then_some((at as u32 % raster.size.width, at as u32 / raster.size.width))
}

#[test]
fn a_crop_is_exact_to_the_pixel() {
    let size = Size { width: 37, height: 23 };
    let scaled = Size { width: 9, height: 7 };
    let crop = Rect { x: 11, y: 5, width: 9, height: 7 };
    let geometry = Geometry { crop, scaled, canvas: scaled, ..whole(size) };
    let shown = |x, y| mark(&render(&marked(size, x, y), &geometry, Rgb::BLACK, Layout::Rgb8).unwrap());
    assert_eq!(shown(11, 5), Some((0, 0)));
    assert_eq!(shown(19, 11), Some((8, 6)));
    assert_eq!(shown(15, 8), Some((4, 3)));
    for (x, y) in [(10, 5), (11, 4), (20, 11), (19, 12)] {
        assert_eq!(shown(x, y), None);
    }
}

#[test]
fn every_orientation_shows_the_same_upright_mark() {
    for exif in 1..=8 {
        let orientation = Orientation::from_exif(exif);
        let upright = Size { width: 10, height: 6 };
        let stored = upright.turned(orientation);
        let mut found = Vec::new();
        for at in 0..stored.area() as u32 {
            let mut picture = marked(stored, at % stored.width, at / stored.width);
            picture.orientation = orientation;
            let crop = Rect { x: 2, y: 1, width: 5, height: 3 };
            let scaled = Size { width: 5, height: 3 };
            let geometry = Geometry { crop, scaled, canvas: scaled, ..whole(upright) };
            found.extend(mark(&render(&picture, &geometry, Rgb::BLACK, Layout::Rgb8).unwrap()));
        }
        found.sort();
        let expected: Vec<_> = (0..5).flat_map(|x| (0..3).map(move |y| (x, y))).collect();
        assert_eq!(found, expected, "orientation {exif}");
    }
}

#[test]
fn turned_planes_agree_with_turned_colours() {
    for exif in 1..=8 {
        let mut turned = ramp(true, 8);
        turned.orientation = Orientation::from_exif(exif);
        let upright = turned.size.turned(turned.orientation);
        let geometry = scaled_to(upright, upright.width / 2, upright.height / 2);
        let planes = render(&turned, &geometry, Rgb::BLACK, Layout::Rgb8).unwrap();
        // The same picture as colours, turned on their own.
        let flat = Picture { orientation: Orientation::default(), ..turned.clone() };
        let rgb = render(&flat, &whole(flat.size), Rgb::BLACK, Layout::Rgb8).unwrap();
        let RasterPixels::Rgb8(data) = rgb.pixels else { panic!() };
        let mut colours = packed(flat.size, Packed::Rgb8(data.into()));
        colours.orientation = turned.orientation;
        let colours = render(&colours, &geometry, Rgb::BLACK, Layout::Rgb8).unwrap();
        let (RasterPixels::Rgb8(a), RasterPixels::Rgb8(b)) = (&planes.pixels, &colours.pixels) else { panic!() };
        assert!(a.iter().zip(b).all(|(&a, &b)| a.abs_diff(b) <= 4), "orientation {exif}");
    }
}

#[test]
fn a_wide_pixel_is_stretched() {
    // Stored 8x8 with pixels twice as wide as high: shown 16x8.
    let mut picture = marked(Size { width: 8, height: 8 }, 3, 4);
    picture.sample_aspect = (2, 1);
    let shown = picture.shown();
    assert_eq!(shown, Size { width: 16, height: 8 });
    let raster = render(&picture, &whole(shown), Rgb::BLACK, Layout::Rgb8).unwrap();
    let RasterPixels::Rgb8(data) = raster.pixels else { panic!() };
    let bright: Vec<_> = (0..16).filter(|x| data[(4 * 16 + x) * 3] > 128).collect();
    assert_eq!(bright, [6, 7]);
}

#[test]
fn another_resolution_shows_the_same_part() {
    // A 20x10 flavor of an 80x40 original: the crop is measured on the original.
    let picture = marked(Size { width: 20, height: 10 }, 6, 5);
    let crop = Rect { x: 24, y: 20, width: 4, height: 4 };
    let scaled = Size { width: 8, height: 8 };
    let geometry = Geometry { crop, scaled, canvas: scaled, ..whole(Size { width: 80, height: 40 }) };
    let raster = render(&picture, &geometry, Rgb::BLACK, Layout::Rgb8).unwrap();
    assert_eq!(raster.pixels, RasterPixels::Rgb8(vec![255; 8 * 8 * 3]));
}

/// White 3x3 on a canvas of 8x7 of another colour, at (left, top).
#[track_caller]
fn check_padding(left: u32, top: u32, layout: Layout) {
    let size = Size { width: 3, height: 3 };
    let canvas = Size { width: 8, height: 7 };
    let planes = Planes {
        y: plane(size, 8, [235; 9]),
        chroma: Some((plane(size, 8, [128; 9]), plane(size, 8, [128; 9]))),
        alpha: None,
        depth: 8,
        shift: (0, 0),
        left_sited: false,
        interlaced: false,
    };
    let picture = picture(size, Color { range: Range::Limited, ..Color::default() }, planes);
    let geometry = Geometry { canvas, left, top, ..whole(size) };
    let raster = render(&picture, &geometry, Rgb(255, 0, 0), layout).unwrap();
    assert_eq!((raster.size, raster.pixels.layout()), (canvas, layout));
    for y in 0..canvas.height {
        for x in 0..canvas.width {
            let inside = (left..left + 3).contains(&x) && (top..top + 3).contains(&y);
            let at = (y * canvas.width + x) as usize;
            let found: Vec<u32> = match &raster.pixels {
                RasterPixels::Rgb8(data) => data[at * 3..][..3].iter().map(|&c| c.into()).collect(),
                RasterPixels::Rgba8(data) => data[at * 4..][..3].iter().map(|&c| c.into()).collect(),
                RasterPixels::Rgb16(data) => data[at * 3..][..3].iter().map(|&c| u32::from(c) / 257).collect(),
                RasterPixels::Rgba16(data) => data[at * 4..][..3].iter().map(|&c| u32::from(c) / 257).collect(),
                RasterPixels::Yuv420(planes) | RasterPixels::Yuv444(planes) => vec![planes[0][at].into()],
            };
            let is_yuv = matches!(layout, Layout::Yuv420 | Layout::Yuv444);
            let (front, back) = if is_yuv { (vec![255], vec![76]) } else { (vec![255; 3], vec![255, 0, 0]) };
            assert_eq!(found, if inside { front } else { back }, "{layout:?} at {x},{y}");
        }
    }
}

#[test]
fn padding_is_exact() {
    for layout in [Layout::Yuv420, Layout::Yuv444, Layout::Rgb8, Layout::Rgba8, Layout::Rgb16, Layout::Rgba16] {
        for (left, top) in [(0, 0), (2, 2), (1, 3), (5, 4)] {
            check_padding(left, top, layout);
        }
    }
}

#[test]
fn half_chroma_on_odd_places_is_shared_with_the_padding() {
    let size = Size { width: 2, height: 2 };
    let picture = packed(size, Packed::Rgb8([255, 0, 0].repeat(4).into()));
    let canvas = Size { width: 4, height: 2 };
    let geometry = Geometry { canvas, left: 1, top: 0, ..whole(size) };
    let raster = render(&picture, &geometry, Rgb::BLACK, Layout::Yuv420).unwrap();
    let RasterPixels::Yuv420([y, _, v]) = raster.pixels else { panic!() };
    assert_eq!(y, [0, 76, 76, 0, 0, 76, 76, 0]);
    // Half of red's 255, the other half of black's 128.
    assert!(v.iter().all(|&v| v.abs_diff(191) <= 1), "{v:?}");
}

#[test]
fn no_dark_fringe_around_what_is_transparent() {
    // Left half white and opaque, right half black and invisible.
    let size = Size { width: 32, height: 8 };
    let row = [[255u8; 4].repeat(16), [0u8; 4].repeat(16)].concat();
    let picture = packed(size, Packed::Rgba8(row.repeat(8).into()));
    for geometry in [scaled_to(size, 10, 3), scaled_to(size, 100, 20)] {
        let raster = render(&picture, &geometry, Rgb::WHITE, Layout::Rgb8).unwrap();
        let RasterPixels::Rgb8(data) = raster.pixels else { panic!() };
        assert!(data.iter().all(|&level| level >= 254));
        let raster = render(&picture, &geometry, Rgb::WHITE, Layout::Rgba8).unwrap();
        let RasterPixels::Rgba8(data) = raster.pixels else { panic!() };
        assert!(data.chunks_exact(4).filter(|pixel| pixel[3] > 8).all(|pixel| pixel[0] >= 250));
    }
}

#[test]
fn alpha_of_planes_is_kept_or_composed() {
    let size = Size { width: 4, height: 2 };
    for depth in [8u8, 10] {
        let one = 1u32 << (depth - 8);
        let planes = Planes {
            y: plane(size, depth, [235 * one; 8]),
            chroma: Some((plane(size, depth, [128 * one; 8]), plane(size, depth, [128 * one; 8]))),
            alpha: Some(plane(size, depth, [0, 0, (256 * one - 1) / 2, 256 * one - 1].repeat(2))),
            depth,
            shift: (0, 0),
            left_sited: false,
            interlaced: false,
        };
        let picture = picture(size, Color::default(), planes);
        let kept = render(&picture, &whole(size), Rgb::BLACK, Layout::Rgba8).unwrap();
        let RasterPixels::Rgba8(data) = kept.pixels else { panic!() };
        let alpha: Vec<u8> = data.chunks_exact(4).take(4).map(|pixel| pixel[3]).collect();
        assert_eq!(alpha, [0, 0, 127, 255]);
        let composed = render(&picture, &whole(size), Rgb::BLACK, Layout::Yuv444).unwrap();
        let RasterPixels::Yuv444([y, ..]) = composed.pixels else { panic!() };
        assert!(y[0] == 0 && y[1] == 0 && y[2].abs_diff(127) <= 1 && y[3] == 255, "{y:?}");
    }
}

#[test]
fn sixteen_bits_stay_sixteen_bits() {
    let size = Size { width: 256, height: 1 };
    let words: Vec<u16> = (0..256 * 3).map(|at| 1000 + at).collect();
    let picture = packed(size, Packed::Rgb16(words.clone()));
    let raster = render(&picture, &whole(size), Rgb::BLACK, Layout::Rgb16).unwrap();
    assert_eq!(raster.pixels, RasterPixels::Rgb16(words));
}

#[test]
fn wide_gamut_and_high_range_become_ordinary() {
    let size = Size { width: 2, height: 2 };
    let flat = |y: u32, b: u32, r: u32| Planes {
        y: plane(size, 10, [y; 4]),
        chroma: Some((plane(size, 10, [b; 4]), plane(size, 10, [r; 4]))),
        alpha: None,
        depth: 10,
        shift: (0, 0),
        left_sited: false,
        interlaced: false,
    };
    let color = |transfer, primaries| Color { matrix: Matrix::Bt2020, range: Range::Limited, transfer, primaries };
    let show = |color, planes| match render(&picture(size, color, planes), &whole(size), Rgb::BLACK, Layout::Rgb8) {
        Ok(Raster { pixels: RasterPixels::Rgb8(data), .. }) => [data[0], data[1], data[2]],
        _ => panic!(),
    };
    // Reference white of PQ is 58 %; it is no longer dull grey, and not white yet.
    let white = show(color(Transfer::Pq, Primaries::Bt2020), flat(64 + 508, 512, 512));
    assert!(white[0] > 215 && white[0] < 245 && white[0] == white[2], "{white:?}");
    // A saturated BT.2020 green has to lose some of its red in BT.709.
    let [r, g, b] = show(color(Transfer::Sdr, Primaries::Bt2020), flat(600, 300, 300));
    assert!(g > r && g > b);
    let narrow = show(color(Transfer::Sdr, Primaries::Bt709), flat(600, 300, 300));
    assert!(r <= narrow[0] && g >= narrow[1], "{r} {g} {b} from {narrow:?}");
}

fn geometries() -> impl Strategy<Value = (Geometry, Size, u16)> {
    let side = 1..90u32;
    let size = (side.clone(), side.clone()).prop_map(|(width, height)| Size { width, height });
    (size.clone(), size.clone(), size, 0.0..1.0f64, 0.0..1.0f64, (0..20u32, 0..20u32), 1..=8u16).prop_map(
        |(reference, stored, scaled, across, down, (right, bottom), exif)| {
            let crop_at = |side: u32, part: f64| ((f64::from(side) * part) as u32).min(side - 1);
            let (x, y) = (crop_at(reference.width, across), crop_at(reference.height, down));
            let crop = Rect { x, y, width: (reference.width - x).div_ceil(2), height: reference.height - y };
            let (left, top) = (right / 2, bottom / 3);
            let canvas = Size { width: scaled.width + right, height: scaled.height + bottom };
            (Geometry { reference, crop, scaled, canvas, left, top }, stored, exif)
        },
    )
}

fn any_picture(stored: Size, kind: u32) -> Picture {
    let numbers = |size: Size| noise(size.area() as usize).map(|number| number & 255);
    let shift = ((kind & 1) as u8, (kind >> 1 & 1) as u8);
    let chroma = Size { width: stored.width.div_ceil(1 << shift.0), height: stored.height.div_ceil(1 << shift.1) };
    let depth = if kind & 4 == 0 { 8 } else { 10 };
    let of = |size| plane(size, depth, numbers(size));
    let bytes =
        |channels: u64| Bytes::from(noise((stored.area() * channels) as usize).map(|n| n as u8).collect::<Vec<_>>());
    let planes = |chroma: Option<(Plane, Plane)>, alpha| {
        let planes = Planes {
            y: of(stored),
            chroma,
            alpha,
            depth,
            shift,
            left_sited: kind & 8 == 0,
            interlaced: kind & 16 != 0,
        };
        picture(stored, Color::default(), planes)
    };
    match kind % 7 {
        0..3 => planes(Some((of(chroma), of(chroma))), None),
        3 => planes(None, None),
        4 => planes(Some((of(chroma), of(chroma))), Some(of(stored))),
        5 => packed(stored, Packed::Rgb8(bytes(3))),
        _ => packed(stored, Packed::Rgba8(bytes(4))),
    }
}

proptest! {
    #[test]
    fn every_geometry_renders_to_its_canvas((geometry, stored, exif) in geometries(), kind in 0..112u32, layout in 0..6usize) {
        let layouts = [Layout::Yuv420, Layout::Yuv444, Layout::Rgb8, Layout::Rgba8, Layout::Rgb16, Layout::Rgba16];
        let mut picture = any_picture(stored, kind);
        picture.orientation = Orientation::from_exif(exif);
        let raster = render(&picture, &geometry, Rgb(1, 2, 3), layouts[layout]).unwrap();
        prop_assert_eq!(raster.size, geometry.canvas);
        prop_assert_eq!(raster.pixels.layout(), layouts[layout]);
        let area = geometry.canvas.area() as usize;
        let half = (geometry.canvas.width.div_ceil(2) * geometry.canvas.height.div_ceil(2)) as usize;
        let (found, expected) = match &raster.pixels {
            RasterPixels::Yuv420([y, u, v]) => (y.len() + u.len() + v.len(), area + 2 * half),
            RasterPixels::Yuv444([y, u, v]) => (y.len() + u.len() + v.len(), area * 3),
            RasterPixels::Rgb8(data) => (data.len(), area * 3),
            RasterPixels::Rgba8(data) => (data.len(), area * 4),
            RasterPixels::Rgb16(data) => (data.len(), area * 3),
            RasterPixels::Rgba16(data) => (data.len(), area * 4),
        };
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn what_does_not_hold_together_is_an_error() {
    let size = Size { width: 4, height: 4 };
    let good = whole(size);
    let bad = [
        Geometry { crop: Rect { x: 1, ..good.crop }, ..good },
        Geometry { crop: Rect { width: 0, ..good.crop }, ..good },
        Geometry { left: u32::MAX, ..good },
        Geometry { canvas: Size::default(), ..good },
        Geometry { scaled: Size { width: 5, height: 4 }, ..good },
    ];
    let picture = marked(size, 0, 0);
    assert!(bad.iter().all(|geometry| render(&picture, geometry, Rgb::BLACK, Layout::Rgb8).is_err()));
    let short = packed(size, Packed::Rgb8(vec![0; 47].into()));
    assert!(render(&short, &good, Rgb::BLACK, Layout::Rgb8).is_err());
}

/// Lines that are white and black in turn, as two moments of a moving edge leave them.
fn combed(size: Size) -> Picture {
    let level = |at: u32| if (at / size.width).is_multiple_of(2) { 235 } else { 16 };
    let y = plane(size, 8, (0..size.width * size.height).map(level));
    let planes = Planes { y, chroma: None, alpha: None, depth: 8, shift: (0, 0), left_sited: false, interlaced: true };
    picture(size, Color { range: Range::Limited, ..Color::default() }, planes)
}

#[test]
fn half_the_lines_of_two_fields_are_enough_for_a_small_picture() {
    let stored = Size { width: 32, height: 36 };
    let levels = |height: u32| -> Vec<u8> {
        let scaled = Size { width: 32, height };
        let crop = Rect { x: 0, y: 0, width: 32, height: 36 };
        let geometry = Geometry { reference: stored, crop, scaled, canvas: scaled, left: 0, top: 0 };
        let raster = render(&combed(stored), &geometry, Rgb::BLACK, Layout::Rgb8).unwrap();
        let RasterPixels::Rgb8(data) = raster.pixels else { panic!() };
        data
    };
    assert!(levels(18).iter().chain(&levels(9)).all(|&level| level == 255), "only the first moment is shown");
    assert!(levels(36).contains(&0), "all lines are shown where all are needed");
}
