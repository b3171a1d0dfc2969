//! The text of a cue as WebVTT has it (WebVTT section 4.2.2): few tags, and escapes for what would be one.

/// How a text is marked up where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Bold, italic and underlined; any other `<` may be just that.
    SubRip,
    /// WebVTT: tags that are not known are left out.
    WebVtt,
}

/// What is made of a tag.
enum Tag<'a> {
    Kept(String),
    Raw(&'a str),
    Dropped,
    /// It is none: its first character stands for itself.
    Literal,
}

/// A text of several lines as WebVTT has it: lines without space around them, none empty.
pub(super) fn normal(text: &str, dialect: Dialect) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '>', '&', '{', '\0']) {
        out.push_str(&rest[..at]);
        rest = special(&rest[at..], dialect, &mut out);
    }
    out.push_str(rest);
    trimmed(&out)
}

/// Lines without space around them, none empty.
pub(super) fn trimmed(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join("\n")
}

/// Adds what the character at the front of `text` begins to `out`; the text behind it.
fn special<'a>(text: &'a str, dialect: Dialect, out: &mut String) -> &'a str {
    let mut behind = text.chars();
    let first = behind.next().unwrap_or_default();
    match first {
        '<' => {
            let end = text[1..].find(['<', '>']).filter(|end| text[1 + end..].starts_with('>'));
            if let Some(end) = end {
                match tag(&text[1..1 + end], dialect) {
                    Tag::Kept(tag) => out.push_str(&tag),
                    Tag::Raw(tag) => out.push_str(tag),
                    Tag::Dropped => {}
                    Tag::Literal => {
                        out.push_str("&lt;");
                        return behind.as_str();
                    }
                }
                return &text[end + 2..];
            }
            out.push_str("&lt;");
        }
        '&' => {
            if let Some((char, length)) = entity(text) {
                escape(char, out);
                return &text[length..];
            }
            out.push_str("&amp;");
        }
        // Overrides of other programs: `{\an8}`.
        '{' if dialect == Dialect::SubRip && text.starts_with("{\\") => {
            if let Some(end) = text.find('}') {
                return &text[end + 1..];
            }
            out.push('{');
        }
        other => escape(other, out),
    }
    behind.as_str()
}

/// Adds a character, escaped where it must be.
pub(super) fn escape(char: char, out: &mut String) {
    match char {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '\0' => out.push(char::REPLACEMENT_CHARACTER),
        char => out.push(char),
    }
}

/// What is made of a tag, given without its brackets.
fn tag(tag: &str, dialect: Dialect) -> Tag<'_> {
    let (slash, rest) = match tag.strip_prefix('/') {
        Some(rest) => ("/", rest),
        None => ("", tag),
    };
    let name = rest.split([' ', '\t', '\n', '.']).next().unwrap_or_default().to_ascii_lowercase();
    let is_time = tag.starts_with(|first: char| first.is_ascii_digit());
    match (name.as_str(), dialect) {
        ("b" | "i" | "u", _) => Tag::Kept(format!("<{slash}{name}>")),
        ("font", _) => Tag::Dropped,
        ("c" | "v" | "lang" | "ruby" | "rt", Dialect::WebVtt) => Tag::Kept(format!("<{}>", one_line(tag))),
        (_, Dialect::WebVtt) if is_time => Tag::Kept(format!("<{}>", one_line(tag))),
        ("", Dialect::WebVtt) if slash == "/" => Tag::Raw("</>"),
        (_, Dialect::WebVtt) => Tag::Dropped,
        (_, Dialect::SubRip) => Tag::Literal,
    }
}

/// A tag that is kept, on one line. Its end makes no arrow: that would begin a cue (WebVTT section 4.1).
fn one_line(tag: &str) -> String {
    let mut line = tag.split_whitespace().collect::<Vec<_>>().join(" ").replace('\0', "\u{fffd}");
    while line.ends_with("--") {
        line.pop();
    }
    line
}

/// Longest name of a character that is looked for.
const ENTITY_MAX: usize = 12;

/// The character that a name at the front of `text` stands for, and the length of the name.
fn entity(text: &str) -> Option<(char, usize)> {
    let end = text.bytes().take(ENTITY_MAX).position(|byte| byte == b';')?;
    let char = match text.get(1..end)? {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        "lrm" => '\u{200e}',
        "rlm" => '\u{200f}',
        number => {
            let number = number.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(number) => u32::from_str_radix(number, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?).filter(|char| !char.is_control())?
        }
    };
    Some((char, end + 1))
}

/// The text of a cue for people: without tags and escapes.
pub(super) fn plain(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(['<', '&']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (char, length) = match rest.find('>') {
            Some(end) if rest.starts_with('<') => (None, end + 1),
            _ => entity(rest).map_or((rest.chars().next(), 1), |(char, length)| (Some(char), length)),
        };
        out.extend(char);
        rest = &rest[length..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(dialect: Dialect, text: &str, expected: &str) {
        assert_eq!(normal(text, dialect), expected, "{text}");
    }

    #[test]
    fn tags_and_escapes() {
        use Dialect::{SubRip, WebVtt};
        check(SubRip, "<B>a</B> <font color=\"#fff\">b</font> <u>c", "<b>a</b> b <u>c");
        check(SubRip, "1 < 2 & 3 > 2 <laughs>", "1 &lt; 2 &amp; 3 &gt; 2 &lt;laughs&gt;");
        check(SubRip, "a &amp; b &lt;i&gt; &eacute; &#233;", "a &amp; b &lt;i&gt; &amp;eacute; é");
        check(SubRip, "{\\an8}up {here}\r\n\n  down ", "up {here}\ndown");
        check(SubRip, "a --> b", "a --&gt; b");
        check(WebVtt, "<v Fred>a <c.loud>b</c> <foo>d</foo> <00:01.500>e", "<v Fred>a <c.loud>b</c> d <00:01.500>e");
        check(WebVtt, "<i.x>a</i> <", "<i>a</i> &lt;");
        check(WebVtt, "<<b>>", "&lt;<b>&gt;");
        check(WebVtt, "<v A\n00:01--> 00:02\n<c --->b<00:01--->", "<v A 00:01-> 00:02\n<c ->b<00:01->");
    }

    #[test]
    fn text_for_people() {
        assert_eq!(plain("<v Fred><i>a</i> &lt;b&gt; &amp;amp; c & d"), "Fred".replace("Fred", "a <b> &amp; c & d"));
    }

    proptest! {
        #[test]
        fn what_is_normal_stays(text in "[-a<>&;/ib\\.v #\\{\\}\\\\\n\0é]{0,40}") {
            for dialect in [Dialect::SubRip, Dialect::WebVtt] {
                let once = normal(&text, dialect);
                prop_assert_eq!(normal(&once, Dialect::WebVtt), once.clone());
                prop_assert!(!once.contains("-->") && !once.contains("\n\n"));
                plain(&once);
            }
        }
    }
}
