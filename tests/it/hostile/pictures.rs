//! Pictures that are larger than they say, never end, or are something else.

use std::io::{Cursor, Write};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::ZlibEncoder;

use super::videos::{RESIDENT_MAX, boxed, check_refused};
use crate::support::{Folder, Server, media, target};

#[test]
fn row_24_png_that_means_harm() {
    let server = Server::of_library();
    check_refused(
        &server,
        &[("0_broken_bomb_png", "65500x65500"), ("0_broken_chunk_of_2_gib", "damaged"), ("0_broken_sum", "damaged")],
    );
    // Text and a profile that nobody needs are not unpacked; the picture beside them is shown.
    for entry in ["0_broken_text_bomb", "0_broken_profile_bomb", "0_broken_many_chunks"] {
        let picture = server.thumbnail(entry, "width/16").picture();
        assert_eq!((picture.dimensions(), picture.get_pixel(8, 8).0), ((16, 16), [128, 128, 128, 255]), "{entry}");
    }
    assert!(server.resident() < RESIDENT_MAX, "{} bytes", server.resident());
}

#[test]
fn row_25_animations_without_end() {
    let server = Server::of_library();
    check_refused(&server, &[("0_broken_bomb_gif", "")]);
    let start = Instant::now();
    assert_eq!(server.thumbnail("0_broken_many_frames", "width/16").picture().dimensions(), (16, 16));
    assert!(start.elapsed() < Duration::from_secs(10), "only the first frame is read");
}

#[test]
fn row_26_jpeg_that_means_harm() {
    let server = Server::of_library();
    check_refused(
        &server,
        &[
            ("0_broken_bomb_jpeg", "4290250000 pixels"),
            ("0_broken_no_height", "damaged"),
            ("0_broken_truncated_jpeg", "damaged"),
        ],
    );
    assert_eq!(server.frame("0_jpeg_cmyk", "width/160"), 501);
}

#[test]
fn row_29_files_that_are_something_else() {
    let folder = Folder::new("row-29");
    folder.put("0_png.png", "0_video.mp4");
    folder.put("0_avc.mp4", "0_picture.jpg");
    folder.put("0_jpeg.jpg", "0_other.png");
    folder.put("0_broken_text.mp4", "0_text.mp4");
    let server = Server::start(folder.path(), &[]);
    assert_eq!(server.frame("0_other", "width/160"), 501);
    for (entry, words) in
        [("0_video", "is a picture"), ("0_picture", "not of a known picture format"), ("0_text", "of no container")]
    {
        let (error, text) = server.refusal(entry, "width/160/vid_sec/1");
        assert_eq!(error, "error-17", "{entry}: {text}");
        assert!(text.contains(words), "{entry}: {text}");
    }
    let server = Server::of_library();
    let answer = server.thumbnail("0_polyglot", "width/160");
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert!(!answer.body.windows(6).any(|bytes| bytes == b"<html>"), "nothing of the file is copied");
}

/// A chunk of PNG with its sum (ISO/IEC 15948 section 5.3).
fn chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut sum = flate2::Crc::new();
    sum.update(kind);
    sum.update(body);
    let length = u32::try_from(body.len()).unwrap();
    [&length.to_be_bytes()[..], kind, body, &sum.sum().to_be_bytes()].concat()
}

/// A PNG of 8 by 8 grey pixels, with chunks of others behind its header and behind its data.
fn png(before: &[u8], after: &[u8]) -> Vec<u8> {
    let header = chunk(b"IHDR", &[0, 0, 0, 8, 0, 0, 0, 8, 8, 0, 0, 0, 0]);
    let data = chunk(b"IDAT", &packed(&[[0, 128, 128, 128, 128, 128, 128, 128, 128]; 8].concat()));
    [&b"\x89PNG\r\n\x1a\n"[..], &header, before, &data, after, &chunk(b"IEND", b"")].concat()
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A library of files that a test makes.
fn library(name: &str, files: &[(&str, Vec<u8>)]) -> (Folder, Server) {
    let folder = Folder::new(name);
    for (file, bytes) in files {
        std::fs::write(folder.path().join(file), bytes).unwrap();
    }
    let server = Server::start(folder.path(), &[]);
    (folder, server)
}

/// Every entry is answered soon: with a picture of a few pixels, or with a refusal that says why.
#[track_caller]
fn check_answered(server: &mut Server, entries: &[&str]) {
    for entry in entries {
        let start = Instant::now();
        let answer = server.get(&target(entry, "width/16"));
        let refused = answer.status == 404 && answer.header("x-kaltura").is_some() && answer.body.len() > 20;
        assert!(answer.status == 200 || refused, "{entry}: {} {}", answer.status, answer.text());
        assert!(start.elapsed() < Duration::from_secs(10), "{entry} took {:?}", start.elapsed());
    }
    assert!(server.runs() && server.resident() < RESIDENT_MAX, "{} bytes", server.resident());
}

/// A hundred thousand frames without delay, of which the first is the picture; and frames far larger than their canvas.
#[test]
fn row_25_animations_of_other_formats() {
    let frame = |number: u32, side: u32| {
        let shape = [number, side, side, 0, 0].map(u32::to_be_bytes).concat();
        chunk(b"fcTL", &[&shape[..], &[0; 6]].concat())
    };
    let data = packed(&[[0, 128, 128, 128, 128, 128, 128, 128, 128]; 8].concat());
    let part = |number: u32| chunk(b"fdAT", &[&number.to_be_bytes()[..], &data].concat());
    let count = |frames: u32| chunk(b"acTL", &[frames, 0].map(u32::to_be_bytes).concat());
    let frames: Vec<u8> = (0..100_000).flat_map(|n| [frame(2 * n + 1, 8), part(2 * n + 2)].concat()).collect();
    let many = png(&[count(100_001), frame(0, 8)].concat(), &frames);
    let wide = png(&[count(2), frame(0, 8)].concat(), &[frame(1, 65535), part(2)].concat());
    let lies = png(&[count(u32::MAX), frame(0, 65535)].concat(), b"");
    let still = image::RgbaImage::from_pixel(1, 1, image::Rgba([128, 128, 128, 255]));
    let mut lossless = Vec::new();
    still.write_to(&mut Cursor::new(&mut lossless), image::ImageFormat::WebP).unwrap();
    let riff = |kind: &[u8; 4], body: &[u8]| {
        let length = u32::try_from(body.len()).unwrap().to_le_bytes();
        [&kind[..], &length, body, &[0][..body.len() % 2]].concat()
    };
    // Sizes in 24 bits, less one (RFC 9649 section 2.7).
    let side = |side: u32| (side - 1).to_le_bytes()[..3].to_vec();
    let webp = |frames: usize, shape: u32| {
        let one = [&[0; 6][..], &side(shape), &side(shape), &[0; 4], &lossless[12..]].concat();
        let head = [&[2, 0, 0, 0][..], &side(1), &side(1)].concat();
        let parts = [riff(b"VP8X", &head), riff(b"ANIM", &[0; 6]), riff(b"ANMF", &one).repeat(frames)].concat();
        riff(b"RIFF", &[&b"WEBP"[..], &parts].concat())
    };
    let files = [
        ("0_apng_many.png", many),
        ("0_apng_wide.png", wide),
        ("0_apng_lies.png", lies),
        ("0_webp_many.webp", webp(100_000, 1)),
        ("0_webp_wide.webp", webp(1, 16_384)),
    ];
    let (_folder, mut server) = library("row-25", &files);
    check_answered(&mut server, &["0_apng_many", "0_apng_wide", "0_apng_lies", "0_webp_many", "0_webp_wide"]);
    let picture = server.thumbnail("0_apng_many", "width/16").picture();
    assert_eq!(picture.get_pixel(8, 8).0, [128, 128, 128, 255], "the picture of it is shown");
}

/// Kinds of JPEG that are not for the web, one cut at many places, and one of thousands of scans.
#[test]
fn row_26_jpeg_of_other_kinds() {
    let whole = std::fs::read(media("0_jpeg.jpg")).unwrap();
    let progressive = std::fs::read(media("0_jpeg_progressive.jpg")).unwrap();
    let frame = whole.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    let with = |at: usize, byte: u8| {
        let mut changed = whole.clone();
        changed[at] = byte;
        changed
    };
    let last = progressive.windows(2).rposition(|pair| pair == [0xff, 0xda]).unwrap();
    let (body, end) = progressive.split_at(progressive.len() - 2);
    let scans = [body, &body[last..].repeat(2_000), end].concat();
    // The number of lines comes behind the first scan (ITU-T T.81 section B.2.5).
    let mut late = whole.clone();
    late[frame + 5..frame + 7].fill(0);
    late.splice(whole.len() - 2..whole.len() - 2, [0xff, 0xdc, 0, 4, 0, 90]);
    let mut files = vec![
        ("0_12_bit.jpg".to_owned(), with(frame + 4, 12)),
        ("0_arithmetic.jpg".to_owned(), with(frame + 1, 0xc9)),
        ("0_lossless.jpg".to_owned(), with(frame + 1, 0xc3)),
        ("0_hierarchical.jpg".to_owned(), with(frame + 1, 0xc5)),
        ("0_components.jpg".to_owned(), with(frame + 9, 255)),
        ("0_sampling.jpg".to_owned(), with(frame + 11, 0)),
        ("0_scans.jpg".to_owned(), scans),
        ("0_late.jpg".to_owned(), late),
    ];
    files.extend((1..40).map(|n| (format!("0_cut_{n}.jpg"), whole[..n * whole.len() / 40].to_vec())));
    let entries: Vec<String> = files.iter().map(|(file, _)| file.trim_end_matches(".jpg").to_owned()).collect();
    let files: Vec<_> = files.iter().map(|(file, bytes)| (file.as_str(), bytes.clone())).collect();
    let (_folder, mut server) = library("row-26", &files);
    check_answered(&mut server, &entries.iter().map(String::as_str).collect::<Vec<_>>());
    for entry in entries.iter().filter(|entry| entry.starts_with("0_cut") || *entry == "0_scans") {
        let (error, text) = server.refusal(entry, "width/160");
        assert!(error == "error-17" && text.contains("damaged"), "{entry}: {error} {text}");
    }
}

fn full(kind: &[u8; 4], version: u8, body: &[u8]) -> Vec<u8> {
    boxed(kind, &[&[version, 0, 0, 0][..], body].concat())
}

/// A HEIF file of items: their places as `iloc` has them, their number, and which properties they have.
fn heif(iloc: &[u8], count: u16, ipma: &[u8]) -> Vec<u8> {
    let item = |number: u16| {
        full(
            b"infe",
            2,
            &[&number.to_be_bytes()[..], &[0, 0], if number == 1 { b"grid" } else { b"av01" }, &[0]].concat(),
        )
    };
    let items: Vec<u8> = (1..=count).flat_map(item).collect();
    let tiles: Vec<u8> = (2..=count).flat_map(u16::to_be_bytes).collect();
    let references = boxed(b"dimg", &[&[0, 1][..], &(count - 1).to_be_bytes(), &tiles].concat());
    let properties = [full(b"ispe", 0, &[0, 0, 0, 64, 0, 0, 0, 64]), boxed(b"av1C", &[0x81, 0, 0, 0])].concat();
    let parts = [
        full(b"pitm", 0, &[0, 1]),
        full(b"iloc", 1, iloc),
        full(b"iinf", 0, &[&count.to_be_bytes()[..], &items].concat()),
        boxed(b"iprp", &[boxed(b"ipco", &properties), full(b"ipma", 0, ipma)].concat()),
        full(b"iref", 0, &references),
        boxed(b"idat", &[0, 0, 99, 99, 0x10, 0, 0x10, 0]),
    ];
    [boxed(b"ftyp", b"avif\0\0\0\0"), full(b"meta", 0, &parts.concat())].concat()
}

/// Items that are made of themselves, grids of ten thousand, and tables that are longer than the file.
#[test]
fn row_27_avif_and_heic_that_loop() {
    // One place an item: number, construction method, source, one extent of an offset and a length.
    let place = |item: u16, method: u16| {
        [item, method, 0, 1]
            .into_iter()
            .flat_map(u16::to_be_bytes)
            .chain([0; 4])
            .chain([0, 0, 0, 8])
            .collect::<Vec<u8>>()
    };
    let places = |count: u16, method: u16| {
        let all: Vec<u8> = (1..=count).flat_map(|item| place(item, method)).collect();
        [&[0x44, 0][..], &count.to_be_bytes(), &all].concat()
    };
    let links = |count: u32, each: &[u8]| {
        let all: Vec<u8> = (1..=count).flat_map(|item| [&(item as u16).to_be_bytes()[..], each].concat()).collect();
        [&count.to_be_bytes()[..], &all].concat()
    };
    let good = links(2, &[2, 1, 0x82]);
    let files = [
        // By the bytes of another item, which is the item itself (ISO/IEC 14496-12 section 8.11.3).
        ("0_itself.avif", heif(&places(2, 2), 2, &good)),
        ("0_grid.avif", heif(&places(1000, 1), 1000, &links(1000, &[2, 1, 0x82]))),
        ("0_grid_10000.avif", heif(&places(10_001, 1), 10_001, &links(10_001, &[2, 1, 0x82]))),
        ("0_again.heic", heif(&places(2, 1), 2, &links(2, &[255; 256]))),
        ("0_long.avif", heif(&places(2, 1), 2, &u32::MAX.to_be_bytes())),
        ("0_places.avif", heif(&[0x44, 0, 0xff, 0xff], 2, &good)),
        ("0_nested.avif", heif(&places(2, 1), 2, &full(b"ipma", 0, &full(b"ipma", 0, &good)))),
        ("0_codestream.jxl", b"\xff\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff".to_vec()),
        ("0_boxes.jxl", b"\0\0\0\x0cJXL \r\n\x87\n\0\0\0\x14ftypjxl \0\0\0\0jxl ".to_vec()),
    ];
    let entries = files.each_ref().map(|(file, _)| file.split('.').next().unwrap());
    let (_folder, mut server) = library("row-27", &files);
    check_answered(&mut server, &entries);
    for entry in entries {
        assert_ne!(server.get(&target(entry, "width/160")).status, 200, "{entry}");
    }
}

/// Drawings that run, fetch or grow are not drawn; as files they are handed out shut in.
#[test]
fn row_28_drawings_that_run_fetch_or_grow() {
    let svg = |inside: &str| format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 4 3\">{inside}</svg>");
    let entities = (1..10).map(|n| format!("<!ENTITY a{n} \"{}\">", format!("&a{};", n - 1).repeat(10)));
    let laughs =
        format!("<!DOCTYPE svg [<!ENTITY a0 \"ha\">{}]>{}", entities.collect::<String>(), svg("<text>&a9;</text>"));
    let files = [
        ("0_laughs.svg", laughs),
        ("0_script.svg", svg("<script>alert(1)</script><image href=\"x\" onerror=\"alert(1)\"/>")),
        ("0_fetch.svg", svg("<image href=\"http://127.0.0.1:1/x.png\"/><image href=\"file:///etc/passwd\"/>")),
        ("0_foreign.svg", svg("<foreignObject><iframe src=\"https://evil.example\"/></foreignObject>")),
        (
            "0_include.svg",
            "<!DOCTYPE svg [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>".to_owned() + &svg("<text>&x;</text>"),
        ),
    ];
    let files = files.map(|(file, text)| (file, text.into_bytes()));
    let (folder, server) = library("row-28", &files);
    std::fs::create_dir(folder.path().join("0_video")).unwrap();
    std::fs::write(folder.path().join("0_video/thumb.svg"), &files[1].1).unwrap();
    for (file, bytes) in &files {
        let entry = file.trim_end_matches(".svg");
        let answer = server.get(&target(entry, "width/160"));
        assert!(answer.status == 404 && !answer.text().contains("root:"), "{entry}: {}", answer.status);
        let raw = server.get(&format!("/p/1/raw/entry_id/{entry}/direct_serve/1/forceproxy/true"));
        assert!(raw.status == 200 && raw.body == *bytes, "{entry}: {}", raw.status);
        let policy = raw.header("content-security-policy").unwrap_or_default();
        assert!(policy.contains("sandbox") && policy.contains("default-src 'none'"), "{entry}: {policy}");
        assert_eq!(raw.header("x-content-type-options"), Some("nosniff"), "{entry}");
    }
    let answer = server.get(&target("0_video", "width/160"));
    assert!(!answer.text().contains("<script"), "{}", answer.text());
}

/// Nothing that a picture says beside itself is done or copied: no file is named by it, no program is started.
#[test]
fn advisory_2022_44268_texts_in_pictures() {
    let text = chunk(b"tEXt", b"profile\0/etc/passwd");
    let more = chunk(b"iTXt", b"svg\0\0\0\0\0<image href=\"/etc/passwd\"/>");
    let (_folder, server) = library("advisory-text", &[("0_x.png", png(&[text, more].concat(), b""))]);
    let secret = std::fs::read("/etc/passwd").unwrap();
    for format in ["png", "jpg", "webp", "gif", "tiff", "pdf"] {
        let answer = server.thumbnail("0_x", &format!("width/16/format/{format}"));
        let hex: String = secret[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        for word in [&secret[..8], hex.as_bytes(), b"/etc/passwd"] {
            assert!(!answer.body.windows(word.len()).any(|bytes| bytes == word), "{format}");
        }
    }
}
