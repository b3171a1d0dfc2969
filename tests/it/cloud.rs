//! Real servers that speak as Azure's and Google's object stores do, where `tests/clouds/install.sh` has installed them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The account of Azurite and its key, which everybody knows.
const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'.').remove(b'_').remove(b'-');

/// What a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Azurite, Microsoft's own.
    Azure,
    /// fake-gcs-server. It has no credentials, takes no heed of `If-Match`, and lists all that it has whatever it is asked.
    Google,
}

/// A server with one empty bucket, until it is dropped.
pub(crate) struct Cloud {
    kind: Kind,
    child: Child,
    address: SocketAddr,
}

impl Cloud {
    /// One of each kind that is installed.
    pub(crate) fn all() -> impl Iterator<Item = Cloud> {
        [Kind::Azure, Kind::Google].into_iter().filter_map(Cloud::start)
    }

    /// A server of this kind. Where it is not installed this says so, or fails where `VEDETTE_CLOUDS=required` promises it.
    pub(crate) fn start(kind: Kind) -> Option<Cloud> {
        let program = kind.program();
        if !program.is_file() {
            let said = format!("{} is missing: `tests/clouds/install.sh` installs it", program.display());
            assert!(std::env::var("VEDETTE_CLOUDS").as_deref() != Ok("required"), "{said}");
            eprintln!("LEFT OUT: {said}");
            return None;
        }
        let cloud = match kind {
            Kind::Azure => azurite(&program),
            Kind::Google => fake_gcs(&program),
        };
        match kind {
            Kind::Azure => {
                let target = format!("/{ACCOUNT}/bucket?restype=container&{}", signature("rwdlac"));
                cloud.ask("PUT", &target, &[], b"");
            }
            Kind::Google => {
                let json = ["content-type: application/json"];
                cloud.ask("POST", "/storage/v1/b?project=test", &json, br#"{"name":"bucket"}"#);
            }
        }
        Some(cloud)
    }

    pub(crate) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Azure => "in Azure's store",
            Kind::Google => "in Google's store",
        }
    }

    /// What lies beneath `prefix`, as settings name it.
    pub(crate) fn url(&self, prefix: &str) -> String {
        let scheme = match self.kind {
            Kind::Azure => "az",
            Kind::Google => "gs",
        };
        format!("{scheme}://bucket/{prefix}")
    }

    /// The variables by which its tools would find it.
    pub(crate) fn environment(&self) -> Vec<(String, String)> {
        match self.kind {
            Kind::Azure => self.azure(("AZURE_STORAGE_KEY", KEY)),
            Kind::Google => {
                vec![("STORAGE_EMULATOR_HOST".to_owned(), self.address.to_string())]
            }
        }
    }

    /// The same for those who may read, and not list names: of Azure's kind alone.
    pub(crate) fn environment_to_read(&self) -> Vec<(String, String)> {
        assert_eq!(self.kind, Kind::Azure);
        self.azure(("AZURE_STORAGE_SAS_TOKEN", &signature("r")))
    }

    fn azure(&self, (name, value): (&str, &str)) -> Vec<(String, String)> {
        let endpoint = format!("http://{}/{ACCOUNT}/", self.address);
        let pairs = [("AZURE_STORAGE_ACCOUNT", ACCOUNT), ("AZURE_STORAGE_ENDPOINT", endpoint.as_str()), (name, value)];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    pub(crate) fn put(&self, key: &str, bytes: &[u8]) {
        match self.kind {
            Kind::Azure => {
                let target = format!("{}?{}", blob(key), signature("rwdlac"));
                self.ask("PUT", &target, &["x-ms-blob-type: BlockBlob"], bytes);
            }
            Kind::Google => {
                let name = utf8_percent_encode(key, NON_ALPHANUMERIC);
                let target = format!("/upload/storage/v1/b/bucket/o?uploadType=media&name={name}");
                self.ask("POST", &target, &[], bytes);
            }
        }
    }

    pub(crate) fn remove(&self, key: &str) {
        let target = match self.kind {
            Kind::Azure => format!("{}?{}", blob(key), signature("rwdlac")),
            Kind::Google => format!("/storage/v1/b/bucket/o/{}", utf8_percent_encode(key, NON_ALPHANUMERIC)),
        };
        self.ask("DELETE", &target, &[], b"");
    }

    /// Asks what must be granted.
    fn ask(&self, method: &str, target: &str, fields: &[&str], body: &[u8]) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        let (address, length) = (self.address, body.len());
        let head = format!(
            "{method} {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
             content-length: {length}\r\n{fields}\r\n"
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(answer.starts_with("HTTP/1.1 2"), "{method} {target}: {answer}");
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Kind {
    fn program(self) -> PathBuf {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        match self {
            Kind::Azure => root.join("tests/clouds/node_modules/azurite/dist/src/blob/main.js"),
            Kind::Google => root.join("target/clouds/fake-gcs-server"),
        }
    }
}

fn azurite(program: &Path) -> Cloud {
    let mut command = Command::new("node");
    command.arg(program).args(["--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence"]);
    command.args(["--silent", "--disableTelemetry", "--skipApiVersionCheck"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    let address = lines.find_map(|line| line.split_once("listens on http://")?.1.trim().parse().ok());
    std::thread::spawn(move || lines.for_each(drop));
    Cloud { kind: Kind::Azure, child, address: address.expect("it says where it listens") }
}

/// It does not say which port it was given, and so is told one; where somebody else takes that first, another.
fn fake_gcs(program: &Path) -> Cloud {
    for _ in 0..10 {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut command = Command::new(program);
        command.args(["-scheme", "http", "-backend", "memory", "-host", "127.0.0.1", "-log-level", "error"]);
        command.args(["-port", &address.port().to_string(), "-public-host", &address.to_string()]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut cloud = Cloud { kind: Kind::Google, child, address };
        let begun = Instant::now();
        while cloud.child.try_wait().unwrap().is_none() {
            if TcpStream::connect(address).is_ok() {
                return cloud;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "it does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
    panic!("{} does not stay up", program.display())
}

fn blob(key: &str) -> String {
    format!("/{ACCOUNT}/bucket/{}", utf8_percent_encode(key, IN_PATH))
}

/// A shared access signature of the account for these permissions.
fn signature(permissions: &str) -> String {
    let (version, expiry) = ("2018-11-09", "2099-01-01T00:00:00Z");
    let signed = format!("{ACCOUNT}\n{permissions}\nb\nsco\n\n{expiry}\n\n\n{version}\n");
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&STANDARD.decode(KEY).unwrap()).unwrap();
    mac.update(signed.as_bytes());
    let signature = STANDARD.encode(mac.finalize().into_bytes());
    let signature = utf8_percent_encode(&signature, NON_ALPHANUMERIC);
    format!("sv={version}&ss=b&srt=sco&sp={permissions}&se={expiry}&sig={signature}")
}
