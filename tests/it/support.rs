//! What every test of the whole needs: a running server, a client for it, and eyes that read the number of a frame.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use image::{RgbaImage, imageops};
use vedette::decode::limits::Limits;
use vedette::decode::place::{Config, Isolation, Place};

/// Long enough for any answer on a busy machine; a test that meets it has failed.
const PATIENCE: Duration = Duration::from_secs(120);

/// The folder of sample media, made where it is missing or old.
pub(crate) fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let testdata = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata");
        let made = Command::new(testdata.join("make.sh")).stdout(Stdio::null()).status().unwrap();
        assert!(made.success(), "testdata/make.sh makes the sample media");
        testdata.join("library")
    })
}

/// The path of a file of the sample library.
pub(crate) fn media(name: &str) -> PathBuf {
    library().join(name)
}

/// Where the tests of the library decode: as the service does, in processes of its program.
pub(crate) fn cage() -> Place {
    static CAGE: OnceLock<Place> = OnceLock::new();
    let make = || {
        let mut config = Config { isolation: Isolation::Process, ..Config::default() };
        config.cage.program = env!("CARGO_BIN_EXE_vedette").into();
        Place::new(&config, Limits::default(), 1)
    };
    CAGE.get_or_init(make).clone()
}

/// A folder that is gone when the test is over.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("vedette-test-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Puts a file of the sample library here under another name, by way of a rename as careful writers do.
    pub(crate) fn put(&self, sample: &str, name: &str) {
        let temporary = self.0.join(format!(".{name}.new"));
        std::fs::copy(media(sample), &temporary).unwrap();
        std::fs::rename(temporary, self.0.join(name)).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The service, running on a port of its own until it is dropped.
pub(crate) struct Server {
    child: Child,
    address: SocketAddr,
    admin: SocketAddr,
}

impl Server {
    /// Serves the sample library.
    pub(crate) fn of_library() -> Server {
        Server::start(library(), &[])
    }

    /// Serves a folder, or what rests at a URL, with further arguments.
    pub(crate) fn start(folder: &Path, arguments: &[&str]) -> Server {
        Server::start_within(folder, arguments, &[])
    }

    /// The same with further variables in its environment.
    pub(crate) fn start_within(folder: &Path, arguments: &[&str], environment: &[(String, String)]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vedette"));
        let variables = environment.iter().map(|(name, value)| (name, value));
        Server::run(command.stdin(Stdio::null()).envs(variables), folder, arguments)
    }

    /// Serves what rests at a URL after what a shell is told first.
    pub(crate) fn start_limited(first: &str, media: &Path, arguments: &[&str]) -> Server {
        let mut command = Command::new("sh");
        command.arg("-c").arg(format!("{first} exec \"$0\" \"$@\"")).arg(env!("CARGO_BIN_EXE_vedette"));
        Server::run(command.stdin(Stdio::null()), media, arguments)
    }

    /// Serves a folder with further arguments, and writes its log to a file.
    pub(crate) fn logging(log: &Path, folder: &Path, arguments: &[&str]) -> Server {
        let mut command = Command::new(env!("CARGO_BIN_EXE_vedette"));
        let log = std::fs::File::create(log).unwrap();
        Server::run(command.stdin(Stdio::null()).stderr(log), folder, arguments)
    }

    /// Serves a folder on a listener that is open already, handed over as systemd does it.
    pub(crate) fn on(listener: &TcpListener, folder: &Path, arguments: &[&str]) -> Server {
        let script = r#"LISTEN_PID=$$ LISTEN_FDS=1 exec "$0" "$@" 3<&0 0</dev/null"#;
        let socket = Stdio::from(OwnedFd::from(listener.try_clone().unwrap()));
        let mut command = Command::new("sh");
        Server::run(command.args(["-c", script, env!("CARGO_BIN_EXE_vedette")]).stdin(socket), folder, arguments)
    }

    fn run(command: &mut Command, folder: &Path, arguments: &[&str]) -> Server {
        let mut child = command
            .arg("serve")
            .arg("--media")
            .arg(folder)
            .args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut addresses = lines.by_ref().filter_map(|line| address_in(&line.unwrap()));
        let mut address = || addresses.next().expect("the service says where it listens");
        let (address, admin) = (address(), address());
        std::thread::spawn(move || lines.for_each(drop));
        Server { child, address, admin }
    }

    /// Sends it a signal.
    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(kill.success());
    }

    /// Tells it to stop, and waits until it has; whether all went well.
    pub(crate) fn stop(self) -> bool {
        self.signal("TERM");
        self.ended()
    }

    /// Waits until it has stopped by itself; whether all went well.
    pub(crate) fn ended(mut self) -> bool {
        self.child.wait().unwrap().success()
    }

    /// The page of its metrics.
    pub(crate) fn metrics(&self) -> String {
        let mut stream = TcpStream::connect(self.admin).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
        Answer::read("GET", &mut BufReader::new(stream)).text()
    }

    /// Where requests are answered.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it is, for programs that are clients of their own.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of a target, for other programs.
    pub(crate) fn url_of(&self, target: &str) -> String {
        format!("http://{}{target}", self.address)
    }

    pub(crate) fn get(&self, target: &str) -> Answer {
        self.ask("GET", target, &[])
    }

    pub(crate) fn ask(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        exchange(self.address, method, request(method, target, headers).as_bytes())
    }

    /// Asks on the listener for operators.
    pub(crate) fn admin(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        exchange(self.admin, method, request(method, target, headers).as_bytes())
    }

    /// Asks without waiting for the answer, which comes through the stream.
    pub(crate) fn send(&self, target: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
        stream
    }

    /// Sends bytes as they are, and reads one answer.
    pub(crate) fn exchange(&self, method: &str, request: &[u8]) -> Answer {
        exchange(self.address, method, request)
    }

    /// The answer about a picture of an entry, which must be one.
    #[track_caller]
    pub(crate) fn thumbnail(&self, entry: &str, parameters: &str) -> Answer {
        let target = target(entry, parameters);
        let answer = self.get(&target);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        answer
    }

    /// The refusal of a picture of an entry: its number in the dialect, and what it says.
    #[track_caller]
    pub(crate) fn refusal(&self, entry: &str, parameters: &str) -> (String, String) {
        let target = target(entry, parameters);
        let answer = self.get(&target);
        assert_eq!(answer.status, 404, "{target}: {}", answer.text());
        (answer.header("x-kaltura").unwrap_or_default().to_owned(), answer.text())
    }

    /// The number of the frame that a thumbnail shows.
    #[track_caller]
    pub(crate) fn frame(&self, entry: &str, parameters: &str) -> u32 {
        let picture = self.thumbnail(entry, parameters).picture();
        number(&picture).unwrap_or_else(|| panic!("{}: no number to be read", target(entry, parameters)))
    }

    /// Resident memory in bytes.
    pub(crate) fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
    }

    /// The processes that decode for it: the keeper, and its workers.
    pub(crate) fn decoders(&self) -> (u32, Vec<u32>) {
        let keeper = children(self.child.id()).into_iter().next().expect("the service has a keeper");
        (keeper, children(keeper))
    }

    /// The value of a metric, all its labels together unless they are given.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let mut stream = TcpStream::connect(self.admin).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n").unwrap();
        let text = Answer::read("GET", &mut BufReader::new(stream)).text();
        let values =
            text.lines().filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])));
        values.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
    }

    /// Whether it still runs.
    pub(crate) fn runs(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn request(method: &str, target: &str, headers: &[(&str, &str)]) -> String {
    let fields = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n"));
    let fields: String = fields.collect();
    format!("{method} {target} HTTP/1.1\r\nhost: test\r\nconnection: close\r\n{fields}\r\n")
}

fn exchange(address: SocketAddr, method: &str, request: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    Answer::read(method, &mut BufReader::new(stream))
}

/// Sends a signal to processes.
pub(crate) fn signal(name: &str, processes: &[u32]) {
    let processes = processes.iter().map(u32::to_string);
    assert!(Command::new("kill").args(["-s", name]).args(processes).status().unwrap().success());
}

/// The processes that a process started and that are left.
fn children(id: u32) -> Vec<u32> {
    let threads = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
    let listed = threads.map(|thread| std::fs::read_to_string(thread.path().join("children")).unwrap_or_default());
    listed.collect::<String>().split_whitespace().map(|id| id.parse().unwrap()).collect()
}

/// The path of a picture of an entry.
pub(crate) fn target(entry: &str, parameters: &str) -> String {
    format!("/p/1/thumbnail/entry_id/{entry}/{parameters}")
}

/// The address in a line that holds `http://HOST:PORT` or `https://HOST:PORT`.
fn address_in(line: &str) -> Option<SocketAddr> {
    let rest = line.split("://").nth(1)?;
    let end = rest.find(|c: char| !c.is_ascii_hexdigit() && !".:[]".contains(c)).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads one answer; its body is as long as `Content-Length` says, which every answer but 304 and HEAD must fulfil.
    pub(crate) fn read(method: &str, stream: &mut impl BufRead) -> Answer {
        let mut line = String::new();
        stream.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap_or_else(|| panic!("a status line, not {line:?}")).parse().unwrap();
        let mut headers = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).unwrap();
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let mut answer = Answer { status, headers, body: Vec::new() };
        let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
        if method != "HEAD" && status != 304 {
            answer.body = vec![0; length];
            stream.read_exact(&mut answer.body).unwrap();
        }
        answer
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as a picture: JPEG by libjpeg-turbo, AVIF, PDF and PSD by ImageMagick, all else by the image crate.
    pub(crate) fn picture(&self) -> RgbaImage {
        match self.header("content-type").unwrap() {
            "image/jpeg" => {
                let image = turbojpeg::decompress(&self.body, turbojpeg::PixelFormat::RGBA).unwrap();
                RgbaImage::from_raw(image.width as u32, image.height as u32, image.pixels).unwrap()
            }
            "image/avif" => converted("avif", &self.body),
            "application/pdf" => converted("pdf", &self.body),
            "image/vnd.adobe.photoshop" => converted("psd", &self.body),
            _ => image::load_from_memory(&self.body).unwrap().into_rgba8(),
        }
    }
}

/// What ImageMagick (for AVIF, ffmpeg) makes of a picture.
fn converted(format: &str, body: &[u8]) -> RgbaImage {
    let folder = Folder::new(&format!("convert-{format}-{:?}", std::thread::current().id()));
    let (input, output) = (folder.path().join(format!("in.{format}")), folder.path().join("out.png"));
    std::fs::write(&input, body).unwrap();
    let mut command = match format {
        "avif" => Command::new("ffmpeg"),
        _ => Command::new("convert"),
    };
    match format {
        "avif" => command.args(["-v", "error", "-i"]).arg(&input).arg(&output),
        _ => command.arg(format!("{}[0]", input.display())).arg(&output),
    };
    assert!(command.status().unwrap().success(), "a second program reads our {format}");
    image::open(output).unwrap().into_rgba8()
}

/// The number that a picture carries in the row of blocks along its upper edge (laid out in testdata/make.sh); `None`
/// where there is none, or where a block is neither white nor black, as in a blend of two frames.
pub(crate) fn number(picture: &RgbaImage) -> Option<u32> {
    let levels: Vec<f64> = (0..16).map(|block| level(picture, block)).collect();
    let (white, black) = (levels[0], levels[15]);
    if white - black < 60.0 {
        return None;
    }
    let mut bits = [0; 16];
    for (bit, level) in bits.iter_mut().zip(&levels) {
        let share = (level - black) / (white - black);
        *bit = match share {
            0.7..=1.3 => 1,
            -0.3..=0.3 => 0,
            _ => return None,
        };
    }
    let number = bits[1..13].iter().fold(0, |number, bit| number << 1 | bit);
    let parity = |mask: u32| (number & mask).count_ones() % 2;
    (bits[13] == parity(0x555) && bits[14] == parity(0xaaa)).then_some(number)
}

/// The mean luma of the middle of a block.
fn level(picture: &RgbaImage, block: u32) -> f64 {
    let (width, height) = (f64::from(picture.width()), f64::from(picture.height()));
    let left = ((f64::from(block) + 0.35) * width / 16.0) as u32;
    let right = (((f64::from(block) + 0.65) * width / 16.0) as u32).max(left + 1);
    let top = (height / 8.0 * 0.3) as u32;
    let bottom = ((height / 8.0 * 0.7) as u32).max(top + 1);
    let mut sum = 0.0;
    for y in top..bottom {
        for x in left..right {
            let [r, g, b, _] = picture.get_pixel(x, y).0.map(f64::from);
            sum += 0.299 * r + 0.587 * g + 0.114 * b;
        }
    }
    sum / f64::from((bottom - top) * (right - left))
}

/// The numbers of the tiles of a strip.
#[track_caller]
pub(crate) fn numbers(strip: &RgbaImage, tiles: u32) -> Vec<u32> {
    assert_eq!(strip.width() % tiles, 0, "{} tiles fill {} pixels", tiles, strip.width());
    let width = strip.width() / tiles;
    let tile = |i| imageops::crop_imm(strip, i * width, 0, width, strip.height()).to_image();
    (0..tiles).map(|i| number(&tile(i)).unwrap_or_else(|| panic!("tile {i} has no number"))).collect()
}

/// When each frame of a file is shown, in microseconds, as ffprobe has it. Only ISO BMFF says when a presentation starts;
/// in other containers it starts with the first frame.
pub(crate) fn moments(file: &Path) -> Vec<i64> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp_time"])
        .args(["-of", "default=nw=1:nk=1"])
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let seconds = text.lines().filter_map(|line| line.parse::<f64>().ok());
    let mut moments: Vec<i64> = seconds.map(|seconds| (seconds * 1e6).round() as i64).collect();
    moments.sort_unstable();
    let starts_itself = file.extension().is_some_and(|extension| extension == "mp4" || extension == "mov");
    let start = if starts_itself { 0 } else { moments[0] };
    moments.iter().map(|moment| moment - start).collect()
}

/// Microseconds as `vid_sec` takes them.
pub(crate) fn seconds(micros: i64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

/// Asks again until `found`, for as long as a change on disk may take to show.
#[track_caller]
pub(crate) fn soon(mut found: impl FnMut() -> bool) {
    let start = Instant::now();
    while !found() {
        assert!(start.elapsed() < Duration::from_secs(10), "it does not show within ten seconds");
        std::thread::sleep(Duration::from_millis(50));
    }
}
