//! URLs: numbers that are none, too much of everything, paths that lead out, and what clients say that they take.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;

use crate::support::{Folder, Server, media, target};

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
        ("width/4000/height/3000/type/5/format/avif", "avif", "4000x3000"),
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

/// Up to its limits a URL of many parts is answered like a short one; beyond them its length is what is wrong.
#[test]
fn row_05_ten_thousand_parts() {
    let server = Server::of_library();
    let with = |parts: usize| format!("{}/{}", target("0_hills", "width/160/vid_sec/1"), "a/b/".repeat(parts));
    assert_eq!(server.get(&with(200)).header("etag"), server.get(&with(0)).header("etag"));
    for parts in [300, 2_000, 10_000] {
        let answer = server.get(&with(parts));
        // Of the longest the whole head is too long.
        let expected = if parts == 10_000 { 431 } else { 414 };
        assert_eq!(answer.status, expected, "{parts}: {}", answer.text());
    }
}

/// No path, however it is written, leads to a file beside the library.
#[test]
fn row_06_paths_that_lead_out() {
    let folder = Folder::new("row-06");
    let library = folder.path().join("library");
    std::fs::create_dir_all(library.join("0_dir")).unwrap();
    std::fs::copy(media("0_one_frame.mp4"), library.join("0_inside.mp4")).unwrap();
    std::fs::copy(media("0_one_frame.mp4"), library.join("0_dir/source.mp4")).unwrap();
    std::fs::copy(media("0_one_frame.mp4"), folder.path().join("0_out.mp4")).unwrap();
    std::fs::write(folder.path().join("secret.vtt"), "WEBVTT\n\n00:00.000 --> 00:01.000\nsecret\n").unwrap();
    symlink("../0_out.mp4", library.join("0_link.mp4")).unwrap();
    symlink(folder.path().join("0_out.mp4"), library.join("0_absolute.mp4")).unwrap();
    symlink("../../secret.vtt", library.join("0_dir/captions.en.vtt")).unwrap();
    let server = Server::start(&library, &[]);
    assert_eq!(server.frame("0_inside", "width/160"), 0);
    let names = [
        "0_link",
        "0_absolute",
        "..%2f0_out",
        "%2e%2e%2f0_out",
        "%2e%2e/0_out",
        "..",
        ".",
        "0_inside%00",
        "0_inside%00.mp4",
        "..%252f0_out",
        "%252e%252e%252f0_out",
        "..\\0_out",
        "..%5c0_out",
        "%c0%ae%c0%ae%2f0_out",
        "%c0%ae%c0%ae%c0%af0_out",
        "..;/0_out",
        "..%3b%2f0_out",
        "0_inside%2f..%2f..%2f0_out",
        "%ef%bc%8e%ef%bc%8e%ef%bc%8f0_out",
        "%2fetc%2fpasswd",
        "file:%2f%2f%2fetc%2fpasswd",
    ];
    for name in names {
        for target in [
            format!("/p/1/thumbnail/entry_id/{name}/width/160"),
            format!("/p/1/sp/100/raw/entry_id/{name}/direct_serve/1/forceproxy/true"),
            format!("/p/1/sp/100/download/entry_id/{name}"),
            format!("/p/1/sp/100/playManifest/entryId/{name}/format/applehttp/a.m3u8"),
            format!("/p/1/sp/100/serveFlavor/entryId/{name}/flavorId/{name}_source/name/a.mp4"),
            format!("/p/1/sp/100/serveFlavor/entryId/0_inside/flavorId/{name}/name/a.mp4"),
            format!("/hls/p/1/sp/100/serveFlavor/entryId/{name}/master.m3u8"),
            format!("/hls/p/1/sp/100/serveFlavor/entryId/0_inside/{name}"),
            format!("/api_v3/index.php/service/caption_captionasset/action/serve/captionAssetId/{name}"),
            format!("/api_v3/index.php/service/thumbAsset/action/serve/thumbAssetId/{name}"),
            format!("/{name}"),
        ] {
            let answer = server.get(&target);
            assert!((400..=404).contains(&answer.status), "{target}: {}", answer.status);
            assert!(!answer.text().contains("root:"), "{target}");
        }
    }
    let captions = "/api_v3/index.php/service/caption_captionasset/action/serve/captionAssetId/0_dir_captions.en";
    assert!(!server.get(captions).text().contains("secret"), "a link inside an entry's folder is not followed");
}

/// Whatever a client says that it takes comes to one of a few answers.
#[test]
fn row_14_thousands_of_ways_to_say_accept() {
    let server = Server::of_library();
    let path = target("0_hills", "width/160/vid_sec/2/format/auto");
    let many = |last: &str| {
        let kinds = (0..500).map(|number| format!("image/x{number};q=0.{number:03}"));
        kinds.chain([last.to_owned()]).collect::<Vec<_>>().join(",")
    };
    let mut tags = BTreeSet::new();
    for (accept, expected) in [
        (many("*/*;q=0.1"), "image/jpeg"),
        (many("image/webp"), "image/webp"),
        (many("image/avif;q=0.001"), "image/avif"),
        ("image/webp;q=0,image/avif;q=0.000,*/*".to_owned(), "image/jpeg"),
        ("image/webp;q=0".to_owned(), "image/jpeg"),
        ("image/*".to_owned(), "image/jpeg"),
        ("*/*".to_owned(), "image/jpeg"),
        ("IMAGE/WEBP ; Q=1.0".to_owned(), "image/webp"),
        (";;;,,,q=,image/,/webp,\t".to_owned(), "image/jpeg"),
    ] {
        let answer = server.ask("GET", &path, &[("accept", &accept)]);
        let shown = &accept[accept.len().saturating_sub(60)..];
        assert_eq!(answer.header("content-type"), Some(expected), "{shown}");
        assert_eq!(answer.header("vary"), Some("Accept"));
        tags.insert(answer.header("etag").unwrap().to_owned());
    }
    assert!(tags.len() <= 4, "{tags:?}");
}
