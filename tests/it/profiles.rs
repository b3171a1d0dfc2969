//! Profiles that a library itself defines: they guard its entries as those of the settings do, and change while it is served.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::far::Far;
use crate::guards::{addresses, error, manifest, member, put, seconds, targets};
use crate::s3;
use crate::support::{Answer, Folder, Server, media, soon, target};

const SETTINGS: &str = "segment_duration = '1s'\n[[partner]]\nid = 101\nadmin_secret = 'of 101'\n";

const MEMBERS: &str = "[[access_control]]\nname = 'members'\n\
    rule = [{ block = true, message = 'Members only', condition = [{ authenticated = true, not = true }] }]\n";

const OTHERS: &str = r#"
[[access_control]]
name = "preview"
rule = [{ contexts = ["play", "download"], preview = "2s", condition = [{ authenticated = true, not = true }] }]

[[access_control]]
name = "flavors"
rule = [{ contexts = "play", limit_flavors = 7, condition = [{ site = "example.com", not = true }] }]

[[access_control]]
name = "moments"
rule = [{ contexts = "thumbnail", limit_thumbnail_capture = true }]

[[access_control]]
name = "old"
restriction = [{ session = true }]

[[access_control]]
name = "old-pictures"
restrict_thumbnails = true
restriction = [{ session = true }]
"#;

/// A library that defines profiles, with settings beside it.
struct House {
    folder: Folder,
}

impl House {
    fn new(name: &str, rules: &str, settings: &str, entries: &[(&str, &str)]) -> House {
        let house = House { folder: Folder::new(&format!("profiles-{name}")) };
        fs::create_dir_all(house.library()).unwrap();
        for (entry, profile) in entries {
            put(&house.library(), 101, entry, &format!("access_control = \"{profile}\"\n"));
        }
        fs::write(house.folder.path().join("vedette.toml"), settings).unwrap();
        house.define(rules);
        house
    }

    fn library(&self) -> PathBuf {
        self.folder.path().join("library")
    }

    fn settings(&self) -> String {
        self.folder.path().join("vedette.toml").to_str().unwrap().to_owned()
    }

    /// Puts other profiles in the place of those that there are.
    fn define(&self, rules: &str) {
        fs::write(self.library().join(".new"), rules).unwrap();
        fs::rename(self.library().join(".new"), self.library().join("access_control.toml")).unwrap();
    }

    fn serve(&self) -> Server {
        Server::start(&self.library(), &["--config", &self.settings(), "--catalog-ttl", "50ms"])
    }

    /// What a command prints, and whether it is content.
    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let (library, settings) = (self.library(), self.settings());
        let more = ["--media", library.to_str().unwrap(), "--config", &settings];
        let output = Command::new(env!("CARGO_BIN_EXE_vedette")).args([arguments, &more].concat()).output().unwrap();
        (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
    }
}

fn as_member(server: &Server, target: &str) -> Answer {
    server.ask("GET", target, &[("x-kaltura-ks", &member())])
}

#[test]
fn a_library_guards_its_entries() {
    let profiles = ["members", "preview", "flavors", "moments", "old", "old-pictures"];
    let entries = profiles.map(|profile| format!("0_{profile}"));
    let entries: Vec<_> = entries.iter().map(String::as_str).zip(profiles).collect();
    let house = House::new("guards", &format!("{MEMBERS}{OTHERS}"), SETTINGS, &entries);
    put(&house.library(), 101, "0_open", "");
    let server = house.serve();
    for (target, is_file) in targets("0_members") {
        let nobody = server.get(&target);
        assert_eq!(error(&nobody), (if is_file { 403 } else { 404 }, "error-3"), "{target}");
        assert_eq!(nobody.header("x-kaltura-message"), Some("Members only"), "{target}");
        let member = as_member(&server, &target);
        assert!(matches!(member.status, 200 | 302), "{target}: {}", member.text());
        assert_eq!(member.header("cache-control"), Some("private, no-store"), "{target}");
        assert_eq!(error(&server.get(&target)).1, "error-3", "{target}: nobody has what was kept for a member");
    }
    for (target, _) in targets("0_open") {
        assert!(matches!(server.get(&target).status, 200 | 302), "{target}");
    }
    // Manifests hold tokens, which open the rest.
    let text = as_member(&server, &manifest("0_members", "format/applehttp/a.m3u8")).text();
    let list = addresses(&text).into_iter().find(|list| list.contains("_360p")).unwrap();
    assert!(list.contains("/kt/") && server.get(&list).status == 200, "{list}");
    let lists = |entry: &str| addresses(&server.get(&manifest(entry, "format/applehttp/a.m3u8")).text());
    let short = lists("0_preview").into_iter().find(|list| list.contains("_360p")).unwrap();
    let length = seconds(&server.get(&short).text());
    assert!((1.9..=2.1).contains(&length), "{length}");
    let count = |fields: &[(&str, &str)]| {
        let text = server.ask("GET", &manifest("0_flavors", "format/applehttp/a.m3u8"), fields).text();
        text.matches("#EXT-X-STREAM-INF").count()
    };
    assert_eq!((count(&[]), count(&[("referer", "https://example.com/")])), (1, 3));
    let picture = |entry: &str, rest: &str| error(&server.get(&target(entry, rest))).1.to_owned();
    assert_eq!(
        (picture("0_moments", "width/60").as_str(), picture("0_moments", "width/60/vid_sec/1").as_str()),
        ("", "error-38")
    );
    for (entry, of_picture) in [("0_old", ""), ("0_old-pictures", "error-3")] {
        let played = server.get(&manifest(entry, "format/applehttp/a.m3u8"));
        assert_eq!((error(&played).1, picture(entry, "width/60").as_str()), ("error-3", of_picture), "{entry}");
        assert_eq!(as_member(&server, &manifest(entry, "format/applehttp/a.m3u8")).status, 200, "{entry}");
    }
}

#[test]
fn settings_have_the_last_word() {
    let settings = format!("{SETTINGS}[[access_control]]\nname = 'both'\n");
    let both = MEMBERS.replace("members", "both");
    let entries = [("0_both", "both"), ("0_members", "members"), ("0_lost", "lost")];
    let house = House::new("settings", &format!("{MEMBERS}{both}"), &settings, &entries);
    let server = house.serve();
    let refused = |entry: &str| error(&server.get(&target(entry, "width/60"))).1.to_owned();
    assert_eq!(["0_both", "0_members", "0_lost"].map(refused), ["", "error-3", "error-3"]);
    for (entry, told) in [
        ("0_both", "access   entry 0_both is under the profile \"both\" of the settings\n"),
        ("0_members", "access   entry 0_members is under the profile \"members\" of the library\n"),
        ("0_lost", "access   entry 0_lost is under the profile \"lost\" that nobody knows\n"),
    ] {
        let (_, found) = house.run(&["explain", &target(entry, "width/60")]);
        assert!(found.contains(told), "{found}");
    }
    // What the settings say no more is the library's to say.
    fs::write(house.settings(), SETTINGS).unwrap();
    server.signal("HUP");
    soon(|| refused("0_both") == "error-3");
}

#[test]
fn profiles_change_while_they_are_served() {
    let open = "[[access_control]]\nname = 'members'\n";
    let house = House::new("change", open, SETTINGS, &[("0_a", "members")]);
    let server = house.serve();
    let all: Vec<String> = targets("0_a").into_iter().map(|(target, _)| target).collect();
    // Each several times, so that some come from wherever answers are kept.
    let is_open = || all.iter().all(|target| (0..4).all(|_| matches!(server.get(target).status, 200 | 302)));
    let is_shut = || all.iter().all(|target| (0..4).all(|_| error(&server.get(target)).1 == "error-3"));
    let for_members = || all.iter().all(|target| matches!(as_member(&server, target).status, 200 | 302));
    assert!(is_open());
    for shut in
        [MEMBERS, "", "[[access_control]]\nname = 'members'\ncolour = 1\n", "[[access_control]]\nname = 'others'\n"]
    {
        house.define(shut);
        soon(is_shut);
        assert!(is_shut() && for_members() == (shut == MEMBERS), "{shut}");
        house.define(open);
        soon(is_open);
    }
    fs::remove_file(house.library().join("access_control.toml")).unwrap();
    soon(is_shut);
    house.define(MEMBERS);
    soon(for_members);
    assert!(is_shut());
}

#[test]
fn faults_of_profiles_are_told_and_hurt_nobody_else() {
    let rules = format!(
        "{MEMBERS}rule = 3\n[[access_control]]\nname = 'others'\nrule = [{{ preview = '1.5s' }}]\ncolour = 1\n"
    );
    let settings =
        format!("{SETTINGS}[[access_control]]\nname = 'ours'\nrule = [{{ contexts = 'serve', block = true }}]\n");
    let entries = [("0_members", "members"), ("0_others", "others"), ("0_ours", "ours")];
    let house = House::new("faults", &rules, &settings, &entries);
    put(&house.library(), 101, "0_open", "");
    let log = house.folder.path().join("log");
    let arguments = ["--config", &house.settings(), "--catalog-ttl", "0"];
    let server = Server::logging(&log, &house.library(), &arguments);
    for _ in 0..3 {
        for (entry, expected) in [("0_members", "error-3"), ("0_others", "error-3"), ("0_ours", ""), ("0_open", "")] {
            assert_eq!(error(&server.get(&target(entry, "width/60"))).1, expected, "{entry}");
        }
    }
    let faults = [
        "access_control.toml:4: duplicate key",
        "access_control.toml:7: preview \"1.5s\" is not allowed, expected a duration in whole seconds such as 30s",
        "access_control.toml:8: there is no colour here, expected name, restrict_thumbnails, restriction, rule",
    ];
    let told = fs::read_to_string(&log).unwrap();
    let (is_well, checked) = house.run(&["check-config"]);
    assert!(!is_well);
    for fault in faults {
        assert_eq!(told.matches(fault).count(), 1, "{fault}, once: {told}");
        assert!(checked.contains(&format!("vedette: {fault}")), "{checked}");
    }
    house.define(MEMBERS);
    let (is_well, checked) = house.run(&["check-config"]);
    assert!(is_well, "{checked}");
}

#[test]
fn nobody_is_sent_them() {
    let house = House::new("sent", MEMBERS, SETTINGS, &[]);
    fs::write(house.library().join("0_named.toml"), "[[attachments]]\nfile = 'access_control.toml'\nid = 'it'")
        .unwrap();
    let server = house.serve();
    let (mut asked, absent) = (0, |answer: &Answer| answer.status == 404 && !answer.text().contains("Members only"));
    for entry in ["access_control", "access_control.toml", "0_named"] {
        for (target, _) in targets(entry) {
            let answer = server.get(&target);
            assert!(absent(&answer), "{target}: {} {}", answer.status, answer.text());
            asked += 1;
        }
    }
    assert_eq!(asked, 42);
    let attachment = "/api_v3/index.php/service/attachment_attachmentAsset/action/serve/attachmentAssetId/it";
    assert!(absent(&server.get(attachment)));
    // What is called alike is an entry like others.
    fs::copy(media("0_hills.mp4"), house.library().join("access_control.mp4")).unwrap();
    soon(|| server.get(&target("access_control", "width/60")).status == 200);
    let raw = server.get("/p/1/raw/entry_id/access_control/forceproxy/1");
    assert!(raw.body == fs::read(media("0_hills.mp4")).unwrap());
}

const ELSEWHERE: [(&str, &str); 3] = [
    ("0_a.toml", "access_control = 'members'\npartner_id = 101"),
    ("access_control.toml", MEMBERS),
    ("0_b.toml", "name = 'b'"),
];

/// What changes at the library's place is seen: `define` puts other profiles there.
fn check_elsewhere(server: &Server, define: &dyn Fn(&str)) {
    let path = target("0_a", "width/60/vid_sec/1");
    assert_eq!(error(&server.get(&path)), (404, "error-3"));
    assert_eq!(as_member(server, &path).status, 200);
    define("[[access_control]]\nname = 'members'\n");
    soon(|| server.get(&path).status == 200);
    define(MEMBERS);
    soon(|| error(&server.get(&path)).1 == "error-3");
    define("[[access_control]]\nname = 'members'\nrule = 3\n");
    soon(|| error(&as_member(server, &path)).1 == "error-3");
    define(MEMBERS);
    soon(|| as_member(server, &path).status == 200);
    assert_eq!(error(&server.get(&path)).1, "error-3");
    assert_eq!(server.get(&target("0_b", "width/60/vid_sec/1")).status, 200);
    assert_eq!(server.get("/p/1/raw/entry_id/access_control/forceproxy/1").status, 404);
}

#[test]
fn libraries_elsewhere_define_them_too() {
    let folder = Folder::new("profiles-elsewhere");
    let settings = folder.path().join("vedette.toml");
    fs::write(&settings, SETTINGS).unwrap();
    let arguments = ["--config", settings.to_str().unwrap(), "--catalog-ttl", "50ms"];
    let film = fs::read(media("0_hills.mp4")).unwrap();
    let far = Far::start();
    let put = |name: &str, bytes: &[u8]| far.put(&format!("lib/{name}"), bytes);
    ["0_a.mp4", "0_b.mp4"].iter().for_each(|name| put(name, &film));
    ELSEWHERE.iter().for_each(|(name, text)| put(name, text.as_bytes()));
    let server = Server::start(Path::new(&far.url("lib")), &arguments);
    check_elsewhere(&server, &|rules| put("access_control.toml", rules.as_bytes()));

    let store = s3::Server::start("it-profiles");
    fs::create_dir_all(store.file("lib")).unwrap();
    let put = |name: &str, bytes: &[u8]| fs::write(store.file(&format!("lib/{name}")), bytes).unwrap();
    ["0_a.mp4", "0_b.mp4"].iter().for_each(|name| put(name, &film));
    ELSEWHERE.iter().for_each(|(name, text)| put(name, text.as_bytes()));
    let server = Server::start_within(Path::new("s3://bucket/lib"), &arguments, &store.environment());
    check_elsewhere(&server, &|rules| put("access_control.toml", rules.as_bytes()));
}
