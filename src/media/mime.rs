//! The registered media type of a stored file: by its bytes first, then by its name.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::mp4;

/// Bytes at the start of a file that tell what it is.
pub const HEAD_BYTES: u64 = 8 << 10;

/// Longest text that is looked through for its characters.
pub const TEXT_BYTES_MAX: u64 = 1 << 20;

/// The type of what nothing is known of.
const UNKNOWN: &str = "application/octet-stream";

/// Names of types that are registered, or usual by now, under another one.
const RENAMED: [(&str, &str); 14] = [
    ("application/font-sfnt", "font/sfnt"),
    ("application/font-woff", "font/woff"),
    ("application/x-ole-storage", UNKNOWN),
    ("audio/m4a", "audio/mp4"),
    ("audio/opus", "audio/ogg"),
    ("audio/x-aiff", "audio/aiff"),
    ("audio/x-flac", "audio/flac"),
    ("audio/x-matroska", "audio/matroska"),
    ("audio/x-mpegurl", "application/vnd.apple.mpegurl"),
    ("audio/x-wav", "audio/wav"),
    ("video/vnd.dlna.mpeg-tts", "video/MP2T"),
    ("video/mp2t", "video/MP2T"),
    ("video/x-m4v", "video/mp4"),
    ("video/x-matroska", "video/matroska"),
];

/// Extensions that tables do not know, or know as something else.
const NAMED: [(&str, &str); 4] =
    [("cap", UNKNOWN), ("dfxp", "application/ttml+xml"), ("ttml", "application/ttml+xml"), ("scc", "text/plain")];

/// Types of text beside `text/…` and those that end in `+xml` and `+json`.
const TEXTS: [&str; 9] = [
    "application/javascript",
    "application/json",
    "application/mbox",
    "application/sql",
    "application/vnd.apple.mpegurl",
    "application/x-sh",
    "application/x-subrip",
    "application/xml",
    "application/x-tex",
];

/// Types of binary files that begin like text.
const ARMOURED: [&str; 3] = ["application/pdf", "application/postscript", "application/rtf"];

/// The type of a file called `name` that begins with `sample`, or is no more than that. Text says that it is in UTF-8 where
/// all of it was seen to be.
pub fn media_type(sample: &[u8], is_whole: bool, name: &str) -> Cow<'static, str> {
    let named = by_name(name);
    if !is_text(sample) {
        return Cow::Borrowed(of_binary(sample, named));
    }
    let found = of_text(sample, is_whole, named);
    match found.starts_with("text/") && is_whole && std::str::from_utf8(sample).is_ok() {
        true => Cow::Owned(format!("{found}; charset=utf-8")),
        false => Cow::Borrowed(found),
    }
}

/// Whether bytes that a file begins with have nothing in them that text has not: the control characters of binary data
/// (WHATWG MIME Sniffing, section 3).
pub fn is_text(head: &[u8]) -> bool {
    let is_wide = head.starts_with(b"\xff\xfe") || head.starts_with(b"\xfe\xff");
    let is_control = |byte: &u8| matches!(byte, 0..=0x08 | 0x0b | 0x0e..=0x1a | 0x1c..=0x1f);
    is_wide || !head.iter().any(is_control)
}

/// What a name promises, if anything.
fn by_name(name: &str) -> Option<&'static str> {
    let (_, extension) = name.rsplit('/').next()?.rsplit_once('.')?;
    let own = NAMED.iter().find(|(known, _)| extension.eq_ignore_ascii_case(known)).map(|(_, named)| *named);
    own.or_else(|| mime_guess::from_ext(extension).first_raw()).map(renamed)
}

fn renamed(name: &'static str) -> &'static str {
    RENAMED.iter().find(|(old, _)| name.eq_ignore_ascii_case(old)).map_or(name, |(_, new)| new)
}

fn of_text(sample: &[u8], is_whole: bool, named: Option<&'static str>) -> &'static str {
    let armoured = infer::get(sample).map(|found| found.mime_type()).filter(|found| ARMOURED.contains(found));
    let is_text = |named: &&str| {
        named.starts_with("text/") || named.ends_with("+xml") || named.ends_with("+json") || TEXTS.contains(named)
    };
    // A name that promises anything else is not believed.
    armoured.or(named.filter(is_text)).unwrap_or_else(|| nameless(sample, is_whole))
}

/// The type of a text whose name says nothing.
fn nameless(sample: &[u8], is_whole: bool) -> &'static str {
    let text = sample.strip_prefix(b"\xef\xbb\xbf").unwrap_or(sample).trim_ascii_start();
    let begins = |with: &[u8]| text.get(..with.len()).is_some_and(|front| front.eq_ignore_ascii_case(with));
    let has_root = |root: &[u8]| text.windows(root.len()).take(1024).any(|part| part.eq_ignore_ascii_case(root));
    match text.first() {
        Some(b'<') if begins(b"<svg") || (begins(b"<?xml") && has_root(b"<svg")) => "image/svg+xml",
        Some(b'<') if begins(b"<?xml") => "application/xml",
        Some(b'<') if infer::text::is_html(text) => "text/html",
        Some(b'{' | b'[') if is_whole && serde_json::from_slice::<IgnoredAny>(text).is_ok() => "application/json",
        Some(b'W') if begins(b"WEBVTT") => "text/vtt",
        _ => "text/plain",
    }
}

fn of_binary(head: &[u8], named: Option<&'static str>) -> &'static str {
    let is_stream = [0, 188, 376].iter().all(|at| head.get(*at) == Some(&0x47));
    let found = match infer::get(head).filter(|found| found.matcher_type() != infer::MatcherType::Text) {
        Some(found) => Some(renamed(found.mime_type())),
        None if mp4::recognises(head) => Some("video/mp4"),
        None if is_stream => Some("video/MP2T"),
        None => None,
    };
    match (found, named) {
        (Some(found), Some(named)) if is_refined(found, named) => named,
        (Some(found), _) => found,
        // Binary data is none of the things that a browser would read.
        (None, Some(named)) if !named.starts_with("text/") && !named.ends_with("xml") => named,
        (None, _) => UNKNOWN,
    }
}

/// Whether a name says more of the same: what is inside a container that others use too.
fn is_refined(found: &str, named: &str) -> bool {
    let format = |of: &str| of.split_once('/').map(|(_, format)| format.to_ascii_lowercase());
    let is_package = matches!(found, "application/zip" | UNKNOWN);
    format(found) == format(named) || (is_package && named.starts_with("application/") && !named.ends_with("xml"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(sample: &[u8], name: &str, expected: &str) {
        assert_eq!(media_type(sample, true, name), expected, "{name}");
    }

    #[test]
    fn bytes_go_before_names() {
        check(b"%PDF-1.7\n", "a.txt", "application/pdf");
        check(b"\xff\xd8\xff\xe0\0\x10JFIF\0<script>alert(1)</script>", "a.html", "image/jpeg");
        check(b"GIF89a\x01\0\x01\0", "a.js", "image/gif");
        check(b"\x89PNG\r\n\x1a\n", "", "image/png");
        check(b"This is a text.\n", "a.mp4", "text/plain; charset=utf-8");
        check(b"<html><script>x</script>", "a.jpg", "text/html; charset=utf-8");
        check(b"\0\x01\x02\x03", "a.html", UNKNOWN);
        check(b"\0\x01\x02\x03", "a.svg", UNKNOWN);
        check(b"\0\x01\x02\x03", "a.xyz", "chemical/x-xyz");
        check(b"\0\x01\x02\x03", "a", UNKNOWN);
        check(b"BMW is a car maker of some renown.", "a.bmp", "text/plain; charset=utf-8");
    }

    #[test]
    fn names_say_which_text_it_is() {
        for (name, expected) in [
            ("a.txt", "text/plain; charset=utf-8"),
            ("a.CSV", "text/csv; charset=utf-8"),
            ("a.html", "text/html; charset=utf-8"),
            ("a.js", "text/javascript; charset=utf-8"),
            ("a.css", "text/css; charset=utf-8"),
            ("a.vtt", "text/vtt; charset=utf-8"),
            ("a.md", "text/markdown; charset=utf-8"),
            ("a.json", "application/json"),
            ("a.svg", "image/svg+xml"),
            ("a.srt", "application/x-subrip"),
            ("a.dfxp", "application/ttml+xml"),
            ("a.m3u8", "application/vnd.apple.mpegurl"),
            ("a.mpd", "application/dash+xml"),
            ("a.bin", "text/plain; charset=utf-8"),
            ("a.html/a", "text/plain; charset=utf-8"),
        ] {
            check(b"abc", name, expected);
        }
        check(b"", "a.txt", "text/plain; charset=utf-8");
    }

    #[test]
    fn texts_without_a_name() {
        check(b" <!DOCTYPE html>\n<html>", "a", "text/html; charset=utf-8");
        check(b"\xef\xbb\xbf<svg xmlns='http://www.w3.org/2000/svg'/>", "a", "image/svg+xml");
        check(b"<?xml version='1.0'?>\n<!-- a -->\n<svg/>", "a", "image/svg+xml");
        check(b"<?xml version='1.0'?><note/>", "a", "application/xml");
        check(b"{\"a\": [1, 2]}\n", "a", "application/json");
        check(b"{\"a\": [1, 2]", "a", "text/plain; charset=utf-8");
        check(b"[section]\na = 1\n", "a", "text/plain; charset=utf-8");
        check(b"WEBVTT\n\n", "a", "text/vtt; charset=utf-8");
        check(b"{\\rtf1 a}", "a", "application/rtf");
        check("[".repeat(100_000).as_bytes(), "a", "text/plain; charset=utf-8");
    }

    #[test]
    fn the_charset_is_said_where_it_is_so() {
        check("größer".as_bytes(), "a.txt", "text/plain; charset=utf-8");
        check(b"gr\xf6\xdfer", "a.txt", "text/plain");
        check(b"\xff\xfea\0b\0", "a.txt", "text/plain");
        assert_eq!(media_type("größer".as_bytes(), false, "a.txt"), "text/plain");
    }

    #[test]
    fn names_say_what_is_in_a_container() {
        check(
            b"PK\x03\x04\x14\0\0\0\0\0",
            "a.docx",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        );
        check(b"PK\x03\x04\x14\0\0\0\0\0", "a.zip", "application/zip");
        check(b"PK\x03\x04\x14\0\0\0\0\0", "a.jpg", "application/zip");
        check(b"PK\x03\x04\x14\0\0\0\0\0", "a.xml", "application/zip");
        check(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0", "a.doc", "application/msword");
        check(b"\0\0\0\x1cftypisom\0\0\x02\0isomiso2", "a.mp4", "video/mp4");
        check(b"\0\0\0\x1cftypisom\0\0\x02\0isomiso2", "a.m4a", "audio/mp4");
        check(b"\0\0\0\x1cftypisom\0\0\x02\0isomiso2", "a.html", "video/mp4");
        check(b"\0\0\0\x1cftypM4A \0\0\x02\0isomiso2", "a", "audio/mp4");
        check(b"\0\0\0\x14ftypqt  \0\0\x02\0qt  ", "a.mp4", "video/quicktime");
        check(b"OggS\0\x02\0\0", "a.ogv", "video/ogg");
    }

    proptest! {
        #[test]
        fn any_file_has_a_type(sample in proptest::collection::vec(any::<u8>(), 0..100), name in "\\PC{0,12}", is_whole in any::<bool>()) {
            let found = media_type(&sample, is_whole, &name);
            prop_assert!(found.is_ascii() && found.contains('/') && !found.contains(['\r', '\n']));
        }
    }
}
