//! `serveFlavor` URLs, alone and beneath a packager, both ways.

use std::borrow::Cow;
use std::fmt::{self, Display};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::given::Given;
use super::path::{Action, Route};
use super::playback::{container, credentials, whole, window};
use super::sequence::sequence;
use super::{Credentials, path};
use crate::entry::{EntryId, FlavorId, PartnerId};
use crate::error::{Code, Error, Result};
use crate::media::time::Micros;
use crate::packager::name::{self, File, Selection};
use crate::packager::timeline::Window;
use crate::packager::{Container, Protocol};

/// Stored files of an entry, or a part of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// The entry.
    pub entry: EntryId,
    /// Who asks.
    pub credentials: Credentials,
    /// Flavors by id, in the order in which file names count them.
    pub flavors: Vec<Versioned<FlavorId>>,
    /// Flavors by the conversion profile they were made by.
    pub params: Vec<i64>,
    /// A caption file by id.
    pub caption: Option<Versioned<String>>,
    /// The part of the entry.
    pub window: Window,
    /// The tracks wanted; empty for all.
    pub tracks: Selection,
    /// How segments are wrapped; `None` for the default.
    pub container: Option<Container>,
    /// The entries that play before it; only a packager's documents tell of them.
    pub sequence: Vec<EntryId>,
    /// The language of the sound that plays unless another is chosen; only a packager's documents tell of it.
    pub default_audio: Option<String>,
    /// Whether a packager's documents tell of captions.
    pub captions: bool,
    /// The name that the file is to be kept under.
    pub file_name: Option<String>,
}

/// The name of a thing, with the version that the URL is about, if it names one.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Versioned<T> {
    /// The name.
    pub id: T,
    /// The version, as given.
    pub version: Option<String>,
}

/// What a packager is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// For which protocol. Segments are the same for all.
    pub protocol: Protocol,
    /// Of what.
    pub of: Served,
    /// Which document or segment.
    pub file: File,
}

/// Most flavors of one URL.
const FLAVORS_MAX: usize = 64;

/// What [`Package`] and plain files have in common, by what the route and the query say.
pub(super) fn parse(route: &Route<'_>, query: &str) -> Result<Served> {
    let paths = expanded(route.pairs)?;
    let mut served = one(&paths[0], query, route)?;
    for path in &paths[1..] {
        served.flavors.extend(one(path, "", route)?.flavors);
    }
    if served.flavors.len() > FLAVORS_MAX {
        return Err(Error::too_large(format!("the URL names more than {FLAVORS_MAX} flavors")));
    }
    Ok(served)
}

/// A packager's document: the path of the files, a slash, and its name.
pub(super) fn parse_package(route: &Route<'_>, query: &str, protocol: Protocol) -> Result<Package> {
    let (pairs, name) = route.pairs.rsplit_once('/').unwrap_or((route.pairs, ""));
    let file = name::parse(&path::decode(name)?)?;
    let of = parse(&Route { pairs, ..*route }, query)?;
    Ok(Package { protocol, of, file })
}

/// The paths that a path stands for: several where it ends in `.urlset`, a common front, what differs and a common end
/// divided by commas.
fn expanded(pairs: &str) -> Result<Vec<Cow<'_, str>>> {
    let Some(set) = pairs.trim_end_matches('/').strip_suffix(".urlset") else { return Ok(vec![pairs.into()]) };
    let parts: Vec<&str> = set.split(',').collect();
    match parts[..] {
        [alone] => Ok(vec![alone.into()]),
        [front, ref between @ .., end] if !between.is_empty() => {
            if between.len() > FLAVORS_MAX {
                return Err(Error::too_large(format!("the URL names more than {FLAVORS_MAX} flavors")));
            }
            Ok(between.iter().map(|part| format!("{front}{part}{end}").into()).collect())
        }
        _ => Err(Error::invalid("a .urlset has a front, one part or more and an end between commas")),
    }
}

fn one(path: &str, query: &str, route: &Route<'_>) -> Result<Served> {
    let given = Given::read(path, query)?;
    let entry = given.get(&["entryId"]).unwrap_or_default();
    let unknown = || Error::coded(Code::EntryNotFound, format!("entryId {entry:?} names no entry"));
    let version = given.filled(&["v"]).map(str::to_owned);
    let flavor = given.filled(&["flavorId"]);
    let no_flavor = |id: &str| Error::coded(Code::FlavorNotFound, format!("flavorId {id:?} names no flavor"));
    let flavor = flavor.map(|id| FlavorId::new(id).ok_or_else(|| no_flavor(id))).transpose()?;
    let seek = if route.action == Action::ServeFlavor { ["clipFrom", "seekFrom"] } else { ["clipFrom", "clipFrom"] };
    if route.action == Action::ServeFlavor {
        check_clip(&given)?;
    }
    Ok(Served {
        entry: EntryId::new(entry).ok_or_else(unknown)?,
        credentials: credentials(&given, route),
        flavors: flavor.into_iter().map(|id| Versioned { id, version: version.clone() }).collect(),
        params: given.list(&["flavorParamIds"]).into_iter().filter_map(whole).collect(),
        caption: given.filled(&["captionId"]).map(|id| Versioned { id: id.to_owned(), version }),
        window: window(&given, &seek, &["clipTo"]),
        tracks: given.filled(&["tracks"]).map(tracks).transpose()?.unwrap_or_default(),
        container: route.container.and_then(container).or_else(|| given.get(&["container"]).and_then(container)),
        sequence: if matches!(route.action, Action::Package(_)) { sequence(&given)? } else { Vec::new() },
        default_audio: given.filled(&["defaultAudioLang"]).map(str::to_owned),
        captions: !given.is_set(&["disableCaptions"]),
        file_name: given.filled(&["fileName"]).map(str::to_owned),
    })
}

/// The tracks that a text such as `v1-a1` names.
pub fn tracks(text: &str) -> Result<Selection> {
    match name::parse(&format!("index-{text}.m3u8"))? {
        File::Playlist(of) => Ok(of),
        _ => Ok(Selection::default()),
    }
}

/// A stored file says what is wrong with a clip; a packager does without one.
fn check_clip(given: &Given<'_>) -> Result<()> {
    match given.filled(&["clipTo"]) {
        Some(text) if whole(text).is_none_or(|millis| millis < 0) => {
            Err(Error::coded(Code::BadQuery, format!("clipTo {text:?} is not allowed: whole milliseconds are")))
        }
        _ => Ok(()),
    }
}

/// What a path keeps as it is: the unreserved characters (RFC 3986 section 2.3).
pub(super) const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A stored file, or the folder of a packager's documents, as a path to be written.
#[derive(Clone, Debug)]
pub struct Place<'a> {
    /// The packager's protocol; `None` for the stored file.
    pub protocol: Option<Protocol>,
    /// How segments are wrapped, where it is not the default.
    pub container: Container,
    /// Whose entry it is.
    pub partner: PartnerId,
    /// The entry.
    pub entry: &'a EntryId,
    /// The part of it.
    pub window: Window,
    /// The entries that play before it.
    pub sequence: &'a [EntryId],
    /// What opens it, where that is needed.
    pub token: Option<&'a str>,
    /// Its version.
    pub version: &'a str,
    /// The name of its parameter, and its value: a flavor or a caption file.
    pub of: (&'static str, &'a str),
    /// The name to keep it under.
    pub file_name: Option<&'a str>,
    /// The suffix of the name at the end, which players look at.
    pub extension: &'a str,
}

/// The path from the root, without a slash at its end.
impl Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.protocol {
            Some(Protocol::Hls) => "/hls",
            Some(Protocol::Dash) => "/dash",
            None => "",
        })?;
        if self.container == Container::Ts {
            f.write_str("/container/ts")?;
        }
        let PartnerId(partner) = self.partner;
        write!(f, "/p/{partner}/sp/{partner}00/serveFlavor/entryId/{}", self.entry)?;
        let millis = |micros: Micros| micros.0 / 1000;
        if let Some(to) = self.window.to {
            write!(f, "/clipTo/{}", millis(to))?;
        }
        if self.window.from.0 > 0 {
            write!(f, "/clipFrom/{}", millis(self.window.from))?;
        }
        for (place, entry) in self.sequence.iter().enumerate() {
            write!(f, "{}{entry}", if place == 0 { "/sequence/" } else { "," })?;
        }
        if let Some(token) = self.token {
            write!(f, "/kt/{token}")?;
        }
        let (name, value) = self.of;
        write!(f, "/v/{}/{name}/{}", self.version, utf8_percent_encode(value, KEPT))?;
        if let Some(name) = self.file_name {
            write!(f, "/fileName/{}", utf8_percent_encode(name, KEPT))?;
        }
        write!(f, "/name/a.{}", self.extension)
    }
}

/// What a packager's document is told behind its path: the names and values of [`Served::default_audio`] and
/// [`Served::captions`], where they are not what goes without saying.
pub fn told(default_audio: Option<&str>, captions: bool) -> String {
    let language = default_audio.map(|language| format!("defaultAudioLang={}", utf8_percent_encode(language, KEPT)));
    let silent = (!captions).then(|| "disableCaptions=1".to_owned());
    let told: Vec<String> = language.into_iter().chain(silent).collect();
    if told.is_empty() { String::new() } else { format!("?{}", told.join("&")) }
}

/// One path for several: what they have in common written once, and `.urlset` at the end. The path itself where it is alone.
pub fn urlset(paths: &[String]) -> String {
    let [first, rest @ ..] = paths else { return String::new() };
    if rest.is_empty() {
        return first.clone();
    }
    // Commas divide the parts; those of a path itself are encoded.
    let paths: Vec<String> = paths.iter().map(|path| path.replace(',', "%2C")).collect();
    let [first, rest @ ..] = &paths[..] else { return String::new() };
    let shortest = paths.iter().map(String::len).min().unwrap_or_default();
    let common = |of: &dyn Fn(&str, usize) -> Option<u8>, most: usize| {
        (0..most).take_while(|at| rest.iter().all(|path| of(path, *at) == of(first, *at))).count()
    };
    // Paths are ASCII: everything else is percent-encoded.
    let front = common(&|path, at| path.as_bytes().get(at).copied(), shortest);
    let end = common(&|path, at| path.as_bytes().iter().rev().nth(at).copied(), shortest - front);
    let between: Vec<&str> = paths.iter().map(|path| &path[front..path.len() - end]).collect();
    format!("{},{},{}.urlset", &first[..front], between.join(","), &first[first.len() - end..])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Kind;
    use crate::packager::name::Pick;
    use crate::request::{Request, parse as parse_target};

    #[track_caller]
    fn served(target: &str) -> Served {
        match parse_target(target).unwrap().unwrap() {
            Request::Served(of) => *of,
            Request::Package(package) => package.of,
            other => panic!("{target}: {other:?}"),
        }
    }

    #[track_caller]
    fn check_error(target: &str, expected: (Kind, Option<Code>)) {
        let error = parse_target(target).unwrap().unwrap_err();
        assert_eq!((error.kind(), error.code()), expected, "{target}: {error}");
    }

    fn flavors(of: &Served) -> Vec<(&str, Option<&str>)> {
        of.flavors.iter().map(|flavor| (flavor.id.as_str(), flavor.version.as_deref())).collect()
    }

    #[test]
    fn one_flavor() {
        let of = served(
            "/p/1/sp/100/serveFlavor/entryId/0_x/clipTo/9000/v/ab/ev/3/flavorId/0_a/fileName/a%20b.mp4/name/a.mp4",
        );
        assert_eq!(flavors(&of), [("0_a", Some("ab"))]);
        assert_eq!((of.file_name.as_deref(), of.credentials.partner), (Some("a b.mp4"), Some(PartnerId(1))));
        assert_eq!(of.window, Window { from: Micros(0), to: Some(Micros(9_000_000)) });
        // The reference writes the end twice, around the start.
        let of = served(
            "/dash/p/1/serveFlavor/entryId/0_x/clipTo/9/clipFrom/2/clipTo/9/flavorId/0_a/forceproxy/true/name/a.mp4/manifest.mpd",
        );
        assert_eq!(of.window, Window { from: Micros(2000), to: Some(Micros(9000)) });
    }

    #[test]
    fn where_a_part_begins() {
        let from = |target: &str| served(target).window.from.0;
        assert_eq!(from("/p/1/serveFlavor/entryId/0_x/flavorId/0_a/seekFrom/5"), 5000);
        assert_eq!(from("/p/1/serveFlavor/entryId/0_x/flavorId/0_a/seekFrom/5/clipFrom/6"), 6000);
        assert_eq!(from("/hls/p/1/serveFlavor/entryId/0_x/flavorId/0_a/seekFrom/5/index.m3u8"), 0);
    }

    #[test]
    fn several_flavors() {
        let of = served(
            "/hls/p/1/sp/100/serveFlavor/entryId/0_x/v/,1/flavorId/0_a,2/flavorId/0_b,/name/a.mp4.urlset/master.m3u8",
        );
        assert_eq!(flavors(&of), [("0_a", Some("1")), ("0_b", Some("2"))]);
        let of = served("/hls/p/1/serveFlavor/entryId/0_x/flavorId/0_,a,b,b,.urlset/master.m3u8");
        assert_eq!(flavors(&of), [("0_a", None), ("0_b", None), ("0_b", None)]);
        let of = served("/hls/p/1/serveFlavor/entryId/0_x/flavorId/0_a/name/a.mp4.urlset/master.m3u8");
        assert_eq!(flavors(&of), [("0_a", None)]);
        let of = served("/hls/p/1/serveFlavor/entryId/0_x/flavorParamIds/5,x,7/master.m3u8");
        assert_eq!((of.params, of.flavors.len()), (vec![5, 7], 0));
    }

    #[test]
    fn tracks_and_containers() {
        let of =
            served("/hls/container/ts/p/1/serveFlavor/entryId/0_x/flavorId/0_a/name/a.mp4/tracks/v1-a2/index.m3u8");
        assert_eq!(of.tracks, Selection::of(Pick { video: Some(1), audio: Some(2), ..Pick::default() }));
        assert_eq!(of.container, Some(Container::Ts));
        assert_eq!(served("/hls/container/x/p/1/serveFlavor/entryId/0_x/index.m3u8").container, None);
    }

    #[test]
    fn what_documents_are_told_behind_their_path() {
        for (language, captions, query) in [
            (None, true, ""),
            (Some("de"), true, "?defaultAudioLang=de"),
            (None, false, "?disableCaptions=1"),
            (Some("a&b"), false, "?defaultAudioLang=a%26b&disableCaptions=1"),
        ] {
            assert_eq!(told(language, captions), query);
            let of = served(&format!("/dash/p/1/serveFlavor/entryId/0_x/flavorId/0_a/manifest.mpd{query}"));
            assert_eq!((of.default_audio.as_deref(), of.captions), (language, captions));
        }
    }

    #[test]
    fn what_is_refused() {
        let not_found = |code| (Kind::NotFound, Some(code));
        check_error("/p/1/serveFlavor/flavorId/0_a", not_found(Code::EntryNotFound));
        check_error("/p/1/serveFlavor/entryId/0_x/flavorId/..", not_found(Code::FlavorNotFound));
        for clip in ["x", "-1", "1.5"] {
            let target = format!("/p/1/serveFlavor/entryId/0_x/flavorId/0_a/clipTo/{clip}");
            check_error(&target, (Kind::Invalid, Some(Code::BadQuery)));
        }
        let name = |name: &str| format!("/hls/p/1/serveFlavor/entryId/0_x/flavorId/0_a/{name}");
        for bad in ["", "a.m3u8", "seg-0-v1.ts", "seg-1-v1-v2.m4s", "frag-1-v1.m4s", "%zz", "master.m3u8/"] {
            check_error(&name(bad), (Kind::Invalid, None));
        }
        check_error(&name("seg-99999999999-v1.ts"), (Kind::NotFound, None));
        check_error(&name("tracks/v1-v2/index.m3u8"), (Kind::Invalid, None));
        check_error("/hls/p/1/serveFlavor/entryId/0_x/flavorId/0_,a.urlset/master.m3u8", (Kind::Invalid, None));
        let many = format!("/hls/p/1/serveFlavor/entryId/0_x/flavorId/0_{},.urlset/master.m3u8", ",a".repeat(65));
        check_error(&many, (Kind::TooLarge, None));
    }

    fn places() -> impl Strategy<Value = Vec<(String, String)>> {
        proptest::collection::vec(("[0-9a-f]{1,4}", "0_[ab_.-]{0,3}"), 1..6)
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            places in places(),
            protocol in prop_oneof![Just(Protocol::Hls), Just(Protocol::Dash)],
            is_ts in any::<bool>(),
            (from, to) in (0..5_i64, proptest::option::of(1..9_i64)),
        ) {
            let entry = EntryId::new("0_x").unwrap();
            let window = Window { from: Micros(from * 1000), to: to.map(|to| Micros(to * 1000)) };
            let container = if is_ts { Container::Ts } else { Container::Fmp4 };
            let paths: Vec<String> = places.iter().map(|(version, flavor)| Place {
                protocol: Some(protocol),
                container,
                partner: PartnerId(7),
                entry: &entry,
                window,
                sequence: &[],
                token: None,
                version,
                of: ("flavorId", flavor),
                file_name: None,
                extension: "mp4",
            }.to_string()).collect();
            let target = format!("{}/master.m3u8", urlset(&paths));
            let Some(Ok(Request::Package(package))) = parse_target(&target) else {
                return Err(TestCaseError::fail(target));
            };
            let expected: Vec<_> = places.iter().map(|(version, flavor)| (flavor.as_str(), Some(version.as_str()))).collect();
            prop_assert_eq!(flavors(&package.of), expected, "{}", target);
            prop_assert_eq!((package.protocol, package.of.window), (protocol, window));
            prop_assert_eq!(package.of.container.unwrap_or_default(), container);
        }

        #[test]
        fn any_text_is_answered(rest in "(/(entryId|flavorId|clipTo|tracks|name)?[a-z_%0-9.,+-]{0,9}){0,9}(.urlset)?(/[a-z0-9.-]{0,12})?") {
            for front in ["/p/1/serveFlavor", "/hls/p/1/serveFlavor", "/dash/container/ts/p/1/serveFlavor"] {
                let target = format!("{front}/{rest}");
                prop_assert!(parse_target(&target).is_some(), "{}", target);
            }
        }
    }
}
