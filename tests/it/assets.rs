//! Files that the API hands out: attachments, captions, thumb assets, data and documents.

use std::fs;

use serde_json::Value;

use crate::support::{Answer, Folder, Server, media, number, soon};

/// The URL of an action of the API.
fn api(service: &str, action: &str, rest: &str) -> String {
    format!("/api_v3/index.php/service/{service}/action/{action}{rest}")
}

fn attachment(rest: &str) -> String {
    api("attachment_attachmentAsset", "serve", rest)
}

fn caption(action: &str, rest: &str) -> String {
    api("caption_captionAsset", action, rest)
}

fn thumb(action: &str, rest: &str) -> String {
    api("thumbAsset", action, rest)
}

#[track_caller]
fn fetch(server: &Server, target: &str) -> Answer {
    let answer = server.get(target);
    assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{target}");
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"), "{target}");
    answer
}

/// An error of the API by its status and name.
#[track_caller]
fn check_error(server: &Server, target: &str, status: u16, name: &str) {
    let answer = server.get(target);
    let found = (answer.status, answer.header("x-kaltura").unwrap_or_default());
    assert_eq!(found, (status, format!("error- {name}").as_str()), "{target}: {}", answer.text());
    let words = answer.header("x-kaltura-app").unwrap_or_default();
    assert!(words.starts_with(&format!("exiting on error {name} - ")), "{target}: {words}");
}

#[test]
fn attachments_are_kept_unless_they_are_to_be_shown() {
    let server = Server::of_library();
    let odd = "attachment; filename=\"_ber _uns_ 100_.pdf\"; filename*=UTF-8''%C3%9Cber%20%22uns%22%20100%25.pdf";
    for (id, file, media_type, disposition) in [
        ("notes", "notes.txt", "text/plain; charset=utf-8", "attachment; filename=\"notes.txt\""),
        ("0_assets_-ber--uns--100-", "Über \"uns\" 100%.pdf", "application/pdf", odd),
        (
            "0_assets_--",
            "日本.svg",
            "image/svg+xml",
            "attachment; filename=\"__.svg\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.svg",
        ),
    ] {
        let kept = fetch(&server, &attachment(&format!("/attachmentAssetId/{id}")));
        assert!(kept.body == fs::read(media("0_assets/attachments").join(file)).unwrap(), "{id}");
        assert_eq!(
            (kept.header("content-type"), kept.header("content-disposition")),
            (Some(media_type), Some(disposition))
        );
        assert_eq!(kept.header("content-security-policy").is_some(), file.ends_with("svg"), "{id}");
        for option in ["?serveOptions[download]=false", "/serveOptions%3Adownload/0"] {
            let shown = fetch(&server, &attachment(&format!("/attachmentAssetId/{id}{option}")));
            assert_eq!((shown.header("content-disposition"), shown.header("content-type")), (None, Some(media_type)));
        }
    }
    let kept = |rest: &str| fetch(&server, &attachment(rest)).header("cache-control").unwrap().to_owned();
    assert_eq!(kept("/attachmentAssetId/notes"), "public, max-age=60");
    assert_eq!(kept("/attachmentAssetId/notes/v/3"), "public, max-age=8640000");
    check_error(&server, &attachment("/attachmentAssetId/nope"), 404, "ATTACHMENT_ASSET_ID_NOT_FOUND");
    // What is of another kind is not there.
    check_error(&server, &attachment("/attachmentAssetId/1_captions"), 404, "ATTACHMENT_ASSET_ID_NOT_FOUND");
    check_error(&server, &attachment("/attachmentAssetId/..%2f..%2fx"), 404, "ATTACHMENT_ASSET_ID_NOT_FOUND");
    check_error(&server, &attachment(""), 404, "MISSING_MANDATORY_PARAMETER");
}

#[test]
fn captions_as_they_are_stored() {
    let server = Server::of_library();
    for (id, file, media_type) in [
        ("0_assets_captions.en", "captions.en.vtt", "text/vtt; charset=utf-8"),
        ("1_captions", "captions.de.srt", "application/x-subrip"),
        ("0_assets_captions", "captions.dfxp", "application/ttml+xml"),
        ("0_assets_scc", "captions.scc", "text/plain; charset=utf-8"),
    ] {
        for front in ["/api_v3/index.php/service", "/api_v3/service"] {
            let target = format!("{front}/caption_captionasset/action/serve/captionAssetId/{id}");
            let answer = fetch(&server, &target);
            assert_eq!((answer.header("content-type"), answer.header("content-disposition")), (Some(media_type), None));
            assert!(answer.body == fs::read(media("0_assets").join(file)).unwrap(), "{target}");
        }
    }
    let default = fetch(&server, &caption("serveByEntryId", "/entryId/0_assets"));
    assert_eq!(default.header("content-type"), Some("application/x-subrip"));
    let first = fetch(&server, &caption("serveByEntryId", "/entryId/0_bumper"));
    assert_eq!(first.header("content-type"), Some("text/vtt; charset=utf-8"));
    let by_profile = fetch(&server, &caption("serveByEntryId", "/entryId/0_assets/captionParamId/7"));
    assert_eq!(by_profile.header("content-type"), Some("application/ttml+xml"));
    check_error(
        &server,
        &caption("serveByEntryId", "/entryId/0_assets/captionParamId/8"),
        404,
        "CAPTION_ASSET_ID_NOT_FOUND",
    );
    check_error(&server, &caption("serveByEntryId", "/entryId/0_avc"), 404, "CAPTION_ASSET_ID_NOT_FOUND");
    check_error(&server, &caption("serveByEntryId", "/entryId/0_nobody"), 404, "ENTRY_ID_NOT_FOUND");
    check_error(&server, &caption("serve", "/captionAssetId/0_assets_thumb"), 404, "CAPTION_ASSET_ID_NOT_FOUND");
}

/// The cues that an answer in JSON tells: times in milliseconds, and the text.
fn cues(answer: &Answer) -> Vec<(i64, i64, String)> {
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let value: Value = serde_json::from_slice(&answer.body).unwrap();
    let cue = |cue: &Value| {
        let text = cue["content"][0]["text"].as_str().unwrap().to_owned();
        (cue["startTime"].as_i64().unwrap(), cue["endTime"].as_i64().unwrap(), text)
    };
    value["objects"].as_array().unwrap().iter().map(cue).collect()
}

#[test]
fn captions_as_json() {
    let server = Server::of_library();
    let told = |id: &str| cues(&fetch(&server, &caption("serveAsJson", &format!("/captionAssetId/{id}"))));
    let expected = [(200, 800, "One word"), (500, 2600, "Tom & Jerry"), (2000, 3000, "Ende")];
    let expected = expected.map(|(start, end, text)| (start, end, text.to_owned()));
    assert_eq!(told("0_assets_captions.en"), expected);
    assert_eq!(told("1_captions"), [(0, 1500, "Sie können\ngehen.".to_owned())]);
    assert_eq!(told("0_assets_captions"), [(0, 1000, "Bonjour".to_owned())]);
    let foreign = caption("serveAsJson", "/captionAssetId/0_assets_scc");
    check_error(&server, &foreign, 404, "CAPTION_ASSET_PARSING_FAILED");
}

/// The lines with times of a WebVTT file.
fn timings(text: &str) -> Vec<String> {
    text.lines().filter(|line| line.contains("-->")).map(str::to_owned).collect()
}

#[test]
fn segments_of_captions() {
    let server = Server::of_library();
    let list = caption("serveWebVTT", "/captionAssetId/0_assets_captions.en/segmentDuration/2/a.m3u8");
    let answer = fetch(&server, &list);
    assert_eq!(answer.header("content-type"), Some("application/x-mpegurl"));
    let expected = "#EXTM3U\r\n#EXT-X-TARGETDURATION:2\r\n#EXT-X-VERSION:3\r\n#EXT-X-MEDIA-SEQUENCE:1\r\n\
                    #EXT-X-PLAYLIST-TYPE:VOD\r\n#EXTINF:2.0,\r\nsegmentIndex/1.vtt\r\n#EXTINF:1.0,\r\nsegmentIndex/2.vtt\r\n\
                    #EXT-X-ENDLIST\r\n";
    assert_eq!(answer.text(), expected);
    let first = fetch(&server, &list.replace("a.m3u8", "segmentIndex/1.vtt"));
    assert_eq!(first.header("content-type"), Some("text/vtt; charset=utf-8"));
    let expected = "WEBVTT\n\n00:00:00.200 --> 00:00:00.800 align:start\nOne <b>word</b>\n\n\
                    00:00:00.500 --> 00:00:02.600\nTom &amp; Jerry\n";
    assert_eq!(first.text(), expected);
    let moved = fetch(&server, &list.replace("a.m3u8", "segmentIndex/2/localTimestamp/90000"));
    assert!(
        moved.text().starts_with("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:900000,LOCAL:00:01:30.000\n\n"),
        "{}",
        moved.text()
    );
    let usual = fetch(&server, &list.replace("a.m3u8", "segmentIndex/2/localTimestamp/10000"));
    assert!(!usual.text().contains("X-TIMESTAMP-MAP"));
    let whole = fetch(&server, &list.replace("a.m3u8", "segmentIndex/-1"));
    assert_eq!(timings(&whole.text()).len(), 3);
    let behind = fetch(&server, &list.replace("a.m3u8", "segmentIndex/2147483647"));
    assert_eq!(behind.text(), "WEBVTT\n");
    check_error(
        &server,
        &caption("serveWebVTT", "/captionAssetId/0_assets_scc/segmentIndex/1"),
        404,
        "CAPTION_ASSET_PARSING_FAILED",
    );
}

#[test]
fn every_cue_is_in_each_segment_that_it_is_shown_in() {
    let server = Server::of_library();
    for (id, last) in [("0_assets_captions.en", 3), ("0_multi_captions.de", 24)] {
        let all = cues(&fetch(&server, &caption("serveAsJson", &format!("/captionAssetId/{id}"))));
        for seconds in [1, 2, 5, 30] {
            for index in 1..=(last / seconds + 1) {
                let target = format!("/captionAssetId/{id}/segmentDuration/{seconds}/segmentIndex/{index}");
                let found = timings(&fetch(&server, &caption("serveWebVTT", &target)).text()).len();
                let (from, to) = ((index - 1) * seconds * 1000, index * seconds * 1000);
                let shown = all.iter().filter(|(start, end, _)| *start < to && *end > from).count();
                assert_eq!(found, shown, "{target}");
            }
        }
    }
}

#[test]
fn a_playlist_is_where_its_names_lead_somewhere() {
    let server = Server::of_library();
    let expected = "/api_v3/index.php/service/caption_captionasset/action/serveWebVTT/captionAssetId/1_captions";
    for (target, rest) in [
        (caption("serveWebVTT", "/captionAssetId/1_captions"), "/segmentDuration/30/a.m3u8"),
        (caption("serveWebVTT", "/captionAssetId/1_captions/segmentIndex/0"), "/segmentDuration/30/a.m3u8"),
        (caption("serveWebVTT", "/captionAssetId/1_captions/a.m3u8?segmentDuration=7"), "/segmentDuration/7/a.m3u8"),
        (
            "/api_v3/?service=caption_captionAsset&action=serveWebVTT&captionAssetId=1_captions&ks=a%2Fb".to_owned(),
            "/ks/a%2Fb/segmentDuration/30/a.m3u8",
        ),
    ] {
        let answer = server.get(&target);
        assert_eq!(
            (answer.status, answer.header("location")),
            (302, Some(format!("{expected}{rest}").as_str())),
            "{target}"
        );
        let list = fetch(&server, answer.header("location").unwrap()).text();
        let name = list.lines().find(|line| line.ends_with(".vtt")).unwrap();
        let (folder, _) = answer.header("location").unwrap().rsplit_once('/').unwrap();
        assert!(fetch(&server, &format!("{folder}/{name}")).text().contains("Sie können"));
    }
}

#[test]
fn thumb_assets_and_what_is_made_of_them() {
    let server = Server::of_library();
    let stored = fetch(&server, &thumb("serve", "/partnerId/1/thumbAssetId/1_square/version/2"));
    assert!(stored.body == fs::read(media("0_assets/thumb-square.png")).unwrap());
    assert_eq!((stored.header("content-type"), stored.header("content-disposition")), (Some("image/png"), None));
    let default = fetch(&server, &thumb("serveByEntryId", "/entryId/0_assets"));
    assert_eq!(number(&default.picture()), Some(1011));
    let by_profile = fetch(&server, &thumb("serveByEntryId", "/entryId/0_assets/thumbParamId/9"));
    assert_eq!(number(&by_profile.picture()), Some(1012));
    for (rest, size, shown) in [
        ("/thumbAssetId/1_square?thumbParams[width]=180", (180, 180), "image/png"),
        ("/thumbAssetId/1_square/thumbParams:width/180/thumbParams:format/jpg", (180, 180), "image/jpeg"),
        ("/thumbAssetId/0_assets_thumb/thumbParams:width/320", (320, 180), "image/jpeg"),
        ("/thumbAssetId/0_assets_thumb/thumbParams:quality/30", (640, 360), "image/jpeg"),
        (
            "/thumbAssetId/0_assets_thumb?thumbParams[width]=320&thumbParams[height]=320&thumbParams[cropType]=5",
            (320, 320),
            "image/jpeg",
        ),
    ] {
        let answer = fetch(&server, &thumb("serve", rest));
        let picture = answer.picture();
        assert_eq!((picture.dimensions(), answer.header("content-type")), (size, Some(shown)), "{rest}");
        assert_eq!(number(&picture), Some(if rest.contains("square") { 1012 } else { 1011 }), "{rest}");
    }
    let padded = "/thumbAssetId/0_assets_thumb?thumbParams[width]=90&thumbParams[height]=90&thumbParams[cropType]=2\
                  &thumbParams[backgroundColor]=ff0000&thumbParams[format]=png";
    let padded = fetch(&server, &thumb("serve", padded)).picture();
    assert_eq!((padded.dimensions(), padded.get_pixel(45, 2).0), ((90, 90), [255, 0, 0, 255]));
    let part = "/thumbAssetId/0_assets_thumb?thumbParams[cropX]=0&thumbParams[cropY]=0&thumbParams[cropWidth]=320&thumbParams[cropHeight]=200";
    assert_eq!(fetch(&server, &thumb("serve", part)).picture().dimensions(), (320, 200));
    let kept = |rest: &str| fetch(&server, &thumb("serve", rest)).header("content-disposition").map(str::to_owned);
    assert_eq!(kept("/thumbAssetId/1_square?options[download]=1").unwrap(), "attachment; filename=\"1_square.png\"");
    let resized = "/thumbAssetId/1_square?options[download]=true&thumbParams[width]=9&thumbParams[format]=jpg";
    assert_eq!(kept(resized).unwrap(), "attachment; filename=\"1_square.jpg\"");
    assert_eq!(kept("/thumbAssetId/1_square?options[download]=false"), None);
    check_error(&server, &thumb("serve", "/thumbAssetId/0_assets_square"), 404, "THUMB_ASSET_ID_NOT_FOUND");
    check_error(&server, &thumb("serveByEntryId", "/entryId/0_avc"), 404, "THUMB_ASSET_ID_NOT_FOUND");
    for bad in ["thumbParams[backgroundColor]=red", "thumbParams[format]=exe"] {
        let answer = server.get(&thumb("serve", &format!("/thumbAssetId/1_square?{bad}")));
        assert_eq!((answer.status, answer.header("x-kaltura")), (404, Some("error-25")), "{bad}");
    }
}

#[test]
fn data_and_documents() {
    let server = Server::of_library();
    let data = fetch(&server, &api("data", "serve", "/entryId/0_json/forceProxy/1"));
    assert!(data.body == fs::read(media("0_json.json")).unwrap());
    assert_eq!(data.header("content-disposition"), Some("attachment; filename=\"0_json\""));
    for service in ["document_documents", "documents", "document"] {
        let document = fetch(&server, &api(service, "serve", "/entryId/0_document/flavorAssetId/0_document_source"));
        assert_eq!(document.header("content-type"), Some("application/pdf"));
        assert_eq!(document.header("content-disposition"), Some("attachment; filename=\"0_document.pdf\""));
    }
    let same = fetch(&server, "/p/1/raw/entry_id/0_document");
    assert_eq!(same.header("etag"), fetch(&server, &api("document", "serve", "/entryId/0_document")).header("etag"));
    let named = fetch(&server, "/api_v3/index.php?service=data&action=serve&entryId=0_json");
    assert!(named.body == data.body);
    let other = server.get(&api("data", "serve", "/entryId/0_json/version/6"));
    assert_eq!((other.status, other.header("x-kaltura")), (404, Some("error-5")));
    check_error(&server, &api("data", "serve", "/entryId/0_jpeg"), 404, "ENTRY_ID_NOT_FOUND");
    check_error(&server, &api("document", "serve", "/entryId/0_json"), 404, "ENTRY_ID_NOT_FOUND");
    let foreign = api("document", "serve", "/entryId/0_document/flavorAssetId/0_x");
    check_error(&server, &foreign, 404, "FLAVOR_ASSET_ID_NOT_FOUND");
    check_error(&server, &api("media", "get", "/entryId/0_json"), 404, "SERVICE_DOES_NOT_EXISTS");
    check_error(&server, &api("data", "add", ""), 404, "ACTION_DOES_NOT_EXISTS");
    check_error(&server, "/api_v3", 404, "SERVICE_DOES_NOT_EXISTS");
}

/// A library of an entry with captions, an attachment and a picture, of which `line` says more.
fn guarded(name: &str, line: &str) -> Folder {
    let folder = Folder::new(name);
    let entry = folder.path().join("0_x");
    fs::create_dir_all(entry.join("attachments")).unwrap();
    fs::copy(media("0_one_frame.mp4"), entry.join("source.mp4")).unwrap();
    fs::copy(media("0_assets/thumb.jpg"), entry.join("thumb.jpg")).unwrap();
    fs::write(entry.join("a.en.vtt"), "WEBVTT\n\n00:00.000 --> 00:01.000\na\n").unwrap();
    fs::write(entry.join("attachments/b.txt"), "b").unwrap();
    fs::write(entry.join("entry.toml"), line).unwrap();
    folder
}

const OF_AN_ASSET: [(&str, &str, &str, &str); 4] = [
    ("attachment_attachmentAsset", "serve", "/attachmentAssetId/0_x_b", "ATTACHMENT_ASSET_ID_NOT_FOUND"),
    ("caption_captionAsset", "serve", "/captionAssetId/0_x_a.en", "CAPTION_ASSET_ID_NOT_FOUND"),
    ("caption_captionAsset", "serveAsJson", "/captionAssetId/0_x_a.en", "CAPTION_ASSET_ID_NOT_FOUND"),
    ("thumbAsset", "serve", "/thumbAssetId/0_x_thumb", "THUMB_ASSET_ID_NOT_FOUND"),
];

#[test]
fn rules_hold_for_all_that_belongs_to_an_entry() {
    let folder = guarded("rules", "access_control = \"members\"");
    let server = Server::start(folder.path(), &[]);
    let by_entry =
        [("caption_captionAsset", "serveByEntryId", "/entryId/0_x"), ("thumbAsset", "serveByEntryId", "/entryId/0_x")];
    let by_asset = OF_AN_ASSET.iter().map(|(service, action, rest, _)| (*service, *action, *rest));
    for (service, action, rest) in by_asset.chain(by_entry) {
        let answer = server.get(&api(service, action, rest));
        assert_eq!((answer.status, answer.header("x-kaltura")), (403, Some("error-3")), "{service} {action}");
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
}

#[test]
fn what_belongs_to_a_deleted_entry_is_not_there() {
    let folder = guarded("deleted", "status = \"deleted\"");
    let server = Server::start(folder.path(), &[]);
    for (service, action, rest, name) in OF_AN_ASSET {
        check_error(&server, &api(service, action, rest), 404, name);
        let (there, not) =
            (server.get(&api(service, action, rest)), server.get(&api(service, action, &rest.replace("0_x", "0_y"))));
        assert_eq!(there.text().replace("0_x", "0_y"), not.text(), "{service} {action}");
    }
    check_error(&server, &caption("serveByEntryId", "/entryId/0_x"), 404, "ENTRY_ID_NOT_FOUND");
}

#[test]
fn moderation_does_not_matter_to_pictures() {
    let folder = guarded("moderated", "moderation = \"rejected\"\nend_date = 1");
    let server = Server::start(folder.path(), &[]);
    for (service, action, rest, _) in OF_AN_ASSET {
        let answer = server.get(&api(service, action, rest));
        let expected = if service == "thumbAsset" { (200, None) } else { (403, Some("error-13")) };
        assert_eq!((answer.status, answer.header("x-kaltura")), expected, "{service} {action}");
    }
}

#[test]
fn names_of_their_own_lead_to_their_entries() {
    let folder = guarded("owners", "[[captions]]\nfile = \"a.en.vtt\"\nid = \"1_first\"");
    let server = Server::start(folder.path(), &[]);
    fetch(&server, &caption("serve", "/captionAssetId/1_first"));
    check_error(&server, &caption("serve", "/captionAssetId/1_second"), 404, "CAPTION_ASSET_ID_NOT_FOUND");
    // The name that it would have had is not its name any more.
    check_error(&server, &caption("serve", "/captionAssetId/0_x_a.en"), 404, "CAPTION_ASSET_ID_NOT_FOUND");
    fs::write(folder.path().join("0_x/entry.toml"), "[[captions]]\nfile = \"a.en.vtt\"\nid = \"1_second\"").unwrap();
    soon(|| server.get(&caption("serve", "/captionAssetId/1_second")).status == 200);
    check_error(&server, &caption("serve", "/captionAssetId/1_first"), 404, "CAPTION_ASSET_ID_NOT_FOUND");
}

#[test]
fn captions_that_nobody_meant_well() {
    let folder = guarded("hostile", "");
    let file = folder.path().join("0_x/a.en.vtt");
    let server = Server::start(folder.path(), &[]);
    let json = caption("serveAsJson", "/captionAssetId/0_x_a.en");
    let mut wide = vec![0xff, 0xfe];
    wide.extend("WEBVTT\n\n00:00.000 --> 00:01.000\nü\n".encode_utf16().flat_map(u16::to_le_bytes));
    let zero = b"WEBVTT\n\n00:00.000 --> 00:01.000\na\0b --> c\n\n00:02.000 --> 00:01.000\nback\n".to_vec();
    let turned = "WEBVTT\n\n00:00.000 --> 00:01.000\n\u{202e}a\u{2028}\"\\\n".as_bytes().to_vec();
    for (text, expected) in [(wide, vec!["ü"]), (zero, vec![]), (turned, vec!["\u{202e}a\u{2028}\"\\"])] {
        fs::write(&file, text).unwrap();
        soon(|| {
            let answer = server.get(&json);
            let texts: Vec<_> = cues(&answer).into_iter().map(|(_, _, text)| text).collect();
            texts == expected
        });
    }
    let line = "\n00:00.000 --> 00:01.000\na\n";
    fs::write(&file, format!("WEBVTT\n{}", line.repeat((1 << 20) / line.len() + 1))).unwrap();
    soon(|| server.get(&json).status == 404);
    check_error(&server, &json, 404, "CAPTION_ASSET_FILE_NOT_FOUND");
    check_error(
        &server,
        &caption("serveWebVTT", "/captionAssetId/0_x_a.en/segmentIndex/1"),
        404,
        "CAPTION_ASSET_FILE_NOT_FOUND",
    );
    // The file itself is handed out whatever is in it.
    assert!(fetch(&server, &caption("serve", "/captionAssetId/0_x_a.en")).body.len() > 1 << 20);
}
