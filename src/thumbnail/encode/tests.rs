//! Files written here and read by other code: size, depth, channels, colours, density.

use image::{DynamicImage, GenericImageView, ImageFormat};
use turbojpeg::PixelFormat;

use super::*;
use crate::media::picture::Size;
use crate::thumbnail::{Layout, Rgb};

const ALL: [Format; 14] = [
    Format::Jpeg,
    Format::Png,
    Format::Png8,
    Format::Png24,
    Format::Png32,
    Format::Png48,
    Format::Png64,
    Format::Bmp,
    Format::Gif,
    Format::Tiff,
    Format::Psd,
    Format::Pdf,
    Format::Webp,
    Format::Avif,
];

fn encoding(format: Format) -> Encoding {
    Encoding { format, quality: 90, density: 0, background: Rgb::WHITE }
}

/// Left half orange, right half blue; alpha, where there is any, falls from the top.
fn raster(size: Size, layout: Layout) -> Raster {
    let (width, height) = (size.width, size.height);
    let colour = |at: u32| if at % width < width.div_ceil(2) { [255u8, 128, 0] } else { [0, 0, 200] };
    let alpha = |at: u32| 255 - (at / width * 255 / height) as u8;
    let area = width * height;
    let rgb = || (0..area).flat_map(colour).collect::<Vec<u8>>();
    let rgba = || (0..area).flat_map(|at| [&colour(at)[..], &[alpha(at)]].concat()).collect::<Vec<u8>>();
    let wide = |bytes: Vec<u8>| bytes.into_iter().map(|byte| u16::from(byte) * 257).collect::<Vec<u16>>();
    let yuv = |channel: usize, across: u32, down: u32| -> Vec<u8> {
        let jfif = |[r, g, b]: [u8; 3]| crate::thumbnail::transform::color::jfif(Rgb(r, g, b))[channel];
        let place = |x: u32, y: u32| (y * down).min(height - 1) * width + (x * across).min(width - 1);
        (0..height.div_ceil(down))
            .flat_map(|y| (0..width.div_ceil(across)).map(move |x| (x, y)))
            .map(|(x, y)| jfif(colour(place(x, y))))
            .collect()
    };
    let pixels = match layout {
        Layout::Yuv420 => RasterPixels::Yuv420([yuv(0, 1, 1), yuv(1, 2, 2), yuv(2, 2, 2)]),
        Layout::Yuv444 => RasterPixels::Yuv444([0, 1, 2].map(|channel| yuv(channel, 1, 1))),
        Layout::Rgb8 => RasterPixels::Rgb8(rgb()),
        Layout::Rgba8 => RasterPixels::Rgba8(rgba()),
        Layout::Rgb16 => RasterPixels::Rgb16(wide(rgb())),
        Layout::Rgba16 => RasterPixels::Rgba16(wide(rgba())),
    };
    Raster { size, pixels }
}

/// The layouts that a format may be given.
fn layouts(format: Format) -> &'static [Layout] {
    match format {
        Format::Jpeg | Format::Pdf => &[Layout::Yuv420, Layout::Yuv444],
        Format::Png32 => &[Layout::Rgba8],
        Format::Png48 => &[Layout::Rgb16],
        Format::Png64 => &[Layout::Rgba16],
        Format::Png24 | Format::Bmp | Format::Psd => &[Layout::Rgb8],
        _ => &[Layout::Rgb8, Layout::Rgba8],
    }
}

const SIZES: [(u32, u32); 5] = [(1, 1), (2, 2), (7, 5), (16, 16), (33, 18)];

/// The size that a file says it has, read by other code or by hand.
fn size_said(format: Format, file: &[u8]) -> (u32, u32) {
    let big = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap());
    match format {
        Format::Jpeg => {
            let header = turbojpeg::read_header(file).unwrap();
            (header.width as u32, header.height as u32)
        }
        Format::Psd => {
            assert!(file.starts_with(b"8BPS\0\x01"));
            (big(18), big(14))
        }
        Format::Avif => {
            let extent = file.windows(4).position(|kind| kind == b"ispe").unwrap();
            (big(extent + 8), big(extent + 12))
        }
        Format::Pdf => {
            assert!(file.starts_with(b"%PDF-"));
            let text = String::from_utf8_lossy(file);
            let box_at = text.find("/MediaBox [0 0 ").unwrap() + 15;
            let sides: Vec<f32> = text[box_at..].split([' ', ']']).take(2).map(|side| side.parse().unwrap()).collect();
            (sides[0] as u32, sides[1] as u32)
        }
        _ => decoded(format, file).dimensions(),
    }
}

fn decoded(format: Format, file: &[u8]) -> DynamicImage {
    let format = match format {
        Format::Bmp => ImageFormat::Bmp,
        Format::Gif => ImageFormat::Gif,
        Format::Tiff => ImageFormat::Tiff,
        Format::Webp => ImageFormat::WebP,
        _ => ImageFormat::Png,
    };
    image::load_from_memory_with_format(file, format).unwrap()
}

#[test]
fn every_format_says_its_size_for_every_layout() {
    for format in ALL {
        for &layout in layouts(format) {
            for (width, height) in SIZES {
                let file = encode(&raster(Size { width, height }, layout), &encoding(format)).unwrap();
                assert_eq!(size_said(format, &file), (width, height), "{format:?} {layout:?}");
            }
        }
    }
}

/// The pixels at the middle left and the middle right of a file's picture, as 8-bit red, green, blue, alpha.
fn ends(picture: &DynamicImage) -> [[u8; 4]; 2] {
    let (width, height) = picture.dimensions();
    [0, width - 1].map(|x| picture.get_pixel(x, height / 2).0)
}

#[track_caller]
fn check_near(found: &[u8], expected: &[u8], allowed: u8) {
    let near = found.iter().zip(expected).all(|(&a, &b)| a.abs_diff(b) <= allowed);
    assert!(near, "{found:?}, not {expected:?}");
}

/// Written and read back, the colours of both halves are there, within `allowed`.
#[track_caller]
fn check_colours(format: Format, layout: Layout, allowed: u8) {
    let size = Size { width: 32, height: 20 };
    let picture = decoded(format, &encode(&raster(size, layout), &encoding(format)).unwrap());
    let [left, right] = ends(&picture);
    check_near(&left[..3], &[255, 128, 0], allowed);
    check_near(&right[..3], &[0, 0, 200], allowed);
    let kept = layout == Layout::Rgba8 || layout == Layout::Rgba16;
    check_near(&left[3..], if kept { &[128] } else { &[255] }, 2);
}

#[test]
fn colours_and_alpha_come_back() {
    check_colours(Format::Png, Layout::Rgb8, 0);
    check_colours(Format::Png, Layout::Rgba8, 0);
    check_colours(Format::Png24, Layout::Rgb8, 0);
    check_colours(Format::Png32, Layout::Rgba8, 0);
    check_colours(Format::Png48, Layout::Rgb16, 0);
    check_colours(Format::Png64, Layout::Rgba16, 0);
    check_colours(Format::Bmp, Layout::Rgb8, 0);
    check_colours(Format::Tiff, Layout::Rgb8, 0);
    check_colours(Format::Tiff, Layout::Rgba8, 0);
    check_colours(Format::Png8, Layout::Rgb8, 2);
    check_colours(Format::Gif, Layout::Rgb8, 2);
    check_colours(Format::Webp, Layout::Rgb8, 12);
    check_colours(Format::Webp, Layout::Rgba8, 12);
}

#[test]
fn a_jpeg_keeps_its_colours_and_its_chroma() {
    for (layout, subsamp) in [(Layout::Yuv420, turbojpeg::Subsamp::Sub2x2), (Layout::Yuv444, turbojpeg::Subsamp::None)]
    {
        let file = encode(&raster(Size { width: 33, height: 21 }, layout), &encoding(Format::Jpeg)).unwrap();
        assert_eq!(turbojpeg::read_header(&file).unwrap().subsamp, subsamp);
        let image = turbojpeg::decompress(&file, PixelFormat::RGB).unwrap();
        let row = &image.pixels[10 * image.pitch..];
        check_near(&row[..3], &[255, 128, 0], 6);
        check_near(&row[32 * 3..][..3], &[0, 0, 200], 6);
    }
}

#[test]
fn png_says_its_depth_and_channels() {
    use ::png::{BitDepth, ColorType};
    let size = Size { width: 9, height: 9 };
    for (format, layout, expected) in [
        (Format::Png, Layout::Rgb8, (ColorType::Rgb, BitDepth::Eight)),
        (Format::Png, Layout::Rgba8, (ColorType::Rgba, BitDepth::Eight)),
        (Format::Png8, Layout::Rgb8, (ColorType::Indexed, BitDepth::Eight)),
        (Format::Png8, Layout::Rgba8, (ColorType::Indexed, BitDepth::Eight)),
        (Format::Png24, Layout::Rgb8, (ColorType::Rgb, BitDepth::Eight)),
        (Format::Png32, Layout::Rgba8, (ColorType::Rgba, BitDepth::Eight)),
        (Format::Png48, Layout::Rgb16, (ColorType::Rgb, BitDepth::Sixteen)),
        (Format::Png64, Layout::Rgba16, (ColorType::Rgba, BitDepth::Sixteen)),
    ] {
        let file = encode(&raster(size, layout), &encoding(format)).unwrap();
        let reader = ::png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        assert_eq!((reader.info().color_type, reader.info().bit_depth), expected, "{format:?}");
    }
}

#[test]
fn png_leaves_out_alpha_that_is_full() {
    let mut opaque = raster(Size { width: 4, height: 4 }, Layout::Rgba8);
    let RasterPixels::Rgba8(data) = &mut opaque.pixels else { panic!() };
    data.chunks_exact_mut(4).for_each(|pixel| pixel[3] = 255);
    assert!(!decoded(Format::Png, &encode(&opaque, &encoding(Format::Png)).unwrap()).color().has_alpha());
    assert!(decoded(Format::Png, &encode(&opaque, &encoding(Format::Png32)).unwrap()).color().has_alpha());
}

#[test]
fn alpha_lives_in_the_palette_and_is_all_or_nothing_in_gif() {
    let clear = raster(Size { width: 32, height: 32 }, Layout::Rgba8);
    let png8 = decoded(Format::Png8, &encode(&clear, &encoding(Format::Png8)).unwrap());
    for y in 0..32 {
        let expected = 255 - (y * 255 / 32) as u8;
        check_near(&png8.get_pixel(3, y).0[3..], &[expected], 20);
    }
    let gif = decoded(Format::Gif, &encode(&clear, &encoding(Format::Gif)).unwrap());
    assert_eq!(gif.get_pixel(3, 1).0[3], 255);
    assert_eq!(gif.get_pixel(3, 30).0[3], 0);
    // Nearly half shows through to the white background.
    check_near(&gif.get_pixel(3, 14).0[..3], &[255, 183, 112], 8);
}

/// Many colours are reduced without losing sight of them.
#[test]
fn a_palette_of_many_colours_is_near() {
    let size = Size { width: 64, height: 64 };
    let data: Vec<u8> = (0..64 * 64u32).flat_map(|at| [(at % 64 * 4) as u8, (at / 64 * 4) as u8, 90]).collect();
    let smooth = Raster { size, pixels: RasterPixels::Rgb8(data.clone()) };
    for format in [Format::Png8, Format::Gif] {
        let shown = decoded(format, &encode(&smooth, &encoding(format)).unwrap()).into_rgb8().into_raw();
        let off: u64 = shown.iter().zip(&data).map(|(&a, &b)| u64::from(a.abs_diff(b))).sum();
        assert!(off / (data.len() as u64) < 8, "{format:?} is off by {} on average", off / data.len() as u64);
    }
}

#[test]
fn density_is_written() {
    let size = Size { width: 300, height: 150 };
    let dense = |format, layout| encode(&raster(size, layout), &Encoding { density: 300, ..encoding(format) }).unwrap();
    let jpeg = dense(Format::Jpeg, Layout::Yuv420);
    assert_eq!(jpeg[6..18], *b"JFIF\0\x01\x01\x01\x01\x2C\x01\x2C");
    let png = dense(Format::Png, Layout::Rgb8);
    let info = ::png::Decoder::new(std::io::Cursor::new(png)).read_info().unwrap();
    assert_eq!(info.info().pixel_dims.unwrap().xppu, 11811);
    let tiff = dense(Format::Tiff, Layout::Rgb8);
    assert!(tiff.windows(8).any(|pair| pair == [0x2C, 1, 0, 0, 1, 0, 0, 0]));
    let bmp = dense(Format::Bmp, Layout::Rgb8);
    assert_eq!(bmp[38..42], 11811u32.to_le_bytes());
    let psd = dense(Format::Psd, Layout::Rgb8);
    assert!(psd.windows(10).any(|part| part == [0x03, 0xED, 0, 0, 0, 0, 0, 16, 0x01, 0x2C]));
    // 300 pixels at 300 dots per inch are an inch: 72 points.
    assert_eq!(size_said(Format::Pdf, &dense(Format::Pdf, Layout::Yuv420)), (72, 36));
}

#[test]
fn what_a_format_cannot_hold_is_an_error() {
    let wide = raster(Size { width: 16384, height: 1 }, Layout::Rgb8);
    assert!(encode(&wide, &encoding(Format::Webp)).is_err());
    assert!(encode(&wide, &encoding(Format::Png)).is_ok());
    let large = raster(Size { width: 4096, height: 2177 }, Layout::Rgb8);
    assert!(encode(&large, &encoding(Format::Avif)).is_err());
    let planes = raster(Size { width: 2, height: 2 }, Layout::Yuv420);
    let deep = raster(Size { width: 2, height: 2 }, Layout::Rgb16);
    assert!(encode(&planes, &encoding(Format::Png)).is_err());
    assert!(encode(&deep, &encoding(Format::Jpeg)).is_err());
    assert!(encode(&Raster { size: Size::default(), ..planes }, &encoding(Format::Jpeg)).is_err());
}
