//! Videos that lie, loop, never end or break what decodes them.

use std::time::{Duration, Instant};

use crate::far::Far;
use crate::support::{Answer, Folder, Server, library, media, number, target};

/// Files of the library that are refused, each with words that say why, within a time that no bomb would allow.
#[track_caller]
pub(super) fn check_refused(server: &Server, files: &[(&str, &str)]) {
    for (entry, words) in files {
        let start = Instant::now();
        let (error, text) = server.refusal(entry, "width/160/vid_sec/1");
        assert_eq!(error, "error-17", "{entry}: {text}");
        assert!(text.contains(words), "{entry}: {text}");
        assert!(start.elapsed() < Duration::from_secs(10), "{entry} took {:?}", start.elapsed());
    }
}

/// More than a healthy service needs for these small files; a bomb that went off would need far more.
pub(super) const RESIDENT_MAX: u64 = 1 << 30;

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

/// Boxes of ISO BMFF one after the other.
pub(super) fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 8).unwrap();
    [&length.to_be_bytes()[..], kind, body].concat()
}

/// Metadata beyond what is read is refused by its size alone: these files are long, and hold nothing.
#[test]
fn row_30_metadata_larger_than_is_read() {
    let folder = Folder::new("row-30");
    let front = boxed(b"ftyp", b"isom\0\0\0\0isom");
    for (name, length) in [("0_a", 129_u64 << 20), ("0_b", 2_047 << 20), ("0_c", 3_000 << 20)] {
        let path = folder.path().join(format!("{name}.mp4"));
        std::fs::write(&path, [&front[..], &u32::try_from(length).unwrap().to_be_bytes(), b"moov"].concat()).unwrap();
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_len(length + front.len() as u64).unwrap();
    }
    let server = Server::start(folder.path(), &[]);
    for name in ["0_a", "0_b", "0_c"] {
        let (error, text) = server.refusal(name, "width/160");
        assert!(error == "error-17" && text.contains("moov"), "{name}: {error} {text}");
    }
    assert!(server.resident() < RESIDENT_MAX / 4, "{} bytes", server.resident());
}

/// Metadata that is long and may be read all the same is read by few at once, and what is in it counts.
#[test]
fn row_30_long_metadata_is_read_in_turns() {
    let folder = Folder::new("row-30-long");
    let whole = std::fs::read(media("0_long.mp4")).unwrap();
    let (mut at, mut boxes) = (0, Vec::new());
    while at < whole.len() {
        let length = u32::from_be_bytes(whole[at..at + 4].try_into().unwrap()) as usize;
        boxes.push((&whole[at + 4..at + 8], &whole[at + 8..at + length]));
        at += length;
    }
    let body = |kind: &[u8]| boxes.iter().find(|(found, _)| *found == kind).unwrap().1;
    // Behind the media, so that their places stay as they are: what is before them is as long as it was.
    let padding = boxed(b"free", &vec![0; 24 << 20]);
    for number in 0..6 {
        let moov = boxed(b"moov", &[body(b"moov"), &padding].concat());
        let parts = boxes.iter().map(|(kind, body)| match *kind {
            b"moov" => boxed(b"free", body),
            kind => boxed(kind.try_into().unwrap(), body),
        });
        let file = parts.chain([moov]).collect::<Vec<_>>().concat();
        std::fs::write(folder.path().join(format!("0_{number}.mp4")), file).unwrap();
    }
    let server = Server::start(folder.path(), &[]);
    let open: Vec<_> =
        (0..6).map(|number| server.send(&target(&format!("0_{number}"), "width/160/vid_sec/1"))).collect();
    for mut stream in open {
        assert_eq!(Answer::read("GET", &mut std::io::BufReader::new(&mut stream)).status, 200);
    }
    let of_the_film = Server::of_library().frame("0_long", "width/160/vid_sec/42");
    assert_eq!(server.frame("0_0", "width/160/vid_sec/42"), of_the_film);
}

/// Fragments without end, and an index of fragments that leads back to itself.
#[test]
fn row_32_fragments_that_loop() {
    let folder = Folder::new("row-32-loops");
    let whole = std::fs::read(media("0_fragmented.mp4")).unwrap();
    let first = whole.windows(4).position(|word| word == b"moof").unwrap() - 4;
    let (head, rest) = whole.split_at(first);
    let empty = boxed(b"moof", b"").repeat(100_000);
    std::fs::write(folder.path().join("0_many.mp4"), [head, &empty, rest].concat()).unwrap();
    // One reference of no length, to a further index, which is this one (ISO/IEC 14496-12 section 8.16.3).
    let index =
        [&[0; 4][..], &[0, 0, 0, 1], &[0, 0, 3, 232], &[0; 8], &[0, 0, 0, 1], &[0x80, 0, 0, 0], &[0; 8]].concat();
    std::fs::write(folder.path().join("0_index.mp4"), [head, &boxed(b"sidx", &index), rest].concat()).unwrap();
    // Random access that points at itself (section 8.8.10).
    let access = [&[0; 4][..], &[0, 0, 0, 1], &[0; 4], &[0, 0, 0, 1], &[0; 8], &[1, 1, 1]].concat();
    let access = boxed(b"mfra", &boxed(b"tfra", &access).repeat(1000));
    std::fs::write(folder.path().join("0_access.mp4"), [&whole[..], &access].concat()).unwrap();
    let server = Server::start(folder.path(), &[]);
    for entry in ["0_many", "0_index", "0_access"] {
        let start = Instant::now();
        assert_eq!(server.frame(entry, "width/160/vid_sec/2"), 48, "{entry}: as of the film without them");
        assert!(start.elapsed() < Duration::from_secs(20), "{entry} took {:?}", start.elapsed());
    }
}

/// Damage inside coded pictures costs at most the pictures: every answer comes, and the service and its decoders go on.
#[test]
fn row_33_damaged_pictures_of_every_codec() {
    let folder = Folder::new("row-33");
    let mut entries = Vec::new();
    for sample in ["0_avc.mp4", "0_hevc10.mp4", "0_av1.mp4", "0_vp8.webm", "0_vp9.webm", "0_prores.mov", "0_mpeg2.ts"] {
        let (name, extension) = sample.split_once('.').unwrap();
        let mut bytes = std::fs::read(media(sample)).unwrap();
        let mut state = 0x9e37_79b9_u32;
        // Of each 500 bytes behind the head one bit.
        for at in (4096..bytes.len()).step_by(500) {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = (at + (state >> 16) as usize % 500).min(bytes.len() - 1);
            bytes[at] ^= 1 << (state >> 29);
        }
        std::fs::write(folder.path().join(format!("{name}_bad.{extension}")), bytes).unwrap();
        entries.push(format!("{name}_bad"));
    }
    folder.put("0_avc.mp4", "0_good.mp4");
    let mut server = Server::start(folder.path(), &[]);
    for entry in &entries {
        for second in ["0", "0.5", "1.5", "2.5"] {
            let answer = server.get(&target(entry, &format!("width/160/vid_sec/{second}")));
            assert!([200, 404, 503].contains(&answer.status), "{entry} {second}: {} {}", answer.status, answer.text());
        }
        assert_eq!(server.frame("0_good", "width/160/vid_sec/1"), 25, "after {entry}");
    }
    assert!(server.runs() && server.resident() < RESIDENT_MAX);
}

/// Codecs that are not on the list are not opened, whatever container they come in.
#[test]
fn advisory_2026_8461_decoders_that_are_not_on_the_list() {
    let folder = Folder::new("advisory-magicyuv");
    for (codec, format, container) in [
        ("magicyuv", "yuv444p", "avi"),
        ("magicyuv", "yuv444p", "mkv"),
        ("utvideo", "yuv420p", "avi"),
        ("ffv1", "yuv420p", "mkv"),
    ] {
        let made = std::process::Command::new("ffmpeg")
            .args([
                "-v",
                "error",
                "-y",
                "-f",
                "lavfi",
                "-i",
                "testsrc=s=64x64:d=0.2",
                "-pix_fmt",
                format,
                "-c:v",
                codec,
            ])
            .arg(folder.path().join(format!("0_{codec}_{container}.{container}")))
            .status()
            .unwrap();
        assert!(made.success(), "ffmpeg writes {codec}");
    }
    let server = Server::start(folder.path(), &[]);
    for entry in ["0_magicyuv_avi", "0_magicyuv_mkv", "0_utvideo_avi", "0_ffv1_mkv"] {
        let (error, text) = server.refusal(entry, "width/32");
        assert_eq!(error, "error-17", "{entry}: {text}");
    }
    assert_eq!(server.metric("vedette_decode_workers_lost_total"), 0.0);
}

/// Lists of other files are no media: nothing that they name is read, neither here nor elsewhere.
#[test]
fn advisory_2016_1897_media_that_name_other_files() {
    let (folder, far) = (Folder::new("advisory-lists"), Far::start());
    far.put("a.ts", &std::fs::read(media("0_ts.ts")).unwrap());
    let (here, there) = (media("0_ts.ts"), far.url("a.ts"));
    let list = |place: &str| format!("#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{place}\n#EXT-X-ENDLIST\n");
    for (number, place) in
        [here.to_str().unwrap(), &format!("concat:{there}|file:///etc/passwd"), &there].iter().enumerate()
    {
        for (kind, text) in [
            ("list", list(place)),
            ("concat", format!("ffconcat version 1.0\nfile '{place}'\n")),
            ("dash", format!("<?xml version=\"1.0\"?><MPD><Period><BaseURL>{place}</BaseURL></Period></MPD>")),
            ("sdp", format!("v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\na=control:{place}\n")),
            ("mixed", format!("RIFF\x10\0\0\0AVI {}", list(place))),
        ] {
            for extension in ["mp4", "avi", "ts", "mkv"] {
                std::fs::write(folder.path().join(format!("0_{kind}_{number}_{extension}.{extension}")), &text)
                    .unwrap();
            }
        }
    }
    // A reference to another file where the samples should be (ISO/IEC 14496-12 section 8.7.2): its flag says that they are here.
    let mut film = std::fs::read(media("0_avc.mp4")).unwrap();
    let at = film.windows(4).position(|word| word == b"url ").unwrap();
    film[at + 7] = 0;
    std::fs::write(folder.path().join("0_elsewhere.mp4"), film).unwrap();
    let server = Server::start(folder.path(), &[]);
    for child in std::fs::read_dir(folder.path()).unwrap() {
        let name = child.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
        let answer = server.get(&target(&name, "width/160"));
        assert!(answer.status == 404 || name == "0_elsewhere", "{name}: {}", answer.status);
        assert!(!answer.text().contains("root:"), "{name}");
    }
    assert_eq!(far.take_connections(), 0, "nobody is asked");
}
