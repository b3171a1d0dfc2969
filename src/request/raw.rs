//! `raw` and `download` URLs, both ways: the file of an entry as it is.

use std::fmt::{self, Display};

use percent_encoding::utf8_percent_encode;

use super::given::Given;
use super::path::Route;
use super::served::KEPT;
use super::{Credentials, number, wish, write};
use crate::entry::{EntryId, FlavorId, PartnerId};
use crate::error::{Code, Error, Result};

/// The file of an entry, whatever its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raw {
    /// The entry.
    pub entry: EntryId,
    /// Who asks.
    pub credentials: Credentials,
    /// The name to keep it under, if not the entry's.
    pub file_name: Option<String>,
    /// Whether it is to be shown instead of kept (`direct_serve`).
    pub is_shown: bool,
    /// Whether it is wanted under this very URL, whatever that ends in (`forceproxy`).
    pub is_proxied: bool,
    /// The file name that a redirect to this URL gave it (`relocate`).
    pub relocated: Option<String>,
    /// How the name of the file wanted ends, if that matters (`type/download/format/…`).
    pub extension: Option<String>,
    /// The version that the URL is about, if it names one.
    pub version: Option<String>,
}

/// The file of an entry, to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// The entry.
    pub entry: EntryId,
    /// Who asks.
    pub credentials: Credentials,
    /// The flavor; `None` for the best.
    pub flavor: Option<FlavorId>,
    /// The name to keep it under, if not the entry's.
    pub file_name: Option<String>,
    /// The file name that a redirect to this URL gave it (`relocate`).
    pub relocated: Option<String>,
}

/// The file that a `raw` route and a query ask for.
pub(super) fn parse(route: &Route<'_>, query: &str) -> Result<Raw> {
    let given = Given::read_alike(route.pairs, query)?;
    let is_download = given.get(&["type"]) == Some("download");
    Ok(Raw {
        entry: entry(&given)?,
        credentials: credentials(&given, route),
        file_name: text(&given, "file_name"),
        is_shown: given.is_set(&["direct_serve"]),
        is_proxied: given.is_set(&["forceproxy"]),
        relocated: text(&given, "relocate"),
        extension: text(&given, "format").filter(|_| is_download),
        version: text(&given, "version"),
    })
}

/// The file that a `download` route and a query ask for.
pub(super) fn parse_download(route: &Route<'_>, query: &str) -> Result<Download> {
    let given = Given::read_alike(route.pairs, query)?;
    let unknown = |id: &str| Error::coded(Code::FlavorNotFound, format!("flavor {id:?} names no flavor"));
    let flavor = given.filled(&["flavor"]).map(|id| FlavorId::new(id).ok_or_else(|| unknown(id)));
    Ok(Download {
        entry: entry(&given)?,
        credentials: credentials(&given, route),
        flavor: flavor.transpose()?,
        file_name: text(&given, "file_name"),
        relocated: text(&given, "relocate"),
    })
}

fn entry(given: &Given<'_>) -> Result<EntryId> {
    let entry = given.get(&["entry_id"]).unwrap_or_default();
    let unknown = || Error::coded(Code::EntryNotFound, format!("entry_id {entry:?} names no entry"));
    EntryId::new(entry).ok_or_else(unknown)
}

fn credentials(given: &Given<'_>, route: &Route<'_>) -> Credentials {
    // What base64 has a plus for arrives as a blank.
    let referrer = given.filled(&["referrer"]).map(|text| text.replace(' ', "+"));
    Credentials {
        partner: route.partner,
        session: text(given, "ks"),
        referrer: referrer.and_then(|text| wish::referrer(&text)),
        ..signed(given.filled(&["kt"]), given.filled(&["expiry"]))
    }
}

/// What signs a URL. Where nothing does, it says of its expiry nothing that could be believed.
pub(super) fn signed(token: Option<&str>, expiry: Option<&str>) -> Credentials {
    let token = token.map(str::to_owned);
    let expiry = expiry.filter(|_| token.is_some()).map(|text| number::decimal(text) as i64);
    Credentials { token, expiry, ..Credentials::default() }
}

fn text(given: &Given<'_>, name: &str) -> Option<String> {
    given.filled(&[name]).map(str::to_owned)
}

/// The path from the root, without a slash at its end: parsing it gives an equal request.
impl Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_front(f, "raw", &self.credentials, &self.entry)?;
        pair(f, "version", self.version.as_deref())?;
        pair(f, "file_name", self.file_name.as_deref())?;
        pair(f, "direct_serve", self.is_shown.then_some("1"))?;
        pair(f, "forceproxy", self.is_proxied.then_some("true"))?;
        pair(f, "type", self.extension.is_some().then_some("download"))?;
        pair(f, "format", self.extension.as_deref())?;
        write_end(f, &self.credentials, self.relocated.as_deref())
    }
}

/// The path from the root, without a slash at its end: parsing it gives an equal request.
impl Display for Download {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_front(f, "download", &self.credentials, &self.entry)?;
        pair(f, "flavor", self.flavor.as_ref().map(FlavorId::as_str))?;
        pair(f, "file_name", self.file_name.as_deref())?;
        write_end(f, &self.credentials, self.relocated.as_deref())
    }
}

fn write_front(f: &mut fmt::Formatter<'_>, action: &str, credentials: &Credentials, entry: &EntryId) -> fmt::Result {
    let PartnerId(partner) = credentials.partner.unwrap_or_default();
    write!(f, "/p/{partner}/sp/{partner}00/{action}/entry_id/{entry}")
}

fn write_end(f: &mut fmt::Formatter<'_>, credentials: &Credentials, relocated: Option<&str>) -> fmt::Result {
    pair(f, "ks", credentials.session.as_deref())?;
    if let Some(referrer) = &credentials.referrer {
        write!(f, "/referrer/{}", write::Base64(referrer))?;
    }
    if let Some(expiry) = credentials.expiry {
        write!(f, "/expiry/{expiry}")?;
    }
    pair(f, "kt", credentials.token.as_deref())?;
    pair(f, "relocate", relocated)
}

fn pair(f: &mut fmt::Formatter<'_>, name: &str, value: Option<&str>) -> fmt::Result {
    value.map_or(Ok(()), |value| write!(f, "/{name}/{}", utf8_percent_encode(value, KEPT)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Kind;
    use crate::request::{Request, parse as parse_target};

    #[track_caller]
    fn raw(target: &str) -> Raw {
        match parse_target(target).unwrap().unwrap() {
            Request::Raw(asked) => *asked,
            other => panic!("{target}: {other:?}"),
        }
    }

    #[track_caller]
    fn download(target: &str) -> Download {
        match parse_target(target).unwrap().unwrap() {
            Request::Download(asked) => *asked,
            other => panic!("{target}: {other:?}"),
        }
    }

    /// `rest` changes the file that is asked for without any parameter as `change` does.
    #[track_caller]
    fn check(rest: &str, change: impl FnOnce(&mut Raw)) {
        let mut expected = raw("/p/1/raw/entry_id/0_x");
        change(&mut expected);
        assert_eq!(raw(&format!("/p/1/raw/entry_id/0_x{rest}")), expected, "{rest}");
    }

    #[test]
    fn parameters() {
        check("/logo.svg", |_| {});
        check("/size/3/logo.svg", |_| {});
        check("/direct_serve/1/forceproxy/true/logo.svg", |asked| (asked.is_shown, asked.is_proxied) = (true, true));
        check("/direct_serve/0/forceproxy//", |_| {});
        check("/direct_serve/yes", |asked| asked.is_shown = true);
        check("/file_name/a+b%2Bc.pdf", |asked| asked.file_name = Some("a b+c.pdf".into()));
        check("/file_name/a%2Fb", |asked| asked.file_name = Some("a/b".into()));
        check("/a.mp4?relocate=f.mp4", |asked| asked.relocated = Some("f.mp4".into()));
        check("/type/download/format/mp4", |asked| asked.extension = Some("mp4".into()));
        check("?type=download&format=mp4", |asked| asked.extension = Some("mp4".into()));
        check("/format/mp4", |_| {});
        check("/type/other/format/mp4", |_| {});
        check("/version/100001", |asked| asked.version = Some("100001".into()));
        check("/version/1/version/2?version=3", |asked| asked.version = Some("2".into()));
        check("/ks/a+b", |asked| asked.credentials.session = Some("a b".into()));
        for referrer in ["/referrer/aHR0cDovL2EuYi8=", "/referrer/aHR0cDovL2EuYi8"] {
            check(referrer, |asked| asked.credentials.referrer = Some("http://a.b/".into()));
        }
        check("/referrer/Pz8+", |asked| asked.credentials.referrer = Some("??>".into()));
        check("/direct_Serve/1", |_| {});
    }

    #[test]
    fn entries_and_partners() {
        assert_eq!(raw("/p/7/sp/700/raw/entry_id/0_x").credentials.partner, Some(PartnerId(7)));
        assert_eq!(raw("/extwidget/raw/entry_id/0_x").credentials.partner, None);
        assert_eq!(raw("/p/1/raw/entry_id/0_y/entry_id/0_x").entry.as_str(), "0_x");
        assert_eq!(raw("/p/1/raw/?entry_id=0_x").entry.as_str(), "0_x");
    }

    #[test]
    fn downloads() {
        let asked = download("/p/1/sp/100/download/entry_id/0_x/flavor/0_a/file_name/b+c/ks/s/relocate/b_c.mp4");
        assert_eq!((asked.entry.as_str(), asked.flavor.as_ref().map(FlavorId::as_str)), ("0_x", Some("0_a")));
        assert_eq!((asked.file_name.as_deref(), asked.relocated.as_deref()), (Some("b c"), Some("b_c.mp4")));
        assert_eq!(asked.credentials.session.as_deref(), Some("s"));
        let plain = download("/p/1/download/entry_id/0_x");
        assert_eq!((plain.flavor, plain.file_name, plain.relocated), (None, None, None));
    }

    #[track_caller]
    fn check_error(target: &str, expected: (Kind, Option<Code>)) {
        let error = parse_target(target).unwrap().unwrap_err();
        assert_eq!((error.kind(), error.code()), expected, "{target}: {error}");
    }

    #[test]
    fn what_is_refused() {
        let missing = (Kind::NotFound, Some(Code::EntryNotFound));
        for target in [
            "/p/1/raw/",
            "/p/1/raw/entry_id",
            "/p/1/raw/entryId/0_x",
            "/p/1/raw/entry_id/..%2f..%2fetc",
            "/p/1/raw/entry_id/0_x;.css",
            "/p/1/raw/entry_id/%252e%252e",
            "/p/1/raw/entry_id/a%5cb",
            "/p/1/download/entry_id/a+b",
        ] {
            check_error(target, missing);
        }
        check_error("/p/1/download/entry_id/0_x/flavor/..", (Kind::NotFound, Some(Code::FlavorNotFound)));
        for target in ["/p/1/raw/entry_id/%00", "/p/1/raw/entry_id/0_x/file_name/%c0%ae", "/p/1/raw/entry_id/%"] {
            check_error(target, (Kind::Invalid, None));
        }
        let many = format!("/p/1/raw/entry_id/0_x{}", "/a/b".repeat(256));
        check_error(&many, (Kind::TooLarge, None));
    }

    fn words() -> impl Strategy<Value = Option<String>> {
        proptest::option::of("[a-zé .+%/&?\"]{1,6}")
    }

    fn asked() -> impl Strategy<Value = (Credentials, EntryId)> {
        (any::<i64>(), words(), words(), "[a-z0-9_][a-z0-9_.-]{0,9}").prop_map(|(partner, session, referrer, entry)| {
            let credentials =
                Credentials { partner: Some(PartnerId(partner)), session, referrer, ..signed(Some("kt"), Some("9")) };
            (credentials, EntryId::new(&entry).unwrap())
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            (credentials, entry) in asked(),
            (file_name, relocated, extension, version) in (words(), words(), words(), words()),
            (is_shown, is_proxied) in any::<(bool, bool)>(),
            flavor in proptest::option::of("[a-z0-9_]{1,5}"),
        ) {
            let written = Raw {
                entry: entry.clone(), credentials: credentials.clone(), file_name: file_name.clone(), is_shown, is_proxied,
                relocated: relocated.clone(), extension, version,
            };
            prop_assert_eq!(raw(&written.to_string()), written);
            let flavor = flavor.and_then(|id| FlavorId::new(&id));
            let written = Download { entry, credentials, flavor, file_name, relocated };
            prop_assert_eq!(download(&written.to_string()), written);
        }

        #[test]
        fn any_text_is_answered(rest in "(/(entry_id|file_name|relocate|type|format|flavor)?[a-z_%0-9.,+-]{0,9}){0,9}(\\?[ -~]{0,30})?") {
            for front in ["/p/1/raw", "/p/1/sp/100/download", "/extwidget/raw"] {
                let target = format!("{front}/{rest}");
                prop_assert!(parse_target(&target).is_some(), "{}", target);
            }
        }
    }
}
