//! Whose entry it is and who may have it: forged sessions and tokens, other partners' names, suffixes that tempt caches.

use vedette::access::secret::Secret;
use vedette::access::session::Role;
use vedette::access::token::with_kt;

use crate::guards::{House, LATE, addresses, error, manifest, member, session, targets};
use crate::support::{Answer, Server};

/// An answer without what tells of the moment.
fn lasting(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let mut fields = answer.headers.clone();
    fields.retain(|(name, _)| !matches!(name.as_str(), "date" | "x-request-id" | "expires" | "server-timing"));
    (answer.status, fields, answer.text())
}

fn refused(server: &Server, target: &str, session: &str) -> (u16, String) {
    let answer = server.ask("GET", target, &[("x-kaltura-ks", session)]);
    let is_echoed = session.len() > 20 && answer.text().contains(session);
    assert!(!is_echoed, "{target}: an error is no echo: {}", answer.text());
    (answer.status, answer.header("x-kaltura").unwrap_or_default().to_owned())
}

/// The partner in a URL opens nothing and hides nothing: the entry's own partner has the say, and of what one may not know
/// there is no more to learn than of what is not there.
#[test]
fn row_07_entries_under_the_name_of_another_partner() {
    let house = House::new("row-07");
    let server = house.serve(&[]);
    let theirs = session(102, LATE, Role::Admin, "*");
    for (own, _) in targets("0_members") {
        let other = own.replace("/p/101/", "/p/102/").replace("/sp/10100/", "/sp/10200/");
        for session in ["", &theirs, &member()] {
            assert_eq!(refused(&server, &other, session), refused(&server, &own, session), "{other}");
        }
        assert!((403..=404).contains(&refused(&server, &other, "").0), "{other}");
        assert_eq!(refused(&server, &other, &theirs).1, "error-32", "{other}");
    }
    for ((gone, _), (never, _)) in targets("0_gone").into_iter().zip(targets("0_none")) {
        // The dialect tells of a deleted entry where its picture is asked for.
        if gone.contains("/thumbnail/") {
            continue;
        }
        let ask = |target: &str, entry: &str| {
            let (status, fields, text) = lasting(&server.get(&target.replace("/p/101/", "/p/102/")));
            format!("{status} {fields:?} {text}").replace(entry, "0_x")
        };
        assert_eq!(ask(&gone, "0_gone"), ask(&never, "0_none"), "{gone}");
    }
}

/// Sessions that nobody made, or not for this, open nothing, whatever was done to one that is good.
#[test]
fn row_09_sessions_that_nobody_made() {
    let house = House::new("row-09");
    let server = house.serve(&[]);
    let raw = "/p/101/raw/entry_id/0_members/forceproxy/1";
    let good = member();
    assert_eq!(refused(&server, raw, &good).0, 200);
    let mut forged = vec![
        session(101, 1, Role::User, "sview:*"),
        session(102, LATE, Role::Admin, "*"),
        good.chars().rev().collect(),
        good.repeat(2),
        good.to_lowercase(),
        format!("{}.", good),
        "eyJhbGciOiJub25lIn0.eyJlbnRyeSI6IjBfbWVtYmVycyJ9.".to_owned(),
        "djJ8MTAxfA==".to_owned(),
        "djJ8MTAxfAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        "%00".to_owned(),
        "A".repeat(4000),
    ];
    forged.extend((1..good.len()).step_by(7).map(|end| good[..end].to_owned()));
    // A letter of each part changed, and two parts in each other's place.
    forged.extend((0..good.len()).step_by(5).map(|at| {
        let other = if &good[at..=at] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &good[..at], &good[at + 1..])
    }));
    let (front, back) = good.split_at(good.len() / 2);
    forged.push(format!("{back}{front}"));
    for session in forged.iter().filter(|session| **session != good) {
        let (status, error) = refused(&server, raw, session);
        assert!(status == 403 && !error.is_empty(), "{session}: {status} {error}");
    }
    assert_eq!(refused(&server, raw, &good).0, 200, "and the good one is as good as before");
}

/// What signs one URL signs no other: not when it is moved, doubled, cut or told twice.
#[test]
fn row_09_signatures_of_other_urls() {
    let house = House::new("row-09-urls");
    let server = house.serve(&[]);
    let target = "/p/101/raw/entry_id/0_members/forceproxy/1?expiry=4000000000";
    let signed = with_kt(target, &Secret::new("of urls").unwrap());
    assert_eq!(server.get(&signed).status, 200);
    let (front, kt) = signed.split_once("&kt=").unwrap();
    let path = target.split('?').next().unwrap();
    for forged in [
        format!("{path}?kt={kt}&expiry=4000000000"),
        format!("{path}/kt/{kt}?expiry=4000000000"),
        format!("{front}&kt={kt}&kt={kt}"),
        format!("{front}&x={kt}&kt={kt}"),
        format!("{front}&kt={kt}&x=1"),
        format!("{front}&kt={}", kt.to_uppercase()),
        format!("{front}&kt={}", &kt[..39]),
        format!("{front}&kt={kt}0"),
        format!("{front}&kt={{kt}}"),
        format!("{front}&kt="),
        signed.replace("4000000000", "4000000001"),
        signed.replace("0_members", "0_page"),
        signed.replace("/raw/", "/raw//"),
        signed.replace("0_members", "0%5fmembers"),
        signed.replace("/entry_id/0_members", &format!("/entry_id/0_page/x/{kt}")),
        signed.replace("/entry_id/", "/entry_id/0_page/entry_id/"),
    ] {
        let answer = server.get(&forged);
        assert_eq!(answer.status, 403, "{forged}: {}", answer.text());
        assert!(!answer.text().contains(kt), "{forged}: {}", answer.text());
    }
}

/// What a token opens is no other entry, and a browser that shows a guarded document tells nobody its URL.
#[test]
fn row_10_tokens_of_another_entry() {
    let house = House::new("row-10");
    let server = house.serve(&[]);
    let of = |entry: &str| -> Vec<String> {
        let master = server.get(&format!("{}?ks={}", manifest(entry, "format/applehttp/a.m3u8"), member()));
        addresses(&master.text())
    };
    let (members, pages) = (of("0_members"), of("0_ad"));
    for list in &members {
        let token = list.split("/kt/").nth(1).unwrap().split('/').next().unwrap();
        for other in &pages {
            let own = other.split("/kt/").nth(1).unwrap().split('/').next().unwrap();
            let crossed = other.replace(own, token);
            assert_eq!(error(&server.get(&crossed)), (404, "error-27"), "{crossed}");
        }
        // Where a token came from is no right to anything.
        let plain = list.replace(&format!("/kt/{token}"), "");
        let answer = server.ask("GET", &plain, &[("referer", &format!("https://example.com{list}"))]);
        assert_eq!(error(&answer), (404, "error-3"), "{plain}");
    }
    let library = Server::of_library();
    for entry in ["0_page", "0_drawing"] {
        let page = library.get(&format!("/p/1/raw/entry_id/{entry}/direct_serve/1/forceproxy/true?ks=x"));
        assert_eq!((page.status, page.header("referrer-policy")), (200, Some("no-referrer")), "{entry}");
    }
}

/// A private answer is private whatever its URL ends in.
#[test]
fn row_13_private_answers_that_look_public() {
    let house = House::new("row-13");
    let server = house.serve(&[]);
    let member = member();
    let suffixes = ["", "/private.css", ";x.js", "/a.css", "%3f.css", "%23.js", "/x/y.png", "/.ico", "?a=/b.css"];
    let mut given = 0;
    for target in [
        "/p/101/thumbnail/entry_id/0_members/width/60",
        "/p/101/playManifest/entryId/0_members/format/applehttp",
        "/p/101/raw/entry_id/0_members/forceproxy/true",
        "/p/101/sp/10100/serveFlavor/entryId/0_members/flavorId/0_members_360p/name/a.mp4",
    ] {
        for url in suffixes.map(|suffix| format!("{target}{suffix}")) {
            let open = server.get(&url);
            assert!(open.status >= 400, "{url}: {}", open.status);
            let answer = server.ask("GET", &url, &[("x-kaltura-ks", &member)]);
            let kept = answer.header("cache-control").unwrap_or_default();
            // What is wrong with a URL is the same for everybody.
            let is_for_all = answer.status >= 400 && lasting(&answer) == lasting(&open);
            assert!(kept == "private, no-store" || is_for_all, "{url}: {} {kept}", answer.status);
            given += u32::from(answer.status < 400);
        }
    }
    assert!(given >= 20, "{given} were given");
}
