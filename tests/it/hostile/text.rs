//! Texts of strangers in texts for players: captions of millions of cues, names that would be tags.

use std::io::{BufWriter, Write};
use std::time::{Duration, Instant};

use quick_xml::events::Event;

use super::videos::RESIDENT_MAX;
use crate::support::{Folder, Server, media};

/// An entry with a film and a file of captions, which is written by `write`.
fn entry(name: &str, sidecar: &str, write: impl FnOnce(&mut dyn Write)) -> (Folder, Server) {
    let folder = Folder::new(name);
    let inside = folder.path().join("0_x");
    std::fs::create_dir(&inside).unwrap();
    std::fs::copy(media("0_hills.mp4"), inside.join("source.mp4")).unwrap();
    let mut file = BufWriter::new(std::fs::File::create(inside.join("a.en.vtt")).unwrap());
    write(&mut file);
    file.flush().unwrap();
    std::fs::write(inside.join("entry.toml"), sidecar).unwrap();
    let server = Server::start(folder.path(), &[]);
    (folder, server)
}

const CAPTIONS: &str = "/api_v3/index.php/service/caption_captionasset/action";

/// Captions of ten million cues are refused for their length, those of many for their number; the film plays without them.
#[test]
fn row_35_captions_of_ten_million_cues() {
    let cue = "\n00:00.000 --> 00:09.000\na\n";
    for (name, count) in [("row-35-long", 10_000_000), ("row-35-many", 250_000)] {
        let (_folder, server) = entry(name, "", |file| {
            file.write_all(b"WEBVTT\n").unwrap();
            let thousand = cue.repeat(1000);
            (0..count / 1000).for_each(|_| file.write_all(thousand.as_bytes()).unwrap());
        });
        let begun = Instant::now();
        for action in ["serveAsJson/captionAssetId/0_x_a.en", "serveWebVTT/captionAssetId/0_x_a.en/segmentIndex/1"] {
            let answer = server.get(&format!("{CAPTIONS}/{action}"));
            assert_eq!(answer.status, 404, "{name}: {}", answer.text());
        }
        let master = server.get("/hls/p/1/sp/100/serveFlavor/entryId/0_x/flavorId/0_x_source/master.m3u8");
        let playlist = server.get("/p/1/sp/100/playManifest/entryId/0_x/format/applehttp/a.m3u8");
        assert_eq!((master.status, playlist.status), (200, 200));
        assert!(begun.elapsed() < Duration::from_secs(20), "{name}: {:?}", begun.elapsed());
        assert!(server.resident() < RESIDENT_MAX / 2, "{name}: {} bytes", server.resident());
    }
}

/// As many cues as may be, all at once on the screen, in both directions of writing.
#[test]
fn row_35_captions_of_a_hundred_thousand_cues() {
    let (_folder, server) = entry("row-35-crowd", "", |file| {
        file.write_all("\u{feff}WEBVTT\n".as_bytes()).unwrap();
        for number in 0..30_000 {
            writeln!(file, "\n00:00.000 --> 00:09.000\n\u{202e}{number} --&gt; <script>\u{0}\u{2067}").unwrap();
        }
    });
    let list = server.get("/hls/p/1/sp/100/serveFlavor/entryId/0_x/captionId/0_x_a.en/index-s1.m3u8");
    let segment = server.get("/hls/p/1/sp/100/serveFlavor/entryId/0_x/captionId/0_x_a.en/sub-1-s1.vtt");
    for answer in [&list, &segment] {
        assert!(answer.status < 500, "{}", answer.text());
        assert!(answer.text().matches(" --> ").count() <= 30_000, "no text is a time");
    }
    let json = server.get(&format!("{CAPTIONS}/serveAsJson/captionAssetId/0_x_a.en"));
    assert!(json.status == 200 || json.status == 404, "{}", json.text());
    assert!(server.resident() < RESIDENT_MAX / 2, "{} bytes", server.resident());
}

/// What would be a tag, an attribute or an element, were it taken as it is.
const EVIL: &str =
    r#"x",URI="http://evil.example/",NAME="y\n#EXT-X-ENDLIST\r\nhttp://evil.example/a.ts\u2028<evil a='b'>&evil;]]>"#;

/// Every line of a playlist is a tag or an address, quotes come in pairs, and nothing of a stranger leads anywhere.
#[track_caller]
fn check_playlist(text: &str) {
    assert!(text.starts_with("#EXTM3U\n"), "{text}");
    for line in text.lines().filter(|line| !line.is_empty()) {
        let is_tag = line.starts_with("#EXT") && line.matches('"').count() % 2 == 0;
        let is_address =
            !line.starts_with('#') && !line.contains(['"', ' ', '<', '\r']) && !line.contains("evil.example/");
        assert!(is_tag || is_address, "{line:?} in {text}");
        for value in line.split("URI=\"").skip(1) {
            assert!(!value.starts_with("http://evil"), "{line}");
        }
    }
    assert!(text.matches("#EXT-X-ENDLIST").count() <= 1 && !text.contains("#EXT-X-EVIL"), "{text}");
}

/// Names, labels and languages of strangers, and names in URLs, stay text in every manifest.
#[test]
fn row_36_names_that_would_be_tags() {
    let sidecar = format!(
        "name = \"{0}\"\n[[captions]]\nfile = 'a.en.vtt'\nlabel = \"{0}\"\n[[flavors]]\nfile = 'source.mp4'\nlabel = \"{0}\"\n",
        EVIL.replace('"', "\\\"")
    );
    let (_folder, server) = entry("row-36", &sidecar, |file| {
        file.write_all(b"WEBVTT\n\n00:00.000 --> 00:01.000\na\n").unwrap();
    });
    let inject = "x%0a%23EXT-X-EVIL%0ahttp:%2f%2fevil.example%2f%22%3cevil%3e";
    let flavor = "flavorId/0_x_source";
    let mut playlists = 0;
    for path in [
        "/p/1/sp/100/playManifest/entryId/0_x/format/applehttp/a.m3u8".to_owned(),
        format!("/p/1/sp/100/playManifest/entryId/0_x/format/applehttp/name/{inject}/a.m3u8"),
        format!(
            "/p/1/sp/100/playManifest/entryId/0_x/format/applehttp/{inject}/{inject}/a.m3u8?uiConfId={inject}&referrer={inject}"
        ),
        format!("/hls/p/1/sp/100/serveFlavor/entryId/0_x/{flavor}/name/{inject}.mp4/master.m3u8"),
        format!("/hls/p/1/sp/100/serveFlavor/entryId/0_x/{flavor}/name/{inject}.mp4/index-v1.m3u8"),
    ] {
        let answer = server.get(&path);
        if answer.status == 200 {
            check_playlist(&answer.text());
            playlists += 1;
        }
        assert!([200, 302, 400, 404].contains(&answer.status), "{path}: {}", answer.status);
        let is_one_line = |(name, value): &(String, String)| !name.contains("evil") && !value.contains(['\r', '\n']);
        assert!(answer.headers.iter().all(is_one_line), "{path}: {:?}", answer.headers);
    }
    assert!(playlists >= 3, "{playlists} playlists");
    let master = server.get("/p/1/sp/100/playManifest/entryId/0_x/format/applehttp/a.m3u8").text();
    assert!(master.contains("evil.example"), "the label is there, as text: {master}");
    for path in [
        format!("/dash/p/1/sp/100/serveFlavor/entryId/0_x/{flavor}/manifest.mpd"),
        "/dash/p/1/sp/100/serveFlavor/entryId/0_x/flavorId/0_x_source/captionId/0_x_a.en/manifest.mpd".to_owned(),
        format!("/dash/p/1/sp/100/serveFlavor/entryId/0_x/{flavor}/name/{inject}.mp4/manifest.mpd"),
    ] {
        let answer = server.get(&path);
        assert!([200, 400, 404].contains(&answer.status), "{path}: {}", answer.status);
        if answer.status == 200 {
            check_xml(&answer.text());
        }
    }
}

/// A document that is well formed, without elements or entities of strangers.
#[track_caller]
fn check_xml(text: &str) {
    let mut reader = quick_xml::Reader::from_str(text);
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}: {text}")) {
            Event::Eof => return,
            Event::Start(element) | Event::Empty(element) => {
                assert!(!element.name().as_ref().starts_with("evil"), "{text}");
                element.attributes().for_each(|attribute| drop(attribute.unwrap()));
            }
            Event::DocType(_) => panic!("{text}"),
            _ => {}
        }
    }
}
