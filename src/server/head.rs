//! The head of an HTTP/1.1 request as far as it decides who answers it: strict where it matters, and silent when in doubt.

use memchr::memchr;

use super::coding;

/// What the front of a buffer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Head<'a> {
    /// A complete head of so many bytes that asks for a target with `GET` and says nothing that changes the answer, but
    /// whose session it is, whether it may be compressed and what part of it is wanted. What it calls itself changes nothing.
    Plain {
        /// Bytes.
        length: usize,
        /// What the answer depends on.
        wanted: Wanted<'a>,
        /// The value of its `Range`.
        range: Option<&'a [u8]>,
        /// The name that its sender gave it.
        name: Option<&'a [u8]>,
        /// What it says of the trace that it is a part of.
        trace: Option<&'a [u8]>,
    },
    /// A complete head of so many bytes that no body follows.
    Bodyless {
        /// Bytes.
        length: usize,
    },
    /// Anything else: incomplete, malformed, with a body, or of another protocol.
    Other,
}

/// What the answer to a plain request depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wanted<'a> {
    /// What is asked for, as it stands on the request line.
    pub target: &'a [u8],
    /// The session beside it.
    pub session: Option<&'a [u8]>,
    /// Whether the answer may be compressed.
    pub gzip: bool,
}

/// What one field does to a head.
enum Effect<'a> {
    None,
    Range(&'a [u8]),
    Session(&'a [u8]),
    Matters,
    Frames,
    Host,
    Gzip,
    Name(&'a [u8]),
    Trace(&'a [u8]),
}

/// What stands at the front of `buffer`. Where this calls a head complete and bodyless, so does every reader of RFC 9112:
/// names are tokens that the colon follows at once, lines end in CR LF, and neither stands alone anywhere (sections 2.2, 5).
pub fn head(buffer: &[u8]) -> Head<'_> {
    parse(buffer).unwrap_or(Head::Other)
}

/// The values of the fields of a name in a complete head, in their order.
pub fn values<'a>(head: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
    head.split(|&byte| byte == b'\n').skip(1).filter_map(move |line| {
        let colon = line.iter().position(|&byte| byte == b':')?;
        line[..colon].eq_ignore_ascii_case(name.as_bytes()).then(|| line[colon + 1..].trim_ascii())
    })
}

fn parse(buffer: &[u8]) -> Option<Head<'_>> {
    let first = line(buffer)?;
    let (method, rest) = word(first)?;
    let (target, version) = word(rest)?;
    if version != b"HTTP/1.1" || method == b"CONNECT" || !all(target, |byte| byte.is_ascii_graphic()) {
        return None;
    }
    let mut at = first.len() + 2;
    let mut plain = method == b"GET" && target.first() == Some(&b'/') && all(target, is_plain);
    let mut wanted = Wanted { target, session: None, gzip: false };
    let (mut hosts, mut range, mut name, mut trace) = (0, None, None, None);
    loop {
        let field = line(buffer.get(at..)?)?;
        at += field.len() + 2;
        if field.is_empty() {
            break;
        }
        match effect(field)? {
            Effect::None => {}
            Effect::Range(value) if range.is_none() => range = Some(value),
            Effect::Session(value) if wanted.session.is_none() => wanted.session = Some(value),
            Effect::Range(_) | Effect::Session(_) => plain = false,
            Effect::Matters => plain = false,
            Effect::Frames => return None,
            Effect::Host => hosts += 1,
            Effect::Gzip => wanted.gzip = true,
            Effect::Name(value) => name = name.or(Some(value)),
            Effect::Trace(value) if trace.is_none() => trace = Some(value),
            Effect::Trace(_) => plain = false,
        }
    }
    Some(match plain && hosts == 1 {
        true => Head::Plain { length: at, wanted, range, name, trace },
        false => Head::Bodyless { length: at },
    })
}

/// Whether every reader leaves a character of a target as it is: some cut it off at a `#`, refuse brackets, or mend quotes.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b'!' | b'$'..=b';' | b'=' | b'?'..=b'_' | b'a'..=b'z' | b'|' | b'~')
}

/// Whether all of some bytes are of a kind. None is passed over for one that is not, so that many are looked at at a time.
fn all(bytes: &[u8], is_one: impl Fn(u8) -> bool) -> bool {
    bytes.iter().fold(true, |all, &byte| all & is_one(byte))
}

/// The bytes before CR LF; `None` where there is no line end yet, or a control character before it.
fn line(buffer: &[u8]) -> Option<&[u8]> {
    let line = &buffer[..memchr(b'\r', buffer)?];
    let is_text = |byte: u8| (byte >= b' ' || byte == b'\t') && byte != 0x7f;
    (buffer.get(line.len()..line.len() + 2)? == b"\r\n" && all(line, is_text)).then_some(line)
}

/// The characters of tokens (RFC 9110 section 5.6.2).
const TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        table[byte] = (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut marks: &[u8] = b"!#$%&'*+-.^_`|~";
    while let [mark, rest @ ..] = marks {
        table[*mark as usize] = true;
        marks = rest;
    }
    table
};

/// The bytes before the first space and those after it.
fn word(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr(b' ', line)?;
    Some((&line[..end], &line[end + 1..]))
}

fn effect(field: &[u8]) -> Option<Effect<'_>> {
    let colon = field.iter().position(|&byte| byte == b':')?;
    let (name, value) = (&field[..colon], field[colon + 1..].trim_ascii());
    if name.is_empty() || !name.iter().all(|&byte| TOKEN[usize::from(byte)]) {
        return None;
    }
    let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
    let begins = |prefix: &[u8]| name.get(..prefix.len()).is_some_and(|front| front.eq_ignore_ascii_case(prefix));
    // Most fields are told by their first letter.
    let effect = match name[0].to_ascii_lowercase() {
        b'a' if is(b"accept-encoding") && coding::takes_gzip(value) => Effect::Gzip,
        b'h' if is(b"host") => Effect::Host,
        b'c' if begins(b"content-") => Effect::Frames,
        b'c' if is(b"connection") && !value.eq_ignore_ascii_case(b"keep-alive") => Effect::Frames,
        b'e' if begins(b"expect") => Effect::Frames,
        b'h' if begins(b"http2-") => Effect::Frames,
        b'i' if begins(b"if-") => Effect::Matters,
        b'k' if is(b"keep-alive") => Effect::Frames,
        b'p' if begins(b"proxy-") => Effect::Frames,
        b'r' if is(b"range") => Effect::Range(value),
        b't' if is(b"traceparent") => Effect::Trace(value),
        b't' if is(b"te") || begins(b"transfer-") || begins(b"trailer") => Effect::Frames,
        b'u' if is(b"upgrade") => Effect::Frames,
        b'x' if is(b"x-kaltura-ks") => match !value.is_empty() && value.iter().all(u8::is_ascii_graphic) {
            true => Effect::Session(value),
            false => Effect::Matters,
        },
        b'x' if is(b"x-request-id") => Effect::Name(value),
        _ => Effect::None,
    };
    Some(effect)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PLAIN: &str =
        "GET /p/1/thumbnail/entry_id/0_x HTTP/1.1\r\nHost: x\r\nUser-Agent: y\r\nConnection: Keep-Alive\r\n\r\n";

    #[track_caller]
    fn check(text: &str, expected: Head<'_>) {
        assert_eq!(head(text.as_bytes()), expected, "{text:?}");
    }

    fn with(field: &str) -> String {
        format!("GET / HTTP/1.1\r\nHost: x\r\n{field}\r\n\r\n")
    }

    #[test]
    fn plain_heads() {
        let wanted = Wanted { target: b"/p/1/thumbnail/entry_id/0_x", session: None, gzip: false };
        check(PLAIN, Head::Plain { length: PLAIN.len(), wanted, range: None, name: None, trace: None });
        check(
            &format!("{PLAIN}GET"),
            Head::Plain { length: PLAIN.len(), wanted, range: None, name: None, trace: None },
        );
        let root = Wanted { target: b"/", ..wanted };
        for field in [
            "Cookie: a=b",
            "Accept: image/webp",
            "Accept-Encoding: gzip",
            "X-Forwarded-For: 1",
            "Cache-Control: no-cache",
            "Empty:",
        ] {
            let text = with(field);
            let wanted = Wanted { gzip: field == "Accept-Encoding: gzip", ..root };
            check(&text, Head::Plain { length: text.len(), wanted, range: None, name: None, trace: None });
        }
        let (text, name) = (with("X-Request-Id: 7"), Some(&b"7"[..]));
        check(&text, Head::Plain { length: text.len(), wanted: root, range: None, name, trace: None });
        let (text, range) = (with("range:  bytes=0-1 "), Some(&b"bytes=0-1"[..]));
        check(&text, Head::Plain { length: text.len(), wanted: root, range, name: None, trace: None });
        let (text, wanted) = (with("X-Kaltura-Ks: djJ8 "), Wanted { session: Some(b"djJ8"), ..root });
        check(&text, Head::Plain { length: text.len(), wanted, range: None, name: None, trace: None });
        let (text, trace) = (with("Traceparent: 00-1"), Some(&b"00-1"[..]));
        check(&text, Head::Plain { length: text.len(), wanted: root, range: None, name: None, trace });
    }

    #[test]
    fn what_matters_to_the_answer() {
        for field in [
            "Range: bytes=0-1\r\nRange: bytes=0-1",
            "If-None-Match: \"x\"",
            "if-range: x",
            "Host: y",
            "X-Kaltura-Ks: x\r\nX-Kaltura-Ks: x",
            "X-Kaltura-Ks: x y",
            "X-Kaltura-Ks:",
            "Traceparent: 00-1\r\nTraceparent: 00-1",
        ] {
            let text = with(field);
            check(&text, Head::Bodyless { length: text.len() });
        }
        for text in [
            "GET / HTTP/1.1\r\n\r\n",
            "HEAD / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /a#b HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /a<b HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /a?{b} HTTP/1.1\r\nHost: x\r\n\r\n",
        ] {
            check(text, Head::Bodyless { length: text.len() });
        }
    }

    #[test]
    fn what_is_left_to_others() {
        for field in [
            "Content-Length: 1",
            "content-length: 0",
            "Transfer-Encoding: chunked",
            "TRANSFER-ENCODING: x",
            "Connection: close",
            "Connection: keep-alive, upgrade",
            "Upgrade: h2c",
            "Expect: 100-continue",
            "TE: trailers",
            "Content-Length : 1",
            " folded: line",
            "no colon",
            ": empty",
            "bad\u{1}: control",
            "a: b\rc: d",
            "a: b\nContent-Length: 5",
            "nul: \0",
        ] {
            check(&with(field), Head::Other);
        }
        for text in [
            "",
            "GET",
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            "GET / HTTP/1.0\r\nHost: x\r\n\r\n",
            "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
            "GET / HTTP/1.1\nHost: x\n\n",
            "\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
            "GET /ü HTTP/1.1\r\nHost: x\r\n\r\n",
        ] {
            check(text, Head::Other);
        }
    }

    #[test]
    fn an_incomplete_head_is_not_one() {
        for end in 0..PLAIN.len() {
            check(&PLAIN[..end], Head::Other);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_taken(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            head(&bytes);
        }

        #[test]
        fn a_length_ends_in_an_empty_line(text in "GET /[a-z]{0,3} HTTP/1.1\r\n([a-z]{1,3}: ?[a-z]{0,3}\r\n){0,3}\r\n[a-zA-Z\r\n :]{0,20}") {
            if let Head::Plain { length, .. } | Head::Bodyless { length } = head(text.as_bytes()) {
                prop_assert!(text[..length].ends_with("\r\n\r\n"));
                prop_assert!(!text[..length - 2].contains("\r\n\r\n"));
            }
        }
    }
}
