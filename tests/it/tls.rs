//! Connections that nobody reads along, as curl and OpenSSL see them.

use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use vedette::deliver::Config as DeliverConfig;
use vedette::network::Network;
use vedette::server::forwarded::Proxies;
use vedette::server::{Config, House};

use crate::http::Running;
use crate::support::{Folder, Server, library, soon, target};

/// A certificate for this machine, signed by itself, and its key.
fn certificate(folder: &Path) {
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(folder.join("key.new"))
        .arg("-out")
        .arg(folder.join("cert.new"))
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success(), "openssl makes a certificate");
    for name in ["key", "cert"] {
        std::fs::rename(folder.join(format!("{name}.new")), folder.join(format!("{name}.pem"))).unwrap();
    }
}

fn config(folder: &Path) -> Config {
    Config {
        tls_certificate: Some(folder.join("cert.pem")),
        tls_key: Some(folder.join("key.pem")),
        header_timeout: Duration::from_secs(1),
        ..Config::default()
    }
}

/// What curl says of an answer under a certificate, and the answer's body; `None` where it gets none.
fn curl(folder: &Path, url: &str, arguments: &[&str]) -> Option<(String, Vec<u8>)> {
    let body = folder.join("body");
    let output = Command::new("curl")
        .args(["-s", "--max-time", "60", "-w", "%{http_code} %{http_version}", "--cacert"])
        .arg(folder.join("cert.pem"))
        .args(arguments)
        .arg("-o")
        .args([body.as_path(), Path::new(url)])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    output.status.success().then(|| (said, std::fs::read(body).unwrap()))
}

#[test]
fn the_same_bytes_over_tls() {
    let folder = Folder::new("tls");
    certificate(folder.path());
    let secure = Running::new(config(folder.path()), DeliverConfig::default());
    let clear = Running::usual();
    // A picture from memory, and a file that in the clear does not pass through memory.
    for path in [
        target("0_avc", "width/160/vid_sec/1"),
        "/p/1/sp/100/raw/entry_id/0_hills/0_hills.mp4?relocate=f.mp4".to_owned(),
    ] {
        let expected = clear.get(&path).body;
        for (argument, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
            for _ in 0..3 {
                let (said, body) =
                    curl(folder.path(), &format!("https://{}{path}", secure.address), &[argument]).unwrap();
                assert_eq!(said, format!("200 {version}"), "{path}");
                assert!(body == expected, "{path}: {} bytes for {}", body.len(), expected.len());
            }
        }
    }
    let old = curl(folder.path(), &format!("https://{}/", secure.address), &["--tls-max", "1.1"]);
    assert!(old.is_none(), "what is not safe any more is not spoken");
    let middle = curl(folder.path(), &format!("https://{}/", secure.address), &["--tls-max", "1.2"]);
    assert!(middle.is_some_and(|(said, _)| said.starts_with("404")));
}

#[test]
fn row_19_handshakes_that_do_not_end() {
    let folder = Folder::new("tls-row-19");
    certificate(folder.path());
    let running = Running::new(config(folder.path()), DeliverConfig::default());
    let begun = Instant::now();
    let silent: Vec<_> = (0..100).map(|_| running.connect()).collect();
    let mut slow = running.connect();
    slow.send_bytes(b"\x16\x03\x01\x01\x00\x01");
    let mut clear = running.connect();
    clear.send("GET / HTTP/1.1\r\nHost: test\r\n\r\n");
    let url = format!("https://{}/", running.address);
    assert!(
        curl(folder.path(), &url, &[]).is_some_and(|(said, _)| said.starts_with("404")),
        "others are served meanwhile"
    );
    assert!(!String::from_utf8_lossy(&clear.rest()).contains("HTTP"), "nothing is said in the clear");
    slow.rest();
    silent.into_iter().for_each(|client| assert_eq!(client.rest(), b""));
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    let page = running.admin("/metrics").text();
    assert!(page.contains("vedette_connections_refused_total{reason=\"tls\"} 102"), "{page}");
}

/// Records of one byte, no name of a server, a certificate that nobody gave and a wish to begin anew: an answer, or an end.
#[test]
fn row_19_records_of_a_byte_and_other_oddities() {
    let folder = Folder::new("tls-row-19-odd");
    certificate(folder.path());
    let config = Config { idle_timeout: Duration::from_secs(2), ..config(folder.path()) };
    let running = Running::new(config, DeliverConfig::default());
    let text =
        format!("GET {} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", target("0_avc", "width/160/vid_sec/1"));
    let whole = Running::usual().get(&target("0_avc", "width/160/vid_sec/1")).body;
    let mut roots = rustls::RootCertStore::empty();
    let pem = std::fs::read(folder.path().join("cert.pem")).unwrap();
    roots.add(rustls::pki_types::pem::PemObject::from_pem_slice(&pem).unwrap()).unwrap();
    for has_name in [true, false] {
        let mut tls = rustls::ClientConfig::builder().with_root_certificates(roots.clone()).with_no_client_auth();
        tls.enable_sni = has_name;
        let mut session = rustls::ClientConnection::new(tls.into(), "localhost".try_into().unwrap()).unwrap();
        let mut socket = std::net::TcpStream::connect(running.address).unwrap();
        let mut stream = rustls::Stream::new(&mut session, &mut socket);
        for byte in text.bytes() {
            stream.write_all(&[byte]).unwrap();
            stream.flush().unwrap();
        }
        let mut answer = Vec::new();
        let ended = stream.read_to_end(&mut answer);
        assert!(answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(&whole), "{ended:?}: {} bytes", answer.len());
    }
    // OpenSSL begins anew where a line is R alone.
    let mut anew = Command::new("openssl")
        .args(["s_client", "-tls1_2", "-connect", &running.address.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = anew.stdin.take().unwrap().write_all(b"R\n");
    let mut said = String::new();
    anew.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    anew.wait().unwrap();
    assert!(said.contains("no renegotiation") || said.contains("error:"), "{said}");
    let url = format!("https://{}/", running.address);
    assert!(curl(folder.path(), &url, &[]).is_some_and(|(said, _)| said.starts_with("404")), "others are served");
}

#[test]
fn row_17_who_reads_nothing_is_let_go_over_tls() {
    let folder = Folder::new("tls-row-17");
    certificate(folder.path());
    let config = Config { write_timeout: Duration::from_secs(1), ..config(folder.path()) };
    let running = Running::new(config, DeliverConfig::default());
    let path = target("0_hills", "width/1600/format/bmp/vid_sec/1");
    let (_, whole) = curl(folder.path(), &format!("https://{}{path}", running.address), &[]).unwrap();
    let mut reader = Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", &running.address.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
    let mut input = reader.stdin.take().unwrap();
    input.write_all(request.as_bytes()).unwrap();
    let open = |count: u32| running.admin("/metrics").text().contains(&format!("\nvedette_connections {count}\n"));
    soon(|| open(1));
    soon(|| open(0));
    let mut answer = Vec::new();
    reader.stdout.take().unwrap().read_to_end(&mut answer).unwrap();
    drop(input);
    reader.wait().unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 200") && answer.len() < whole.len(), "{} bytes", answer.len());
}

#[test]
fn a_drain_finishes_what_is_open_over_tls() {
    let folder = Folder::new("tls-drain");
    certificate(folder.path());
    for version in ["--http1.1", "--http2"] {
        let running = Running::new(config(folder.path()), DeliverConfig::default());
        let url = format!("https://{}{}", running.address, target("0_long", "width/320/vid_slices/40"));
        let answer = std::thread::scope(|scope| {
            let asked = scope.spawn(|| curl(folder.path(), &url, &[version]));
            soon(|| running.delivery().load().busy > 0);
            running.stop();
            asked.join().unwrap()
        });
        let (said, body) = answer.unwrap();
        assert!(said.starts_with("200") && body.starts_with(b"\xff\xd8"), "{version}: {said}");
    }
}

#[test]
fn a_proxy_says_who_it_is_before_the_handshake() {
    let folder = Folder::new("tls-proxy");
    certificate(folder.path());
    let trusted = vec![Network::parse("127.0.0.1").unwrap()];
    let proxies = Proxies { trusted, protocol: true, ..Proxies::default() };
    let running = Running::new(Config { proxies, ..config(folder.path()) }, DeliverConfig::default());
    let url = format!("https://{}/", running.address);
    assert!(curl(folder.path(), &url, &["--haproxy-protocol"]).is_some_and(|(said, _)| said == "404 2"));
    assert!(curl(folder.path(), &url, &[]).is_none());
}

#[test]
fn certificates_that_cannot_be_used() {
    let (folder, other) = (Folder::new("tls-wrong"), Folder::new("tls-other"));
    certificate(folder.path());
    certificate(other.path());
    let running = Running::usual();
    let fault = |config: Config| House::new(&config, running.delivery()).err().unwrap().to_string();
    let (cert, key) = (Some(folder.path().join("cert.pem")), Some(other.path().join("key.pem")));
    let mixed = fault(Config { tls_certificate: cert.clone(), tls_key: key, ..Config::default() });
    assert!(mixed.contains("cannot be used with"), "{mixed}");
    let missing =
        fault(Config { tls_certificate: cert.clone(), tls_key: Some("/nowhere.pem".into()), ..Config::default() });
    assert!(missing.contains("no private key can be read from /nowhere.pem"), "{missing}");
    let swapped = fault(Config { tls_certificate: cert.clone(), tls_key: cert, ..Config::default() });
    assert!(swapped.contains("no private key"), "{swapped}");
}

#[test]
fn a_new_certificate_is_used_from_the_signal_on() {
    let folder = Folder::new("tls-reload");
    certificate(folder.path());
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let arguments = ["--tls-certificate", &path("cert.pem"), "--tls-key", &path("key.pem")];
    let server = Server::start(library(), &arguments);
    let url = format!("https://{}/", server.address());
    assert!(curl(folder.path(), &url, &[]).is_some());
    certificate(folder.path());
    assert!(curl(folder.path(), &url, &[]).is_none(), "it has the old one until it is told");
    server.signal("HUP");
    soon(|| curl(folder.path(), &url, &[]).is_some());
    std::fs::write(path("key.pem"), "nothing").unwrap();
    server.signal("HUP");
    soon(|| server.metrics().contains("vedette_config_reloads_total{outcome=\"refused\"} 1"));
    assert!(curl(folder.path(), &url, &[]).is_some(), "it goes on with the last good one");
}
