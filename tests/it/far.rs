//! An origin elsewhere: a server of files with faults to order, and a record of all that was asked of it.

use std::collections::{HashMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What goes wrong with an answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Fault {
    /// No answer at all.
    Silent,
    /// The head, and nothing after it.
    Hang,
    /// The same, but for the front of a file, which comes.
    HangBehind,
    /// A byte a second.
    Slow,
    /// Half of the body, then the end.
    Short,
    /// Half of the body, then a reset.
    Reset,
    /// The whole where a part was asked for.
    Whole,
    /// Another version each time, and no regard for the one that was asked for.
    Changing,
    /// Another status.
    Status(u16),
    /// Another place.
    Redirect(String),
    /// Another part than the one that was asked for.
    Shifted,
    /// No HTTP.
    Garbage,
}

/// Something that was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) range: Option<(u64, u64)>,
}

/// The server, until it is dropped.
pub(crate) struct Far {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    files: Mutex<HashMap<String, Stored>>,
    seen: Mutex<Vec<Seen>>,
    next: Mutex<VecDeque<Fault>>,
    always: Mutex<Option<Fault>>,
    /// Of three answers, one goes wrong, each time in another of these ways.
    often: Mutex<Vec<Fault>>,
    count: AtomicU64,
    latency: Mutex<Duration>,
    versions: AtomicU64,
    connections: AtomicU64,
    body_bytes: AtomicU64,
    is_stopped: AtomicBool,
    /// What is said of what is not there; 0 for 404.
    absent: AtomicU16,
    /// What questions said of the trace that they are a part of.
    traces: Mutex<Vec<Option<String>>>,
}

#[derive(Clone)]
struct Stored {
    bytes: Arc<[u8]>,
    tag: Option<String>,
}

impl Far {
    pub(crate) fn start() -> Far {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared::default());
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if serving.is_stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), shared) = (stream, Arc::clone(&serving)) else { continue };
                shared.connections.fetch_add(1, Ordering::SeqCst);
                std::thread::spawn(move || converse(stream, &shared));
            }
        });
        Far { address, shared }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stores a file at a version of its own.
    pub(crate) fn put(&self, path: &str, bytes: &[u8]) {
        let tag = format!("\"v{}\"", self.shared.versions.fetch_add(1, Ordering::SeqCst));
        self.put_tagged(path, bytes, Some(&tag));
    }

    /// Stores a file with the ETag given.
    pub(crate) fn put_tagged(&self, path: &str, bytes: &[u8], tag: Option<&str>) {
        let stored = Stored { bytes: bytes.into(), tag: tag.map(str::to_owned) };
        self.shared.files.lock().unwrap().insert(format!("/{path}"), stored);
    }

    pub(crate) fn remove(&self, path: &str) {
        self.shared.files.lock().unwrap().remove(&format!("/{path}"));
    }

    /// Has the next answers go wrong like this, one each.
    pub(crate) fn next(&self, faults: impl IntoIterator<Item = Fault>) {
        self.shared.next.lock().unwrap().extend(faults);
    }

    /// Has every answer go wrong like this, or none.
    pub(crate) fn always(&self, fault: impl Into<Option<Fault>>) {
        *self.shared.always.lock().unwrap() = fault.into();
    }

    /// Has one of three answers go wrong, in one of these ways after the other.
    pub(crate) fn often(&self, faults: &[Fault]) {
        *self.shared.often.lock().unwrap() = faults.to_vec();
    }

    /// Has every answer, and every connection, take so long.
    pub(crate) fn set_latency(&self, latency: Duration) {
        *self.shared.latency.lock().unwrap() = latency;
    }

    /// Has what is not there be told of so from now on.
    pub(crate) fn set_absent(&self, status: u16) {
        self.shared.absent.store(status, Ordering::SeqCst);
    }

    /// What was asked since the last call.
    pub(crate) fn take_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.shared.seen.lock().unwrap())
    }

    /// What was said since the last call of the trace that a question is a part of, a question each.
    pub(crate) fn take_traces(&self) -> Vec<Option<String>> {
        std::mem::take(&mut self.shared.traces.lock().unwrap())
    }

    /// Bytes of bodies sent since the last call.
    pub(crate) fn take_body_bytes(&self) -> u64 {
        self.shared.body_bytes.swap(0, Ordering::SeqCst)
    }

    /// Connections accepted since the last call.
    pub(crate) fn take_connections(&self) -> u64 {
        self.shared.connections.swap(0, Ordering::SeqCst)
    }
}

impl Drop for Far {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    /// What goes wrong with the next answer.
    fn fault(&self) -> Option<Fault> {
        let ordered = self.next.lock().unwrap().pop_front().or_else(|| self.always.lock().unwrap().clone());
        ordered.or_else(|| {
            let often = self.often.lock().unwrap();
            let count = self.count.fetch_add(1, Ordering::SeqCst);
            if count % 3 == 1 { often.get((count / 3) as usize % often.len().max(1)).cloned() } else { None }
        })
    }

    /// As long as the way here takes, for everyone at once.
    fn wait(&self) {
        let latency = *self.latency.lock().unwrap();
        std::thread::sleep(latency);
    }
}

struct Request {
    method: String,
    target: String,
    headers: HashMap<String, String>,
}

fn converse(stream: TcpStream, shared: &Shared) {
    shared.wait();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    loop {
        // What goes wrong is what was ordered when the request came, however long the connection waited for it.
        if stream.peek(&mut [0]).is_err() {
            return;
        }
        let always = shared.always.lock().unwrap().clone();
        let is_reset = |fault: Option<&Fault>| fault == Some(&Fault::Reset);
        let will_reset = is_reset(shared.next.lock().unwrap().front()) || is_reset(always.as_ref());
        let Some(request) = read(&mut reader, will_reset) else { return };
        let fault = shared.fault();
        let range = request.headers.get("range").and_then(|range| {
            let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
            Some((first.parse().ok()?, last.parse().ok()?))
        });
        let seen = Seen { method: request.method.clone(), target: request.target.clone(), range };
        shared.seen.lock().unwrap().push(seen);
        shared.traces.lock().unwrap().push(request.headers.get("traceparent").cloned());
        shared.wait();
        if !answer(&stream, shared, &request, range, fault) {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

/// One request. With `leave` its last byte stays unread, so that closing the connection resets it.
fn read(reader: &mut BufReader<TcpStream>, leave: bool) -> Option<Request> {
    if leave {
        return peek(reader);
    }
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            return parse(&lines);
        }
        lines.push(line);
    }
}

fn peek(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut bytes = [0; 16 << 10];
    loop {
        let count = reader.get_ref().peek(&mut bytes).ok()?;
        let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
        if count == 0 {
            return None;
        }
        if let Some((head, _)) = text.split_once("\r\n\r\n") {
            return parse(&head.lines().map(str::to_owned).collect::<Vec<_>>());
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn parse(lines: &[String]) -> Option<Request> {
    let (first, rest) = lines.split_first()?;
    let mut words = first.split(' ').map(str::to_owned);
    let headers = rest.iter().filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Some(Request { method: words.next()?, target: words.next()?, headers })
}

/// Answers; whether the connection goes on.
fn answer(
    mut stream: &TcpStream,
    shared: &Shared,
    request: &Request,
    range: Option<(u64, u64)>,
    fault: Option<Fault>,
) -> bool {
    let mut say = |head: &str, body: &[u8]| {
        let body = if request.method == "HEAD" { &[] } else { body };
        shared.body_bytes.fetch_add(body.len() as u64, Ordering::SeqCst);
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).is_ok()
    };
    let status = |code: u16, more: &str, length: usize| {
        format!("HTTP/1.1 {code} Status\r\ncontent-length: {length}\r\n{more}\r\n")
    };
    match &fault {
        Some(Fault::Silent) => {
            wait_for_end(stream);
            return false;
        }
        Some(Fault::Garbage) => {
            say("SSH-2.0-OpenSSH_9.2\r\n\r\n", &[]);
            return false;
        }
        Some(Fault::Status(code)) => return say(&status(*code, "", 8), b"SlowDown"),
        Some(Fault::Redirect(to)) => return say(&status(302, &format!("location: {to}\r\n"), 0), &[]),
        _ => {}
    }
    let path = request.target.split('?').next().unwrap_or_default();
    let Some(mut file) = shared.files.lock().unwrap().get(&decoded(path)).cloned() else {
        let absent = shared.absent.load(Ordering::SeqCst);
        return say(&status(if absent == 0 { 404 } else { absent }, "", 9), b"not there");
    };
    if fault == Some(Fault::Changing) {
        file.tag = Some(format!("\"v{}\"", shared.versions.fetch_add(1, Ordering::SeqCst)));
    } else if let Some(wanted) = request.headers.get("if-match")
        && Some(wanted) != file.tag.as_ref()
    {
        return say(&status(412, "", 0), &[]);
    }
    let size = file.bytes.len() as u64;
    let tag = file.tag.map_or(String::new(), |tag| format!("etag: {tag}\r\n"));
    let more = format!("{tag}last-modified: Tue, 15 Nov 1994 08:12:31 GMT\r\naccept-ranges: bytes\r\n");
    let (head, body) = match range.filter(|_| fault != Some(Fault::Whole)) {
        Some((first, _)) if first >= size => return say(&status(416, "", 0), &[]),
        Some((first, last)) => {
            let shift = u64::from(fault == Some(Fault::Shifted));
            let (first, end) = (first + shift, (last + 1 + shift).min(size));
            let said = format!("{more}content-range: bytes {first}-{}/{size}\r\n", end - 1);
            let body = &file.bytes[first as usize..end as usize];
            (status(206, &said, body.len()), body)
        }
        None => (status(200, &more, file.bytes.len()), &file.bytes[..]),
    };
    match fault {
        _ if request.method == "HEAD" => say(&head, &[]),
        Some(Fault::HangBehind) if range.is_some_and(|(first, _)| first == 0) => say(&head, body),
        Some(Fault::Hang | Fault::HangBehind) => {
            say(&head, &[]);
            wait_for_end(stream);
            false
        }
        Some(Fault::Slow) => {
            let mut goes_on = say(&head, &[]);
            for byte in body {
                goes_on = goes_on && say("", &[*byte]);
                if !goes_on {
                    return false;
                }
                std::thread::sleep(Duration::from_secs(1));
            }
            true
        }
        Some(Fault::Short | Fault::Reset) => {
            say(&head, &body[..body.len() / 2]);
            false
        }
        _ => say(&head, body),
    }
}

fn decoded(path: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), path.as_bytes());
    while let [first, after @ ..] = rest {
        let digits = after.get(..2).filter(|_| *first == b'%').and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        bytes.push(byte.unwrap_or(*first));
        rest = &after[if byte.is_some() { 2 } else { 0 }..];
    }
    String::from_utf8(bytes).unwrap()
}

/// Until the client has had enough.
fn wait_for_end(mut stream: &TcpStream) {
    let _ = stream.read(&mut [0]);
}
