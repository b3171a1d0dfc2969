//! The sample media themselves: what tests rely on is there, as other programs read it.

use std::path::Path;
use std::process::Command;

use image::RgbaImage;

use crate::support::{media, moments, number};

/// Every frame of a file as ffmpeg shows it, upright, at the size given.
fn frames(file: &Path, width: u32, height: u32) -> Vec<RgbaImage> {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(file)
        .args(["-map", "0:v:0", "-fps_mode", "passthrough", "-vf", &format!("scale={width}:{height}")])
        .args(["-f", "rawvideo", "-pix_fmt", "rgba", "-"])
        .output()
        .unwrap();
    assert!(output.status.success());
    let frames = output.stdout.chunks_exact((width * height * 4) as usize);
    frames.map(|frame| RgbaImage::from_raw(width, height, frame.to_vec()).unwrap()).collect()
}

/// The frames of `name` carry the numbers from `first` on, `count` of them, even at the size of a small thumbnail.
#[track_caller]
fn check(name: &str, first: u32, count: u32) {
    let numbers: Vec<_> = frames(&media(name), 160, 90).iter().map(number).collect();
    let expected: Vec<_> = (first..first + count).map(Some).collect();
    assert_eq!(numbers, expected, "{name}");
    assert_eq!(moments(&media(name)).len(), count as usize, "{name}");
}

#[test]
fn every_frame_carries_its_number() {
    let whole = ["0_avc.mp4", "0_hevc.mp4", "0_hevc10.mp4", "0_vp8.webm", "0_vp9.webm", "0_av1.mp4", "0_mpeg4.mp4"];
    for name in whole {
        check(name, 0, 75);
    }
    for name in ["0_mpeg2.ts", "0_interlaced.ts", "0_mjpeg.avi", "0_avi.avi", "0_flv.flv", "0_mkv.mkv", "0_ts.ts"] {
        check(name, 0, 75);
    }
    for name in ["0_vfr.mp4", "0_opengop_avc.mp4", "0_opengop_hevc.mp4", "0_fragmented_sidx.mp4", "0_moov_last.mp4"] {
        check(name, 0, 75);
    }
    for name in ["0_co64.mp4", "0_signed_offsets.mp4", "0_program_stream.mpg"] {
        check(name, 0, 75);
    }
    for name in ["0_odd.webm", "0_prores.mov", "0_422.mp4", "0_444.mp4", "0_pq.mp4", "0_hlg.mp4", "0_rotated_90.mp4"] {
        check(name, 0, 50);
    }
    check("0_edit_trimmed.mp4", 15, 60);
    check("0_one_frame.mp4", 0, 1);
    check("0_hills.mp4", 0, 250);
}

#[test]
fn a_blend_of_two_frames_has_no_number() {
    let frames = frames(&media("0_avc.mp4"), 160, 90);
    let mut blend = frames[21].clone();
    for (pixel, other) in blend.pixels_mut().zip(frames[22].pixels()) {
        for (a, b) in pixel.0.iter_mut().zip(other.0) {
            *a = a.midpoint(b);
        }
    }
    assert_eq!(number(&blend), None);
}

#[test]
fn turned_the_wrong_way_has_no_number() {
    let frame = &frames(&media("0_avc.mp4"), 160, 90)[7];
    assert_eq!(number(frame), Some(7));
    assert_eq!(number(&image::imageops::rotate180(frame)), None);
    assert_eq!(number(&image::imageops::flip_horizontal(frame)), None);
}

#[test]
fn captions_inside_pictures_are_told() {
    let path = media("0_closed_captions.mp4");
    let probe = Command::new("ffprobe")
        .args(["-v", "error", "-show_frames", "-show_entries", "stream=closed_captions:frame=pts"])
        .arg(&path)
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&probe.stdout).contains("closed_captions=1"));
    let inspect = |name: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_vedette")).arg("inspect").arg(media(name)).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let told = inspect("0_closed_captions.mp4");
    assert!(told.contains("captions     CC1 CC3 SERVICE1\n"), "{told}");
    assert!(!inspect("0_avc.mp4").contains("captions"));
    check("0_closed_captions.mp4", 0, 75);
}
