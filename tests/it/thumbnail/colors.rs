//! Colours: what a viewer sees is what the source means, whatever its matrix, range, depth and profile.

use image::RgbaImage;

use crate::support::{Server, number};

/// The bars of testdata/make.sh from left to right.
const BARS: [[u8; 3]; 8] =
    [[255, 255, 255], [191, 191, 0], [0, 191, 191], [0, 191, 0], [191, 0, 191], [191, 0, 0], [0, 0, 191], [0, 0, 0]];

/// The colour of the middle of a part, given in shares of the picture.
fn color(picture: &RgbaImage, x: f64, y: f64) -> [u8; 3] {
    let (x, y) = (x * f64::from(picture.width()), y * f64::from(picture.height()));
    let [r, g, b, _] = picture.get_pixel(x as u32, y as u32).0;
    [r, g, b]
}

fn far(a: [u8; 3], b: [u8; 3], by: u8) -> bool {
    a.iter().zip(b).any(|(a, b)| a.abs_diff(b) > by)
}

#[test]
fn matrix_and_range_are_honoured() {
    let server = Server::of_library();
    for entry in ["0_bars_601", "0_bars_709", "0_bars_sd_untagged", "0_bars_hd_untagged"] {
        for (format, tolerance) in [("png", 3), ("jpg/quality/95", 6), ("webp/quality/95", 10)] {
            let picture = server.thumbnail(entry, &format!("vid_sec/0.2/width/320/format/{format}")).picture();
            for (bar, expected) in BARS.iter().enumerate() {
                let found = color(&picture, (bar as f64 + 0.5) / 8.0, 0.5);
                assert!(
                    !far(found, *expected, tolerance),
                    "{entry} as {format}, bar {bar}: {found:?} for {expected:?}"
                );
            }
        }
    }
}

/// The clip and its plain sibling look the same, up to a mean difference in levels.
#[track_caller]
fn check(server: &Server, entry: &str, like: &str, tolerance: f64) {
    let picture = |entry: &str| server.thumbnail(entry, "width/160/vid_sec/1/format/png").picture();
    let (a, b) = (picture(entry), picture(like));
    let sum: u64 = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    let mean = sum as f64 / a.as_raw().len() as f64;
    assert!(mean <= tolerance, "{entry} and {like} differ by {mean:.1}");
}

#[test]
fn depth_sampling_and_range_make_no_difference() {
    let server = Server::of_library();
    for entry in ["0_hevc", "0_hevc10", "0_422", "0_444", "0_avc10", "0_fullrange", "0_prores", "0_vp9", "0_av1"] {
        check(&server, entry, "0_avc", 4.0);
    }
}

#[test]
fn high_dynamic_range_is_mapped_to_what_screens_show() {
    let server = Server::of_library();
    for entry in ["0_pq", "0_hlg"] {
        // Tone mapping is a matter of taste, within limits.
        check(&server, entry, "0_avc", 24.0);
        let picture = server.thumbnail(entry, "width/320/vid_sec/1/format/png").picture();
        let (white, black) = (color(&picture, 0.5 / 16.0, 0.06), color(&picture, 15.5 / 16.0, 0.06));
        assert!(white.iter().all(|level| *level > 190) && !far(white, [white[0]; 3], 6), "{entry}: white is {white:?}");
        assert!(!far(black, [0; 3], 12), "{entry}: black is {black:?}");
    }
}

#[test]
fn profiles_are_turned_into_srgb() {
    let server = Server::of_library();
    // Numbers of Display P3 that are the corners of sRGB.
    let expected =
        [(0.25, 0.25, [255, 0, 0]), (0.75, 0.25, [0, 255, 0]), (0.25, 0.75, [0, 0, 255]), (0.75, 0.75, [255; 3])];
    for entry in ["0_p3", "0_p3_jpeg"] {
        let picture = server.thumbnail(entry, "width/320/format/png").picture();
        for (x, y, expected) in expected {
            let found = color(&picture, x, y);
            assert!(!far(found, expected, 8), "{entry}: {found:?} for {expected:?}");
        }
    }
}

#[test]
fn every_picture_format_reads() {
    let server = Server::of_library();
    for (entry, expected) in [
        ("0_jpeg", 501),
        ("0_jpeg_progressive", 501),
        ("0_jpeg_gray", 501),
        ("0_jpeg_cmyk", 501),
        ("0_png", 521),
        ("0_png_alpha", 521),
        ("0_png_16bit", 521),
        ("0_png_palette", 521),
        ("0_gif", 521),
        ("0_gif_animated", 0),
        ("0_bmp", 521),
        ("0_tiff", 521),
        ("0_webp", 521),
        ("0_webp_alpha", 521),
        ("0_avif", 521),
        ("0_heic", 521),
        ("0_polyglot", 501),
    ] {
        for format in ["jpg", "png", "webp"] {
            for width in ["160", "320", "0/height/0"] {
                let picture = server.thumbnail(entry, &format!("width/{width}/format/{format}")).picture();
                assert_eq!(number(&picture), Some(expected), "{entry}, width {width}, as {format}");
            }
        }
    }
    for orientation in 1..=8 {
        assert_eq!(server.frame(&format!("0_exif_{orientation}"), "width/160"), 510 + orientation);
    }
}

#[test]
fn the_picture_is_the_same_in_every_format() {
    let server = Server::of_library();
    // A point of the sky, the far hills and the near ones.
    let reference = server.thumbnail("0_jpeg", "width/400/format/png").picture();
    for entry in ["0_jpeg_progressive", "0_jpeg_cmyk"] {
        let picture = server.thumbnail(entry, "width/400/format/png").picture();
        for (x, y) in [(0.5, 0.2), (0.5, 0.9), (0.1, 0.5)] {
            let (found, expected) = (color(&picture, x, y), color(&reference, x, y));
            // Without a profile CMYK has no exact colours.
            assert!(!far(found, expected, 24), "{entry}: {found:?} for {expected:?}");
        }
    }
}
