//! The tables of states and rules, every endpoint, state, rule and session of them asked of a running service.

use std::fs;
use std::io::{BufReader, Write};
use std::net::TcpStream;

use vedette::access::secret::Secret;
use vedette::access::session::{Claims, Privileges, Role, v2};
use vedette::entry::PartnerId;

use crate::support::{Answer, Folder, Server, media};

const STATES: &str = include_str!("../../src/access/states.md");
const RULES: &str = include_str!("../../src/access/rules/rules.md");

/// What a sidecar says of an entry in each state.
const OF_STATE: [(&str, &str); 19] = [
    ("ready", ""),
    ("draft", "status = \"no_content\""),
    ("importing", "status = \"import\""),
    ("converting", "status = \"preconvert\""),
    ("pending", "status = \"pending\""),
    ("import failed", "status = \"error_importing\""),
    ("conversion failed", "status = \"error_converting\""),
    ("in moderation", "moderation = \"pending\""),
    ("rejected", "moderation = \"rejected\""),
    ("flagged", "moderation = \"flagged\""),
    ("blocked", "status = \"blocked\""),
    ("blocked sound", "status = \"blocked\"\ntype = \"audio\""),
    ("before its schedule", "start_date = 4000000000"),
    ("after its schedule", "end_date = 1000000000"),
    ("in its schedule", "start_date = 1000000000\nend_date = 4000000000"),
    ("recycled", "recycled = true"),
    ("deleted", "status = \"deleted\""),
    ("recycled, rejected", "recycled = true\nmoderation = \"rejected\""),
    ("deleted, recycled", "status = \"deleted\"\nrecycled = true"),
];

/// The profile of each row of rules; `None` for one that nobody knows.
const OF_RULES: [(&str, Option<&str>); 8] = [
    ("nothing", Some("")),
    ("nobody", Some("{ block = true }")),
    ("nobody, not even admins", Some("{ block = true, force_admin_validation = true }")),
    ("nobody plays or keeps", Some("{ block = true, contexts = [\"play\", \"download\"] }")),
    ("sessions alone", Some("{ block = true, condition = [{ authenticated = [\"sview\"], not = true }] }")),
    (
        "a preview but for sessions",
        Some("{ preview = \"30s\", condition = [{ authenticated = [\"sview\"], not = true }] }"),
    ),
    ("no pictures of moments", Some("{ limit_thumbnail_capture = true, contexts = \"thumbnail\" }")),
    ("a profile that nobody knows", None),
];

/// The role, the user and the privileges of each session, and what the tables call who holds it.
const SESSIONS: [(Role, &str, &str, &[&str]); 9] = [
    (Role::User, "somebody", "", &[]),
    (Role::User, "", "sview:0_other/0_", &[]),
    (Role::User, "", "list:*,download:0_other", &[]),
    (Role::User, "", "edit:x,sview:*", &["sview"]),
    (Role::User, "", "download:*", &["download"]),
    (Role::User, "", "caption:*", &["caption"]),
    (Role::User, "", "disableentitlement,*", &["sview", "download", "caption"]),
    (Role::User, "its owner", "", &["owner"]),
    (Role::Admin, "", "", &["admin"]),
];

/// The rows of a table: what each is about, and its cells.
fn rows(table: &'static str) -> Vec<(&'static str, Vec<&'static str>)> {
    let lines = table.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    let rows = lines.map(|line| line.split(" | ").collect::<Vec<_>>()).map(|cells| (cells[0], cells[1..].to_vec()));
    rows.skip(2).collect()
}

/// What a cell says to those whom the tables call so.
fn said<'a>(cell: &'a str, called: &[&str]) -> &'a str {
    let (said, exempt) = cell.split_once(" but for ").unwrap_or((cell, ""));
    if exempt.split(", ").any(|name| called.contains(&name)) { "yes" } else { said }
}

/// What is asked of an entry, in the order of the columns.
fn targets(entry: &str) -> [String; 8] {
    let api = |service: &str| format!("/api_v3/index.php/service/{service}/action/serveByEntryId/entryId/{entry}");
    let served = format!("/p/7/sp/700/serveFlavor/entryId/{entry}/flavorId/{entry}_source/name/a.mp4");
    [
        format!("/p/7/playManifest/entryId/{entry}/format/url"),
        format!("/p/7/playManifest/entryId/{entry}/format/download"),
        format!("/p/7/raw/entry_id/{entry}/forceproxy/1"),
        api("caption_captionasset"),
        served.clone(),
        format!("/hls{served}/index-v1.m3u8"),
        format!("/p/7/thumbnail/entry_id/{entry}/width/60/vid_sec/1"),
        api("thumbAsset"),
    ]
}

fn session((role, user, privileges, _): (Role, &str, &str, &[&str])) -> String {
    let claims = Claims {
        partner: PartnerId(7),
        expiry: 4_000_000_000,
        role,
        user: user.to_owned(),
        privileges: Privileges::parse(privileges),
        master_partner: None,
        data: String::new(),
    };
    v2::make(&claims, [7; 16], &Secret::new("of 7").unwrap()).unwrap()
}

/// What an answer comes to, as the tables have it.
fn found(answer: &Answer, column: usize) -> String {
    match answer.header("x-kaltura").and_then(|error| error.strip_prefix("error-")) {
        // What the API does not know has a name in place of a number.
        Some(error) if error.trim().ends_with("_NOT_FOUND") => "1".to_owned(),
        // There is nothing to be had of it, which is found out after it is let in.
        Some("6") => "yes".to_owned(),
        Some(error) => error.to_owned(),
        None if column < 2 && answer.header("location").unwrap().contains("/clipTo/30000/") => "30 s".to_owned(),
        None => "yes".to_owned(),
    }
}

/// What the tables say, as far as an answer tells it.
fn expected(of_state: &[&'static str], of_rules: &[&'static str], column: usize, called: &[&str]) -> &'static str {
    // Under rules about playing, files of what is played are had in the states in which they are played.
    let are_known = of_rules != ["3"; 8];
    let is_played = matches!(column, 4 | 5) && of_rules[0] != "yes" && are_known;
    let state = if is_played { of_state[0] } else { of_state[column] };
    let refused = said(state, called);
    let told = if refused == "yes" { said(of_rules[column], called) } else { refused };
    match (told, column) {
        ("30 s", 3) => "3",
        ("30 s", 2 | 4 | 5 | 7) => "yes",
        ("no moments", 6) => "38",
        ("no moments", _) => "yes",
        (told, _) => told,
    }
}

#[test]
fn the_tables_are_kept() {
    let folder = Folder::new("access-table");
    let (states, rules) = (rows(STATES), rows(RULES));
    assert_eq!(states.iter().map(|row| row.0).collect::<Vec<_>>(), OF_STATE.map(|row| row.0));
    assert_eq!(rules.iter().map(|row| row.0).collect::<Vec<_>>(), OF_RULES.map(|row| row.0));
    let library = folder.path().join("library");
    for (state, of_state) in OF_STATE.iter().map(|row| row.1).enumerate() {
        for rule in 0..OF_RULES.len() {
            let entry = library.join(format!("0_{state}_{rule}"));
            fs::create_dir_all(&entry).unwrap();
            for (sample, name) in
                [("180p.mp4", "source.mp4"), ("captions.en.vtt", "captions.en.vtt"), ("thumb.jpg", "thumb.jpg")]
            {
                fs::copy(media("0_ladder").join(sample), entry.join(name)).unwrap();
            }
            let sidecar = format!("partner_id = 7\nowner = \"its owner\"\naccess_control = \"{rule}\"\n{of_state}\n");
            fs::write(entry.join("entry.toml"), sidecar).unwrap();
        }
    }
    let profiles = OF_RULES
        .iter()
        .enumerate()
        .filter_map(|(at, (_, rule))| Some(format!("[[access_control]]\nname = \"{at}\"\nrule = [{}]\n", (*rule)?)));
    let settings = folder.path().join("vedette.toml");
    let partner = "[[partner]]\nid = 7\nadmin_secret = \"of 7\"\n".to_owned();
    fs::write(&settings, [partner].into_iter().chain(profiles).collect::<String>()).unwrap();
    let server = Server::start(&library, &["--config", settings.to_str().unwrap()]);

    let nobody = (String::new(), &[][..]);
    let holders = SESSIONS.iter().map(|held| (format!("x-kaltura-ks: {}\r\n", session(*held)), held.3));
    let viewers: Vec<(String, &[&str])> = [nobody].into_iter().chain(holders).collect();
    let mut line = BufReader::new(TcpStream::connect(server.url().strip_prefix("http://").unwrap()).unwrap());
    let mut cases = 0;
    for (state, (state_name, of_state)) in states.iter().enumerate() {
        for (rule, (rule_name, of_rules)) in rules.iter().enumerate() {
            for (column, target) in targets(&format!("0_{state}_{rule}")).iter().enumerate() {
                for (field, called) in &viewers {
                    let request = format!("GET {target} HTTP/1.1\r\nhost: test\r\n{field}\r\n");
                    line.get_mut().write_all(request.as_bytes()).unwrap();
                    let answer = Answer::read("GET", &mut line);
                    let what = format!("{target}: {state_name} under {rule_name} for {called:?}: {}", answer.status);
                    assert_eq!(found(&answer, column), expected(of_state, of_rules, column, called), "{what}");
                    cases += 1;
                }
            }
        }
    }
    assert_eq!(cases, 19 * 8 * 8 * 10);
}
