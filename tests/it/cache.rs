//! Answers that are remembered: keys, conditions, ranges, and one making for many who ask.

use std::sync::Barrier;

use crate::support::{Answer, Folder, Server, soon, target};

#[test]
fn the_second_time_it_is_a_hit() {
    let server = Server::of_library();
    let path = target("0_hills", "width/320/vid_sec/2");
    let (first, second) = (server.get(&path), server.get(&path));
    assert_eq!((first.header("x-cache"), second.header("x-cache")), (Some("MISS"), Some("HIT")));
    assert!(first.body == second.body && first.header("etag") == second.header("etag"));
    assert!(second.header("cache-status").unwrap().contains("hit"));
    assert!(first.header("server-timing").unwrap().contains("decode;dur="));
}

#[test]
fn what_the_client_has_is_not_sent() {
    let server = Server::of_library();
    let path = target("0_hills", "width/320/vid_sec/2");
    let first = server.get(&path);
    let (etag, modified) = (first.header("etag").unwrap(), first.header("last-modified").unwrap());
    assert!(etag.starts_with('"'), "{etag} is strong");
    for (name, value, status) in [
        ("if-none-match", etag, 304),
        ("if-none-match", &format!("\"x\", W/{etag}"), 304),
        ("if-none-match", "*", 304),
        ("if-none-match", "\"x\"", 200),
        ("if-modified-since", modified, 304),
        ("if-modified-since", "Mon, 01 Jan 2001 00:00:00 GMT", 200),
        ("if-modified-since", "nonsense", 200),
    ] {
        let answer = server.ask("GET", &path, &[(name, value)]);
        assert_eq!(answer.status, status, "{name}: {value}");
        assert_eq!(answer.header("etag"), Some(etag), "{name}: {value}");
    }
    // The tag decides where both are given.
    let both = server.ask("GET", &path, &[("if-none-match", "\"x\""), ("if-modified-since", modified)]);
    assert_eq!(both.status, 200);
}

#[test]
fn a_condition_is_answered_before_anything_is_made() {
    let server = Server::of_library();
    let path = target("0_hills", "width/333/vid_sec/4");
    let etag = server.get(&path).header("etag").unwrap().to_owned();
    let fresh = Server::of_library();
    assert_eq!(fresh.ask("GET", &path, &[("if-none-match", &etag)]).status, 304);
    // Had it been made for that, this were a hit.
    assert_eq!(fresh.get(&path).header("x-cache"), Some("MISS"));
}

#[test]
fn head_is_get_without_the_body() {
    let server = Server::of_library();
    for path in [target("0_hills", "width/320/vid_sec/2"), target("0_nobody", "width/320")] {
        let (get, head) = (server.get(&path), server.ask("HEAD", &path, &[]));
        assert_eq!((head.status, head.header("content-length")), (get.status, get.header("content-length")), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        assert_eq!(head.header("etag"), get.header("etag"), "{path}");
    }
}

#[test]
fn single_ranges() {
    let server = Server::of_library();
    let path = target("0_hills", "width/320/vid_sec/2");
    let whole = server.get(&path);
    let length = whole.body.len();
    let last = length - 1;
    for (range, from, to) in [
        ("bytes=0-0".to_owned(), 0, 0),
        ("bytes=10-19".to_owned(), 10, 19),
        ("bytes=100-".to_owned(), 100, last),
        ("bytes=-7".to_owned(), length - 7, last),
        (format!("bytes=5-{}", length + 500), 5, last),
    ] {
        let part = server.ask("GET", &path, &[("range", &range)]);
        assert_eq!(part.status, 206, "{range}");
        assert_eq!(part.header("content-range"), Some(format!("bytes {from}-{to}/{length}").as_str()), "{range}");
        assert!(part.body == whole.body[from..=to], "{range}");
    }
    let outside = server.ask("GET", &path, &[("range", &format!("bytes={length}-"))]);
    assert_eq!((outside.status, outside.header("content-range")), (416, Some(format!("bytes */{length}").as_str())));
    for nonsense in ["bytes=9-5", "bytes=", "lines=0-1", "bytes=a-b"] {
        assert_eq!(server.ask("GET", &path, &[("range", nonsense)]).status, 200, "{nonsense}");
    }
    let stale = server.ask("GET", &path, &[("range", "bytes=0-9"), ("if-range", "\"other\"")]);
    assert_eq!((stale.status, stale.body.len()), (200, length));
    let fresh = server.ask("GET", &path, &[("range", "bytes=0-9"), ("if-range", whole.header("etag").unwrap())]);
    assert_eq!(fresh.status, 206);
}

#[test]
fn equal_requests_share_one_making() {
    const CLIENTS: usize = 200;
    let server = Server::of_library();
    let path = target("0_long", "width/320/vid_sec/9.9");
    let gate = Barrier::new(CLIENTS);
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let ask = || {
            gate.wait();
            server.get(&path)
        };
        let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(ask)).collect();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.body == answers[0].body));
    let stored = answers.iter().filter(|answer| answer.header("cache-status").unwrap().contains("stored")).count();
    assert_eq!(stored, 1, "one made it for all");
}

#[test]
fn another_file_is_another_key() {
    let folder = Folder::new("versions");
    folder.put("0_jpeg.jpg", "0_x.jpg");
    let server = Server::start(folder.path(), &[]);
    let path = target("0_x", "width/160");
    let tag = || server.get(&path).header("etag").map(str::to_owned);
    let first = tag().unwrap();
    assert_eq!(tag().as_deref(), Some(first.as_str()));
    folder.put("0_exif_1.jpg", "0_x.jpg");
    soon(|| tag().is_some_and(|tag| tag != first));
    // The old tag no longer saves anything.
    assert_eq!(server.ask("GET", &path, &[("if-none-match", &first)]).status, 200);
}

#[test]
fn sizes_of_one_frame_are_keys_of_their_own() {
    let server = Server::of_library();
    let tag = |parameters: &str| server.thumbnail("0_hills", parameters).header("etag").unwrap().to_owned();
    let same = tag("width/320/vid_sec/2");
    assert_eq!(tag("height/180/vid_sec/2"), same, "the same pixels have one key");
    assert_eq!(tag("width/320/vid_sec/2/ks/anything/name/x.jpg"), same, "what changes nothing is not in the key");
    for other in
        ["width/321/vid_sec/2", "width/320/vid_sec/3", "width/320/vid_sec/2/quality/80", "width/320/vid_sec/2/exact/0"]
    {
        assert_ne!(tag(other), same, "{other}");
    }
}

/// How many of the answers for these widths had to decode the picture.
fn decodings(server: &Server, entry: &str, widths: &[u32]) -> usize {
    let decodes = |width: &&u32| {
        let answer = server.thumbnail(entry, &format!("width/{width}"));
        let timing = answer.header("server-timing").unwrap().to_owned();
        let decode = timing.split(", ").find_map(|step| step.strip_prefix("decode;dur=")).map(str::parse::<f64>);
        decode.is_some_and(|took| took.unwrap() > 0.0)
    };
    widths.iter().filter(decodes).count()
}

#[test]
fn ten_sizes_of_a_picture_decode_once() {
    let server = Server::of_library();
    let widths = [60, 64, 100, 120, 160, 200, 300, 400, 500, 640];
    assert_eq!(decodings(&server, "0_png", &widths), 1);
    // A JPEG of 1600 pixels across is decoded at an eighth of that, a quarter, a half, or whole, each once.
    assert_eq!(decodings(&server, "0_jpeg", &[60, 100, 160, 199, 200]), 1);
    assert_eq!(decodings(&server, "0_jpeg", &[320, 400, 640, 800, 900, 1600]), 3);
}

/// What else was asked for before does not change the bytes of an answer.
#[test]
fn the_bytes_of_a_size_are_the_same_whatever_is_kept() {
    let (fresh, used) = (Server::of_library(), Server::of_library());
    for width in [1600, 800, 400] {
        used.thumbnail("0_jpeg", &format!("width/{width}"));
    }
    let (alone, after) = (fresh.thumbnail("0_jpeg", "width/100"), used.thumbnail("0_jpeg", "width/100"));
    assert!(alone.header("etag") == after.header("etag") && alone.body == after.body);
}
