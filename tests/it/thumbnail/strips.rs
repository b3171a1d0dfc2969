//! Strips: a row of tiles, each the frame that its slice alone would be.

use crate::support::{Server, numbers, target};

/// The strip of `parameters` (which ask for so many slices) shows the frames expected.
#[track_caller]
fn check(server: &Server, entry: &str, parameters: &str, expected: &[u32]) {
    let picture = server.thumbnail(entry, parameters).picture();
    assert_eq!(numbers(&picture, expected.len() as u32), expected, "{}", target(entry, parameters));
}

#[test]
fn each_tile_shows_its_frame() {
    let server = Server::of_library();
    let tenths: Vec<u32> = (0..10).map(|i| i * 25).collect();
    check(&server, "0_hills", "width/160/vid_slices/10", &tenths);
    let hundredths: Vec<u32> = (0..100).map(|i| i * 250 / 100).collect();
    check(&server, "0_hills", "width/160/vid_slices/100", &hundredths);
    // 2250 frames in 90 s, a keyframe each 10 s.
    let forty: Vec<u32> = (0..40).map(|i| i * 2250 / 40).collect();
    check(&server, "0_long", "width/160/vid_slices/40", &forty);
}

#[test]
fn tiles_of_every_kind_of_file() {
    let server = Server::of_library();
    let fifteen: Vec<u32> = (0..15).map(|i| i * 5).collect();
    for entry in ["0_avc", "0_hevc10", "0_vp9", "0_av1", "0_mpeg2", "0_mkv", "0_ts", "0_opengop_hevc", "0_opengop_avc"]
    {
        check(&server, entry, "width/160/vid_slices/15", &fifteen);
    }
    check(&server, "0_rotated_90", "width/180/vid_slices/10", &[0, 5, 10, 15, 20, 25, 30, 35, 40, 45]);
}

#[test]
fn a_window_is_divided() {
    let server = Server::of_library();
    check(&server, "0_hills", "width/160/vid_slices/5/start_sec/2/end_sec/3", &[50, 55, 60, 65, 70]);
    check(&server, "0_hills", "width/160/vid_slices/4/start_sec/8", &[200, 212, 225, 237]);
    check(&server, "0_hills", "width/160/vid_slices/2/end_sec/1", &[0, 12]);
}

#[test]
fn keyframes_where_exactness_is_waived() {
    let server = Server::of_library();
    check(&server, "0_hills", "width/160/vid_slices/10/exact/0", &[0, 0, 50, 50, 100, 100, 150, 150, 200, 200]);
}

#[test]
fn more_slices_than_frames_repeat_them() {
    let server = Server::of_library();
    check(&server, "0_one_frame", "width/160/vid_slices/7", &[0; 7]);
    let picture = server.thumbnail("0_avc", "width/160/vid_slices/150").picture();
    let expected: Vec<u32> = (0..150).map(|i| i / 2).collect();
    assert_eq!(numbers(&picture, 150), expected);
}

#[test]
fn one_time_fills_every_tile() {
    let server = Server::of_library();
    check(&server, "0_hills", "width/160/vid_slices/5/vid_sec/2", &[50; 5]);
}

#[test]
fn pictures_repeat_in_a_strip() {
    let server = Server::of_library();
    check(&server, "0_jpeg", "width/160/vid_slices/4", &[501; 4]);
}

#[test]
fn tiles_have_the_size_of_a_single_picture() {
    let server = Server::of_library();
    for (parameters, width, height) in [
        ("width/160/vid_slices/10", 1600, 90),
        ("width/164/vid_slices/100", 16400, 92),
        ("width/160/height/160/type/3/vid_slices/4", 640, 160),
        ("width/160/height/160/type/2/vid_slices/4", 640, 160),
        ("width/100/height/100/type/5/vid_slices/4", 400, 100),
        ("width/160/height/90/vid_slices/1", 160, 90),
        ("vid_slices/3", 360, 68),
    ] {
        let picture = server.thumbnail("0_hills", parameters).picture();
        assert_eq!(picture.dimensions(), (width, height), "{parameters}");
    }
}
