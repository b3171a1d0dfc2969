//! Conditions and ranges as RFC 9110 has them, section by section, of every kind of body and on every way through the server.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use crate::http::{Client, Running, request};
use crate::support::{Answer, target};

/// A kind of body each.
fn targets() -> Vec<String> {
    let packaged = "/hls/p/1/serveFlavor/entryId/0_hills/flavorId/0_hills_source/name/a.mp4";
    vec![
        // Made and kept.
        target("0_hills", "width/320/vid_sec/1"),
        // A file as it is, and one whose index is put in front.
        "/p/1/serveFlavor/entryId/0_hills/flavorId/0_hills_source/name/a.mp4".to_owned(),
        "/p/1/serveFlavor/entryId/0_moov_last/flavorId/0_moov_last_source/name/a.mp4".to_owned(),
        // Slices of one, and what is multiplexed from one.
        format!("{packaged}/seg-1-v1.m4s"),
        format!("{packaged}/seg-1-v1.ts"),
        // Text.
        format!("{packaged}/manifest.mpd").replacen("/hls/", "/dash/", 1),
    ]
}

/// What is answered.
#[derive(Clone, Debug, PartialEq)]
enum Expected {
    Whole,
    NotModified,
    Failed,
    /// These bytes, from the end where they are negative, up to and with the last.
    Parts(&'static [(i64, i64)]),
    Unsatisfiable,
}
use Expected::{Failed, NotModified, Parts, Unsatisfiable, Whole};

/// Section, fields, answer. `{etag}` stands for the tag of the body, `{modified}` for its time, `{before}` and `{after}` for a
/// second beside it, `{length}` for how many bytes it has.
const CASES: &[(&str, &str, Expected)] = &[
    ("13.1.1", "If-Match: {etag}", Whole),
    ("13.1.1", "If-Match: \"x\", {etag}", Whole),
    ("13.1.1", "If-Match: \"x\"\r\nIf-Match: {etag}", Whole),
    ("13.1.1", "If-Match: *", Whole),
    ("13.1.1", "If-Match: \"x\"", Failed),
    ("13.1.1", "If-Match: W/{etag}", Failed),
    ("13.1.2", "If-None-Match: {etag}", NotModified),
    ("13.1.2", "If-None-Match: W/{etag}", NotModified),
    ("13.1.2", "If-None-Match: \"x\", \"a,b\" ,{etag}", NotModified),
    ("13.1.2", "If-None-Match: *", NotModified),
    ("13.1.2", "If-None-Match: \"x\"", Whole),
    ("13.1.2", "If-None-Match: x", Whole),
    ("13.1.3", "If-Modified-Since: {modified}", NotModified),
    ("13.1.3", "If-Modified-Since: {after}", NotModified),
    ("13.1.3", "If-Modified-Since: {before}", Whole),
    ("13.1.3", "If-Modified-Since: yesterday", Whole),
    ("13.1.3", "If-Modified-Since: {after}\r\nIf-None-Match: \"x\"", Whole),
    ("13.1.4", "If-Unmodified-Since: {modified}", Whole),
    ("13.1.4", "If-Unmodified-Since: {after}", Whole),
    ("13.1.4", "If-Unmodified-Since: {before}", Failed),
    ("13.1.4", "If-Unmodified-Since: yesterday", Whole),
    ("13.1.4", "If-Unmodified-Since: {before}\r\nIf-Match: {etag}", Whole),
    ("13.1.5", "Range: bytes=0-3\r\nIf-Range: {etag}", Parts(&[(0, 3)])),
    ("13.1.5", "Range: bytes=0-3\r\nIf-Range: {modified}", Parts(&[(0, 3)])),
    ("13.1.5", "Range: bytes=0-3\r\nIf-Range: W/{etag}", Whole),
    ("13.1.5", "Range: bytes=0-3\r\nIf-Range: \"x\"", Whole),
    ("13.1.5", "Range: bytes=0-3\r\nIf-Range: {before}", Whole),
    ("13.1.5", "Range: bytes=0-3\r\nIf-Range: {after}", Whole),
    ("13.1.5", "Range: bytes=0-3\r\nIf-Range: yesterday", Whole),
    ("13.1.5", "Range: bytes=0-3,8-9\r\nIf-Range: \"x\"", Whole),
    ("13.1.5", "Range: bytes={length}-\r\nIf-Range: \"x\"", Whole),
    ("13.1.5", "If-Range: {etag}", Whole),
    ("13.2.2", "If-Match: \"x\"\r\nIf-None-Match: {etag}", Failed),
    ("13.2.2", "If-Match: {etag}\r\nIf-None-Match: {etag}", NotModified),
    ("13.2.2", "If-Unmodified-Since: {before}\r\nIf-Modified-Since: {after}", Failed),
    ("13.2.2", "If-None-Match: {etag}\r\nRange: bytes=0-3", NotModified),
    ("13.2.2", "If-None-Match: \"x\"\r\nRange: bytes=0-3", Parts(&[(0, 3)])),
    ("13.2.2", "If-Match: \"x\"\r\nRange: bytes=0-3", Failed),
    ("13.2.2", "If-Match: {etag}\r\nRange: bytes=0-3\r\nIf-Range: \"x\"", Whole),
    ("13.2.2", "If-Modified-Since: {modified}\r\nRange: bytes={length}-", NotModified),
    ("14.1.2", "Range: bytes=0-0", Parts(&[(0, 0)])),
    ("14.1.2", "Range: bytes=10-19", Parts(&[(10, 19)])),
    ("14.1.2", "Range: bytes=100-", Parts(&[(100, -1)])),
    ("14.1.2", "Range: bytes=0-", Parts(&[(0, -1)])),
    ("14.1.2", "Range: bytes=-1", Parts(&[(-1, -1)])),
    ("14.1.2", "Range: bytes=-300", Parts(&[(-300, -1)])),
    ("14.1.2", "Range: bytes=-99999999999999999999", Parts(&[(0, -1)])),
    ("14.1.2", "Range: bytes=7-99999999999999999999", Parts(&[(7, -1)])),
    ("14.1.2", "Range: BYTES=1-2", Parts(&[(1, 2)])),
    ("14.1.2", "Range: bytes=0-0,-1", Parts(&[(0, 0), (-1, -1)])),
    ("14.1.2", "Range: bytes=200-209, 0-9 ,, 100-109", Parts(&[(200, 209), (0, 9), (100, 109)])),
    ("14.1.2", "Range: bytes=0-9,{length}-,20-29", Parts(&[(0, 9), (20, 29)])),
    ("14.2", "Range: bytes=0-9,10-19", Parts(&[(0, 19)])),
    ("14.2", "Range: bytes=30-39,0-19,10-29,-1", Parts(&[(0, 39), (-1, -1)])),
    ("14.2", "Range: bytes=0-,0-,0-,0-", Parts(&[(0, -1)])),
    (
        "14.2",
        "Range: bytes=0-0,2-2,4-4,6-6,8-8,10-10,12-12,14-14,16-16,18-18,20-20,22-22,24-24,26-26,28-28,30-30,32-32",
        Whole,
    ),
    ("14.2", "Range: bytes=5-2", Whole),
    ("14.2", "Range: bytes=0-3,5-2", Whole),
    ("14.2", "Range: bytes=", Whole),
    ("14.2", "Range: bytes=-", Whole),
    ("14.2", "Range: bytes=a-b", Whole),
    ("14.2", "Range: bytes 0-3", Whole),
    ("14.2", "Range: lines=0-3", Whole),
    ("14.2", "Range: bytes=0-3\r\nRange: bytes=8-9", Whole),
    ("15.5.17", "Range: bytes={length}-", Unsatisfiable),
    ("15.5.17", "Range: bytes=-0", Unsatisfiable),
    ("15.5.17", "Range: bytes={length}-, 99999999999999999999-", Unsatisfiable),
];

/// A body as it is, and what its fields say of it.
struct Known {
    target: String,
    whole: Answer,
}

impl Known {
    fn new(running: &Running, target: String) -> Known {
        let whole = running.get(&target);
        assert_eq!(whole.status, 200, "{target}: {}", whole.text());
        assert!(whole.body.len() > 400, "{target}");
        assert_eq!(whole.header("accept-ranges"), Some("bytes"));
        Known { target, whole }
    }

    fn header(&self, name: &str) -> &str {
        self.whole.header(name).unwrap()
    }

    fn filled(&self, fields: &str) -> String {
        let modified = httpdate::parse_http_date(self.header("last-modified")).unwrap();
        let date = |time: SystemTime| httpdate::fmt_http_date(time);
        let second = Duration::from_secs(1);
        let filled = fields
            .replace("{etag}", self.header("etag"))
            .replace("{modified}", self.header("last-modified"))
            .replace("{before}", &date(modified - second))
            .replace("{after}", &date(modified + second))
            .replace("{length}", &self.whole.body.len().to_string());
        filled + "\r\n"
    }

    #[track_caller]
    fn check(&self, section: &str, fields: &str, answer: &Answer, expected: &Expected) {
        let case = format!("section {section}: {} {fields:?}", self.target);
        let status = match expected {
            Whole => 200,
            NotModified => 304,
            Failed => 412,
            Parts(_) => 206,
            Unsatisfiable => 416,
        };
        assert_eq!(answer.status, status, "{case}");
        match expected {
            Whole => {
                assert!(answer.body == self.whole.body, "{case}");
                assert_eq!(answer.header("content-range"), None, "{case}");
            }
            NotModified => {
                // Section 15.4.5.
                for name in ["etag", "last-modified", "cache-control"] {
                    assert_eq!(answer.header(name), self.whole.header(name), "{case}");
                }
                assert!(answer.header("date").is_some() && answer.header("content-type").is_none(), "{case}");
            }
            Failed => {}
            Parts(ranges) => {
                let length = self.whole.body.len() as i64;
                let place = |at: i64| (if at < 0 { length + at } else { at }) as usize;
                let expected: Vec<_> = ranges.iter().map(|(first, last)| place(*first)..place(*last) + 1).collect();
                assert_eq!(self.parts(answer), expected, "{case}");
                for name in ["etag", "last-modified", "cache-control", "accept-ranges", "access-control-allow-origin"] {
                    assert_eq!(answer.header(name), self.whole.header(name), "{case}");
                }
            }
            Unsatisfiable => {
                let said = format!("bytes */{}", self.whole.body.len());
                assert_eq!(answer.header("content-range"), Some(&*said), "{case}");
            }
        }
    }

    /// The ranges that an answer with 206 has, all of which must be those of the whole.
    #[track_caller]
    fn parts(&self, answer: &Answer) -> Vec<Range<usize>> {
        let media_type = answer.header("content-type").unwrap();
        let Some(boundary) = media_type.strip_prefix("multipart/byteranges; boundary=") else {
            assert_eq!(Some(media_type), self.whole.header("content-type"));
            let range = self.range(answer.header("content-range").unwrap());
            assert!(answer.body == self.whole.body[range.clone()], "{}", self.target);
            return vec![range];
        };
        assert_eq!(answer.header("content-range"), None);
        let mut rest = answer.body.strip_prefix(format!("--{boundary}").as_bytes()).unwrap();
        let mut ranges = Vec::new();
        loop {
            if rest == b"--\r\n" {
                return ranges;
            }
            let end = rest.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
            let head = std::str::from_utf8(&rest[..end]).unwrap().to_ascii_lowercase();
            let field = |name: &str| head.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            assert_eq!(
                field("content-type"),
                self.whole.header("content-type").map(str::to_ascii_lowercase).as_deref()
            );
            let range = self.range(field("content-range").unwrap());
            let part = &rest[end + 4..];
            assert!(part[..range.len()] == self.whole.body[range.clone()], "{}: {range:?}", self.target);
            rest = part[range.len()..].strip_prefix(format!("\r\n--{boundary}").as_bytes()).unwrap();
            ranges.push(range);
        }
    }

    fn range(&self, field: &str) -> Range<usize> {
        let (range, length) = field.strip_prefix("bytes ").unwrap().split_once('/').unwrap();
        assert_eq!(length, self.whole.body.len().to_string());
        let (first, last) = range.split_once('-').unwrap();
        first.parse().unwrap()..last.parse::<usize>().unwrap() + 1
    }
}

/// The answers to the same request on every way: over one connection often enough that it is at hand at last, in the words of
/// HTTP/1.0, and on a connection that ends with it.
fn everywhere(running: &Running, kept: &mut Client, method: &str, target: &str, fields: &str) -> Vec<Answer> {
    let mut answers: Vec<_> = (0..3).map(|_| kept.ask(method, target, fields)).collect();
    answers.push(running.connect().ask(method, target, &format!("{fields}Connection: close\r\n")));
    let mut old = running.connect();
    old.send(&request(method, target, fields).replacen("HTTP/1.1", "HTTP/1.0", 1));
    answers.push(old.read(method));
    answers
}

#[test]
fn conditions_and_ranges() {
    let running = Running::usual();
    let mut kept = running.connect();
    for target in targets() {
        let known = Known::new(&running, target);
        for (section, fields, expected) in CASES {
            let fields = known.filled(fields);
            for answer in everywhere(&running, &mut kept, "GET", &known.target, &fields) {
                known.check(section, &fields, &answer, expected);
            }
        }
    }
}

/// HEAD has the fields of GET, and ranges are of GET alone (sections 9.3.2 and 14.2).
#[test]
fn head_is_get_without_the_body() {
    let running = Running::usual();
    let mut kept = running.connect();
    for target in targets() {
        let known = Known::new(&running, target);
        for (section, fields, expected) in CASES {
            let expected = match expected {
                Parts(_) | Unsatisfiable => &Whole,
                expected => expected,
            };
            let fields = known.filled(fields);
            let answer = kept.ask("HEAD", &known.target, &fields);
            let status = match expected {
                Whole => 200,
                NotModified => 304,
                _ => 412,
            };
            assert_eq!(answer.status, status, "section {section}: HEAD {} {fields:?}", known.target);
            if status == 200 {
                for name in
                    ["content-length", "content-type", "etag", "last-modified", "cache-control", "accept-ranges"]
                {
                    assert_eq!(answer.header(name), known.whole.header(name), "HEAD {} {fields:?}", known.target);
                }
                assert_eq!(answer.header("content-range"), None);
            }
        }
    }
}

/// Numbers that are the same in every run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    /// One to twenty ranges, of which some lie outside of `length` bytes.
    fn specs(&mut self, length: usize) -> Vec<String> {
        let reach = if self.below(2) == 0 { length + length / 10 } else { 600 };
        let spec = |chance: &mut Chance| {
            let from = chance.below(reach);
            match chance.below(8) {
                0 => format!("{from}-"),
                1 => format!("-{from}"),
                2 => format!("{from}-{from}"),
                _ => format!("{from}-{}", from + chance.below(1 + reach / 8)),
            }
        };
        (0..1 + self.below(20)).map(|_| spec(self)).collect()
    }
}

/// The bytes of `length` that ranges name, without a word of how they are told apart or put in order.
fn named(specs: &[String], length: usize) -> Vec<bool> {
    let mut named = vec![false; length];
    for spec in specs {
        let (from, to) = spec.split_once('-').unwrap();
        let range = match (from.parse::<usize>(), to.parse::<usize>()) {
            (Ok(from), to) => from.min(length)..to.map_or(length, |to| (to + 1).min(length)),
            (_, count) => length - count.unwrap().min(length)..length,
        };
        named[range].fill(true);
    }
    named
}

#[test]
fn any_ranges_of_any_body_are_those_of_the_whole() {
    let running = Running::usual();
    let mut kept = running.connect();
    let mut chance = Chance(1);
    for target in targets() {
        let known = Known::new(&running, target);
        let length = known.whole.body.len();
        for _ in 0..60 {
            let specs = chance.specs(length);
            let fields = format!("Range: bytes={}\r\n", specs.join(","));
            let named = named(&specs, length);
            // How often named bytes begin after bytes that are not: so many parts are the fewest.
            let runs = (0..length).filter(|&at| named[at] && (at == 0 || !named[at - 1])).count();
            let answer = kept.ask("GET", &known.target, &fields);
            let status = match runs {
                0 => 416,
                1..=16 => 206,
                _ => 200,
            };
            assert_eq!(answer.status, status, "{} {fields}", known.target);
            if status == 206 {
                let mut sent = vec![false; length];
                let parts = known.parts(&answer);
                assert_eq!(parts.len(), runs, "{} {fields}", known.target);
                parts.into_iter().for_each(|part| sent[part].fill(true));
                assert!(sent == named, "{} {fields}", known.target);
            }
        }
    }
}

#[test]
fn a_thousand_tiny_ranges_are_not_a_thousand_parts() {
    let running = Running::usual();
    for target in targets() {
        let known = Known::new(&running, target);
        let apart: Vec<_> = (0..1000).map(|n| format!("{0}-{0}", 2 * n)).collect();
        for (specs, status) in [(apart, 200), (vec!["0-0".to_owned(); 1000], 206), (vec!["0-".to_owned(); 1000], 206)] {
            let answer = running.connect().ask("GET", &known.target, &format!("Range: bytes={}\r\n", specs.join(",")));
            assert_eq!(answer.status, status, "{}", known.target);
            assert!(answer.body.len() <= known.whole.body.len(), "{}: {}", known.target, answer.body.len());
        }
    }
}

#[test]
fn ranges_of_compressed_text_are_of_its_compressed_bytes() {
    let running = Running::usual();
    let target = targets().pop().unwrap();
    let mut client = running.connect();
    let gzip = "Accept-Encoding: gzip\r\n";
    let whole = client.ask("GET", &target, gzip);
    let plain = client.ask("GET", &target, "");
    assert_eq!((whole.header("content-encoding"), plain.header("content-encoding")), (Some("gzip"), None));
    assert_ne!(whole.header("etag"), plain.header("etag"));
    for _ in 0..3 {
        let part = client.ask("GET", &target, &format!("{gzip}Range: bytes=3-30\r\n"));
        assert_eq!((part.status, part.header("content-encoding")), (206, Some("gzip")));
        assert!(part.body == whole.body[3..=30]);
        // What was begun with the other coding is not gone on with.
        let other = format!("{gzip}Range: bytes=3-30\r\nIf-Range: {}\r\n", plain.header("etag").unwrap());
        assert!(client.ask("GET", &target, &other).body == whole.body);
        let parts = client.ask("GET", &target, &format!("{gzip}Range: bytes=0-1,10-11\r\n"));
        assert!(parts.status == 200 && parts.body == whole.body);
    }
}
