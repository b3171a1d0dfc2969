//! What means harm and what is merely odd, row by row of the list that this service is held to.

use std::time::{Duration, Instant};

use crate::support::{Folder, Server, library, media, number, target};

/// Files of the library that are refused, each with words that say why, within a time that no bomb would allow.
#[track_caller]
fn check_refused(server: &Server, files: &[(&str, &str)]) {
    for (entry, words) in files {
        let start = Instant::now();
        let (error, text) = server.refusal(entry, "width/160/vid_sec/1");
        assert_eq!(error, "error-17", "{entry}: {text}");
        assert!(text.contains(words), "{entry}: {text}");
        assert!(start.elapsed() < Duration::from_secs(10), "{entry} took {:?}", start.elapsed());
    }
}

/// More than a healthy service needs for these small files; a bomb that went off would need far more.
const RESIDENT_MAX: u64 = 1 << 30;

#[test]
fn row_01_numbers_that_are_none() {
    let server = Server::of_library();
    for (parameters, size) in [
        ("width/99999999999999999999/height/10", (18, 10)),
        ("width/-5/height/90", (160, 90)),
        ("width/1e9/height/90", (160, 90)),
        ("width/NaN/height/90", (160, 90)),
        ("width//height/90", (640, 360)),
        ("width/100!/height/100", (100, 100)),
        ("width/640.jpg", (640, 360)),
    ] {
        let picture = server.thumbnail("0_hills", &format!("vid_sec/1/{parameters}")).picture();
        assert_eq!(picture.dimensions(), size, "{parameters}");
    }
}

/// Each refusal of a parameter names it, says what was given, and what is allowed.
#[test]
fn row_02_and_03_too_much_is_refused_by_name() {
    let server = Server::of_library();
    for (parameters, name, given) in [
        ("width/10000/height/10000/type/5", "width", "10000x10000"),
        ("vid_slices/410/width/160", "vid_slices", "410"),
        ("vid_slices/410/height/160/width/1", "vid_slices", "410"),
        ("vid_slices/103/width/160/format/webp", "webp", "16480"),
        ("vid_slices/2147483647/width/1", "vid_slices", "2147483647"),
        ("vid_slices/5000/width/10", "vid_slices", "5000"),
        ("vid_slices/0", "vid_slices", "0"),
        ("bgcolor/red", "bgcolor", "red"),
        ("bgcolor/1234567", "bgcolor", "1234567"),
        ("format/exe", "format", "exe"),
        ("source/best", "source", "best"),
        ("vid_slices/10/start_sec/-0.5", "start_sec", "-0.5"),
        ("vid_slices/10/end_sec/-0.25", "end_sec", "-0.25"),
        ("vid_slices/10/start_sec/5/end_sec/4", "start_sec", "5"),
    ] {
        let (error, text) = server.refusal("0_hills", parameters);
        assert_eq!(error, "error-25", "{parameters}: {text}");
        for word in [name, given, "allowed"] {
            assert!(text.contains(word), "{parameters} is to say {word}: {text}");
        }
    }
}

#[test]
fn row_04_times_beyond_the_clip() {
    let server = Server::of_library();
    for (at, frame) in [("10", 249), ("1e300", 249), ("inf", 0), ("-0.0", 0), ("NaN", 0)] {
        assert_eq!(server.frame("0_hills", &format!("width/160/vid_sec/{at}")), frame, "{at}");
    }
    for parameters in ["vid_sec/5", "vid_slices/3/vid_slice/2", "vid_slices/1", "vid_sec/0"] {
        assert_eq!(server.frame("0_one_frame", &format!("width/160/{parameters}")), 0, "{parameters}");
    }
}

#[test]
fn row_05_parameters_that_quarrel() {
    let server = Server::of_library();
    let tags: Vec<_> =
        ["width/160/vid_sec/1", "vid_sec/9/WIDTH/7/width/20/width/160/vid_sec/1/acv/162", "vid_sec/1/width/160/"]
            .iter()
            .map(|parameters| server.thumbnail("0_hills", parameters).header("etag").map(str::to_owned))
            .collect();
    assert!(tags[0].is_some() && tags.iter().all(|tag| *tag == tags[0]), "{tags:?}");
    let long = format!("/p/1/thumbnail/entry_id/0_hills/{}", "a/b/".repeat(5_000));
    assert_eq!(server.get(&long).status, 414);
}

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

/// Boxes that lie are refused, or a frame of the clip is shown whole.
#[test]
fn row_30_boxes_that_lie() {
    let mut server = Server::of_library();
    for child in std::fs::read_dir(library()).unwrap() {
        let path = child.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with("0_broken_") || path.extension().is_none_or(|extension| extension != "mp4") {
            continue;
        }
        let answer = server.get(&target(&name, "width/160/vid_sec/0"));
        if answer.status == 200 {
            assert!(number(&answer.picture()).is_some_and(|frame| frame < 75), "{name}");
        } else {
            assert!(answer.status == 404 && answer.body.len() > 20, "{name}: {} {}", answer.status, answer.text());
        }
    }
    assert!(server.runs() && server.resident() < RESIDENT_MAX);
}

/// What costs too much to decode is answered by the keyframe before it, and says so.
#[test]
fn row_31_a_frame_too_far_from_its_keyframe() {
    let server = Server::of_library();
    assert_eq!(server.frame("0_one_keyframe", "width/160/vid_sec/40"), 1000);
    let answer = server.thumbnail("0_one_keyframe", "width/160/vid_sec/63");
    assert_eq!((number(&answer.picture()), answer.header("x-vedette-time")), (Some(0), Some("0")));
}

#[test]
fn row_32_fragments_cut_short_and_a_file_that_grows() {
    let folder = Folder::new("row-32");
    let whole = std::fs::read(media("0_fragmented.mp4")).unwrap();
    let second = whole.windows(4).enumerate().filter(|(_, word)| *word == b"moof").nth(1).unwrap().0 - 4;
    std::fs::write(folder.path().join("0_x.mp4"), &whole[..second]).unwrap();
    let server = Server::start(folder.path(), &[]);
    assert_eq!(server.frame("0_x", "width/160/vid_sec/2.5"), 24, "what is there is shown");
    std::fs::write(folder.path().join("0_x.mp4"), &whole).unwrap();
    crate::support::soon(|| number(&server.thumbnail("0_x", "width/160/vid_sec/2.5").picture()) == Some(60));
}

#[test]
fn row_33_pictures_of_another_kind() {
    let server = Server::of_library();
    assert_eq!(server.frame("0_hevc12_444", "width/160/vid_sec/0.8"), 20);
    // The size changes after 25 frames.
    for frame in [0, 24, 25, 30, 49] {
        let answer = server.thumbnail("0_grown", &format!("width/160/vid_sec/{}", f64::from(frame) / 25.0));
        let picture = answer.picture();
        assert_eq!((picture.dimensions(), number(&picture)), ((160, 90), Some(frame)));
    }
    check_refused(&server, &[("0_broken_samples_of_noise", ""), ("0_broken_picture_65535", "65535x65535")]);
}

/// A limit of the site refuses what is larger, and names itself; an entry with a smaller flavor is shown from that one.
#[test]
fn row_33_larger_than_the_site_allows() {
    let server = Server::start(library(), &["--source-pixels-max", "1000000", "--source-video-pixels-max", "500000"]);
    for (entry, words) in [("0_jpeg", "at most 1000000"), ("0_bars_hd_untagged", "at most 500000")] {
        let (error, text) = server.refusal(entry, "width/160");
        assert!(error == "error-17" && text.contains(words), "{entry}: {error} {text}");
    }
    assert_eq!(server.frame("0_png", "width/160"), 521);
    assert_eq!(server.frame("0_ladder", "width/1280/vid_sec/1"), 25);
}
