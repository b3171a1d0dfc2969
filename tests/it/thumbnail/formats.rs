//! Output formats: each body is what its type says, and a second program reads it.

use crate::support::{Server, number};

#[test]
fn every_format_is_what_it_says() {
    let server = Server::of_library();
    for (format, media_type, magic) in [
        ("jpg", "image/jpeg", &b"\xff\xd8\xff"[..]),
        ("jpeg", "image/jpeg", b"\xff\xd8\xff"),
        ("png", "image/png", b"\x89PNG"),
        ("png8", "image/png", b"\x89PNG"),
        ("png24", "image/png", b"\x89PNG"),
        ("png32", "image/png", b"\x89PNG"),
        ("png48", "image/png", b"\x89PNG"),
        ("png64", "image/png", b"\x89PNG"),
        ("PNG", "image/png", b"\x89PNG"),
        ("bmp", "image/bmp", b"BM"),
        ("gif", "image/gif", b"GIF8"),
        ("tif", "image/tiff", b"II*\0"),
        ("tiff", "image/tiff", b"II*\0"),
        ("psd", "image/vnd.adobe.photoshop", b"8BPS"),
        ("webp", "image/webp", b"RIFF"),
        ("avif", "image/avif", b"\0\0\0"),
    ] {
        let answer = server.thumbnail("0_hills", &format!("width/320/vid_sec/2/format/{format}"));
        assert_eq!(answer.header("content-type"), Some(media_type), "{format}");
        assert!(answer.body.starts_with(magic), "{format}");
        let picture = answer.picture();
        assert_eq!((picture.dimensions(), number(&picture)), ((320, 180), Some(50)), "{format}");
    }
}

#[test]
fn a_pdf_has_one_page_with_the_picture() {
    let server = Server::of_library();
    let answer = server.thumbnail("0_hills", "width/320/vid_sec/2/format/pdf");
    assert_eq!(answer.header("content-type"), Some("application/pdf"));
    assert!(answer.body.starts_with(b"%PDF-") && answer.body.trim_ascii_end().ends_with(b"%%EOF"));
    // The JPEG lies in it as it is.
    let at = answer.body.windows(3).position(|bytes| bytes == b"\xff\xd8\xff").unwrap();
    let jpeg = turbojpeg::decompress(&answer.body[at..], turbojpeg::PixelFormat::RGBA).unwrap();
    let picture = image::RgbaImage::from_raw(jpeg.width as u32, jpeg.height as u32, jpeg.pixels).unwrap();
    assert_eq!((picture.dimensions(), number(&picture)), ((320, 180), Some(50)));
}

#[test]
fn the_client_chooses_where_it_may() {
    let server = Server::of_library();
    let target = "/p/1/thumbnail/entry_id/0_hills/width/160/vid_sec/2/format/auto";
    for (accept, expected) in [
        ("image/avif,image/webp,*/*", "image/avif"),
        ("image/webp,*/*;q=0.8", "image/webp"),
        ("image/avif;q=0,image/webp", "image/webp"),
        ("image/avif;q=0, image/webp;q=0, */*", "image/jpeg"),
        ("*/*", "image/jpeg"),
        ("text/html", "image/jpeg"),
    ] {
        let answer = server.ask("GET", target, &[("accept", accept)]);
        assert_eq!(answer.header("content-type"), Some(expected), "{accept}");
        assert_eq!(answer.header("vary"), Some("Accept"), "{accept}");
        assert_eq!(number(&answer.picture()), Some(50), "{accept}");
    }
    let fixed = server.ask("GET", "/p/1/thumbnail/entry_id/0_hills/width/160", &[("accept", "image/webp")]);
    assert_eq!((fixed.header("content-type"), fixed.header("vary")), (Some("image/jpeg"), None));
}

#[test]
fn alpha_stays_where_the_format_has_it() {
    let server = Server::of_library();
    for entry in ["0_prores_alpha", "0_vp9_alpha", "0_png_alpha", "0_webp_alpha"] {
        for format in ["png", "png32", "webp", "png64"] {
            let picture = server.thumbnail(entry, &format!("width/320/vid_sec/0/format/{format}")).picture();
            let (width, height) = picture.dimensions();
            let corner = picture.get_pixel(width - 3, height - 3).0[3];
            let middle = picture.get_pixel(width / 2, height / 2).0[3];
            assert!(corner < 8 && middle > 247, "{entry} as {format}: {corner} outside, {middle} inside");
        }
        for format in ["jpg", "png24", "png48", "bmp"] {
            let parameters = format!("width/320/vid_sec/0/bgcolor/ff0000/format/{format}");
            let picture = server.thumbnail(entry, &parameters).picture();
            let [r, g, b, a] = picture.get_pixel(picture.width() - 3, picture.height() - 3).0;
            assert!(r > 245 && g < 12 && b < 12 && a == 255, "{entry} as {format}: {r} {g} {b} {a}");
        }
    }
}

#[test]
fn quality_is_followed() {
    let server = Server::of_library();
    for format in ["jpg", "webp", "avif"] {
        let size = |quality: &str| {
            let parameters = format!("width/640/vid_sec/2/format/{format}{quality}");
            server.thumbnail("0_hills", &parameters).body.len()
        };
        let (low, default, high) = (size("/quality/20"), size(""), size("/quality/95"));
        assert!(low < default && default < high, "{format}: {low} {default} {high}");
        assert_eq!(size("/quality/75"), default, "{format}");
    }
}

#[test]
fn density_is_written_down() {
    let server = Server::of_library();
    let jpeg = server.thumbnail("0_hills", "width/160/vid_sec/2/density/300").body;
    // JFIF: units of dots per inch, then 300 by 300.
    let at = jpeg.windows(5).position(|bytes| bytes == b"JFIF\0").unwrap();
    assert_eq!(jpeg[at + 7..at + 12], [1, 1, 44, 1, 44]);
}
