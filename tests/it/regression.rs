//! Faults that were met once, here or in other services.

use crate::support::{Server, number};

/// A clip whose table of keyframes is gone: the table says that decoding can start anywhere, the samples do not agree.
/// The picture is right, or there is none.
#[test]
fn no_wrong_picture_without_a_table_of_keyframes() {
    let server = Server::of_library();
    for frame in [0, 10, 24, 25, 40, 74] {
        let answer =
            server.get(&crate::support::target("0_nostss", &format!("width/160/vid_sec/{}", f64::from(frame) / 25.0)));
        if answer.status == 200 {
            assert_eq!(number(&answer.picture()), Some(frame));
        }
    }
}

/// Times are not cut to milliseconds, and the time of a frame that was rounded down a little still names that frame.
#[test]
fn times_have_microseconds() {
    let server = Server::of_library();
    for (at, frame) in [("1.039", 25), ("1.0399", 26), ("1.039999", 26), ("1.04", 26), ("01.040000000", 26)] {
        assert_eq!(server.frame("0_avc", &format!("width/160/vid_sec/{at}")), frame, "{at}");
    }
}

/// The URL shapes of other people's code, as it stands on the web.
#[test]
fn urls_of_the_wild() {
    let server = Server::of_library();
    for (parameters, size) in [
        ("width/140/height/100/bgcolor/000000/type/2/vid_sec/5", (140, 100)),
        ("width/500/vid_slices/3/vid_slice/1", (500, 281)),
        ("height/250/vid_slices/3/vid_slice/2", (444, 250)),
        ("height/360/width/640", (640, 360)),
        ("version/100003/width/164/vid_slices/100", (16400, 92)),
        ("width/600/vid_slices/30/quality/75/type/1/start_sec/5/end_sec/20/file_name/thumbnail.jpg", (18000, 338)),
        ("vid_slice/0/vid_slices/16", (120, 68)),
        ("version/100000/acv/162", (120, 68)),
        ("bgcolor/F7F7F7/type/2", (120, 90)),
        ("def_height/55/def_width/200/version/100011/type/1", (98, 55)),
        ("width/560/height/0", (560, 315)),
        ("quality/100/type/3/width/300/height/90", (300, 90)),
        ("width/200/vid_sec/0.0032520325203252", (200, 113)),
        ("vid_slices/8/", (960, 68)),
    ] {
        let picture = server.thumbnail("0_hills", parameters).picture();
        assert_eq!(picture.dimensions(), size, "{parameters}");
    }
}
