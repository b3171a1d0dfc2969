//! Name and value pairs of a path and a query: splitting, percent-decoding, length limits.

use std::borrow::Cow;

use crate::entry::PartnerId;
use crate::error::{Error, Result};
use crate::packager::Protocol;

/// The longest request target in bytes: a manifest's URL may name every flavor of a ladder and carry a referrer.
pub const TARGET_MAX: usize = 16 * 1024;

/// The most name and value pairs of one target; the dialect knows fewer than forty names.
pub const PAIRS_MAX: usize = 256;

/// A recognised path: what it is for, who stood in it, and what is left to read as pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Route<'a> {
    /// What the path is for.
    pub(super) action: Action,
    /// The partner, if the path has one and it is a number.
    pub(super) partner: Option<PartnerId>,
    /// The container named before the partner, if any.
    pub(super) container: Option<&'a str>,
    /// What follows the last fixed part.
    pub(super) pairs: &'a str,
}

/// What a path is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    /// A picture.
    Thumbnail,
    /// Where a player begins.
    PlayManifest,
    /// A stored file.
    ServeFlavor,
    /// The file of an entry.
    Raw,
    /// The file of an entry, to be kept.
    Download,
    /// What an action of the API hands out.
    Api,
    /// What the packager of a protocol makes.
    Package(Protocol),
}

/// Takes the next part off the front of `rest`, runs of slashes counting as one; `rest` keeps the slash that ends it.
fn next_part<'a>(rest: &mut &'a str) -> Option<&'a str> {
    // Parts are too short for a search that has to be set up.
    let trimmed = &rest[rest.bytes().take_while(|&byte| byte == b'/').count()..];
    let (part, after) = trimmed.split_at(trimmed.bytes().take_while(|&byte| byte != b'/').count());
    *rest = after;
    (!part.is_empty()).then_some(part)
}

fn is_number(part: &str) -> bool {
    !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

/// The route of a path; `None` where it is none of this service.
pub(super) fn route(path: &str) -> Option<Route<'_>> {
    if !path.starts_with('/') {
        return None;
    }
    let mut rest = path;
    match next_part(&mut rest)? {
        "p" => partner_route(rest),
        // What the dialect puts before paths that are not for its pages.
        "s" => (next_part(&mut rest)? == "p").then(|| partner_route(rest))?.filter(Route::is_playback),
        "hls" => packager_route(rest, Protocol::Hls),
        "dash" => packager_route(rest, Protocol::Dash),
        "thumbnail" => slashed(Route { action: Action::Thumbnail, partner: None, container: None, pairs: rest }),
        "extwidget" => widget_route(rest),
        "index.php" => (next_part(&mut rest)? == "extwidget").then(|| widget_route(rest))?,
        "api_v3" => Some(api_route(rest)),
        _ => None,
    }
}

impl Route<'_> {
    fn is_playback(&self) -> bool {
        matches!(self.action, Action::PlayManifest | Action::ServeFlavor)
    }
}

/// What follows `/p`: a partner, pairs of a word and a number (`sp/100`), and an action.
fn partner_route(mut rest: &str) -> Option<Route<'_>> {
    let partner = next_part(&mut rest).filter(|part| is_number(part))?;
    loop {
        let word = next_part(&mut rest)?;
        let action = match word {
            "thumbnail" => Some(Action::Thumbnail),
            "playManifest" => Some(Action::PlayManifest),
            "serveFlavor" => Some(Action::ServeFlavor),
            "raw" => Some(Action::Raw),
            "download" => Some(Action::Download),
            _ => None,
        };
        if let Some(action) = action {
            let partner = partner.parse().ok().map(PartnerId);
            return slashed(Route { action, partner, container: None, pairs: rest });
        }
        let is_word = word.bytes().all(|b| b.is_ascii_alphabetic());
        if !is_word || !next_part(&mut rest).is_some_and(is_number) {
            return None;
        }
    }
}

/// What follows the folder of a packager: a container, if one is named, and the path of a stored file.
fn packager_route(mut rest: &str, protocol: Protocol) -> Option<Route<'_>> {
    let mut container = None;
    let mut part = next_part(&mut rest)?;
    if part == "container" {
        container = Some(next_part(&mut rest)?);
        part = next_part(&mut rest)?;
    }
    let route = (part == "p").then(|| partner_route(rest))?.filter(|route| route.action == Action::ServeFlavor)?;
    Some(Route { action: Action::Package(protocol), container, ..route })
}

/// What follows `/extwidget`: the module's action, which needs no slash after it.
fn widget_route(mut rest: &str) -> Option<Route<'_>> {
    let action = match next_part(&mut rest)? {
        "thumbnail" => Action::Thumbnail,
        "playManifest" => Action::PlayManifest,
        "raw" => Action::Raw,
        "download" => Action::Download,
        _ => return None,
    };
    Some(Route { action, partner: None, container: None, pairs: rest })
}

/// What follows `/api_v3`: the name of its script, if it is there, and pairs.
fn api_route(rest: &str) -> Route<'_> {
    let mut behind = rest;
    let pairs = if next_part(&mut behind) == Some("index.php") { behind } else { rest };
    Route { action: Action::Api, partner: None, container: None, pairs }
}

/// The route if a slash follows its last fixed part, as the dialect's rewrites demand.
fn slashed(route: Route<'_>) -> Option<Route<'_>> {
    route.pairs.starts_with('/').then_some(route)
}

/// Hands over the pairs of a query, then those of a path, each in order and as they stand in the URL: a visitor that keeps the
/// last value of a name follows the dialect, where the path wins over the query and the last duplicate over the first.
pub(super) fn pairs<'a>(
    path: &'a str,
    query: &'a str,
    mut visit: impl FnMut(&'a str, &'a str) -> Result<()>,
) -> Result<()> {
    let mut count = 0;
    let mut take = |name: &'a str, value: &'a str| -> Result<()> {
        count += 1;
        if count > PAIRS_MAX {
            return Err(Error::too_large(format!("the URL has more than {PAIRS_MAX} parameters")));
        }
        visit(name, value)
    };
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        take(name, value)?;
    }
    let mut rest = path;
    while let (Some(name), Some(value)) = (next_part(&mut rest), next_part(&mut rest)) {
        take(name, value)?;
    }
    Ok(())
}

/// `text` with its percent-encoding undone, once (RFC 3986 section 2.1). A plus stays a plus.
pub(super) fn decode(text: &str) -> Result<Cow<'_, str>> {
    if !text.bytes().any(|b| b == b'%' || b == 0) {
        return Ok(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let decoded = if byte == b'%' { hex_pair(rest.next(), rest.next()) } else { Some(byte) };
        match decoded {
            Some(0) => return Err(Error::invalid("the URL contains a zero byte (%00)")),
            Some(byte) => bytes.push(byte),
            None => return Err(Error::invalid("the URL contains a % that two hexadecimal digits do not follow")),
        }
    }
    let not_text = |_| Error::invalid("the URL is not UTF-8 once its percent-encoding is undone");
    String::from_utf8(bytes).map(Cow::Owned).map_err(not_text)
}

fn hex_pair(high: Option<u8>, low: Option<u8>) -> Option<u8> {
    let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[track_caller]
    fn check_route(path: &str, expected: Option<(Option<i64>, &str)>) {
        let found = route(path).map(|route| (route.partner.map(|partner| partner.0), route.pairs));
        assert_eq!(found, expected, "{path}");
    }

    #[track_caller]
    fn check_action(path: &str, expected: Option<(Action, Option<&str>)>) {
        assert_eq!(route(path).map(|route| (route.action, route.container)), expected, "{path}");
    }

    #[test]
    fn actions() {
        check_action("/p/1/sp/100/playManifest/entryId/0_x", Some((Action::PlayManifest, None)));
        check_action("/s/p/1/sp/100/playManifest/entryId/0_x", Some((Action::PlayManifest, None)));
        check_action("/index.php/extwidget/playManifest/entryId/0_x", Some((Action::PlayManifest, None)));
        check_action("/p/1/serveFlavor/entryId/0_x", Some((Action::ServeFlavor, None)));
        let hls = Action::Package(Protocol::Hls);
        check_action("/hls/p/1/sp/100/serveFlavor/entryId/0_x/a.m3u8", Some((hls, None)));
        check_action("/hls/container/ts/p/1/serveFlavor/entryId/0_x/a.m3u8", Some((hls, Some("ts"))));
        check_action("/dash/p/1/serveFlavor/e", Some((Action::Package(Protocol::Dash), None)));
        check_action("/dash/p/1/playManifest/e", None);
        check_action("/p/1/sp/100/raw/entry_id/0_x", Some((Action::Raw, None)));
        check_action("/index.php/extwidget/raw/entry_id/0_x", Some((Action::Raw, None)));
        check_action("/p/1/download/entry_id/0_x", Some((Action::Download, None)));
        check_action("/s/p/1/raw/entry_id/0_x", None);
        check_action("/api_v3/service/x", Some((Action::Api, None)));
        check_action("/hls/thumbnail/entry_id/0_x", None);
    }

    #[test]
    fn prefixes() {
        check_route("/p/1/thumbnail/a/b", Some((Some(1), "/a/b")));
        check_route("/p/1/sp/100/thumbnail/a/b", Some((Some(1), "/a/b")));
        check_route("/p/1/sp/-100/uiconf/7/thumbnail/a", Some((Some(1), "/a")));
        check_route("//p//1///thumbnail//a", Some((Some(1), "//a")));
        check_route("/p/-5/thumbnail/", Some((Some(-5), "/")));
        check_route("/p/1-2/thumbnail/", Some((None, "/")));
        check_route("/p/99999999999999999999/thumbnail/", Some((None, "/")));
        check_route("/thumbnail/a/b", Some((None, "/a/b")));
        check_route("/extwidget/thumbnail/a/b", Some((None, "/a/b")));
        check_route("/index.php/extwidget/thumbnail/a/b", Some((None, "/a/b")));
        check_route("/index.php/extwidget/thumbnail", Some((None, "")));
        check_route("/api_v3/index.php/service/x", Some((None, "/service/x")));
        check_route("/api_v3/service/x", Some((None, "/service/x")));
        check_route("/api_v3/index.php", Some((None, "")));
        check_route("/api_v3", Some((None, "")));
    }

    #[test]
    fn paths_of_others() {
        for path in [
            "",
            "/",
            "p/1/thumbnail/",
            "/p",
            "/p/1",
            "/p/x/thumbnail/a/b",
            "/p/1/thumbnail",
            "/thumbnail",
            "/p/1/sp/thumbnail/a/b",
            "/p/1/s2/3/thumbnail/a",
            "/p/1/playmanifest/entryId/0_x",
            "/s/p/1/thumbnail/a/b",
            "/index.php/thumbnail/a",
            "/index.php",
            "/extwidget/serveFlavor/a/b",
            "/api_v4/service/x",
            "/P/1/thumbnail/a",
            "/favicon.ico",
        ] {
            check_route(path, None);
        }
    }

    #[track_caller]
    fn check_pairs(path: &str, query: &str, expected: &[(&str, &str)]) {
        let mut found = Vec::new();
        let visited = pairs(path, query, |name, value| {
            found.push((name, value));
            Ok(())
        });
        assert!(visited.is_ok());
        assert_eq!(found, expected, "{path} {query}");
    }

    #[test]
    fn pairs_in_order() {
        check_pairs("/a/b/c/d", "", &[("a", "b"), ("c", "d")]);
        check_pairs("/a/b/odd.jpg", "", &[("a", "b")]);
        check_pairs("/a/b/", "", &[("a", "b")]);
        check_pairs("/width//height/90", "", &[("width", "height")]);
        check_pairs("/a/b/a/c", "a=d&a=e", &[("a", "d"), ("a", "e"), ("a", "b"), ("a", "c")]);
        check_pairs("/a/b%2Fc", "", &[("a", "b%2Fc")]);
        check_pairs("", "&&a&b=&c=d=e&", &[("a", ""), ("b", ""), ("c", "d=e")]);
        check_pairs("/", "", &[]);
    }

    #[test]
    fn one_decoding() {
        for (text, expected) in
            [("a%2Fb%26c%3dd", "a/b&c=d"), ("%252e", "%2e"), ("b+c", "b+c"), ("%C3%a9", "é"), ("é", "é"), ("", "")]
        {
            assert_eq!(decode(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_text() {
        for text in ["%", "%4", "%zz", "a%", "%+1", "%00", "a%00b", "\0", "%ff", "%c0%ae", "%ed%a0%80"] {
            assert_eq!(decode(text).unwrap_err().kind(), Kind::Invalid, "{text}");
        }
    }
}
