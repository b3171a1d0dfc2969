//! Sizes and shapes of single pictures of every kind of source, type by type.

use crate::support::{Server, number};

/// The picture has the size, and its upper edge was kept or not: then its number can be read or not.
#[track_caller]
fn check(server: &Server, entry: &str, parameters: &str, size: (u32, u32)) {
    let picture = server.thumbnail(entry, parameters).picture();
    assert_eq!(picture.dimensions(), size, "{entry}/{parameters}");
}

#[test]
fn the_five_types_on_a_wide_source() {
    let server = Server::of_library();
    for (parameters, size) in [
        ("", (120, 68)),
        ("width/320", (320, 180)),
        ("height/90", (160, 90)),
        ("width/0/height/0", (640, 360)),
        ("width/300/height/300", (300, 169)),
        ("width/300/height/300/type/1", (300, 169)),
        ("width/300/height/300/type/2", (300, 300)),
        ("width/300/height/300/type/3", (300, 300)),
        ("width/300/height/400/type/3", (300, 400)),
        ("width/300/height/300/type/4", (300, 300)),
        ("width/300/height/300/type/5", (300, 300)),
        ("width/300!/height/100", (300, 100)),
        ("width/300/type/3", (300, 300)),
        ("width/1280", (1280, 720)),
        ("width/99999/height/10", (18, 10)),
        ("width/1/height/1", (1, 1)),
        ("width/1/height/1/type/3", (1, 1)),
        ("def_width/200/def_height/55", (98, 55)),
        ("width/200/src_x/100/src_y/50/src_w/400/src_h/200", (200, 100)),
        ("width/abc", (640, 360)),
    ] {
        check(&server, "0_hills", &format!("vid_sec/1/{parameters}"), size);
    }
}

#[test]
fn turned_and_anamorphic_sources() {
    let server = Server::of_library();
    for (entry, parameters, size) in [
        ("0_rotated_90", "width/180", (180, 320)),
        ("0_rotated_270", "width/180", (180, 320)),
        ("0_rotated_180", "width/160", (160, 90)),
        ("0_rotated_90", "width/0/height/0", (360, 640)),
        ("0_rotated_90", "width/200/height/200/type/3", (200, 200)),
        ("0_rotated_90", "width/300/height/400/type/3", (300, 400)),
        ("0_anamorphic", "width/0/height/0", (1024, 576)),
        ("0_anamorphic", "width/320", (320, 180)),
        ("0_exif_6", "width/320", (320, 240)),
        ("0_exif_1", "width/0/height/0", (640, 480)),
        ("0_exif_8", "width/0/height/0", (640, 480)),
    ] {
        check(&server, entry, &format!("vid_sec/1/{parameters}"), size);
    }
}

#[test]
fn padding_is_centred_and_coloured() {
    let server = Server::of_library();
    let parameters = "vid_sec/1/width/320/height/320/type/2/bgcolor/00ff00/format/png";
    let picture = server.thumbnail("0_hills", parameters).picture();
    for y in [0, 69, 250, 319] {
        assert_eq!(picture.get_pixel(160, y).0, [0, 255, 0, 255], "row {y}");
    }
    let inner = image::imageops::crop_imm(&picture, 0, 70, 320, 180).to_image();
    assert_eq!(number(&inner), Some(25));
}

#[test]
fn crops_keep_the_middle_or_the_top() {
    let server = Server::of_library();
    // The source is 640x360; a crop to 4:1 keeps 160 rows.
    let whole = server.thumbnail("0_hills", "vid_sec/1/width/640/format/png").picture();
    for (kind, top) in [(3, 100), (4, 0)] {
        let parameters = format!("vid_sec/1/width/640/height/160/type/{kind}/format/png");
        let crop = server.thumbnail("0_hills", &parameters).picture();
        let expected = image::imageops::crop_imm(&whole, 0, top, 640, 160).to_image();
        assert!(distance(&crop, &expected) < 2.0, "type {kind}: {}", distance(&crop, &expected));
    }
}

#[test]
fn a_source_rectangle_is_cut_first() {
    let server = Server::of_library();
    let whole = server.thumbnail("0_hills", "vid_sec/1/width/640/format/png").picture();
    for rectangle in
        ["src_x/64/src_y/72/src_w/320/src_h/180", "src_x/10/src_y/20/src_w/50/src_h/50/rel_width/100/rel_height/100"]
    {
        let parameters = format!("vid_sec/1/width/320/height/180/{rectangle}/format/png");
        let cut = server.thumbnail("0_hills", &parameters).picture();
        let expected = image::imageops::crop_imm(&whole, 64, 72, 320, 180).to_image();
        assert!(distance(&cut, &expected) < 2.0, "{rectangle}: {}", distance(&cut, &expected));
    }
    let outside = server.thumbnail("0_hills", "vid_sec/1/width/320/height/180/src_x/5000/format/png/bgcolor/0000ff");
    let blank = outside.picture();
    assert!(blank.pixels().all(|pixel| pixel.0 == [0, 0, 255, 255]), "outside of the picture there is background");
}

/// The mean difference of two pictures of one size, in levels of 255.
fn distance(a: &image::RgbaImage, b: &image::RgbaImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u64 = a.as_raw().iter().zip(b.as_raw()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f64 / a.as_raw().len() as f64
}

#[test]
fn the_smallest_flavor_that_covers_the_pixels_is_read() {
    let server = Server::of_library();
    for frame in [0, 33, 99] {
        for width in [100, 320, 640, 1280, 1920] {
            let parameters = format!("width/{width}/vid_sec/{}", f64::from(frame) / 25.0);
            let picture = server.thumbnail("0_ladder", &parameters).picture();
            assert_eq!((picture.dimensions(), number(&picture)), ((width, (width * 9 + 8) / 16), Some(frame)));
        }
    }
    for (width, flavor) in
        [(100, "180p"), (320, "180p"), (321, "360p"), (640, "360p"), (641, "source"), (3000, "source")]
    {
        let plan = explain(&format!("/p/1/thumbnail/entry_id/0_ladder/width/{width}/vid_sec/1"));
        assert!(plan.contains(&format!("0_ladder/{flavor}.mp4")), "{width} from {flavor}:\n{plan}");
    }
    let original = explain("/p/1/thumbnail/entry_id/0_ladder/width/100/vid_sec/1/source/original");
    assert!(original.contains("0_ladder/source.mp4"), "{original}");
    let named = explain("/p/1/thumbnail/entry_id/0_ladder/width/100/vid_sec/1/flavor_id/0_ladder_360p");
    assert!(named.contains("0_ladder/360p.mp4"), "{named}");
}

/// What `vedette explain` prints.
fn explain(target: &str) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_vedette"))
        .args(["explain", "--media"])
        .arg(crate::support::library())
        .arg(target)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
