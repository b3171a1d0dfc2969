//! What is declared stale: by whom, under which names, and what becomes of it.

use crate::support::{Answer, Folder, Server, target};

/// A library of one entry of partner 12, which is looked at again after an hour.
struct Shelf {
    folder: Folder,
    server: Server,
}

impl Shelf {
    fn new(name: &str, more: &[&str]) -> Shelf {
        let folder = Folder::new(name);
        folder.put("0_long.mp4", "0_film.mp4");
        std::fs::write(folder.path().join("0_film.toml"), "partner_id = 12").unwrap();
        let server = Server::start(folder.path(), &[&["--catalog-ttl", "1h"], more].concat());
        Shelf { folder, server }
    }

    fn picture(&self) -> Answer {
        self.server.thumbnail("0_film", "vid_sec/1")
    }
}

fn is_made(answer: &Answer) -> bool {
    answer.header("cache-status").unwrap().contains("fwd=miss")
}

#[test]
fn a_replaced_file_shows_once_it_is_purged() {
    let shelf = Shelf::new("purge-replaced", &[]);
    let before = shelf.picture();
    let orders: [(&str, &[(&str, &str)]); 7] = [
        ("/purge?entry=0_film", &[]),
        ("/purge?partner=12", &[]),
        ("/purge?tag=entry_0_film", &[]),
        ("/purge", &[("surrogate-key", "entry_0_other entry_0_film")]),
        ("/purge", &[("cache-tag", "p_12,p_13")]),
        ("/purge?url=https://cdn.example.com/p/1/thumbnail/entry_id/0_film/width/10", &[]),
        ("/purge?all=true", &[]),
    ];
    let mut last = before;
    for (number, (order, fields)) in orders.into_iter().enumerate() {
        shelf.folder.put(if number % 2 == 0 { "0_hills.mp4" } else { "0_long.mp4" }, "0_film.mp4");
        assert!(shelf.picture().body == last.body, "{order}: nobody has looked");
        let answer = shelf.server.admin("POST", order, fields);
        assert_eq!((answer.status, answer.text().as_str()), (200, "purged\n"), "{order}");
        let next = shelf.picture();
        assert!(next.body != last.body, "{order} {fields:?}: it shows");
        last = next;
    }
}

#[test]
fn what_is_purged_is_made_anew_and_nothing_else_is() {
    let shelf = Shelf::new("purge-anew", &[]);
    shelf.folder.put("0_hills.mp4", "0_other.mp4");
    let other = || shelf.server.thumbnail("0_other", "vid_sec/1");
    assert!(is_made(&shelf.picture()) && is_made(&other()));
    assert!(!is_made(&shelf.picture()) && !is_made(&other()));
    let before = shelf.picture();
    shelf.server.admin("POST", "/purge?entry=0_film", &[]);
    let after = shelf.picture();
    assert!(is_made(&after) && !is_made(&other()));
    assert_eq!((before.header("etag"), &before.body), (after.header("etag"), &after.body), "it is the same as it was");
    shelf.server.admin("POST", "/purge?partner=12", &[]);
    assert!(is_made(&shelf.picture()) && !is_made(&other()));
    shelf.server.admin("POST", "/purge?all=1", &[]);
    assert!(is_made(&shelf.picture()) && is_made(&other()));
}

#[test]
fn what_came_since_is_found_once_it_is_purged() {
    let shelf = Shelf::new("purge-absent", &[]);
    assert_eq!(shelf.server.get(&target("0_new", "vid_sec/1")).status, 404);
    shelf.folder.put("0_hills.mp4", "0_new.mp4");
    shelf.server.admin("POST", "/purge?entry=0_new", &[]);
    shelf.server.thumbnail("0_new", "vid_sec/1");
}

#[test]
fn orders_that_name_nothing_are_refused() {
    let shelf = Shelf::new("purge-nothing", &[]);
    for order in ["/purge", "/purge?entry=", "/purge?tag=x", "/purge?url=/etc", "/purge?id=0_film"] {
        let answer = shelf.server.admin("POST", order, &[]);
        assert_eq!(answer.status, 400, "{order}: {}", answer.text());
    }
    assert_eq!(shelf.server.admin("GET", "/purge?all=1", &[]).status, 404);
    assert_eq!(shelf.server.ask("POST", "/purge?all=1", &[]).status, 404, "not where everybody asks");
}

#[test]
fn purge_takes_a_token() {
    let secrets = Folder::new("purge-token");
    let file = secrets.path().join("token");
    std::fs::write(&file, "a token of many bytes\n").unwrap();
    let shelf = Shelf::new("purge-method", &["--purge-token-file", file.to_str().unwrap()]);
    let before = shelf.picture();
    shelf.folder.put("0_hills.mp4", "0_film.mp4");
    let url = target("0_film", "vid_sec/1");
    for given in [None, Some("Bearer a token of many byte"), Some("Bearer "), Some("Basic a token of many bytes")] {
        let fields: Vec<_> = given.map(|given| ("authorization", given)).into_iter().collect();
        let answer = shelf.server.ask("PURGE", &url, &fields);
        assert_eq!((answer.status, answer.header("www-authenticate")), (401, Some("Bearer")), "{given:?}");
    }
    assert!(shelf.picture().body == before.body);
    let right = [("authorization", "bearer a token of many bytes")];
    assert_eq!(shelf.server.ask("PURGE", "/elsewhere", &right).status, 400);
    assert_eq!(shelf.server.ask("PURGE", &url, &right).status, 200);
    assert!(shelf.picture().body != before.body);
    let near = Shelf::new("purge-near", &["--purge-from", "127.0.0.0/8", "--proxies-trusted", "127.0.0.1"]);
    assert_eq!(
        near.server.ask("PURGE", &url, &[("x-forwarded-for", "192.0.2.1")]).status,
        401,
        "it is the client that counts"
    );
    assert_eq!(near.server.ask("PURGE", &url, &[]).status, 200);
    let closed = Shelf::new("purge-closed", &[]);
    assert_eq!(closed.server.ask("PURGE", &url, &right).status, 405, "nobody may where there is no token");
}

#[test]
fn answers_carry_the_tags_of_what_they_are_about() {
    let shelf = Shelf::new("purge-tags", &[]);
    let picture = shelf.picture();
    let etag = picture.header("etag").unwrap();
    let file = "/p/1/raw/entry_id/0_film/direct_serve/1/forceproxy/true/a.mp4";
    let answers = [
        shelf.server.ask("GET", &target("0_film", "vid_sec/1"), &[("if-none-match", etag)]),
        shelf.server.ask("GET", file, &[("range", "bytes=0-9")]),
        shelf.server.get("/p/1/playManifest/entryId/0_film/format/applehttp/a.m3u8"),
        shelf.server.get("/hls/p/1/serveFlavor/entryId/0_film/flavorId/0_film_source/seg-1-v1.m4s"),
        picture,
    ];
    assert_eq!(answers.each_ref().map(|answer| answer.status), [304, 206, 200, 200, 200]);
    for answer in answers {
        assert_eq!(answer.header("surrogate-key"), Some("entry_0_film p_12"));
        assert_eq!(answer.header("cache-tag"), Some("entry_0_film,p_12"));
    }
}
