//! The frame that is shown is the one on display at the time asked for, whatever codec and container it lies in.

use crate::support::{Server, media, moments, seconds};

/// A clip of the library, and the number of its first frame.
struct Clip {
    entry: &'static str,
    extension: &'static str,
    first: u32,
}

const fn clip(entry: &'static str, extension: &'static str) -> Clip {
    Clip { entry, extension, first: 0 }
}

/// Asks for every frame at its own time, in the middle of its time on display, and half a millisecond before its end.
#[track_caller]
fn check(clip: &Clip) {
    let server = Server::of_library();
    let moments = moments(&media(&format!("{}.{}", clip.entry, clip.extension)));
    let mut faults = Vec::new();
    for (i, start) in moments.iter().enumerate() {
        let end = moments.get(i + 1).copied().unwrap_or(start + 40_000);
        for at in [*start, start.midpoint(end), end - 1_000] {
            let (shown, expected) = (server.frame(clip.entry, &at_time(at)), clip.first + i as u32);
            if shown != expected {
                faults.push(format!("{expected} at {} is {shown}", seconds(at)));
            }
        }
    }
    assert!(faults.is_empty(), "{}: {}", clip.entry, faults.join(", "));
}

fn at_time(micros: i64) -> String {
    format!("width/160/vid_sec/{}", seconds(micros))
}

macro_rules! every_frame {
    ($($name:ident: $clip:expr,)*) => {
        $(#[test]
        fn $name() {
            check(&$clip);
        })*
    };
}

every_frame! {
    avc: clip("0_avc", "mp4"),
    hevc: clip("0_hevc", "mp4"),
    hevc_10_bit: clip("0_hevc10", "mp4"),
    vp8: clip("0_vp8", "webm"),
    vp9: clip("0_vp9", "webm"),
    vp9_alpha: clip("0_vp9_alpha", "webm"),
    av1: clip("0_av1", "mp4"),
    mpeg_2: clip("0_mpeg2", "ts"),
    mpeg_2_interlaced: clip("0_interlaced", "ts"),
    mpeg_4: clip("0_mpeg4", "mp4"),
    prores: clip("0_prores", "mov"),
    prores_alpha: clip("0_prores_alpha", "mov"),
    mjpeg: clip("0_mjpeg", "avi"),
    avc_10_bit: clip("0_avc10", "mp4"),
    avc_422: clip("0_422", "mp4"),
    avc_444: clip("0_444", "mp4"),
    full_range: clip("0_fullrange", "mp4"),
    perceptual_quantizer: clip("0_pq", "mp4"),
    hybrid_log_gamma: clip("0_hlg", "mp4"),
    odd_size: clip("0_odd", "webm"),
    offsets_of_64_bits: clip("0_co64", "mp4"),
    signed_composition_offsets: clip("0_signed_offsets", "mp4"),
    program_stream: clip("0_program_stream", "mpg"),
    moov_last: clip("0_moov_last", "mp4"),
    fragmented: clip("0_fragmented", "mp4"),
    fragmented_with_sidx: clip("0_fragmented_sidx", "mp4"),
    mov: clip("0_mov", "mov"),
    matroska: clip("0_mkv", "mkv"),
    transport_stream: clip("0_ts", "ts"),
    avi: clip("0_avi", "avi"),
    flv: clip("0_flv", "flv"),
    empty_edit: clip("0_edit_empty", "mp4"),
    trimmed_by_an_edit: Clip { entry: "0_edit_trimmed", extension: "mp4", first: 15 },
    variable_rate: clip("0_vfr", "mp4"),
    open_gop_avc: clip("0_opengop_avc", "mp4"),
    open_gop_hevc: clip("0_opengop_hevc", "mp4"),
    one_frame: clip("0_one_frame", "mp4"),
    turned_by_90: clip("0_rotated_90", "mp4"),
    turned_by_180: clip("0_rotated_180", "mp4"),
    turned_by_270: clip("0_rotated_270", "mp4"),
    anamorphic: clip("0_anamorphic", "mp4"),
}

#[test]
fn far_seeks_into_long_gops() {
    let server = Server::of_library();
    for frame in [0, 1, 249, 250, 251, 499, 777, 1249, 1250, 2000, 2248, 2249] {
        assert_eq!(server.frame("0_long", &at_time(i64::from(frame) * 40_000)), frame);
        assert_eq!(server.frame("0_long", &at_time(i64::from(frame) * 40_000 + 39_000)), frame);
    }
}

#[test]
fn past_the_end_is_the_last_frame() {
    let server = Server::of_library();
    for (entry, last) in
        [("0_hills", 249), ("0_avc", 74), ("0_vp9", 74), ("0_ts", 74), ("0_vfr", 74), ("0_one_frame", 0)]
    {
        for at in ["10", "11.5", "99999", "1e9", "10000000000"] {
            assert_eq!(server.frame(entry, &format!("width/160/vid_sec/{at}")), last, "{entry} at {at}");
        }
    }
}

#[test]
fn before_the_first_frame_is_the_first() {
    let server = Server::of_library();
    for at in ["0", "0.1", "0.4", "-0.5", "0.499"] {
        assert_eq!(server.frame("0_edit_empty", &format!("width/160/vid_sec/{at}")), 0, "{at}");
    }
    assert_eq!(server.frame("0_edit_empty", "width/160/vid_sec/0.521"), 1);
}

#[test]
fn the_answer_tells_the_time_of_its_frame() {
    let server = Server::of_library();
    for (entry, asked, shown) in [
        ("0_avc", "1.03", "1"),
        ("0_avc", "0", "0"),
        ("0_avc", "77", "2.96"),
        ("0_vfr", "0.1", "0.06"),
        ("0_edit_empty", "0.7", "0.68"),
        ("0_mkv", "2.5", "2.48"),
    ] {
        let answer = server.thumbnail(entry, &format!("width/160/vid_sec/{asked}"));
        assert_eq!(answer.header("x-vedette-time"), Some(shown), "{entry} at {asked}");
    }
}

#[test]
fn the_nearest_keyframe_where_exactness_is_waived() {
    let server = Server::of_library();
    for (entry, asked, keyframe, time) in [
        ("0_avc", "0.96", 0, "0"),
        ("0_avc", "1", 25, "1"),
        ("0_avc", "1.96", 25, "1"),
        ("0_avc", "2.5", 50, "2"),
        ("0_hevc10", "2.5", 50, "2"),
        ("0_opengop_hevc", "1.5", 25, "1"),
        ("0_opengop_avc", "1.5", 25, "1"),
        ("0_mkv", "1.5", 25, "1"),
        // Its first frame is at 0.08: fragments carry no edit list that would take the reordering delay away.
        ("0_fragmented", "2.9", 50, "2.08"),
        ("0_long", "19.9", 250, "10"),
        ("0_prores", "1.5", 37, "1.48"),
    ] {
        let answer = server.thumbnail(entry, &format!("width/160/exact/0/vid_sec/{asked}"));
        assert_eq!(crate::support::number(&answer.picture()), Some(keyframe), "{entry} at {asked}");
        assert_eq!(answer.header("x-vedette-time"), Some(time), "{entry} at {asked}");
    }
}

#[test]
fn no_moment_is_three_seconds_in() {
    let server = Server::of_library();
    assert_eq!(server.frame("0_hills", "width/160"), 75);
    assert_eq!(server.frame("0_one_frame", "width/160"), 0);
}

#[test]
fn slices_begin_equal_parts() {
    let server = Server::of_library();
    for slice in 0..10 {
        let shown = server.frame("0_hills", &format!("width/160/vid_slices/10/vid_slice/{slice}"));
        assert_eq!(shown, slice * 25);
    }
    // One past the last is the last one.
    assert_eq!(server.frame("0_hills", "width/160/vid_slices/10/vid_slice/10"), 225);
    // The time wins where both are given.
    assert_eq!(server.frame("0_hills", "width/160/vid_slices/10/vid_slice/4/vid_sec/1"), 25);
}

#[test]
fn slices_of_a_window() {
    let server = Server::of_library();
    for (window, slice, frame) in [
        ("start_sec/2/end_sec/4", 0, 50),
        ("start_sec/2/end_sec/4", 3, 65),
        ("start_sec/2", 5, 150),
        ("end_sec/5", 5, 62),
        ("start_sec/9/end_sec/99", 9, 247),
        ("start_sec/4/end_sec/4", 7, 100),
    ] {
        let parameters = format!("width/160/vid_slices/10/vid_slice/{slice}/{window}");
        assert_eq!(server.frame("0_hills", &parameters), frame, "{parameters}");
    }
}
