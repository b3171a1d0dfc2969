//! Proxies before the service: who is believed what it says of its client, and who is not.

use std::time::{Duration, Instant};

use vedette::deliver::Config as DeliverConfig;
use vedette::network::Network;
use vedette::server::forwarded::{Header, Proxies};
use vedette::server::{Config, Site};

use crate::http::{Running, request};
use crate::support::{Folder, Server, library, soon, target};

fn running(trusted: &str, protocol: bool) -> Running {
    let proxies = Proxies { trusted: vec![Network::parse(trusted).unwrap()], header: Header::XForwardedFor, protocol };
    let site = Site { hosts: vec!["cdn.example.com".to_owned()], ..Site::default() };
    let config = Config { proxies, site, header_timeout: Duration::from_secs(1), ..Config::default() };
    Running::new(config, DeliverConfig::default())
}

/// What the URLs of a redirect begin with.
#[track_caller]
fn base(running: &Running, path: &str, fields: &str) -> String {
    let answer = running.connect().ask("GET", path, fields);
    let location = answer.header("location").unwrap_or_else(|| panic!("{path}: {}", answer.text()));
    location.split_once("/p/0/").map_or(String::new(), |(base, _)| base.to_owned())
}

const MANIFEST: &str = "/p/1/sp/100/playManifest/entryId/0_hills/format/url";

#[test]
fn rows_11_and_12_hosts_and_schemes_are_those_of_who_is_trusted() {
    let said = "X-Forwarded-Host: cdn.example.com\r\nX-Forwarded-Proto: https\r\n";
    let believing = running("127.0.0.0/8", false);
    assert_eq!(base(&believing, MANIFEST, said), "https://cdn.example.com");
    assert_eq!(base(&believing, &format!("{MANIFEST}/protocol/http"), said), "http://cdn.example.com");
    assert_eq!(base(&believing, MANIFEST, &said.replace("cdn.", "evil.")), "");
    assert_eq!(base(&believing, MANIFEST, ""), "");
    let strict = running("10.0.0.0/8", false);
    assert_eq!(base(&strict, MANIFEST, said), "");
    // A field that nobody is to be believed changes nothing at all.
    let picture = target("0_avc", "width/160/vid_sec/1");
    let plain = strict.get(&picture);
    let odd = "X-Forwarded-For: 1.2.3.4\r\nX-Original-URL: /evil\r\nX-Forwarded-Host: evil\r\nForwarded: host=evil\r\n";
    let told = strict.connect().ask("GET", &picture, odd);
    assert!(plain.status == 200 && told.body == plain.body && told.header("etag") == plain.header("etag"));
    assert!(told.headers.iter().all(|(_, value)| !value.contains("evil")));
}

/// A header of version 2 for a client over IPv4.
fn binary() -> Vec<u8> {
    let addresses = [[192, 0, 2, 1].as_slice(), &[127, 0, 0, 1], &56324_u16.to_be_bytes(), &80_u16.to_be_bytes()];
    [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c".as_slice(), &addresses.concat()].concat()
}

#[test]
fn the_proxy_protocol_goes_before_requests_on_every_way_through() {
    let running = running("127.0.0.1", true);
    let path = target("0_avc", "width/160/vid_sec/1");
    let film = "/p/1/sp/100/raw/entry_id/0_avc/0_avc.mp4?relocate=f.mp4";
    let text = b"PROXY TCP4 192.0.2.1 127.0.0.1 56324 80\r\n";
    let mut bodies = Vec::new();
    for header in [text.as_slice(), &binary(), b"PROXY UNKNOWN\r\n"] {
        let mut client = running.connect();
        // All that comes in one piece, and what is at hand later.
        client.send_bytes(&[header, request("GET", &path, "").as_bytes()].concat());
        bodies.push(client.read("GET").body);
        bodies.extend((0..3).map(|_| client.ask("GET", &path, "").body));
        assert_eq!(client.ask("GET", film, "Range: bytes=0-9\r\n").status, 206);
        let mut slow = running.connect();
        for piece in header.chunks(7) {
            slow.send_bytes(piece);
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(slow.ask("GET", &path, "").status, 200);
    }
    assert!(bodies.iter().all(|body| !body.is_empty() && *body == bodies[0]));
}

#[test]
fn what_is_no_header_of_the_proxy_protocol_ends_the_connection() {
    let running = running("127.0.0.1", true);
    for bytes in [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".as_slice(), &[b"PROXY ".as_slice(), &[b'x'; 5000]].concat()] {
        let mut client = running.connect();
        client.send_bytes(bytes);
        assert_eq!(client.rest(), b"");
    }
    let begun = Instant::now();
    let mut slow = running.connect();
    slow.send("PROXY TCP4 ");
    assert_eq!(slow.rest(), b"");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn nobody_else_speaks_for_clients() {
    for running in [running("10.0.0.0/8", true), running("127.0.0.1", false)] {
        let mut client = running.connect();
        client.send("PROXY TCP4 192.0.2.1 127.0.0.1 56324 80\r\n");
        assert!(client.ask("GET", "/", "").status == 400, "it is no request either");
        assert_eq!(running.get(&target("0_avc", "width/160/vid_sec/1")).status, 200);
    }
}

/// A server whose entries are for some, by settings of access.
fn guarded(name: &str, rule: &str, arguments: &[&str]) -> (Folder, Server) {
    let folder = Folder::new(name);
    let file = folder.path().join("vedette.toml");
    let partner = "[[partner]]\nid = 0\naccess_control = 'home'\n";
    std::fs::write(&file, format!("{partner}[[access_control]]\nname = 'home'\n{rule}")).unwrap();
    let server = Server::start(library(), &[&["--config", file.to_str().unwrap()], arguments].concat());
    (folder, server)
}

#[test]
fn rules_by_address_see_the_client_behind_trusted_proxies() {
    let rule =
        "[[access_control.rule]]\nblock = true\n[[access_control.rule.condition]]\nip = '10.0.0.0/8'\nnot = true\n";
    let path = target("0_avc", "width/160/vid_sec/1");
    let (_folder, believing) = guarded("address", rule, &["--proxies-trusted", "127.0.0.1,192.0.2.9"]);
    let (_folder, strict) = guarded("address-strict", rule, &[]);
    let status = |server: &Server, via: &str| server.ask("GET", &path, &[("X-Forwarded-For", via)]).status;
    // Twice: what one client was answered is nobody else's answer.
    for _ in 0..2 {
        assert_eq!(status(&believing, "10.1.2.3"), 200);
        assert_eq!(status(&believing, "10.1.2.3, 192.0.2.9"), 200);
        assert_eq!(status(&believing, "10.1.2.3, 192.0.2.1"), 404);
        assert_eq!(status(&believing, "10.1.2.3, unknown"), 404);
        assert_eq!(believing.get(&path).status, 404);
        assert_eq!(status(&strict, "10.1.2.3"), 404);
    }
}

/// A database in which every address of IPv4 is in Germany.
fn germany() -> Vec<u8> {
    let text = |value: &str| [&[0x40 | u8::try_from(value.len()).unwrap()], value.as_bytes()].concat();
    let data = [vec![0xe1], text("country"), vec![0xe1], text("iso_code"), text("DE")].concat();
    let metadata = [
        [vec![0xe9], text("node_count"), vec![0xc1, 1]].concat(),
        [text("record_size"), vec![0xa1, 24]].concat(),
        [text("ip_version"), vec![0xa1, 4]].concat(),
        [text("database_type"), text("Test")].concat(),
        [text("languages"), vec![0, 4]].concat(),
        [text("binary_format_major_version"), vec![0xa1, 2]].concat(),
        [text("binary_format_minor_version"), vec![0xa0]].concat(),
        [text("build_epoch"), vec![1, 2, 1]].concat(),
        [text("description"), vec![0xe0]].concat(),
    ];
    [&[0, 0, 17, 0, 0, 17], &[0; 16][..], &data, b"\xab\xcd\xefMaxMind.com", &metadata.concat()].concat()
}

#[test]
fn rules_by_country_hold_where_the_country_is_known() {
    let folder = Folder::new("countries");
    let file = folder.path().join("countries.mmdb");
    std::fs::write(&file, germany()).unwrap();
    let rule = "[[access_control.rule]]\nblock = true\n[[access_control.rule.condition]]\ncountry = 'DE'\n";
    let path = target("0_avc", "width/160/vid_sec/1");
    let (_settings, unknowing) = guarded("country-none", rule, &[]);
    assert_eq!(unknowing.get(&path).status, 200);
    let arguments = ["--countries", file.to_str().unwrap(), "--proxies-trusted", "127.0.0.1"];
    let (_settings, knowing) = guarded("country", rule, &arguments);
    assert_eq!(knowing.get(&path).status, 404);
    assert_eq!(
        knowing.ask("GET", &path, &[("X-Forwarded-For", "2001:db8::1")]).status,
        200,
        "nobody knows where that is"
    );
    let elsewhere = germany().windows(2).position(|bytes| bytes == b"DE").unwrap();
    let mut austria = germany();
    austria[elsewhere..elsewhere + 2].copy_from_slice(b"AT");
    std::fs::write(folder.path().join("new"), austria).unwrap();
    std::fs::rename(folder.path().join("new"), &file).unwrap();
    assert_eq!(knowing.get(&path).status, 404, "it is read again when that is asked for");
    knowing.signal("HUP");
    soon(|| knowing.get(&path).status == 200);
    let broken = folder.path().join("broken.mmdb");
    std::fs::write(&broken, "nothing").unwrap();
    let refused = std::process::Command::new(env!("CARGO_BIN_EXE_vedette"))
        .args(["serve", "--listen", "127.0.0.1:0", "--admin-listen", "off", "--media"])
        .arg(library())
        .arg("--countries")
        .arg(&broken)
        .output()
        .unwrap();
    assert!(
        !refused.status.success() && String::from_utf8_lossy(&refused.stderr).contains("is no database of MaxMind's")
    );
}
