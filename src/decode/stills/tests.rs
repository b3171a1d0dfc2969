//! Pictures written by other code, read back: colours, depth, alpha, orientation, profiles, limits, and damage.

use std::io::Cursor;
use std::sync::LazyLock;

use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, RgbImage};
use moxcms::ColorProfile;
use proptest::prelude::*;
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

use super::*;
use crate::error;
use crate::thumbnail::encode::encode;
use crate::thumbnail::transform::render;
use crate::thumbnail::{Encoding, Format, Geometry, Layout, Packed, Pixels, Raster, RasterPixels, Rect, Rgb};

/// Four quarters: red, green, blue, white.
fn quarters(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| {
        image::Rgb(match (x < width / 2, y < height / 2) {
            (true, true) => [255, 0, 0],
            (false, true) => [0, 255, 0],
            (true, false) => [0, 0, 255],
            (false, false) => [255, 255, 255],
        })
    })
}

fn file_of(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    image.into().write_to(&mut out, format).unwrap();
    out.into_inner()
}

fn jpeg(image: &RgbImage, subsamp: Subsamp) -> Vec<u8> {
    let mut compressor = Compressor::new().unwrap();
    compressor.set_subsamp(subsamp).unwrap();
    let (width, height) = (image.width() as usize, image.height() as usize);
    let image = Image { pixels: &image.as_raw()[..], width, pitch: width * 3, height, format: PixelFormat::RGB };
    compressor.compress_to_vec(image).unwrap()
}

/// A JPEG with one more segment after its start.
fn with_segment(file: &[u8], marker: u8, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u16 + 2).to_be_bytes();
    [&file[..2], &[0xFF, marker], &length, body, &file[2..]].concat()
}

fn exif(orientation: u8) -> Vec<u8> {
    let mut body = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    body.extend([orientation, 0, 0, 0, 0, 0, 0]);
    body
}

/// Any size.
const SMALL: Size = Size { width: 1, height: 1 };
/// Never reached: decoded in full.
const FULL: Size = Size { width: 60000, height: 60000 };

/// What the header of a picture says, within the common limits.
fn facts(file: &[u8]) -> Result<Facts> {
    super::facts(file, Limits::default())
}

/// The picture, no larger than what covers `at_least`, within the common limits.
fn decode(file: Bytes, at_least: Size) -> Result<Picture> {
    let picture = facts(&file).ok().and_then(|facts| facts.picture);
    let times = picture.map_or(0, |picture| halvings(&picture, at_least));
    super::decode(file, times, Limits::default())
}

/// The upright colours of a picture at its own size.
fn shown(picture: &Picture) -> (Size, Vec<u8>) {
    let size = picture.shown();
    let crop = Rect { x: 0, y: 0, width: size.width, height: size.height };
    let geometry = Geometry { reference: size, crop, scaled: size, canvas: size, left: 0, top: 0 };
    let raster = render(picture, &geometry, Rgb::BLACK, Layout::Rgb8).unwrap();
    let RasterPixels::Rgb8(data) = raster.pixels else { panic!() };
    (size, data)
}

/// The middles of the four quarters of a picture are of these colours.
#[track_caller]
fn check_quarters(picture: &Picture, expected: [[u8; 3]; 4]) {
    let (Size { width, height }, data) = shown(picture);
    let at = |x: u32, y: u32| (y * width + x) as usize * 3;
    let places = [
        at(width / 4, height / 4),
        at(width * 3 / 4, height / 4),
        at(width / 4, height * 3 / 4),
        at(width * 3 / 4, height * 3 / 4),
    ];
    let found = places.map(|at| [data[at], data[at + 1], data[at + 2]]);
    let near = found.iter().flatten().zip(expected.iter().flatten()).all(|(&a, &b)| a.abs_diff(b) <= 4);
    assert!(near, "{found:?}, not {expected:?}");
}

const RED: [u8; 3] = [255, 0, 0];
const GREEN: [u8; 3] = [0, 255, 0];
const BLUE: [u8; 3] = [0, 0, 255];
const WHITE: [u8; 3] = [255, 255, 255];

/// A file is recognised, its facts are those of its picture, and it shows the quarters.
#[track_caller]
fn check(file: Vec<u8>) -> Picture {
    assert!(recognises(&file[..file.len().min(64)]));
    let facts = facts(&file).unwrap();
    let picture = decode(file.into(), FULL).unwrap();
    assert_eq!(facts.picture.unwrap().shown, picture.shown());
    check_quarters(&picture, [RED, GREEN, BLUE, WHITE]);
    picture
}

#[test]
fn every_format_is_read() {
    for format in [ImageFormat::Png, ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::WebP] {
        let picture = check(file_of(quarters(36, 20), format));
        assert_eq!(picture.size, Size { width: 36, height: 20 });
    }
}

#[test]
fn every_subsampling_of_jpeg_is_read_as_planes() {
    for subsamp in [Subsamp::None, Subsamp::Sub2x1, Subsamp::Sub2x2, Subsamp::Sub1x2, Subsamp::Sub4x1, Subsamp::Sub1x4]
    {
        for (width, height) in [(96, 64), (97, 65), (111, 75)] {
            let picture = check(jpeg(&quarters(width, height), subsamp));
            assert!(matches!(picture.pixels, Pixels::Yuv(_)), "{subsamp:?}");
        }
    }
}

#[test]
fn a_grey_jpeg_is_one_plane() {
    let mut compressor = Compressor::new().unwrap();
    compressor.set_subsamp(Subsamp::Gray).unwrap();
    let image = Image { pixels: &[77u8; 64 * 48][..], width: 64, pitch: 64, height: 48, format: PixelFormat::GRAY };
    let file = compressor.compress_to_vec(image).unwrap();
    let picture = decode(file.into(), FULL).unwrap();
    assert!(matches!(&picture.pixels, Pixels::Yuv(planes) if planes.chroma.is_none()));
    check_quarters(&picture, [[77; 3]; 4]);
}

#[test]
fn a_jpeg_is_decoded_no_larger_than_needed() {
    let file = Bytes::from(jpeg(&quarters(1600, 1201), Subsamp::Sub2x2));
    for (width, height, expected) in [
        (1, 1, (200, 151)),
        (200, 150, (200, 151)),
        (200, 152, (400, 301)),
        (201, 1, (400, 301)),
        (640, 480, (800, 601)),
        (801, 1, (1600, 1201)),
        (5000, 5000, (1600, 1201)),
    ] {
        let picture = decode(file.clone(), Size { width, height }).unwrap();
        assert_eq!((picture.size.width, picture.size.height), expected);
        check_quarters(&picture, [RED, GREEN, BLUE, WHITE]);
    }
}

#[test]
fn every_subsampling_of_jpeg_survives_every_scale() {
    for subsamp in [Subsamp::None, Subsamp::Sub2x1, Subsamp::Sub2x2, Subsamp::Sub1x2, Subsamp::Sub4x1, Subsamp::Sub1x4]
    {
        let file = Bytes::from(jpeg(&quarters(403, 301), subsamp));
        for width in [50, 100, 200, 403] {
            let picture = decode(file.clone(), Size { width, height: 1 }).unwrap();
            check_quarters(&picture, [RED, GREEN, BLUE, WHITE]);
        }
    }
}

#[test]
fn exif_turns_a_jpeg_upright() {
    for orientation in 1..=8 {
        let file = with_segment(&jpeg(&quarters(96, 64), Subsamp::Sub2x2), 0xE1, &exif(orientation));
        let upright = if orientation > 4 { (64, 96) } else { (96, 64) };
        let facts = facts(&file).unwrap().picture.unwrap().shown;
        let picture = decode(file.into(), FULL).unwrap();
        assert_eq!((facts.width, facts.height), upright);
        // CIPA DC-008 section 4.6.4, read off its figure.
        let expected = match orientation {
            2 => [GREEN, RED, WHITE, BLUE],
            3 => [WHITE, BLUE, GREEN, RED],
            4 => [BLUE, WHITE, RED, GREEN],
            5 => [RED, BLUE, GREEN, WHITE],
            6 => [BLUE, RED, WHITE, GREEN],
            7 => [WHITE, GREEN, BLUE, RED],
            8 => [GREEN, WHITE, RED, BLUE],
            _ => [RED, GREEN, BLUE, WHITE],
        };
        check_quarters(&picture, expected);
    }
}

#[test]
fn a_turned_jpeg_covers_the_upright_size() {
    let file = with_segment(&jpeg(&quarters(800, 400), Subsamp::Sub2x2), 0xE1, &exif(6));
    let picture = decode(file.into(), Size { width: 100, height: 150 }).unwrap();
    assert_eq!(picture.size, Size { width: 200, height: 100 });
}

#[test]
fn inks_become_colours() {
    // Inverted as Adobe stores them, since libjpeg marks what it writes as Adobe's: no cyan, all magenta and yellow.
    let pixels = [255u8, 0, 0, 255].repeat(64 * 64);
    let mut compressor = Compressor::new().unwrap();
    let image = Image { pixels: &pixels[..], width: 64, pitch: 256, height: 64, format: PixelFormat::CMYK };
    let file = compressor.compress_to_vec(image).unwrap();
    assert!(markers::read(&file).adobe);
    check_quarters(&decode(file.into(), FULL).unwrap(), [RED; 4]);
}

fn png(profile: &ColorProfile, color: ExtendedColorType, data: &[u8], side: u32) -> Vec<u8> {
    let mut out = Vec::new();
    let mut encoder = image::codecs::png::PngEncoder::new(&mut out);
    encoder.set_icc_profile(profile.encode().unwrap()).unwrap();
    encoder.write_image(data, side, side, color).unwrap();
    out
}

#[test]
fn profiles_are_honoured() {
    let p3 = ColorProfile::new_display_p3();
    // Display P3 (234, 51, 35) is the red of sRGB, by the published matrices.
    let file = png(&p3, ExtendedColorType::Rgb8, &[234, 51, 35].repeat(64), 8);
    check_quarters(&decode(file.into(), FULL).unwrap(), [RED; 4]);
    let file = png(&p3, ExtendedColorType::Rgba8, &[234, 51, 35, 255].repeat(64), 8);
    check_quarters(&decode(file.into(), FULL).unwrap(), [RED; 4]);
    let words: Vec<u8> = [234u16, 51, 35].repeat(64).iter().flat_map(|&level| (level * 257).to_ne_bytes()).collect();
    let file = png(&p3, ExtendedColorType::Rgb16, &words, 8);
    let picture = decode(file.into(), FULL).unwrap();
    assert!(matches!(picture.pixels, Pixels::Packed(Packed::Rgb16(_))));
    check_quarters(&picture, [RED; 4]);
}

/// A PNG of one colour with more chunks after its header.
fn png_with(chunks: &[(&[u8; 4], &[u8])], color: ExtendedColorType, data: &[u8]) -> Vec<u8> {
    const HEADER_END: usize = 8 + 25;
    let mut file = Vec::new();
    image::codecs::png::PngEncoder::new(&mut file).write_image(data, 8, 8, color).unwrap();
    let chunks = chunks.iter().flat_map(|(name, body)| {
        let named = [&name[..], body].concat();
        [&(body.len() as u32).to_be_bytes()[..], &named, &crc(&named).to_be_bytes()].concat()
    });
    let chunks: Vec<u8> = chunks.collect();
    [&file[..HEADER_END], &chunks, &file[HEADER_END..]].concat()
}

/// What guards a chunk of PNG (section 5.5).
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

/// Numbers of PNG chunks are hundred thousandths.
fn hundred_thousandths(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

const CHROMATICITIES_P3: [u32; 8] = [31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000];

#[test]
fn gamma_and_primaries_of_png_are_honoured() {
    let level = |file: Vec<u8>| shown(&decode(file.into(), FULL).unwrap()).1[0];
    let grey = [128; 64];
    let colours = [128; 64 * 3];
    // Light of 128/255 in sRGB is 188; the gamma of sRGB's writers, and whatever stands beside an sRGB chunk, changes nothing.
    for (gamma, expected) in [(100_000, 188), (45_455, 128), (55_556, 146)] {
        let gamma = hundred_thousandths(&[gamma]);
        for (color, data) in [(ExtendedColorType::L8, &grey[..]), (ExtendedColorType::Rgb8, &colours[..])] {
            let got = level(png_with(&[(b"gAMA", &gamma)], color, data));
            assert!(got.abs_diff(expected) <= 1, "{color:?}: {got}, not {expected}");
            assert_eq!(level(png_with(&[(b"sRGB", &[0]), (b"gAMA", &gamma)], color, data)), 128);
        }
    }
    // Display P3 (234, 51, 35) is the red of sRGB.
    let primaries = hundred_thousandths(&CHROMATICITIES_P3);
    let gamma = hundred_thousandths(&[45_455]);
    let red = [234, 51, 35].repeat(64);
    for chunks in [&[(b"cHRM", &primaries[..])][..], &[(b"gAMA", &gamma), (b"cHRM", &primaries)]] {
        check_quarters(&decode(png_with(chunks, ExtendedColorType::Rgb8, &red).into(), FULL).unwrap(), [RED; 4]);
    }
}

#[test]
fn gamma_and_primaries_that_cannot_be_meant_change_nothing() {
    let colours = [128; 64 * 3];
    for chunk in [
        (b"gAMA", hundred_thousandths(&[0])),
        (b"gAMA", hundred_thousandths(&[u32::MAX])),
        (b"cHRM", hundred_thousandths(&[0; 8])),
        (b"cHRM", hundred_thousandths(&[u32::MAX; 8])),
        (b"cHRM", hundred_thousandths(&[31270, 32900, 10000, 10000, 20000, 20000, 30000, 30000])),
    ] {
        let file = png_with(&[(chunk.0, &chunk.1)], ExtendedColorType::Rgb8, &colours);
        assert_eq!(shown(&decode(file.into(), FULL).unwrap()).1[..3], [128; 3], "{chunk:?}");
    }
}

/// A still picture, then a frame of an animation that is black (section 4.9).
#[test]
fn the_still_picture_of_an_animated_png_is_shown() {
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, 20, 20);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_animated(2, 0).unwrap();
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(quarters(20, 20).as_raw()).unwrap();
    writer.write_image_data(&[0; 20 * 20 * 3]).unwrap();
    writer.finish().unwrap();
    check(out);
}

#[test]
fn a_profile_of_a_jpeg_comes_in_chunks_of_any_order() {
    let profile = ColorProfile::new_display_p3().encode().unwrap();
    let plain = jpeg(&RgbImage::from_pixel(64, 64, image::Rgb([234, 51, 35])), Subsamp::None);
    let (first, second) = profile.split_at(100);
    let chunk = |number: u8, part: &[u8]| [b"ICC_PROFILE\0", &[number, 2][..], part].concat();
    let file = with_segment(&with_segment(&plain, 0xE2, &chunk(1, first)), 0xE2, &chunk(2, second));
    assert_eq!(markers::read(&file).profile.as_ref(), Some(&profile));
    check_quarters(&decode(file.into(), FULL).unwrap(), [RED; 4]);
}

#[test]
fn a_profile_like_srgb_costs_nothing() {
    let profile = ColorProfile::new_srgb().encode().unwrap();
    let plain = jpeg(&quarters(64, 64), Subsamp::Sub2x2);
    let file = with_segment(&plain, 0xE2, &[b"ICC_PROFILE\0\x01\x01", &profile[..]].concat());
    assert!(matches!(check(file).pixels, Pixels::Yuv(_)));
}

#[test]
fn depth_and_alpha_are_kept() {
    let deep = image::ImageBuffer::from_pixel(3, 2, image::Rgb([1000u16, 2000, 60001]));
    let picture = decode(file_of(deep, ImageFormat::Png).into(), SMALL).unwrap();
    assert!(matches!(&picture.pixels, Pixels::Packed(Packed::Rgb16(words)) if words[..3] == [1000, 2000, 60001]));
    let clear = image::RgbaImage::from_pixel(3, 2, image::Rgba([9, 8, 7, 100]));
    for format in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff] {
        let picture = decode(file_of(clear.clone(), format).into(), SMALL).unwrap();
        assert!(matches!(&picture.pixels, Pixels::Packed(Packed::Rgba8(data)) if data[..4] == [9, 8, 7, 100]));
    }
}

/// A file is refused with words that contain these.
#[track_caller]
fn check_refused(file: &[u8], kind: error::Kind, words: &str) {
    let refusal = decode(Bytes::copy_from_slice(file), FULL).unwrap_err();
    assert_eq!(refusal.kind(), kind, "{refusal:?}");
    assert!(refusal.message().contains(words), "{refusal}");
}

#[test]
fn what_is_no_picture_is_refused() {
    for text in [&b""[..], b"\xFF\xD8", b"hello", b"BM this is text, not a bitmap", b"RIFF\0\0\0\0WAVE"] {
        assert!(!recognises(text));
        check_refused(text, error::Kind::Unsupported, "not of a known picture format");
    }
}

#[test]
fn bombs_are_refused_by_their_header() {
    // A PNG of 65500 by 65500 pixels whose data is missing.
    let mut bomb = file_of(quarters(2, 2), ImageFormat::Png);
    bomb[16..24].copy_from_slice(&[0, 0, 0xFF, 0xDC, 0, 0, 0xFF, 0xDC]);
    let sum = crc(&bomb[12..29]);
    bomb[29..33].copy_from_slice(&sum.to_be_bytes());
    check_refused(&bomb, error::Kind::TooLarge, "65500x65500");
    assert_eq!(facts(&bomb).unwrap_err().kind(), error::Kind::TooLarge);
    // A JPEG whose frame header says the same.
    let mut bomb = jpeg(&quarters(16, 16), Subsamp::None);
    let frame = bomb.windows(2).position(|pair| pair == [0xFF, 0xC0]).unwrap();
    bomb[frame + 5..frame + 9].copy_from_slice(&[0xFF, 0xDC, 0xFF, 0xDC]);
    check_refused(&bomb, error::Kind::TooLarge, "100000000");
}

/// Never a picture that is grey where bytes are missing, which caches would keep.
#[test]
fn a_jpeg_cut_at_any_byte_is_refused() {
    const MAGIC: usize = 3;
    let mut compressor = Compressor::new().unwrap();
    compressor.set_progressive(true).unwrap();
    let pixels = quarters(48, 32);
    let image = Image { pixels: &pixels.as_raw()[..], width: 48, pitch: 144, height: 32, format: PixelFormat::RGB };
    let progressive = compressor.compress_to_vec(image).unwrap();
    for file in [jpeg(&quarters(48, 32), Subsamp::Sub2x2), progressive] {
        check(file.clone());
        for kept in MAGIC..file.len() {
            check_refused(&file[..kept], error::Kind::Unsupported, "damaged");
        }
    }
}

#[test]
fn scans_without_end_are_refused() {
    let mut compressor = Compressor::new().unwrap();
    compressor.set_progressive(true).unwrap();
    let pixels = quarters(64, 64);
    let image = Image { pixels: &pixels.as_raw()[..], width: 64, pitch: 192, height: 64, format: PixelFormat::RGB };
    let file = compressor.compress_to_vec(image).unwrap();
    check(file.clone());
    // The last scan, again and again.
    let last = file.windows(2).rposition(|pair| pair == [0xFF, 0xDA]).unwrap();
    let (body, end) = file.split_at(file.len() - 2);
    let bomb = [body, &body[last..].repeat(SCANS_REPEATED), end].concat();
    check_refused(&bomb, error::Kind::Unsupported, "damaged");
}

/// More scans than are allowed.
const SCANS_REPEATED: usize = 200;

#[test]
fn the_first_of_several_frames_is_shown() {
    let mut out = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut out);
    let first = DynamicImage::from(quarters(20, 20)).into_rgba8();
    let second = image::RgbaImage::from_pixel(20, 20, image::Rgba([0, 0, 0, 255]));
    encoder.encode_frames([first, second].map(image::Frame::new)).unwrap();
    drop(encoder);
    check(out);
}

fn avif(image: impl Into<DynamicImage>) -> Vec<u8> {
    let image = image.into();
    let (size, alpha) = (Size { width: image.width(), height: image.height() }, image.color().has_alpha());
    let pixels = if alpha {
        RasterPixels::Rgba8(image.into_rgba8().into_raw())
    } else {
        RasterPixels::Rgb8(image.into_rgb8().into_raw())
    };
    let encoding = Encoding { format: Format::Avif, quality: 95, density: 0, background: Rgb::WHITE };
    encode(&Raster { size, pixels }, &encoding).unwrap()
}

#[test]
fn avif_is_read() {
    let picture = check(avif(quarters(64, 48)));
    assert_eq!(picture.size, Size { width: 64, height: 48 });
    check(avif(quarters(61, 45)));
}

#[test]
fn alpha_of_avif_is_kept() {
    let clear = image::RgbaImage::from_fn(64, 64, |x, _| image::Rgba([200, 40, 90, if x < 32 { 255 } else { 60 }]));
    let picture = decode(avif(clear).into(), FULL).unwrap();
    assert!(picture.has_alpha());
    let crop = Rect { x: 0, y: 0, width: 64, height: 64 };
    let geometry =
        Geometry { reference: picture.size, crop, scaled: picture.size, canvas: picture.size, left: 0, top: 0 };
    let RasterPixels::Rgba8(data) = render(&picture, &geometry, Rgb::BLACK, Layout::Rgba8).unwrap().pixels else {
        panic!()
    };
    let near = |at: usize, expected: [u8; 4]| data[at * 4..][..4].iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 8);
    assert!(near(32 * 64 + 8, [200, 40, 90, 255]) && near(32 * 64 + 56, [200, 40, 90, 60]));
}

fn boxed(kind: &[u8; 4], parts: &[&[u8]]) -> Vec<u8> {
    let body = parts.concat();
    [&(body.len() as u32 + 8).to_be_bytes()[..], kind, &body].concat()
}

/// The body of the first box of a kind in a file, wherever it lies.
fn body_of<'a>(file: &'a [u8], kind: &[u8; 4]) -> &'a [u8] {
    let at = file.windows(4).position(|word| word == kind).unwrap();
    let length = u32::from_be_bytes(file[at - 4..at].try_into().unwrap()) as usize;
    &file[at + 4..at - 4 + length]
}

/// An AVIF of four tiles of 64x64 in a grid of 120x100, turned a quarter clockwise (ISO/IEC 23008-12 section 6.6.2.3).
fn grid() -> Vec<u8> {
    let tiles = [RED, GREEN, BLUE, WHITE].map(|colour| avif(RgbImage::from_pixel(64, 64, image::Rgb(colour))));
    let data = tiles.each_ref().map(|tile| body_of(tile, b"mdat"));
    let shape = [0, 0, 1, 1, 0, 120, 0, 100];
    let ispe = |width: u32, height: u32| boxed(b"ispe", &[&[0; 4], &width.to_be_bytes(), &height.to_be_bytes()]);
    let infe = |id: u8, kind: &[u8; 4]| boxed(b"infe", &[&[2, 0, 0, 0, 0, id, 0, 0], kind, &[0]]);
    let names: Vec<u8> = (2..=5).flat_map(|id| infe(id, b"av01")).collect();
    let link = |id: u8, properties: &[u8]| [&[0, id, properties.len() as u8], properties].concat();
    let links: Vec<u8> = (2..=5).flat_map(|id| link(id, &[1, 0x82, 5])).collect();
    let properties =
        [ispe(64, 64), boxed(b"av1C", &[body_of(&tiles[0], b"av1C")]), ispe(120, 100), boxed(b"irot", &[&[3]])];
    let colr = boxed(b"colr", &[b"nclx", &[0, 1, 0, 13, 0, 6, 0x80]]);
    let properties = [properties.concat(), colr].concat();
    let ftyp = boxed(b"ftyp", &[b"avif\0\0\0\0mif1"]);
    let meta = |offset: u32| {
        let mut places = Vec::new();
        let mut at = offset;
        for (id, length) in std::iter::once(shape.len()).chain(data.iter().map(|data| data.len())).enumerate() {
            places.extend([0, id as u8 + 1, 0, 0, 0, 1]);
            places.extend(at.to_be_bytes());
            places.extend((length as u32).to_be_bytes());
            at += length as u32;
        }
        let hdlr = boxed(b"hdlr", &[&[0; 8], b"pict", &[0; 13]]);
        let pitm = boxed(b"pitm", &[&[0; 4], &[0, 1]]);
        let iloc = boxed(b"iloc", &[&[0, 0, 0, 0, 0x44, 0, 0, 5], &places]);
        let iinf = boxed(b"iinf", &[&[0, 0, 0, 0, 0, 5], &infe(1, b"grid"), &names]);
        let dimg = boxed(b"dimg", &[&[0, 1, 0, 4, 0, 2, 0, 3, 0, 4, 0, 5]]);
        let iref = boxed(b"iref", &[&[0; 4], &dimg]);
        let ipma = boxed(b"ipma", &[&[0; 4], &[0, 0, 0, 5], &link(1, &[3, 0x84, 5]), &links]);
        let iprp = boxed(b"iprp", &[&boxed(b"ipco", &[&properties]), &ipma]);
        boxed(b"meta", &[&[0; 4], &hdlr, &pitm, &iloc, &iinf, &iref, &iprp])
    };
    let before = (ftyp.len() + meta(0).len() + 8) as u32;
    let mdat = boxed(b"mdat", &[&shape, &data.concat()]);
    [ftyp, meta(before), mdat].concat()
}

#[test]
fn tiles_of_avif_are_put_together_and_turned() {
    let file = grid();
    assert_eq!(facts(&file).unwrap().picture.unwrap().shown, Size { width: 100, height: 120 });
    let picture = decode(file.into(), FULL).unwrap();
    assert_eq!(picture.size, Size { width: 120, height: 100 });
    check_quarters(&picture, [BLUE, RED, WHITE, GREEN]);
}

/// One file of each kind, with a profile and an orientation where they can have them.
fn specimens() -> Vec<Vec<u8>> {
    let profile = ColorProfile::new_display_p3();
    let segment = [b"ICC_PROFILE\0\x01\x01", &profile.encode().unwrap()[..]].concat();
    let jpeg = with_segment(&jpeg(&quarters(40, 30), Subsamp::Sub2x2), 0xE2, &segment);
    let mut files: Vec<_> = [ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::WebP]
        .map(|format| file_of(quarters(12, 10), format))
        .to_vec();
    files.push(with_segment(&jpeg, 0xE1, &exif(6)));
    files.push(avif(quarters(16, 16)));
    files.push(grid());
    files.push(png(&profile, ExtendedColorType::Rgb8, &[234, 51, 35].repeat(64), 8));
    files
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn damage_never_panics(
        kind in 0..8usize,
        cut in 0.0..1.0f64,
        flips in prop::collection::vec((0.0..1.0f64, 0..8u8), 0..6),
        whole in any::<bool>(),
    ) {
        static SPECIMENS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(specimens);
        let mut file = SPECIMENS[kind].clone();
        let length = file.len() as f64;
        flips.iter().for_each(|&(at, bit)| file[(at * length) as usize] ^= 1 << bit);
        if !whole {
            file.truncate((cut * length) as usize);
        }
        let _ = facts(&file);
        if let Ok(picture) = decode(file.into(), SMALL) {
            shown(&picture);
        }
    }
}

#[test]
fn the_front_of_a_jpeg_says_what_all_of_it_does() {
    #[track_caller]
    fn check(file: &[u8], expected: usize) {
        let said = |bytes: &[u8]| facts(bytes).map_err(|error| format!("{error:?}"));
        assert_eq!((said(front(file)), front(file).len()), (said(file), expected));
    }
    let plain = jpeg(&quarters(64, 48), Subsamp::Sub2x2);
    let turned = with_segment(&plain, 0xE1, &exif(6));
    let long = [&turned[..], &[0; 1 << 20]].concat();
    let scan = turned.windows(2).rposition(|pair| pair == [0xFF, 0xDA]).unwrap();
    check(&plain, plain.len());
    check(&long, scan + 2 + (1 << 16));
    check(&long[..scan], scan);
    check(&long[..scan - 9], scan - 9);
    check(b"\xFF\xD8\xFF", 3);
}
