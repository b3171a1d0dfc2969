//! Playback: from `playManifest` to the playlists, segments and files that it leads to.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::support::{Answer, Folder, Server, library, media, number, soon};

/// Segments as short as the clips ask for.
fn start() -> Server {
    Server::start(library(), &["--segment-duration", "2s"])
}

fn play(entry: &str, rest: &str) -> String {
    format!("/p/1/sp/100/playManifest/entryId/{entry}/{rest}")
}

/// The answer to GET, which must be all of it.
#[track_caller]
fn fetch(server: &Server, target: &str) -> Answer {
    let answer = server.get(target);
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    answer
}

/// Where a redirect leads.
#[track_caller]
fn location(server: &Server, target: &str) -> String {
    let answer = server.get(target);
    assert_eq!((answer.status, answer.text().as_str()), (302, "\n"), "{target}");
    assert_eq!(answer.header("content-length"), Some("1"), "{target}");
    answer.header("location").unwrap().to_owned()
}

/// The folder of a packager's documents of all that plays of an entry, with a slash at its end.
#[track_caller]
fn folder(server: &Server, entry: &str, rest: &str) -> String {
    let manifest = location(server, &play(entry, &format!("format/mpegdash/{rest}")));
    manifest.strip_suffix("manifest.mpd").unwrap().to_owned()
}

/// The folder of HLS beside it.
fn hls(folder: &str) -> String {
    folder.replacen("/dash/", "/hls/", 1)
}

/// What stands between `before` and the next quotation mark.
fn quoted<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

/// The lines of a playlist that are addresses.
fn addresses(playlist: &str) -> Vec<&str> {
    playlist.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

/// An address as it is meant by a document at a path.
fn resolved(document: &str, address: &str) -> String {
    match address.starts_with('/') {
        true => address.to_owned(),
        false => format!("{}/{address}", document.rsplit_once('/').unwrap().0),
    }
}

#[test]
fn a_playlist_leads_to_every_byte() {
    let server = start();
    let target = play("0_hills", "protocol/https/format/applehttp/a.m3u8");
    let answer = fetch(&server, &target);
    assert_eq!(answer.header("content-type"), Some("application/x-mpegurl"));
    assert_eq!(answer.header("cache-control"), Some("private, max-age=60, max-stale=0"));
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    let text = answer.text();
    let mut lists = addresses(&text);
    lists.extend(quoted(&text, "URI=\""));
    assert!(text.starts_with("#EXTM3U\n") && lists.len() >= 3, "{text}");
    for list in lists {
        let answer = fetch(&server, list);
        assert_eq!(answer.header("content-type"), Some("application/vnd.apple.mpegurl"), "{list}");
        assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"), "{list}");
        let text = answer.text();
        let mut files = addresses(&text);
        files.extend(quoted(&text, "URI=\""));
        assert!(files.len() >= 5, "{list}: {text}");
        for file in files {
            let answer = fetch(&server, &resolved(list, file));
            assert!(!answer.body.is_empty());
            assert!(matches!(answer.header("content-type"), Some("video/mp4" | "audio/mp4")), "{file}");
            assert_eq!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"), "{file}");
        }
    }
}

#[test]
fn a_manifest_leads_to_every_byte() {
    let server = start();
    let unnamed = "/dash/p/1/sp/100/serveFlavor/entryId/0_ladder/".to_owned();
    for folder in [folder(&server, "0_hills", ""), folder(&server, "0_ladder", ""), unnamed] {
        let answer = fetch(&server, &format!("{folder}manifest.mpd"));
        assert_eq!(answer.header("content-type"), Some("application/dash+xml"));
        assert_eq!(answer.header("cache-control"), Some("public, max-age=600"));
        let text = answer.text();
        let mut bases = text.split("<BaseURL>").skip(1).filter_map(|rest| rest.split('<').next());
        // Captions have one each, beside the manifest.
        let base = bases.find(|base| base.contains('/')).unwrap_or(&folder);
        assert!(text.contains("initialization=\"init-$RepresentationID$.mp4\""), "{text}");
        let is_main = |id: &&str| id.contains(['v', 'a']) && !id.ends_with("iframes");
        let ids: Vec<_> = quoted(&text, "<Representation id=\"").into_iter().filter(is_main).collect();
        assert!(!ids.is_empty(), "{text}");
        for id in ids {
            fetch(&server, &format!("{base}init-{id}.mp4"));
            fetch(&server, &format!("{base}seg-1-{id}.m4s"));
        }
        for keyframes in quoted(&text, "media=\"iframe-$Number$") {
            fetch(&server, &format!("{base}iframe-1{keyframes}"));
        }
    }
}

#[test]
fn forms_of_an_answer() {
    let server = Server::start(library(), &["--hosts", "test"]);
    for (format, end) in [("mpegdash", "/manifest.mpd"), ("url", "/name/a.mp4"), ("download", "/name/a.mp4")] {
        let found = location(&server, &play("0_hills", &format!("format/{format}/protocol/https")));
        assert!(found.starts_with("https://test/") && found.ends_with(end), "{found}");
        assert_eq!(found.contains("/fileName/0_hills_%28Source%29.mp4/"), format == "download", "{found}");
    }
    let several = location(&server, &play("0_ladder", "format/mpegdash"));
    assert!(several.starts_with("http://test/dash/p/0/") && several.ends_with(".urlset/manifest.mpd"), "{several}");
    let redirect = location(&server, &play("0_hills", "format/applehttp/responseFormat/redirect"));
    assert!(redirect.ends_with("/master.m3u8"), "{redirect}");
    let json = fetch(&server, &play("0_ladder", "format/applehttp/responseFormat/json"));
    assert_eq!(json.header("content-type"), Some("application/json"));
    let value: serde_json::Value = serde_json::from_slice(&json.body).unwrap();
    assert_eq!((value["entryId"].as_str(), value["duration"].as_u64()), (Some("0_ladder"), Some(4000)));
    assert_eq!(value["flavors"].as_array().unwrap().len(), 3);
    assert_eq!(value["flavors"][0]["width"].as_u64(), Some(1280));
    let jsonp =
        |query: &str| fetch(&server, &play("0_ladder", &format!("format/applehttp/responseFormat/jsonp?{query}")));
    let called = jsonp("callback=a.b");
    assert_eq!(called.header("content-type"), Some("text/javascript"));
    assert_eq!(called.text(), format!("a.b({})", json.text()));
    for bad in ["callback=a(b)", "callback=", ""] {
        assert_eq!(jsonp(bad).text(), r#"Expecting "callback" parameter for jsonp format"#, "{bad}");
    }
    let stranger = server.exchange(
        "GET",
        b"GET /p/1/playManifest/entryId/0_hills/format/url HTTP/1.1\r\nhost: evil\r\nconnection: close\r\n\r\n",
    );
    assert!(stranger.header("location").unwrap().starts_with("/p/0/"), "{:?}", stranger.headers);
}

/// Dolby Vision beside what others see, and alone.
#[test]
fn dolby_vision_is_signalled() {
    let server = start();
    let hls = |entry: &str| fetch(&server, &play(entry, "format/applehttp/a.m3u8")).text();
    let dash = |entry: &str| fetch(&server, &location(&server, &play(entry, "format/mpegdash"))).text();
    let beside = hls("0_dolby_8");
    assert!(beside.contains("CODECS=\"hvc1.2.4."), "{beside}");
    assert!(
        beside.contains("SUPPLEMENTAL-CODECS=\"dvh1.08.01/db1p\"") && beside.contains("VIDEO-RANGE=PQ"),
        "{beside}"
    );
    let beside = dash("0_dolby_8");
    assert!(
        beside.contains("scte214:supplementalCodecs=\"dvh1.08.01\" scte214:supplementalProfiles=\"db1p\""),
        "{beside}"
    );
    let alone = hls("0_dolby_5");
    assert!(alone.contains("CODECS=\"dvh1.05.01\"") && !alone.contains("SUPPLEMENTAL"), "{alone}");
    let alone = dash("0_dolby_5");
    assert!(alone.contains("codecs=\"dvh1.05.01\"") && !alone.contains("supplemental"), "{alone}");
}

/// A document that a redirect leads to does as one that is answered at once.
#[test]
fn wishes_go_along_with_a_redirect() {
    let server = start();
    for (rest, captions, between, first) in [
        ("format/mpegdash", "sub-s1.vtt", "<AdaptationSet", "value=\"main\""),
        ("format/applehttp/responseFormat/redirect", "TYPE=SUBTITLES", "\n", "DEFAULT=YES"),
    ] {
        let asked = |wishes: &str| location(&server, &play("0_multi", &format!("{rest}{wishes}")));
        let begins_in_german = |text: &str| {
            text.split(between).any(|part| part.contains("\"de\"") && part.contains("Deutsch") && part.contains(first))
        };
        let (plain, told) = (asked(""), asked("/disableCaptions/1/defaultAudioLang/de"));
        assert_eq!(told, format!("{plain}?defaultAudioLang=de&disableCaptions=1"));
        let (plain, told) = (fetch(&server, &plain).text(), fetch(&server, &told).text());
        assert!(plain.contains(captions) && !begins_in_german(&plain), "{plain}");
        assert!(!told.contains(captions) && begins_in_german(&told), "{told}");
    }
}

#[track_caller]
fn check_error(server: &Server, target: &str, number: u32) {
    let answer = server.get(target);
    assert_eq!(answer.status, 404, "{target}: {}", answer.text());
    assert_eq!(answer.header("x-kaltura"), Some(&*format!("error-{number}")), "{target}: {}", answer.text());
    let said = answer.header("x-kaltura-app").unwrap();
    assert!(said.starts_with(&format!("exiting on error {number} - ")), "{target}: {said}");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{target}");
    assert!(answer.header("access-control-expose-headers").unwrap().contains("X-Kaltura-App"), "{target}");
    assert_eq!(answer.text().lines().count(), 1, "{target}");
    let kept = answer.header("cache-control").unwrap();
    assert!(kept.ends_with("no-store") || kept == "public, max-age=10", "{target}: {kept}");
}

#[test]
fn errors_of_play_manifest() {
    let server = Server::of_library();
    for (entry, rest, number) in [
        ("0_nobody", "format/url", 1),
        ("0_deleted", "format/applehttp", 1),
        ("0_fault", "format/applehttp", 1),
        ("0_guarded", "format/applehttp", 3),
        ("0_draft", "format/applehttp", 6),
        ("0_jpeg", "format/url", 6),
        ("0_broken_text", "format/applehttp", 6),
        ("0_data", "format/url", 12),
        ("0_document", "format/url", 12),
        ("0_hills", "mb/x/format/url", 19),
        ("0_hills", "minBitrate/0/format/url", 49),
        ("0_hills", "format/auto", 25),
        ("0_hills", "format/rtmp", 25),
        ("0_hills", "", 25),
        ("0_hills", "format/url/seekFrom/2000/clipTo/1000", 25),
        ("0_hills", "format/applehttp/seekFrom/99000", 6),
        ("0_hills", "format/url/expiry/1", 28),
        // Two faults: the first check that fails answers.
        ("0_hills", "mib/x/mb/x", 19),
        ("0_hills", "mb/x/ex/1", 19),
        ("0_nobody", "ex/1/format/auto", 28),
        ("..", "ex/1/format/url", 28),
        ("..", "format/url", 1),
        ("0_nobody", "format/auto", 1),
        ("0_draft", "format/auto", 6),
        ("0_document", "format/auto", 12),
        ("0_guarded", "format/auto", 3),
    ] {
        check_error(&server, &play(entry, rest), number);
    }
    check_error(&server, "/p/1/playManifest/format/url", 1);
    let later = server.get(&play("0_hills", "format/url/expiry/99999999999"));
    assert_eq!(later.status, 302);
}

#[test]
fn schedules_and_moderation_count_for_playing_alone() {
    let folder = Folder::new("schedule");
    for (name, line) in [
        ("0_late", "start_date = 99999999999"),
        ("0_over", "end_date = 1"),
        ("0_pending", "moderation = \"pending\""),
        ("0_recycled", "recycled = true"),
    ] {
        folder.put("0_avc.mp4", &format!("{name}.mp4"));
        fs::write(folder.path().join(format!("{name}.toml")), line).unwrap();
    }
    let server = Server::start(folder.path(), &[]);
    for (name, number) in [("0_late", 2), ("0_over", 2), ("0_pending", 13), ("0_recycled", 58)] {
        check_error(&server, &play(name, "format/applehttp"), number);
        let file = format!("/p/1/serveFlavor/entryId/{name}/flavorId/{name}_source/name/a.mp4");
        assert_eq!(server.get(&file).status, 200, "{name}");
    }
}

#[test]
fn statuses_of_a_packager() {
    let server = start();
    let versioned = hls(&folder(&server, "0_hills", ""));
    let check = |target: &str, status: u16| {
        let answer = server.get(target);
        assert_eq!(answer.status, status, "{target}: {}", answer.text());
        if status != 200 {
            assert_eq!(answer.header("cache-control"), Some("public, max-age=10"), "{target}");
            assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{target}");
        }
    };
    // Nobody has looked at the file yet.
    check("/hls/p/1/sp/100/serveFlavor/entryId/0_multi/index-v1.m3u8", 200);
    for (file, status) in [
        ("seg-1-v1.m4s", 200),
        ("seg-5-v1.m4s", 200),
        ("seg-1-v1-a1.ts", 200),
        ("iframes-v1.m3u8", 200),
        ("iframe-1-v1.m4s", 200),
        ("nonsense", 400),
        ("a.m3u8", 400),
        ("seg-0-v1.m4s", 400),
        ("frag-1-v1.m4s", 400),
        ("seg-1-v1-v2.m4s", 400),
        ("seg-1-v1-a1.m4s", 400),
        ("index-w1.m3u8", 400),
        ("sub.vtt", 400),
        ("seg-6-v1.m4s", 404),
        ("seg-99999999999-v1.m4s", 404),
        ("seg-1-v2.m4s", 404),
        ("seg-1-f2-v1.m4s", 404),
        ("init-a2.mp4", 404),
        ("iframe-6-v1.m4s", 404),
        ("index-s1.m3u8", 404),
        ("sub-s1.vtt", 404),
    ] {
        check(&format!("{versioned}{file}"), status);
    }
    let of = |entry: &str| format!("/hls/p/1/serveFlavor/entryId/{entry}/flavorId/{entry}_source/");
    for (target, status) in [
        (format!("{}seg-1-v1.m4s", of("0_vp8")), 400),
        (format!("{}seg-1-v1.ts", of("0_vp9")), 400),
        (format!("{}master.m3u8", of("0_vp8")), 400),
        (format!("{}seg-1-v1.m4s", of("0_hills").replace("0_hills_source", "0_other")), 404),
        (format!("{}seg-1-v1.m4s", of("0_nobody")), 404),
        (format!("{}v/0123456789abcdef/seg-1-v1.m4s", of("0_hills")), 404),
        (format!("{}v/3/seg-1-v1.m4s", of("0_hills")), 200),
        (format!("{}clipFrom/99000/seg-1-v1.m4s", of("0_hills")), 404),
        (format!("{}clipFrom/99000/master.m3u8", of("0_hills")), 404),
        ("/hls/p/1/serveFlavor/entryId/0_hills/seg-1-v1.m4s".to_owned(), 404),
        ("/hls/p/1/serveFlavor/entryId/0_hills/master.m3u8".to_owned(), 200),
    ] {
        check(&target, status);
    }
}

#[test]
fn how_long_answers_are_kept() {
    let server = start();
    let plain = "/hls/p/1/serveFlavor/entryId/0_hills/flavorId/0_hills_source/";
    let versioned = hls(&folder(&server, "0_hills", ""));
    let (short, long) = ("public, max-age=600", "public, max-age=31536000, immutable");
    for (target, kept) in [
        (format!("{plain}seg-1-v1.m4s"), short),
        (format!("{plain}index-v1.m3u8"), short),
        (format!("{plain}v/3/seg-1-v1.m4s"), short),
        (format!("{versioned}seg-1-v1.m4s"), long),
        (format!("{versioned}index-v1.m3u8"), long),
        // It tells of captions, which have no part in the version.
        (format!("{versioned}master.m3u8"), short),
        (location(&server, &play("0_hills", "format/url")), long),
    ] {
        assert_eq!(fetch(&server, &target).header("cache-control"), Some(kept), "{target}");
    }
}

#[test]
fn the_same_segment_under_all_its_names() {
    let server = start();
    let several = folder(&server, "0_ladder", "");
    let one = folder(&server, "0_ladder", "flavorIds/0_ladder_360p");
    let ids: Vec<_> = several.matches(',').collect();
    assert!(ids.len() == 4, "{several}");
    let place = several.split(',').skip(1).position(|part| part.contains("360p")).unwrap() + 1;
    let same = |names: Vec<String>| {
        let all: Vec<_> = names.iter().map(|name| fetch(&server, name)).collect();
        for (answer, name) in all.iter().zip(&names) {
            assert!(answer.body == all[0].body, "{name}");
            assert_eq!(answer.header("etag"), all[0].header("etag"), "{name}");
        }
    };
    for (one_name, of_several, alias) in [
        ("seg-1-v1.m4s", format!("seg-1-f{place}-v1.m4s"), format!("fragment-1-f{place}-v1-x3.m4s")),
        ("init-v1.mp4", format!("init-f{place}-v1.mp4"), format!("init-c1-f{place}-v1-x3.mp4")),
    ] {
        same(vec![
            format!("{one}{one_name}"),
            format!("{}{one_name}", hls(&one)),
            format!("{several}{of_several}"),
            format!("{}{of_several}", hls(&several)),
            format!("{several}{alias}"),
        ]);
    }
}

#[test]
fn ranges_and_conditions() {
    let server = start();
    let folder = hls(&folder(&server, "0_hills", ""));
    let targets = [
        format!("{folder}index-v1.m3u8"),
        format!("{folder}init-v1.mp4"),
        format!("{folder}seg-2-v1.m4s"),
        format!("{folder}seg-2-v1-a1.ts"),
        location(&server, &play("0_moov_last", "format/url")),
        location(&server, &play("0_hills", "format/url/clipTo/4000")),
    ];
    for target in &targets {
        let whole = fetch(&server, target);
        let (etag, modified) = (whole.header("etag").unwrap(), whole.header("last-modified").unwrap());
        let ask = |headers: &[(&str, &str)]| server.ask("GET", target, headers);
        let length = whole.body.len();
        for (range, expected) in [
            ("bytes=10-19".to_owned(), 10..20),
            ("bytes=0-0".to_owned(), 0..1),
            ("bytes=-7".to_owned(), length - 7..length),
            (format!("bytes={}-", length / 2), length / 2..length),
            (format!("bytes={}-{}", length / 3, 2 * length), length / 3..length),
        ] {
            let part = ask(&[("range", &range)]);
            assert_eq!(part.status, 206, "{target} {range}");
            assert!(part.body == whole.body[expected.clone()], "{target} {range}");
            let said = format!("bytes {}-{}/{length}", expected.start, expected.end - 1);
            assert_eq!((part.header("content-range"), part.header("etag")), (Some(&*said), Some(etag)), "{target}");
        }
        let past = ask(&[("range", &format!("bytes={length}-"))]);
        assert_eq!((past.status, past.header("content-range")), (416, Some(&*format!("bytes */{length}"))));
        assert_eq!(ask(&[("if-none-match", etag)]).status, 304, "{target}");
        assert_eq!(ask(&[("if-modified-since", modified)]).status, 304, "{target}");
        assert_eq!(ask(&[("range", "bytes=0-3"), ("if-range", etag)]).status, 206, "{target}");
        assert_eq!(ask(&[("range", "bytes=0-3"), ("if-range", "\"x\"")]).status, 200, "{target}");
        let head = server.ask("HEAD", target, &[]);
        assert_eq!((head.status, head.header("content-length")), (200, whole.header("content-length")), "{target}");
        assert_eq!(head.header("etag"), Some(etag), "{target}");
        assert_eq!(server.ask("OPTIONS", target, &[]).status, 200, "{target}");
        // A form may come with a file's URL; packagers take none.
        let posted = if target.starts_with("/p/") { 200 } else { 405 };
        assert_eq!(server.ask("POST", target, &[]).status, posted, "{target}");
    }
    let head = server.ask("HEAD", &play("0_hills", "format/url"), &[]);
    assert_eq!((head.status, head.header("content-length")), (302, Some("1")));
}

#[test]
fn texts_are_compressed_and_media_are_not() {
    let server = start();
    let folder = hls(&folder(&server, "0_hills", ""));
    let gzip = [("accept-encoding", "br, gzip;q=0.5")];
    for target in [format!("{folder}index-v1.m3u8"), play("0_hills", "format/applehttp")] {
        let (plain, packed) = (fetch(&server, &target), server.ask("GET", &target, &gzip));
        assert_eq!((plain.header("content-encoding"), packed.header("content-encoding")), (None, Some("gzip")));
        for answer in [&plain, &packed] {
            assert_eq!(answer.header("vary"), Some("Accept-Encoding"), "{target}");
        }
        assert_ne!(plain.header("etag"), packed.header("etag"), "{target}");
        let mut text = Vec::new();
        flate2::read::GzDecoder::new(&packed.body[..]).read_to_end(&mut text).unwrap();
        assert!(text == plain.body, "{target}");
        let etag = packed.header("etag").unwrap();
        let known = server.ask("GET", &target, &[gzip[0], ("if-none-match", etag)]);
        assert_eq!((known.status, known.header("etag")), (304, Some(etag)), "{target}");
        assert_eq!(server.ask("GET", &target, &[("accept-encoding", "gzip;q=0")]).header("content-encoding"), None);
    }
    let segment = server.ask("GET", &format!("{folder}seg-1-v1.m4s"), &gzip);
    assert_eq!((segment.header("content-encoding"), segment.header("vary")), (None, None));
}

/// The numbers of the frames that ffmpeg shows of a file, one every 40 ms.
fn shown(name: &str, bytes: &[u8]) -> Vec<u32> {
    let folder = Folder::new(&format!("shown-{name}"));
    let file = folder.path().join("in.mp4");
    fs::write(&file, bytes).unwrap();
    let ended = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(&file)
        .args(["-an", "-vf", "fps=25"])
        .arg(folder.path().join("%04d.png"))
        .status()
        .unwrap();
    assert!(ended.success(), "{name}");
    let mut pictures: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    pictures.retain(|path| path.extension().is_some_and(|extension| extension == "png"));
    pictures.sort();
    pictures.iter().map(|path| number(&image::open(path).unwrap().into_rgba8()).unwrap()).collect()
}

/// All of a track that a playlist lists, its head first.
fn joined(server: &Server, playlist: &str) -> Vec<u8> {
    let text = fetch(server, playlist).text();
    let mut files = quoted(&text, "#EXT-X-MAP:URI=\"");
    files.extend(addresses(&text));
    files.iter().flat_map(|file| fetch(server, &resolved(playlist, file)).body).collect()
}

#[test]
fn a_part_is_exact_to_the_frame() {
    let server = Server::start(library(), &["--segment-duration", "500ms"]);
    // Frames of 40 ms: 18 is on display from 720 ms on, 47 until 1920 ms.
    let part = "seekFrom/720/clipTo/1920";
    let expected: Vec<u32> = (18..48).collect();
    let master = fetch(&server, &play("0_avc", &format!("format/applehttp/{part}"))).text();
    assert_eq!(shown("hls", &joined(&server, addresses(&master)[0])), expected);
    let dash = folder(&server, "0_avc", part);
    assert!(fetch(&server, &format!("{dash}manifest.mpd")).text().contains("mediaPresentationDuration=\"PT1.2S\""));
    assert_eq!(shown("dash", &joined(&server, &format!("{dash}index-v1.m3u8"))), expected);
    let file = location(&server, &play("0_avc", &format!("format/url/{part}")));
    let clip = fetch(&server, &file);
    assert_eq!(shown("url", &clip.body), expected);
    let whole = fetch(&server, &location(&server, &play("0_avc", "format/url")));
    assert!(clip.body.len() < whole.body.len());
    assert_ne!(clip.header("etag"), whole.header("etag"));
}

#[test]
fn tracks_asked_for_are_all_there_is() {
    let server = start();
    let master = fetch(&server, &play("0_hills", "format/applehttp/tracks/v1")).text();
    assert!(!master.contains("mp4a") && !master.contains("TYPE=AUDIO"), "{master}");
    let master = fetch(&server, &play("0_hills", "format/applehttp/tracks/a1")).text();
    assert!(master.contains("mp4a") && !master.contains("RESOLUTION"), "{master}");
    let dash = folder(&server, "0_hills", "tracks/v1");
    assert!(dash.contains("/tracks/v1/"), "{dash}");
    let text = fetch(&server, &format!("{dash}manifest.mpd")).text();
    assert!(text.contains("avc1") && !text.contains("mp4a"), "{text}");
}

#[test]
fn a_manifest_may_be_the_answer_itself() {
    let server = Server::start(library(), &["--manifest-inline", "true", "--public-url", "https://cdn.example.com"]);
    let answer = fetch(&server, &play("0_ladder", "format/mpegdash"));
    assert_eq!(answer.header("content-type"), Some("application/dash+xml"));
    assert_eq!(answer.header("cache-control"), Some("private, max-age=60, max-stale=0"));
    let text = answer.text();
    let base = text.split("<BaseURL>").nth(1).and_then(|rest| rest.split('<').next()).unwrap();
    let folder = base.strip_prefix("https://cdn.example.com").unwrap();
    fetch(&server, &format!("{folder}seg-1-f1-v1.m4s"));
    let beside = fetch(&server, &format!("{folder}manifest.mpd")).text();
    let same: Vec<_> = text.lines().filter(|line| !line.contains(base)).collect();
    assert_eq!(same, beside.lines().collect::<Vec<_>>());
}

#[test]
fn explain_names_what_is_left_out() {
    let folder = Folder::new("left-out");
    for (sample, file) in [("0_avc.mp4", "a.mp4"), ("0_vp8.webm", "b.webm"), ("0_broken_text.mp4", "c.mp4")] {
        let entry = folder.path().join("0_x");
        fs::create_dir_all(&entry).unwrap();
        fs::copy(media(sample), entry.join(file)).unwrap();
    }
    let explain = |url: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vedette"));
        let output = command.arg("explain").arg("--media").arg(folder.path()).arg(url).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let text = explain(&play("0_x", "format/applehttp"));
    let line = |front: &str| text.lines().find(|line| line.starts_with(front)).unwrap_or_else(|| panic!("{text}"));
    assert!(line("left out 0_x/b.webm v1: ").contains("Vp8 is not carried"), "{text}");
    line("left out 0_x/c.mp4: ");
    assert!(!text.contains("left out 0_x/a.mp4"), "{text}");
    assert!(!explain(&play("0_x", "format/url")).contains("left out"));
}

#[test]
fn every_sample_plays_or_says_why_not() {
    let server = start();
    let mut played = 0;
    let names = fs::read_dir(library()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    for name in names.filter(|name| !name.ends_with(".toml")) {
        let entry = name.split('.').next().unwrap();
        for container in ["fmp4", "ts"] {
            let target = play(entry, &format!("format/applehttp/container/{container}"));
            let answer = server.get(&target);
            if answer.status != 200 {
                assert!(answer.status == 404 && answer.header("x-kaltura").is_some(), "{target}: {}", answer.text());
                continue;
            }
            played += 1;
            let text = answer.text();
            let lists = addresses(&text).into_iter().chain(quoted(&text, "URI=\""));
            for list in lists.filter(|list| !list.contains("captionId")) {
                let text = fetch(&server, list).text();
                let files = addresses(&text).into_iter().chain(quoted(&text, "URI=\""));
                files.for_each(|file| drop(fetch(&server, &resolved(list, file))));
            }
        }
        let answer = server.get(&play(entry, "format/url/clipTo/700/seekFrom/300"));
        if answer.status == 302 {
            let target = answer.header("location").unwrap();
            let answer = server.get(target);
            let is_refused = answer.status == 404 && answer.header("x-kaltura").is_some();
            assert!(answer.status == 200 || is_refused, "{target}: {} {}", answer.status, answer.text());
        }
    }
    assert!(played > 40, "{played} play");
}

/// Where a box begins, as its name says.
fn place(bytes: &[u8], name: &[u8]) -> usize {
    bytes.windows(name.len()).position(|window| window == name).unwrap()
}

#[test]
fn what_a_player_reads_first_comes_first() {
    let server = Server::of_library();
    let target = location(&server, &play("0_moov_last", "format/url"));
    let whole = fetch(&server, &target);
    assert_eq!(whole.header("content-type"), Some("video/mp4"));
    assert!(place(&whole.body, b"moov") < place(&whole.body, b"mdat"));
    let stored = fs::read(media("0_moov_last.mp4")).unwrap();
    assert!(place(&stored, b"moov") > place(&stored, b"mdat") && stored.len() == whole.body.len());
    let mut probe = Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-show_entries", "stream=nb_read_frames", "-of", "csv=p=0", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    probe.stdin.take().unwrap().write_all(&whole.body).unwrap();
    let output = probe.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "75");
    check_ranges(&server, &target, &whole.body);
    let clip = location(&server, &play("0_moov_last", "format/url/clipTo/2000/seekFrom/1000"));
    check_ranges(&server, &clip, &fetch(&server, &clip).body);
}

/// Ranges here and there are those of the whole.
#[track_caller]
fn check_ranges(server: &Server, target: &str, whole: &[u8]) {
    let mut seed = 1u64;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for _ in 0..24 {
        let from = next(whole.len());
        let to = from + next(whole.len() - from);
        let part = server.ask("GET", target, &[("range", &format!("bytes={from}-{to}"))]);
        assert!(part.status == 206 && part.body == whole[from..=to], "{target}: {from} to {to}");
    }
}

#[test]
fn a_download_is_the_file_as_it_is_stored() {
    let server = Server::of_library();
    let target = location(&server, &play("0_moov_last", "format/download"));
    let answer = fetch(&server, &target);
    assert!(answer.body == fs::read(media("0_moov_last.mp4")).unwrap());
    let disposition = answer.header("content-disposition").unwrap();
    assert_eq!(disposition, "attachment; filename=\"0_moov_last (Source).mp4\"");
    let named = target.replace("/fileName/0_moov_last_%28Source%29.mp4/", "/fileName/H%C3%BCgel%20%221%22.mp4/");
    let disposition = fetch(&server, &named).header("content-disposition").unwrap().to_owned();
    assert_eq!(disposition, "attachment; filename=\"H_gel _1_.mp4\"; filename*=UTF-8''H%C3%BCgel%20%221%22.mp4");
}

#[test]
fn a_replaced_file_is_another_version() {
    let folder_of_media = Folder::new("replaced");
    folder_of_media.put("0_avc.mp4", "0_x.mp4");
    let server = Server::start(folder_of_media.path(), &[]);
    let old = hls(&folder(&server, "0_x", ""));
    let segment = format!("{old}seg-1-v1.m4s");
    let before = fetch(&server, &segment);
    folder_of_media.put("0_hevc.mp4", "0_x.mp4");
    soon(|| server.get(&segment).status == 404);
    let new = hls(&folder(&server, "0_x", ""));
    assert_ne!(old, new);
    let after = fetch(&server, &format!("{new}seg-1-v1.m4s"));
    assert!(after.body != before.body && after.header("etag") != before.header("etag"));
    // A URL without a version follows the file.
    let plain = "/hls/p/1/serveFlavor/entryId/0_x/flavorId/0_x_source/seg-1-v1.m4s";
    assert_eq!(fetch(&server, plain).header("etag"), after.header("etag"));
}
