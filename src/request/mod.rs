//! The URL grammar: what a request asks for, in types. Text does not travel past this module.

pub mod asset;
mod given;
pub mod json;
mod number;
pub mod path;
pub mod playback;
pub mod raw;
pub mod sequence;
pub mod served;
pub mod shown;
pub mod stale;
pub mod thumbnail;
mod wish;
mod write;

use std::borrow::Cow;
use std::fmt;

use self::asset::{Asset, Named};
use self::path::Action;
use self::playback::PlayManifest;
use self::raw::{Download, Raw};
use self::served::{Package, Served};
use self::thumbnail::Thumbnail;
use crate::entry::{EntryId, PartnerId};
use crate::error::{Code, Error, Result};

/// What a URL asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A picture.
    Thumbnail(Box<Thumbnail>),
    /// Where a player begins.
    PlayManifest(Box<PlayManifest>),
    /// A playlist, a manifest or a segment.
    Package(Box<Package>),
    /// A stored file, or a part of it.
    Served(Box<Served>),
    /// The file of an entry.
    Raw(Box<Raw>),
    /// The file of an entry, to be kept.
    Download(Box<Download>),
    /// What an action of the API hands out.
    Asset(Box<Asset>),
}

/// What of the library a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject<'a> {
    /// An entry.
    Entry(&'a EntryId),
    /// The entry that has an attachment, captions or a picture of this name.
    Asset(&'a str),
}

/// Where in a URL the partner stood, and who asks.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Credentials {
    /// The partner in the path. Decorative: the entry decides.
    pub partner: Option<PartnerId>,
    /// A Kaltura session, as given.
    pub session: Option<String>,
    /// The referrer parameter, decoded.
    pub referrer: Option<String>,
    /// What signs the URL (`kt`), as given.
    pub token: Option<String>,
    /// When the URL expires, in seconds since 1970; `None` for never.
    pub expiry: Option<i64>,
}

/// Without the session and the token: who has them may do what they allow.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Credentials { partner, session: _, referrer, token: _, expiry } = self;
        let mut told = f.debug_struct("Credentials");
        told.field("partner", partner).field("referrer", referrer).field("expiry", expiry).finish_non_exhaustive()
    }
}

/// The formats beyond JPEG that a client says it takes; decides what `format/auto` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct Accepts {
    /// `image/avif`.
    pub avif: bool,
    /// `image/webp`.
    pub webp: bool,
}

/// The request that a target (path and query as they stand on the request line) asks for; `None` where no grammar of
/// this service begins like it. A target longer than [`path::TARGET_MAX`] is [`Kind::TooLarge`](crate::error::Kind::TooLarge)
/// whatever it begins like.
pub fn parse(target: &str) -> Option<Result<Request>> {
    parse_with_form(target, "")
}

/// Whether what a target is for takes its parameters from a form too; `None` where no grammar of this service begins like it.
pub fn takes_form(target: &str) -> Option<bool> {
    let (path, _) = target.split_once('?').unwrap_or((target, ""));
    let route = path::route(path)?;
    Some(!matches!(route.action, Action::Package(_)))
}

/// The same as [`parse`] with the parameters of a form (`application/x-www-form-urlencoded`). Path and query win over it.
pub fn parse_with_form(target: &str, form: &str) -> Option<Result<Request>> {
    if target.len() > path::TARGET_MAX {
        let message = format!("the URL is {} bytes long; at most {} are allowed", target.len(), path::TARGET_MAX);
        return Some(Err(Error::too_large(message)));
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let route = path::route(path)?;
    // In a form a plus is a blank; in the query of a picture it stays one.
    let form = form.replace('+', "%20");
    let joined = match route.action {
        _ if form.is_empty() => Cow::Borrowed(query),
        // The last of a name counts in some queries, the first in the others.
        Action::Thumbnail | Action::Raw | Action::Download => Cow::Owned(format!("{form}&{query}")),
        _ => Cow::Owned(format!("{query}&{form}")),
    };
    let query = &*joined;
    Some(match route.action {
        Action::Thumbnail => thumbnail::parse(&route, query).map(|asked| Request::Thumbnail(Box::new(asked))),
        Action::PlayManifest => playback::parse(&route, query).map(|asked| Request::PlayManifest(Box::new(asked))),
        Action::ServeFlavor => served::parse(&route, query).map(|asked| Request::Served(Box::new(asked))),
        Action::Package(protocol) => {
            served::parse_package(&route, query, protocol).map(|asked| Request::Package(Box::new(asked)))
        }
        Action::Raw => raw::parse(&route, query).map(|asked| Request::Raw(Box::new(asked))),
        Action::Download => raw::parse_download(&route, query).map(|asked| Request::Download(Box::new(asked))),
        Action::Api => asset::parse(&route, query).map(|asked| Request::Asset(Box::new(asked))),
    })
}

impl Request {
    /// Who asks, as far as the URL says.
    pub fn credentials(&self) -> &Credentials {
        match self {
            Request::Thumbnail(asked) => &asked.credentials,
            Request::PlayManifest(asked) => &asked.credentials,
            Request::Package(asked) => &asked.of.credentials,
            Request::Served(asked) => &asked.credentials,
            Request::Raw(asked) => &asked.credentials,
            Request::Download(asked) => &asked.credentials,
            Request::Asset(asked) => &asked.credentials,
        }
    }

    /// The entries that play before the one asked for; none where the answer does not tell of them.
    pub fn sequence(&self) -> &[EntryId] {
        match self {
            Request::PlayManifest(asked) => &asked.sequence,
            Request::Package(asked) if asked.file.is_document() => &asked.of.sequence,
            Request::Thumbnail(_)
            | Request::Package(_)
            | Request::Served(_)
            | Request::Raw(_)
            | Request::Download(_)
            | Request::Asset(_) => &[],
        }
    }

    /// What it is about. Fails with `ENTRY_NOT_FOUND` where what is given names no entry.
    pub fn subject(&self) -> Result<Subject<'_>> {
        let entry = match self {
            Request::Thumbnail(asked) => &asked.entry,
            Request::PlayManifest(asked) => asked
                .entry
                .as_ref()
                .map_err(|given| Error::coded(Code::EntryNotFound, format!("entryId {given:?} names no entry")))?,
            Request::Package(asked) => &asked.of.entry,
            Request::Served(asked) => &asked.entry,
            Request::Raw(asked) => &asked.entry,
            Request::Download(asked) => &asked.entry,
            Request::Asset(asked) => match &asked.named {
                Named::Entry(id, _) => id,
                Named::Asset(id) => return Ok(Subject::Asset(id)),
            },
        };
        Ok(Subject::Entry(entry))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Kind;

    #[track_caller]
    fn kind(target: &str) -> Option<Kind> {
        parse(target).and_then(|parsed| parsed.err()).map(|error| error.kind())
    }

    #[test]
    fn a_target_has_a_limit() {
        let long = format!("/p/1/thumbnail/entry_id/0_x/name/{}", "x".repeat(path::TARGET_MAX));
        assert_eq!(kind(&long), Some(Kind::TooLarge));
        assert_eq!(kind(&"/x".repeat(path::TARGET_MAX)), Some(Kind::TooLarge));
        assert_eq!(kind(&long[..path::TARGET_MAX]), None);
    }

    #[test]
    fn pairs_have_a_limit() {
        let pairs = |count: usize| format!("/p/1/thumbnail/entry_id/0_x{}", "/a/b".repeat(count - 1));
        assert_eq!(kind(&pairs(path::PAIRS_MAX)), None);
        assert_eq!(kind(&pairs(path::PAIRS_MAX + 1)), Some(Kind::TooLarge));
        let query = format!("/p/1/thumbnail/entry_id/0_x?{}", "a=b&".repeat(path::PAIRS_MAX));
        assert_eq!(kind(&query), Some(Kind::TooLarge));
    }

    const VALID: &str = "/p/1/sp/100/thumbnail/entry_id/0_abc12345/width/640/height/360/type/3/vid_sec/1.5/bgcolor/F7F7F7\
                         /src_x/10/rel_width/100/vid_slices/5/start_sec/1/end_sec/2/format/png?quality=75&ks=a%20b";

    proptest! {
        #[test]
        fn any_text_is_answered(target in ".{0,200}") {
            let _ = parse(&target);
        }

        #[test]
        fn any_text_after_a_prefix_is_answered(rest in "(/[a-z_%0-9.!+-]{0,9}){0,12}(\\?[ -~]{0,40})?") {
            let parsed = parse(&format!("/p/1/thumbnail/{rest}"));
            prop_assert!(parsed.is_some());
        }

        #[test]
        fn a_mutated_url_is_answered(at in 0..VALID.len(), with in prop_oneof!["[ -~]{0,3}", ".{0,2}"], cut in 0..6_usize) {
            let end = (at + cut).min(VALID.len());
            let _ = parse(&format!("{}{with}{}", &VALID[..at], &VALID[end..]));
        }
    }
}
