//! Guarded entries: who is let in by session, page, browser or signed URL, and that nobody has what was kept for another.

use std::fs;
use std::io::{BufReader, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use vedette::access::secret::Secret;
use vedette::access::session::{Claims, Privileges, Role, v2};
use vedette::access::token::with_kt;
use vedette::entry::PartnerId;

use crate::support::{Answer, Folder, Server, media, soon};

const SETTINGS: &str = r#"
segment_duration = "1s"

[url_token]
secret = "of urls"

[[partner]]
id = 101
admin_secret = "new,of 101"

[[partner]]
id = 102
admin_secret = "of 102"
thumbnail_max_age = "5m"
manifest_max_age = "7s"
thumbnail_capture = false

[[partner]]
id = 103
status = "blocked"

[[access_control]]
name = "members"
rule = [{ block = true, message = "Members only", condition = [{ authenticated = true, not = true }] }]

[[access_control]]
name = "page"
rule = [{ block = true, condition = [{ site = "example.com", not = true }] }]

[[access_control]]
name = "browser"
rule = [{ block = true, condition = [{ user_agent = "curl" }] }]

[[access_control]]
name = "preview"
rule = [{ contexts = ["play", "download"], preview = "2s", condition = [{ authenticated = true, not = true }] }]

[[access_control]]
name = "flavors"
rule = [{ contexts = ["play", "download"], limit_flavors = 7, condition = [{ authenticated = true, not = true }] }]

[[access_control]]
name = "moments"
rule = [{ contexts = "thumbnail", limit_thumbnail_capture = true, condition = [{ authenticated = true, not = true }] }]

[[access_control]]
name = "served"
rule = [
    { contexts = "play", block = true, condition = [{ authenticated = true, not = true }] },
    { contexts = "serve", block = true, condition = [{ user_agent = "curl" }] },
]
"#;

/// The entries, each under the profile of its name but one.
const ENTRIES: [&str; 8] = ["open", "members", "page", "browser", "preview", "flavors", "moments", "served"];

const FLAVORS: &str = r#"
[[flavors]]
file = "source.mp4"
params_id = 0
[[flavors]]
file = "360p.mp4"
params_id = 7
[[flavors]]
file = "180p.mp4"
params_id = 8
[[attachments]]
file = "notes.txt"
id = "notes_ENTRY"
"#;

/// A library of guarded entries, with a settings file beside it.
pub(crate) struct House {
    _folder: Folder,
    library: PathBuf,
    settings: String,
}

impl House {
    pub(crate) fn new(name: &str) -> House {
        let folder = Folder::new(&format!("guards-{name}"));
        let library = folder.path().join("library");
        for profile in ENTRIES {
            let guard = if profile == "open" { String::new() } else { format!("access_control = \"{profile}\"\n") };
            put(&library, 101, &format!("0_{profile}"), &guard);
        }
        put(&library, 101, "0_ad", "access_control = \"members\"\ntags = [\"sequence_entry\"]\n");
        put(&library, 102, "0_theirs", "");
        put(&library, 103, "0_blocked", "");
        put(&library, 101, "0_gone", "status = \"deleted\"\naccess_control = \"members\"\n");
        let settings = folder.path().join("vedette.toml");
        fs::write(&settings, SETTINGS).unwrap();
        House { library, settings: settings.to_str().unwrap().to_owned(), _folder: folder }
    }

    pub(crate) fn serve(&self, more: &[&str]) -> Server {
        self.serve_within(more, &[])
    }

    /// The same with further variables in its environment.
    pub(crate) fn serve_within(&self, more: &[&str], environment: &[(String, String)]) -> Server {
        Server::start_within(&self.library, &[&["--config", &self.settings], more].concat(), environment)
    }

    /// Puts a file of the sample library in the place of one of an entry.
    pub(crate) fn replace(&self, name: &str, sample: &str) {
        let aside = self.library.join(".aside");
        fs::copy(media(sample), &aside).unwrap();
        fs::rename(aside, self.library.join(name)).unwrap();
    }
}

pub(crate) fn put(library: &Path, partner: u32, entry: &str, guard: &str) {
    let folder = library.join(entry);
    fs::create_dir_all(&folder).unwrap();
    for file in ["source.mp4", "360p.mp4", "180p.mp4", "captions.en.vtt", "thumb.jpg"] {
        fs::copy(media("0_ladder").join(file), folder.join(file)).unwrap();
    }
    fs::write(folder.join("notes.txt"), "notes").unwrap();
    let sidecar = format!("partner_id = {partner}\nowner = \"jane\"\n{guard}{}", FLAVORS.replace("ENTRY", entry));
    fs::write(folder.join("entry.toml"), sidecar).unwrap();
}

/// A session of a partner, good until a second since 1970.
pub(crate) fn session(partner: i64, expiry: u64, role: Role, privileges: &str) -> String {
    let claims = Claims {
        partner: PartnerId(partner),
        expiry,
        role,
        user: "joe".to_owned(),
        privileges: Privileges::parse(privileges),
        master_partner: None,
        data: String::new(),
    };
    v2::make(&claims, [7; 16], &Secret::new(&format!("of {partner}")).unwrap()).unwrap()
}

pub(crate) const LATE: u64 = 4_000_000_000;

pub(crate) fn member() -> String {
    session(101, LATE, Role::User, "sview:*")
}

/// How a session is given.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Header,
    Query,
    Path,
}

/// Who asks, and what is told of it.
struct Viewer {
    name: &'static str,
    session: Option<(By, String)>,
    fields: Vec<(&'static str, &'static str)>,
}

fn viewers() -> Vec<Viewer> {
    let viewer =
        |name, session, fields: &[(&'static str, &'static str)]| Viewer { name, session, fields: fields.to_vec() };
    vec![
        viewer("nobody", None, &[]),
        viewer("member by header", Some((By::Header, member())), &[]),
        viewer("member by query", Some((By::Query, member())), &[]),
        viewer("member by path", Some((By::Path, member())), &[]),
        viewer("expired", Some((By::Header, session(101, 1, Role::User, "sview:*"))), &[]),
        viewer("of another partner", Some((By::Query, session(102, LATE, Role::Admin, "*"))), &[]),
        viewer("admin", Some((By::Header, session(101, LATE, Role::Admin, ""))), &[]),
        viewer("from the page", None, &[("referer", "https://www.example.com/watch")]),
        viewer("from another page", None, &[("referer", "https://example.com.evil.net/")]),
        viewer("curl", None, &[("user-agent", "curl/8")]),
    ]
}

/// What is asked of an entry, and whether refusals of it are 403.
pub(crate) fn targets(entry: &str) -> Vec<(String, bool)> {
    let packaged = |protocol: &str, file: &str| {
        format!("/{protocol}/p/101/sp/10100/serveFlavor/entryId/{entry}/flavorId/{entry}_360p/name/a.mp4/{file}")
    };
    let api =
        |service: &str, action: &str, rest: &str| format!("/api_v3/index.php/service/{service}/action/{action}{rest}");
    vec![
        (format!("/p/101/thumbnail/entry_id/{entry}/width/60"), false),
        (format!("/p/101/thumbnail/entry_id/{entry}/width/60/vid_sec/1"), false),
        (format!("/p/101/playManifest/entryId/{entry}/format/applehttp/a.m3u8"), false),
        (format!("/p/101/playManifest/entryId/{entry}/format/mpegdash/a.mpd"), false),
        (format!("/p/101/playManifest/entryId/{entry}/format/download/a.mp4"), false),
        (packaged("hls", "index-v1.m3u8"), false),
        (packaged("hls", "seg-1-v1.m4s"), false),
        (packaged("dash", "manifest.mpd"), false),
        (format!("/p/101/sp/10100/serveFlavor/entryId/{entry}/flavorId/{entry}_360p/name/a.mp4"), true),
        (format!("/p/101/sp/10100/raw/entry_id/{entry}/forceproxy/1"), true),
        (format!("/p/101/sp/10100/download/entry_id/{entry}/relocate/a.mp4"), true),
        (api("caption_captionasset", "serveByEntryId", &format!("/entryId/{entry}")), true),
        (api("thumbAsset", "serveByEntryId", &format!("/entryId/{entry}")), true),
        (api("attachment_attachmentAsset", "serve", &format!("/attachmentAssetId/notes_{entry}")), true),
    ]
}

/// One connection that stays open, so that answers of the current second come as they come to players.
struct Line(BufReader<TcpStream>);

impl Line {
    fn to(server: &Server) -> Line {
        let address = server.url().strip_prefix("http://").unwrap().to_owned();
        Line(BufReader::new(TcpStream::connect(address).unwrap()))
    }

    fn ask(&mut self, viewer: &Viewer, target: &str) -> Answer {
        let (mut target, mut fields) = (target.to_owned(), viewer.fields.clone());
        match &viewer.session {
            None => {}
            Some((By::Header, text)) => fields.push(("x-kaltura-ks", text)),
            Some((By::Path, text)) if target.contains("/entry") => {
                let at = target.find("/entry").unwrap();
                target.insert_str(at, &format!("/ks/{text}"));
            }
            Some((By::Path | By::Query, text)) => {
                target = format!("{target}{}ks={text}", if target.contains('?') { '&' } else { '?' });
            }
        }
        self.get(&target, &fields)
    }

    fn get(&mut self, target: &str, fields: &[(&str, &str)]) -> Answer {
        let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let request = format!("GET {target} HTTP/1.1\r\nhost: test\r\n{fields}\r\n");
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        Answer::read("GET", &mut self.0)
    }
}

/// The error that a viewer has of an entry; `None` for its answer.
fn expected(profile: &str, viewer: &str, target: &str) -> Option<u8> {
    let is_served = target.contains("/serveFlavor/");
    match (profile, viewer) {
        // Who fetches an open file is not looked at.
        ("open", "expired") if is_served => None,
        (_, "expired") => Some(31),
        ("open", _) => None,
        (_, "of another partner") => Some(32),
        (_, "admin") => None,
        ("members", name) => (!name.starts_with("member")).then_some(3),
        ("page", name) => (name != "from the page").then_some(3),
        ("browser", name) => (name == "curl").then_some(3),
        _ => unreachable!(),
    }
}

#[test]
fn nobody_has_what_was_kept_for_another() {
    let house = House::new("pairs");
    let server = house.serve(&[]);
    let viewers = viewers();
    let mut line = Line::to(&server);
    let mut refused = 0;
    for profile in ["open", "members", "page", "browser"] {
        for (target, is_file) in targets(&format!("0_{profile}")) {
            let mut check = |viewer: &Viewer, after: &str| {
                let answer = line.ask(viewer, &target);
                let what = format!("{target} for {} after {after}", viewer.name);
                let found = answer.header("x-kaltura").and_then(|error| error.strip_prefix("error-")?.parse().ok());
                assert_eq!(found, expected(profile, viewer.name, &target), "{what}: {}", answer.text());
                let kept = answer.header("cache-control").unwrap();
                let is_for_all = profile == "open" && (viewer.session.is_none() || target.contains("/serveFlavor/"));
                assert_eq!(kept.ends_with("no-store"), !is_for_all, "{what}: {kept}");
                assert!(is_for_all || !kept.contains("public"), "{what}: {kept}");
                match found {
                    Some(_) => assert_eq!(answer.status, if is_file { 403 } else { 404 }, "{what}"),
                    None => assert!(matches!(answer.status, 200 | 302), "{what}: {}", answer.status),
                }
                refused += u32::from(found.is_some());
            };
            for first in &viewers {
                for second in &viewers {
                    // What comes for the third time within a second comes from beneath hyper, if at all.
                    check(first, "nobody else");
                    check(first, first.name);
                    check(first, first.name);
                    check(second, first.name);
                }
            }
        }
    }
    assert!(refused > 5000, "{refused}");
}

/// The addresses in a playlist.
pub(crate) fn addresses(playlist: &str) -> Vec<String> {
    let lines = playlist.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_owned);
    let quoted = playlist.split("URI=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned);
    lines.chain(quoted).collect()
}

fn beside(document: &str, address: &str) -> String {
    match address.starts_with('/') {
        true => address.to_owned(),
        false => format!("{}/{address}", document.split('?').next().unwrap().rsplit_once('/').unwrap().0),
    }
}

pub(crate) fn error(answer: &Answer) -> (u16, &str) {
    (answer.status, answer.header("x-kaltura").unwrap_or_default())
}

pub(crate) fn manifest(entry: &str, rest: &str) -> String {
    format!("/p/101/playManifest/entryId/{entry}/{rest}")
}

/// The seconds that a playlist of segments lists.
pub(crate) fn seconds(playlist: &str) -> f64 {
    playlist.split("#EXTINF:").skip(1).map(|rest| rest.split(',').next().unwrap().parse::<f64>().unwrap()).sum()
}

#[test]
fn a_manifest_opens_its_segments_and_nothing_else() {
    let house = House::new("tokens");
    let server = house.serve(&[]);
    let master = |session: &str| server.get(&manifest("0_members", &format!("format/applehttp/a.m3u8?ks={session}")));
    let answer = master(&member());
    let text = answer.text();
    assert_eq!(
        text,
        master(&session(101, LATE, Role::User, "sview:0_members")).text(),
        "alike for all with equal rights"
    );
    let lists = addresses(&text);
    assert!(lists.len() >= 5 && lists.iter().all(|list| list.contains("/kt/")), "{text}");
    for list in &lists {
        let answer = server.get(list);
        assert_eq!(answer.status, 200, "{list}: {}", answer.text());
        let kept = answer.header("cache-control").unwrap();
        assert!(kept.starts_with("public, max-age="), "{list}: {kept}");
        let seconds: u32 = kept.split("max-age=").nth(1).unwrap().parse().unwrap();
        assert!(seconds <= 12 * 60 * 60, "{list}: {kept}");
        let inside = addresses(&answer.text());
        for piece in inside.iter().map(|address| beside(list, address)) {
            let answer = server.get(&piece);
            assert_eq!(answer.status, 200, "{piece}");
            assert!(answer.header("cache-control").unwrap().starts_with("public"), "{piece}");
        }
        // Without its token, with another one, for another part or another flavor, it opens nothing.
        let token = list.split("/kt/").nth(1).unwrap().split('/').next().unwrap();
        assert_eq!(error(&server.get(&list.replace(&format!("/kt/{token}"), ""))), (404, "error-3"), "{list}");
        let other = token.replace(|c: char| c == token.chars().last().unwrap(), "_");
        assert_eq!(error(&server.get(&list.replace(token, &other))), (404, "error-27"), "{list}");
        let longer = list.replace("/kt/", "/clipTo/900/kt/");
        assert_eq!(error(&server.get(&longer)), (404, "error-27"), "{longer}");
    }
    let of_flavor = lists.iter().find(|list| list.contains("_360p")).unwrap();
    assert_eq!(error(&server.get(&of_flavor.replace("_360p", "_source"))), (404, "error-27"));
    // A playlist of all that plays of the entry is more than any of its tokens is for, that of its captions as well.
    let of_captions = lists.iter().find(|list| list.contains("/captionId/")).unwrap();
    for list in [of_flavor, of_captions] {
        let (front, _) = list.split_once("/v/").unwrap();
        let (folder, _) = list.rsplit_once('/').unwrap();
        assert_eq!(error(&server.get(&format!("{front}/master.m3u8"))), (404, "error-27"), "{front}");
        let of_all = server.get(&format!("{folder}/master.m3u8"));
        assert!(of_all.status == 200 && list == of_flavor || error(&of_all) == (404, "error-27"), "{folder}");
        let files = folder.strip_prefix("/hls").unwrap().replace("/captionId/", "/flavorParamIds/0/captionId/");
        let file = server.get(&files);
        assert!(file.status == 200 && list == of_flavor || error(&file) == (403, "error-27"), "{files}");
    }
    let open = server.get(&manifest("0_open", "format/applehttp/a.m3u8")).text();
    assert!(open.contains("#EXT-X-STREAM-INF") && !open.contains("/kt/"), "{open}");
}

#[test]
fn every_way_to_play_is_sealed() {
    let house = House::new("ways");
    let server = house.serve(&[]);
    let session = member();
    for (format, is_file) in [("mpegdash", false), ("url", true), ("download", true)] {
        let answer = server.get(&manifest("0_members", &format!("format/{format}/a?ks={session}")));
        let place = answer.header("location").unwrap().to_owned();
        assert!(place.contains("/kt/"), "{place}");
        assert_eq!(server.get(&place).status, 200, "{place}");
        let token = place.split("/kt/").nth(1).unwrap().split('/').next().unwrap();
        let refused = server.get(&place.replace(&format!("/kt/{token}"), ""));
        assert_eq!(error(&refused), (if is_file { 403 } else { 404 }, "error-3"), "{place}");
    }
    // What a manifest of DASH names is beside it.
    let answer = server.get(&manifest("0_members", &format!("format/mpegdash/a?ks={session}")));
    let document = answer.header("location").unwrap();
    let text = server.get(document).text();
    let names = ["init-f1-v1.mp4", "seg-2-f3-v1.m4s", "iframe-1-f1-v1.m4s", "sub-s1.vtt"];
    assert!(text.contains("media=\"seg-$Number$-$RepresentationID$.m4s\"") && text.contains(names[3]), "{text}");
    for piece in names.map(|name| beside(document, name)) {
        let answer = server.get(&piece);
        assert_eq!(answer.status, 200, "{piece}");
        assert!(answer.header("cache-control").unwrap().starts_with("public"), "{piece}");
    }
    let json = server.get(&manifest("0_members", &format!("format/applehttp/responseFormat/json/a?ks={session}")));
    assert_eq!(json.text().matches("/kt/").count(), 3, "{}", json.text());
    // What a token cannot have looked at is looked at where it is used.
    let list = addresses(&server.get(&manifest("0_served", &format!("format/applehttp/a?ks={session}"))).text());
    let curl = server.ask("GET", &list[0], &[("user-agent", "curl/8")]);
    assert_eq!((error(&curl), curl.header("cache-control")), ((404, "error-3"), Some("private, no-store")));
    let other = server.get(&list[0]);
    assert_eq!((other.status, other.header("cache-control")), (200, Some("private, no-store")));
}

#[test]
fn a_sequence_is_as_guarded_as_its_entries() {
    let house = House::new("sequence");
    let server = house.serve(&[]);
    let target = manifest("0_open", "sequence/0_ad/format/applehttp/a.m3u8");
    assert_eq!(error(&server.get(&target)), (404, "error-3"));
    let text = server.ask("GET", &target, &[("x-kaltura-ks", &member())]).text();
    for list in addresses(&text) {
        let answer = server.get(&list);
        assert_eq!(answer.status, 200, "{list}: {}", answer.text());
        let pieces = addresses(&answer.text());
        assert!(pieces.iter().any(|piece| piece.contains("/0_ad/kt/")), "{list}: {}", answer.text());
        for piece in pieces.iter().map(|address| beside(&list, address)) {
            assert_eq!(server.get(&piece).status, 200, "{piece}");
        }
        let token = list.split("/kt/").nth(1).unwrap().split('/').next().unwrap();
        assert_eq!(error(&server.get(&list.replace(&format!("/kt/{token}"), ""))), (404, "error-3"), "{list}");
        let other = server.get(&list.replace("/sequence/0_ad/", "/sequence/0_ad,0_ad/"));
        assert_eq!(error(&other), (404, "error-27"), "{list}");
    }
}

#[test]
fn a_preview_is_all_that_is_had() {
    let house = House::new("preview");
    let server = house.serve(&[]);
    let length = |session: &str| {
        let text = server.get(&manifest("0_preview", &format!("format/applehttp/a.m3u8?ks={session}"))).text();
        let list = addresses(&text).into_iter().find(|list| list.contains("_360p")).unwrap();
        (seconds(&server.get(&list).text()), list)
    };
    let ((short, list), (long, _)) = (length(""), length(&member()));
    assert!((1.9..=2.1).contains(&short) && long > 3.9, "{short} {long}");
    assert_eq!(error(&server.get(&list.replace("/clipTo/2000", ""))), (404, "error-27"));
    assert_eq!(error(&server.get(&manifest("0_preview", "seekFrom/2000/format/applehttp/a.m3u8"))), (404, "error-3"));
    for (target, is_file) in targets("0_preview") {
        let (nobody, member) = (server.get(&target), server.ask("GET", &target, &[("x-kaltura-ks", &member())]));
        assert!(matches!(member.status, 200 | 302), "{target}");
        match target.as_str() {
            _ if target.contains("attachment") || target.contains("caption") => {
                assert_eq!(error(&nobody), (403, "error-3"), "{target}");
            }
            _ if is_file && !target.contains("thumbAsset") => {
                assert_eq!(nobody.status, 200, "{target}");
                assert!(nobody.body.len() * 10 < member.body.len() * 8, "{target}");
            }
            _ => assert_eq!(nobody.status, member.status, "{target}"),
        }
    }
}

#[test]
fn flavors_and_moments_may_be_kept_back() {
    let house = House::new("limits");
    let server = house.serve(&[]);
    let flavors = |entry: &str, session: &str| {
        let text = server.get(&manifest(entry, &format!("format/applehttp/a.m3u8?ks={session}"))).text();
        text.matches("#EXT-X-STREAM-INF").count()
    };
    assert_eq!((flavors("0_flavors", ""), flavors("0_flavors", &member())), (1, 3));
    let named = session(101, LATE, Role::User, "downloadasset:0_flavors_180p");
    assert_eq!(flavors("0_flavors", &named), 2);
    let place = |flavor: &str, file: &str| {
        format!("/hls/p/101/serveFlavor/entryId/0_flavors/flavorId/0_flavors_{flavor}/name/a.mp4/{file}")
    };
    assert_eq!(server.get(&place("360p", "seg-1-v1.m4s")).status, 200);
    assert_eq!(error(&server.get(&place("source", "seg-1-v1.m4s"))), (404, "error-3"));
    let file = server.get("/p/101/download/entry_id/0_flavors/flavor/0_flavors_source/relocate/a.mp4");
    assert_eq!(error(&file), (403, "error-3"));
    let raw = server.get("/p/101/raw/entry_id/0_flavors/forceproxy/1");
    assert!(raw.body == fs::read(media("0_ladder").join("360p.mp4")).unwrap());
    let picture = |rest: &str, session: &str| {
        let answer = server.get(&format!("/p/101/thumbnail/entry_id/0_moments/width/60{rest}?ks={session}"));
        (answer.status, answer.header("x-kaltura").unwrap_or_default().to_owned())
    };
    assert_eq!(picture("", ""), (200, String::new()));
    for rest in ["/vid_sec/1", "/vid_slices/3", "/vid_slices/3/vid_slice/1"] {
        assert_eq!(picture(rest, ""), (404, "error-38".to_owned()), "{rest}");
        assert_eq!(picture(rest, &member()).0, 200, "{rest}");
    }
}

#[test]
fn partners_have_a_word() {
    let house = House::new("partners");
    let server = house.serve(&[]);
    let kept = |target: &str| server.get(target).header("cache-control").unwrap().to_owned();
    let picture = |entry: &str, rest: &str| format!("/p/1/thumbnail/entry_id/{entry}/width/60{rest}");
    let stale = "stale-while-revalidate=86400, stale-if-error=86400";
    assert_eq!(kept(&picture("0_open", "")), format!("public, max-age=3600, {stale}"));
    assert_eq!(kept(&picture("0_theirs", "")), format!("public, max-age=300, {stale}"));
    assert_eq!(kept(&manifest("0_open", "format/applehttp")), "private, max-age=60, max-stale=0");
    assert_eq!(kept(&manifest("0_theirs", "format/url")), "private, max-age=7, max-stale=0");
    assert_eq!(error(&server.get(&picture("0_theirs", "/vid_sec/1"))), (404, "error-38"));
    for (target, _) in targets("0_blocked") {
        assert_eq!(error(&server.get(&target)), (404, "error-15"), "{target}");
    }
}

#[test]
fn signed_urls_need_no_session() {
    let house = House::new("signed");
    let server = house.serve(&[]);
    let secret = Secret::new("of urls").unwrap();
    for (target, number) in [
        (manifest("0_members", "format/url/expiry/4000000000/a.mp4"), 302),
        (manifest("0_members", "format/applehttp/a.m3u8"), 200),
        ("/p/101/thumbnail/entry_id/0_members/vid_sec/1/width/60/expiry/4000000000".to_owned(), 200),
        ("/p/101/raw/entry_id/0_members/expiry/4000000000".to_owned(), 302),
        ("/p/101/download/entry_id/0_members?flavor=0_members_360p".to_owned(), 302),
    ] {
        assert!(matches!(error(&server.get(&target)), (403 | 404, "error-3")), "{target}");
        let signed = with_kt(&target, &secret);
        let answer = server.get(&signed);
        assert_eq!(answer.status, number, "{signed}: {}", answer.text());
        assert_eq!(server.ask("HEAD", &signed, &[]).status, number, "{signed}");
        if let Some(place) = answer.header("location") {
            assert_eq!(server.get(place).status, 200, "{place}");
            let changed = place.replace("0_members_", "0_flavors_").replace("entry_id/0_members", "entry_id/0_page");
            assert!(matches!(error(&server.get(&changed)), (403, "error-27" | "error-6")), "{changed}");
        }
        let refused = server.get(&signed.replace("0_members", "0_page"));
        assert_eq!(refused.header("x-kaltura"), Some("error-27"), "{signed}");
    }
    let soon = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() + 100;
    let target = "/p/101/thumbnail/entry_id/0_members/width/60";
    let made = Command::new(env!("CARGO_BIN_EXE_vedette"))
        .args(["sign", "--secret", "of urls", "--expiry", &soon.to_string(), &format!("https://cdn.example{target}")])
        .output()
        .unwrap();
    let signed = String::from_utf8(made.stdout).unwrap();
    let answer = server.get(signed.trim_end().strip_prefix("https://cdn.example").unwrap());
    assert_eq!(answer.status, 200, "{signed}");
    let kept = answer.header("cache-control").and_then(|kept| kept.strip_prefix("public, max-age="));
    assert!(kept.is_some_and(|seconds| (60..=100).contains(&seconds.parse::<u32>().unwrap())), "{kept:?}");
    let over = with_kt(&manifest("0_members", "format/url/expiry/1000/a.mp4"), &secret);
    assert_eq!(error(&server.get(&over)), (404, "error-28"));
    let forged = with_kt(&manifest("0_members", "format/url/a.mp4"), &Secret::new("another").unwrap());
    assert_eq!(error(&server.get(&forged)), (404, "error-27"));
}

#[test]
fn what_one_may_not_know_of_is_not_there() {
    let house = House::new("unknown");
    let server = house.serve(&[]);
    for viewer in viewers() {
        let mut line = Line::to(&server);
        for ((gone, _), (never, _)) in targets("0_gone").into_iter().zip(targets("0_none")) {
            // The dialect tells of a deleted entry where its picture is asked for.
            if gone.contains("/thumbnail/") {
                continue;
            }
            let mut ask = |target: &str, entry: &str| {
                let Answer { status, mut headers, body } = line.ask(&viewer, target);
                headers.retain(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id"));
                format!("{status} {headers:?} {}", String::from_utf8_lossy(&body)).replace(entry, "0_x")
            };
            assert_eq!(ask(&gone, "0_gone"), ask(&never, "0_none"), "{gone} for {}", viewer.name);
        }
    }
}

#[test]
fn sessions_count_where_and_as_long_as_they_say() {
    let house = House::new("sessions");
    let ended = house.library.parent().unwrap().join("ended");
    fs::write(&ended, "# nobody yet\n").unwrap();
    let server = house.serve(&["--sessions-ended", ended.to_str().unwrap()]);
    let raw = "/p/101/raw/entry_id/0_members/forceproxy/1";
    let ask = |session: &str| {
        let answer = server.ask("GET", raw, &[("x-kaltura-ks", session)]);
        (answer.status, answer.header("x-kaltura").unwrap_or_default().to_owned())
    };
    let held = |privileges: &str| session(101, LATE, Role::User, &format!("sview:*,{privileges}"));
    let refused = |number: u16| (403, format!("error-{number}"));
    assert_eq!(ask(&held("iprestrict:127.0.0.1")).0, 200);
    assert_eq!(ask(&held("iprestrict:127.0.0.2")), refused(34));
    assert_eq!(ask(&held("urirestrict:/p/101/raw/*")).0, 200);
    assert_eq!(ask(&held("urirestrict:/p/102/*")), refused(7));
    assert_eq!(ask("nonsense"), refused(7));
    let limited = held("actionslimit:2");
    assert_eq!([ask(&limited).0, ask(&limited).0, ask(&limited).0], [200, 200, 403]);
    // The header goes before the URL.
    let (good, over) = (member(), session(101, 1, Role::User, "sview:*"));
    let both =
        |header: &str, url: &str| server.ask("GET", &format!("{raw}?ks={url}"), &[("x-kaltura-ks", header)]).status;
    assert_eq!((both(&good, &over), both(&over, &good)), (200, 403));
    let group = held("sessionid:night");
    assert_eq!(ask(&group).0, 200);
    fs::write(&ended, "101:night\n").unwrap();
    soon(|| ask(&group) == refused(7));
    assert_eq!(ask(&good).0, 200);
}

/// A pipe in the place of the list: whoever reads it waits for ever, as on a disk that hangs. That is one thread, which holds
/// up neither answers nor the end.
#[test]
fn row_42_a_list_of_sessions_that_cannot_be_read_holds_up_nobody() {
    let house = House::new("sessions-hang");
    let ended = house.library.parent().unwrap().join("ended");
    let pipe = ended.with_extension("pipe");
    let [list, pipe] = [&ended, &pipe].map(|path| path.to_str().unwrap());
    fs::write(list, "101:night\n").unwrap();
    let server = house.serve(&["--sessions-ended", list]);
    let raw = "/p/101/raw/entry_id/0_members/forceproxy/1";
    let ask = |session: &str| server.ask("GET", raw, &[("x-kaltura-ks", session)]).status;
    let night = session(101, LATE, Role::User, "sview:*,sessionid:night");
    assert_eq!((ask(&member()), ask(&night)), (200, 403));
    assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
    fs::rename(pipe, list).unwrap();
    // It can be opened like that where somebody waits to read.
    let flags = rustix::fs::OFlags::WRONLY | rustix::fs::OFlags::NONBLOCK;
    let open = || rustix::fs::open(list, flags, rustix::fs::Mode::empty());
    let mut held = None;
    soon(|| {
        ask(&member());
        held = open().ok();
        held.is_some()
    });
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(3) {
        assert_eq!((ask(&member()), ask(&night)), (200, 403), "the list is as it was");
    }
    assert!(server.stop());
    drop(held);
}

#[test]
fn what_is_at_hand_is_for_whom_the_session_is_for() {
    let house = House::new("holders");
    let server = house.serve(&["--proxies-trusted", "127.0.0.1"]);
    let mut line = Line::to(&server);
    let picture = "/p/101/thumbnail/entry_id/0_members/width/60";
    let [home, away] = ["192.0.2.1", "192.0.2.2"];
    for (by, way) in [(By::Header, "header"), (By::Query, "query")] {
        let mut statuses = |privileges: &str, clients: &[&str]| -> Vec<u16> {
            let session = session(101, LATE, Role::User, &format!("sview:*,list:{way},{privileges}"));
            let mut ask = |client: &str| match by {
                By::Header => line.get(picture, &[("x-forwarded-for", client), ("x-kaltura-ks", &session)]).status,
                _ => line.get(&format!("{picture}?ks={session}"), &[("x-forwarded-for", client)]).status,
            };
            clients.iter().map(|client| ask(client)).collect()
        };
        assert_eq!(statuses("edit:*", &[home, away, home, away, home]), [200; 5]);
        let expected = [200, 200, 200, 404, 200, 404, 404];
        assert_eq!(statuses("iprestrict:192.0.2.1", &[home, home, home, away, home, away, away]), expected);
        let at_most = [200, 200, 200, 200, 404, 404];
        assert_eq!(statuses("actionslimit:4", &[home, home, home, away, home, home]), at_most);
    }
    // One target, many who ask: each is answered as who they are, however often another was.
    let (member, over) = (member(), session(101, 1, Role::User, "sview:*"));
    for _ in 0..4 {
        for (fields, status) in [
            (vec![("x-kaltura-ks", member.as_str())], 200),
            (vec![], 404),
            (vec![("x-kaltura-ks", over.as_str())], 404),
            (vec![("x-kaltura-ks", "")], 404),
            (vec![("x-kaltura-ks", ""), ("x-kaltura-ks", member.as_str())], 404),
            (vec![("x-kaltura-ks", member.as_str()), ("x-kaltura-ks", over.as_str())], 200),
            (vec![("x-kaltura-ks", over.as_str()), ("x-kaltura-ks", member.as_str())], 404),
        ] {
            assert_eq!(line.get(picture, &fields).status, status, "{fields:?}");
        }
    }
}

#[test]
fn no_log_and_no_explanation_tells_a_session() {
    let house = House::new("logs");
    let session = member();
    let target = manifest("0_members", &format!("ks/{session}/format/applehttp/a.m3u8"));
    let explained = Command::new(env!("CARGO_BIN_EXE_vedette"))
        .args(["explain", &target, "--config", &house.settings, "--media", house.library.to_str().unwrap()])
        .output()
        .unwrap();
    let explained = String::from_utf8(explained.stdout).unwrap();
    assert!(explained.contains("access   by session\n") && explained.contains("/kt/***/"), "{explained}");
    assert!(!explained.contains(&session), "{explained}");

    let log = house.library.parent().unwrap().join("log");
    let mut child = Command::new(env!("CARGO_BIN_EXE_vedette"))
        .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "off", "--log-level", "trace"])
        .args(["--config", &house.settings, "--media", house.library.to_str().unwrap()])
        .stdout(Stdio::piped())
        .stderr(fs::File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    let address = line.trim().rsplit("http://").next().unwrap().to_owned();
    let get = |target: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        let fields = format!("host: test\r\nx-kaltura-ks: {session}\r\nconnection: close\r\n");
        stream.write_all(format!("GET {target} HTTP/1.1\r\n{fields}\r\n").as_bytes()).unwrap();
        Answer::read("GET", &mut BufReader::new(stream)).text()
    };
    let lists = addresses(&get(&target));
    let tokens: Vec<_> =
        lists.iter().map(|list| list.split("/kt/").nth(1).unwrap().split('/').next().unwrap()).collect();
    lists.iter().for_each(|list| _ = get(list));
    for (target, _) in targets("0_members") {
        get(&format!("{target}?ks={session}"));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let log = fs::read_to_string(&log).unwrap();
    assert!(log.contains("/kt/***/") && log.contains("ks=***"), "{log}");
    for secret in tokens.into_iter().chain([session.as_str(), "of 101", "of urls"]) {
        assert!(!log.contains(secret), "{secret} in the log");
    }
}
