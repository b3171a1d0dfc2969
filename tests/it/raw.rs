//! `raw`, `download` and stored files: every kind of entry, under every name, and what is not to be had.

use std::fs;
use std::process::Command;

use crate::support::{Answer, Folder, Server, library, media};

/// The URL of the file of an entry.
fn raw(entry: &str, rest: &str) -> String {
    format!("/p/1/sp/100/raw/entry_id/{entry}{rest}")
}

/// A file that is answered with 200, never to be guessed at.
#[track_caller]
fn fetch(server: &Server, target: &str) -> Answer {
    let answer = server.get(target);
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{target}");
    assert_eq!(answer.header("accept-ranges"), Some("bytes"), "{target}");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{target}");
    answer
}

/// What a URL redirects to.
#[track_caller]
fn location(server: &Server, target: &str) -> String {
    let answer = server.get(target);
    assert_eq!(answer.status, 302, "{target}: {}", answer.text());
    answer.header("location").unwrap().to_owned()
}

/// An error of the dialect by its status and number, with the fields that go with it.
#[track_caller]
fn check_error(server: &Server, target: &str, (status, number): (u16, u32)) {
    let answer = server.get(target);
    let found = (answer.status, answer.header("x-kaltura").unwrap_or_default());
    assert_eq!(found, (status, format!("error-{number}").as_str()), "{target}: {}", answer.text());
    let words = answer.header("x-kaltura-app").unwrap_or_default();
    assert!(words.starts_with(&format!("exiting on error {number} - ")), "{target}: {words}");
    assert!(!answer.body.is_empty(), "{target}");
}

#[test]
fn every_kind_of_entry() {
    let server = Server::of_library();
    const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";
    // The entry, its file, its type, the name it is kept under, and what a browser may do with it.
    for (entry, file, media_type, name, policy) in [
        ("0_document", "0_document.pdf", "application/pdf", "filename=\"0_document.pdf\"", ""),
        (
            "0_office",
            "0_office.docx",
            DOCX,
            "filename=\"Bericht _ber _H_gel_.docx\"; filename*=UTF-8''Bericht%20%C3%BCber%20%22H%C3%BCgel%22.docx",
            "",
        ),
        ("0_json", "0_json.json", "application/json", "filename=\"0_json\"", ""),
        ("0_data", "0_data.csv", "text/csv; charset=utf-8", "filename=\"0_data\"", ""),
        ("0_latin", "0_latin.txt", "text/plain", "filename=\"0_latin\"", ""),
        ("0_empty", "0_empty.bin", "text/plain; charset=utf-8", "filename=\"0_empty\"", ""),
        ("0_page", "0_page.html", "text/html; charset=utf-8", "filename=\"0_page\"", "sandbox"),
        (
            "0_drawing",
            "0_drawing.svg",
            "image/svg+xml",
            "filename=\"A drawing.svg\"",
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox",
        ),
        ("0_jpeg", "0_jpeg.jpg", "image/jpeg", "filename=\"0_jpeg.jpg\"", ""),
        ("0_avif", "0_avif.avif", "image/avif", "filename=\"0_avif.avif\"", ""),
        ("0_polyglot", "0_polyglot.jpg", "image/jpeg", "filename=\"0_polyglot.jpg\"", ""),
        ("0_avc", "0_avc.mp4", "video/mp4", "filename=\"0_avc\"", ""),
        ("0_mov", "0_mov.mov", "video/quicktime", "filename=\"0_mov\"", ""),
        ("0_vp9", "0_vp9.webm", "video/webm", "filename=\"0_vp9\"", ""),
        ("0_mkv", "0_mkv.mkv", "video/matroska", "filename=\"0_mkv\"", ""),
        ("0_ts", "0_ts.ts", "video/MP2T", "filename=\"0_ts\"", ""),
        ("0_flv", "0_flv.flv", "video/x-flv", "filename=\"0_flv\"", ""),
        ("0_avi", "0_avi.avi", "video/x-msvideo", "filename=\"0_avi\"", ""),
        ("0_tone", "0_tone.mp3", "audio/mpeg", "filename=\"0_tone\"", ""),
        ("0_tone_aac", "0_tone_aac.m4a", "audio/mp4", "filename=\"0_tone_aac\"", ""),
        ("0_broken_text", "0_broken_text.mp4", "text/plain; charset=utf-8", "filename=\"0_broken_text\"", ""),
    ] {
        let kept = fetch(&server, &raw(entry, "/forceproxy/true"));
        assert_eq!(kept.header("content-type"), Some(media_type), "{entry}");
        assert_eq!(kept.header("content-disposition"), Some(format!("attachment; {name}").as_str()), "{entry}");
        assert_eq!(kept.header("content-security-policy").unwrap_or_default(), policy, "{entry}");
        assert!(kept.body == fs::read(media(file)).unwrap(), "{entry}: its bytes");
        let shown = fetch(&server, &raw(entry, &format!("/direct_serve/1/forceproxy/true/{file}")));
        assert_eq!(
            (shown.header("content-disposition"), shown.header("content-type")),
            (None, Some(media_type)),
            "{entry}"
        );
        assert_eq!((shown.header("etag"), shown.body == kept.body), (kept.header("etag"), true), "{entry}");
    }
}

#[test]
fn streams_are_led_to_a_good_name() {
    let server = Server::of_library();
    for (entry, rest, expected) in [
        ("0_ladder", "", "/Over_the_hills.mp4?relocate=f.mp4"),
        ("0_ladder", "/direct_serve/1", "/direct_serve/1/Over_the_hills.mp4?relocate=f.mp4"),
        (
            "0_ladder",
            "/file_name/%C3%BCber+uns/ks/a%2Fb",
            "/file_name/%C3%BCber%20uns/ks/a%2Fb/__ber_uns.mp4?relocate=f.mp4",
        ),
        ("0_tone", "", "/0_tone.mp3?relocate=f.mp3"),
    ] {
        let target = location(&server, &raw(entry, rest));
        assert_eq!(target, raw(entry, expected));
        let answer = fetch(&server, &target);
        assert_eq!(answer.header("content-disposition").is_some(), !rest.contains("direct_serve"), "{target}");
    }
    let kept = fetch(&server, &location(&server, &raw("0_ladder", "")));
    assert!(kept.body == fs::read(media("0_ladder/source.mp4")).unwrap());
    assert_eq!(kept.header("content-disposition"), Some("attachment; filename=\"Over the hills.mp4\""));
    // Nothing else is led anywhere.
    for entry in ["0_document", "0_json", "0_jpeg"] {
        fetch(&server, &raw(entry, ""));
    }
}

#[test]
fn the_file_wanted_by_its_extension() {
    let server = Server::of_library();
    let named = |target: &str| fetch(&server, target).header("content-disposition").unwrap().to_owned();
    assert_eq!(named(&raw("0_hills", "/type/download/format/MP4")), "attachment; filename=\"0_hills.MP4\"");
    assert_eq!(named(&raw("0_document", "?type=download&format=pdf")), "attachment; filename=\"0_document.pdf\"");
    assert_eq!(named(&raw("0_office", "/file_name/a.doc?relocate=f.doc")), "attachment; filename=\"a.docx\"");
    assert_eq!(named(&raw("0_jpeg", "/file_name/a.b")), "attachment; filename=\"a.b\"");
    for entry in ["0_hills", "0_document", "0_json", "0_jpeg"] {
        let target = raw(entry, "/type/download/format/xyz");
        check_error(&server, &target, (404, 6));
        let words = server.get(&target).header("kalturaraw").unwrap().to_owned();
        assert_eq!(words, "no flavor asset for extension \"xyz\"");
    }
}

#[test]
fn the_file_of_a_ladder() {
    let server = Server::of_library();
    // No flavor of it says that it is the original: the highest bitrate is.
    let best = fetch(&server, &raw("0_multi", "/forceproxy/1"));
    assert!(best.body == fs::read(media("0_multi/360p.mp4")).unwrap());
}

#[test]
fn downloads_are_led_to_a_good_name_too() {
    let server = Server::of_library();
    let download = |rest: &str| format!("/p/1/sp/100/download/entry_id/{rest}");
    for (rest, relocated, file, name) in [
        ("0_ladder", "Over_the_hills_%28Source%29.mp4", "0_ladder/source.mp4", "Over the hills (Source).mp4"),
        ("0_ladder/flavor/0_ladder_360p", "Over_the_hills.mp4", "0_ladder/360p.mp4", "Over the hills.mp4"),
        (
            "0_multi/flavor/0_multi_german",
            "Over_the_hills%2C_in_two_languages_%28Deutsch%29.m4a",
            "0_multi/german.m4a",
            "Over the hills, in two languages (Deutsch).m4a",
        ),
        ("0_jpeg/file_name/a+b", "a_b.jpg", "0_jpeg.jpg", "a b.jpg"),
        ("0_document/file_name/a.pdf", "a.pdf", "0_document.pdf", "a.pdf"),
    ] {
        let target = location(&server, &download(rest));
        assert_eq!(target, download(&format!("{}/relocate/{relocated}", rest.replace('+', "%20"))));
        let answer = fetch(&server, &target);
        assert_eq!(answer.header("content-disposition"), Some(format!("attachment; filename=\"{name}\"").as_str()));
        assert!(answer.body == fs::read(media(file)).unwrap(), "{target}");
    }
    check_error(&server, &download("0_ladder/flavor/0_multi_german"), (404, 6));
}

#[test]
fn a_flavor_for_the_web_goes_before_the_original() {
    let folder = Folder::new("web");
    let entry = folder.path().join("0_x");
    fs::create_dir_all(&entry).unwrap();
    for (sample, name) in [("0_hills.mp4", "source.mp4"), ("0_avc.mp4", "a.mp4"), ("0_one_frame.mp4", "b.mp4")] {
        fs::copy(media(sample), entry.join(name)).unwrap();
    }
    let rows =
        "[[flavors]]\nfile = \"a.mp4\"\ntags = \"web\"\n[[flavors]]\nfile = \"b.mp4\"\ntags = \"web\"\nbitrate = 1\n";
    fs::write(entry.join("entry.toml"), rows).unwrap();
    let server = Server::start(folder.path(), &[]);
    let kept = fetch(&server, "/p/1/download/entry_id/0_x/relocate/a.mp4");
    assert!(kept.body == fs::read(media("0_avc.mp4")).unwrap());
    assert!(fetch(&server, &raw("0_x", "/forceproxy/1")).body == fs::read(media("0_hills.mp4")).unwrap());
}

#[test]
fn how_long_files_are_kept() {
    let server = Server::of_library();
    let kept = |target: &str| fetch(&server, target).header("cache-control").unwrap().to_owned();
    assert_eq!(kept(&raw("0_json", "")), "public, max-age=60");
    assert_eq!(kept(&raw("0_json", "/version/7")), "public, max-age=8640000");
    assert_eq!(kept(&raw("0_document", "/version/100001")), "public, max-age=8640000");
    assert_eq!(kept("/p/1/download/entry_id/0_jpeg/relocate/a"), "public, max-age=60");
    check_error(&server, &raw("0_json", "/version/6"), (404, 5));
    check_error(&server, &raw("0_json", "/version/0123456789abcdef"), (404, 5));
    let server = Server::start(library(), &["--file-max-age", "5m"]);
    assert_eq!(fetch(&server, &raw("0_json", "")).header("cache-control"), Some("public, max-age=300"));
}

#[test]
fn who_has_it_already_is_told_so() {
    let server = Server::of_library();
    let whole = fetch(&server, &raw("0_jpeg", ""));
    let etag = whole.header("etag").unwrap();
    let again = server.ask("GET", &raw("0_jpeg", "/direct_serve/1"), &[("if-none-match", etag)]);
    assert_eq!((again.status, again.header("etag")), (304, Some(etag)));
    let part = server.ask("GET", &raw("0_jpeg", ""), &[("range", "bytes=100-199"), ("if-range", etag)]);
    assert_eq!((part.status, part.body == whole.body[100..200]), (206, true));
    assert_eq!(part.header("content-type"), Some("image/jpeg"));
    let head = server.ask("HEAD", &raw("0_jpeg", ""), &[]);
    assert_eq!((head.status, head.header("content-length")), (200, whole.header("content-length")));
    let empty = server.ask("GET", &raw("0_empty", ""), &[("range", "bytes=0-0")]);
    assert_eq!(empty.status, 416);
}

#[test]
fn what_is_not_to_be_had() {
    let server = Server::of_library();
    for (target, expected) in [
        (raw("0_draft", ""), (404, 6)),
        (raw("0_deleted", ""), (404, 1)),
        (raw("0_nobody", ""), (404, 1)),
        (raw("0_fault", ""), (404, 1)),
        (raw("0_guarded", ""), (403, 3)),
        (raw("0_guarded", "/forceproxy/true/a.css"), (403, 3)),
        ("/p/1/download/entry_id/0_guarded".to_owned(), (403, 3)),
        ("/p/1/download/entry_id/0_draft".to_owned(), (404, 6)),
        ("/p/1/serveFlavor/entryId/0_guarded/flavorId/0_guarded_source".to_owned(), (403, 3)),
        ("/p/1/serveFlavor/entryId/0_ladder/flavorId/0_multi_360p".to_owned(), (404, 6)),
        ("/p/1/serveFlavor/entryId/0_avc/flavorId/0_avc_source/clipTo/x".to_owned(), (404, 25)),
        ("/p/1/raw/".to_owned(), (404, 1)),
        (raw("..%2f0_avc.mp4", ""), (404, 1)),
        (raw("%2e%2e", "/etc/passwd"), (404, 1)),
        (raw("0_avc%252e", ""), (404, 1)),
        (raw("0_avc;.css", ""), (404, 1)),
        (raw("0_avc%3fx.js", ""), (404, 1)),
    ] {
        check_error(&server, &target, expected);
    }
    let guarded = server.get(&raw("0_guarded", "/direct_serve/1/logo.svg"));
    assert_eq!(guarded.header("cache-control"), Some("no-store"));
    for target in [raw("0_avc%00", ""), raw("0_avc", "/file_name/%ff"), raw("0_avc", "/file_name/%")] {
        assert_eq!(server.get(&target).status, 400, "{target}");
    }
    assert_eq!(server.get(&raw("0_avc", &"/a/b".repeat(300))).status, 414);
    assert_eq!(server.ask("PUT", &raw("0_avc", ""), &[]).status, 405);
}

#[test]
fn schedules_and_moderation_count_for_keeping() {
    let folder = Folder::new("keeping");
    for (name, line) in [
        ("0_late", "start_date = 99999999999"),
        ("0_pending", "moderation = \"pending\""),
        ("0_recycled", "recycled = true"),
    ] {
        folder.put("0_jpeg.jpg", &format!("{name}.jpg"));
        fs::write(folder.path().join(format!("{name}.toml")), line).unwrap();
    }
    let server = Server::start(folder.path(), &[]);
    for (name, expected) in [("0_late", (403, 2)), ("0_pending", (403, 13)), ("0_recycled", (404, 58))] {
        check_error(&server, &raw(name, ""), expected);
        check_error(&server, &format!("/p/1/download/entry_id/{name}"), expected);
    }
}

#[test]
fn names_in_urls_are_told_as_they_were() {
    let folder = Folder::new("names");
    folder.put("0_avc.mp4", "0_x.mp4");
    fs::write(folder.path().join("0_x.toml"), "name = \"Über uns\\nHügel\"").unwrap();
    let server = Server::start(folder.path(), &[]);
    let target = location(&server, "/p/1/sp/100/playManifest/entryId/0_x/format/download/protocol/http");
    assert!(target.contains("/fileName/__ber_uns_H__gel_%28Source%29.mp4/"), "{target}");
    let kept = fetch(&server, &target);
    let expected = "attachment; filename=\"_ber uns H_gel (Source).mp4\"; \
                    filename*=UTF-8''%C3%9Cber%20uns%20H%C3%BCgel%20%28Source%29.mp4";
    assert_eq!(kept.header("content-disposition"), Some(expected));
    assert_eq!(kept.header("content-type"), Some("video/mp4"));
}

#[test]
fn explain_names_what_a_clip_leaves_out() {
    let explain = |url: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vedette"));
        let output = command.arg("explain").arg("--media").arg(library()).arg(url).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let file = "/p/1/serveFlavor/entryId/0_timed_text/flavorId/0_timed_text_source";
    let text = explain(&format!("{file}/clipTo/1000"));
    assert!(text.contains("left out 0_timed_text.mp4 other 1: "), "{text}");
    assert!(!text.contains("left out 0_timed_text.mp4 v1"), "{text}");
    assert!(!explain(file).contains("left out"));
    // What it is kept under is told, sessions are not.
    assert!(explain("/p/1/raw/entry_id/0_document").contains("kept as  \"0_document.pdf\""));
    let text = explain("/p/1/raw/entry_id/0_ladder/ks/secret");
    assert!(text.starts_with("redirect ") && !text.contains("secret"), "{text}");
}

#[test]
fn a_part_of_sound_is_sound() {
    let server = Server::of_library();
    let part = fetch(&server, "/p/1/serveFlavor/entryId/0_tone_aac/flavorId/0_tone_aac_source/clipTo/1000");
    assert_eq!(part.header("content-type"), Some("audio/mp4"));
}

#[test]
fn failures_of_files_may_be_told_as_of_old() {
    let server = Server::start(library(), &["--legacy-status", "true"]);
    for (target, code) in [
        ("/p/1/raw/entry_id/0_nobody", "error-1"),
        ("/p/1/serveFlavor/entryId/0_long/flavorId/0_none/name/a.mp4", "error-6"),
        (
            "/api_v3/service/attachment_attachmentAsset/action/serve/attachmentAssetId/none",
            "error- ATTACHMENT_ASSET_ID_NOT_FOUND",
        ),
    ] {
        let answer = server.get(target);
        assert_eq!(
            (answer.status, answer.text().as_str(), answer.header("x-kaltura")),
            (200, "", Some(code)),
            "{target}"
        );
    }
    let manifest = server.get("/p/1/playManifest/entryId/0_nobody/format/applehttp/a.m3u8");
    assert_eq!(manifest.status, 404, "players know of 404 alone");
}
