//! What of a request is left within a viewer's limits.

use std::borrow::Cow;

use crate::access::rules::Limits;
use crate::entry::{Entry, EntryKind, FlavorId};
use crate::error::{Code, Error, Result};
use crate::media::time::Micros;
use crate::packager::timeline::Window;
use crate::request::Request;
use crate::request::asset::Wanted;
use crate::request::playback::PlayManifest;
use crate::request::served::{Package, Served};
use crate::request::thumbnail::{Moment, Thumbnail};

/// Fails for a picture of a moment where only those that stand for the entry may be had.
fn check_capture(asked: &Thumbnail, entry: &Entry, limits: &Limits) -> Result<()> {
    let captures = entry.kind == EntryKind::Video && asked.moment != Moment::Default;
    if captures { limits.check_capture() } else { Ok(()) }
}

/// `request` for no more than a preview, where there is only that. Fails where nothing of it is left, for a flavor that may not
/// be had, and for a picture of a moment where only those that stand for the entry may be.
pub(super) fn limited<'a>(request: &'a Request, entry: &Entry, limits: &Limits) -> Result<Cow<'a, Request>> {
    check_flavors(request, entry, limits)?;
    if let Request::Thumbnail(asked) = request {
        check_capture(asked, entry, limits)?;
    }
    if limits.preview_s.is_none() {
        return Ok(Cow::Borrowed(request));
    }
    Ok(match request {
        Request::PlayManifest(asked) => {
            let window = within(asked.window, limits)?;
            Cow::Owned(Request::PlayManifest(Box::new(PlayManifest { window, ..(**asked).clone() })))
        }
        Request::Package(asked) => {
            let of = Served { window: within(asked.of.window, limits)?, ..asked.of.clone() };
            Cow::Owned(Request::Package(Box::new(Package { of, ..(**asked).clone() })))
        }
        Request::Served(asked) => {
            let window = within(asked.window, limits)?;
            Cow::Owned(Request::Served(Box::new(Served { window, ..(**asked).clone() })))
        }
        Request::Asset(asked) if !matches!(asked.wanted, Wanted::Thumb { .. }) => return Err(no_part(limits)),
        Request::Thumbnail(_) | Request::Raw(_) | Request::Download(_) | Request::Asset(_) => Cow::Borrowed(request),
    })
}

/// What is left of the whole file of an entry. Fails for one that has no length, of which a preview would be all.
pub(super) fn of_whole(entry: &Entry, limits: &Limits) -> Result<Window> {
    match entry.kind {
        EntryKind::Video | EntryKind::Audio => within(Window::default(), limits),
        EntryKind::Image | EntryKind::Document | EntryKind::Data if limits.preview_s.is_some() => Err(no_part(limits)),
        EntryKind::Image | EntryKind::Document | EntryKind::Data => Ok(Window::default()),
    }
}

/// What of a window is left.
fn within(window: Window, limits: &Limits) -> Result<Window> {
    let Some(seconds) = limits.preview_s else { return Ok(window) };
    let end = Micros(i64::from(seconds) * 1_000_000);
    if window.from >= end {
        return Err(no_part(limits));
    }
    Ok(Window { to: Some(window.to.map_or(end, |to| to.min(end))), ..window })
}

fn no_part(limits: &Limits) -> Error {
    let seconds = limits.preview_s.unwrap_or_default();
    Error::coded(Code::AccessControlRestricted, format!("of the entry, its first {seconds} seconds may be had"))
}

/// Fails where a flavor that may not be had is named, as one that is not there would be chosen past.
fn check_flavors(request: &Request, entry: &Entry, limits: &Limits) -> Result<()> {
    let named: Vec<&FlavorId> = match request {
        Request::Package(asked) => asked.of.flavors.iter().map(|named| &named.id).collect(),
        Request::Served(asked) => asked.flavors.iter().map(|named| &named.id).collect(),
        Request::Download(asked) => asked.flavor.iter().collect(),
        Request::Thumbnail(_) | Request::PlayManifest(_) | Request::Raw(_) | Request::Asset(_) => Vec::new(),
    };
    let is_played = matches!(entry.kind, EntryKind::Video | EntryKind::Audio);
    let mut refused = entry.flavors.iter().filter(|flavor| is_played && !limits.allow(flavor));
    match refused.find(|flavor| named.contains(&&flavor.id)) {
        Some(flavor) => {
            let message = format!("flavor {} may not be had", flavor.id);
            Err(Error::coded(Code::AccessControlRestricted, message))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preview_is_the_first_of_it() {
        #[track_caller]
        fn check(preview: Option<u32>, (from, to): (i64, Option<i64>), expected: Option<(i64, Option<i64>)>) {
            let limits = Limits { preview_s: preview, ..Limits::NONE };
            let micros = |seconds: i64| Micros(seconds * 1_000_000);
            let window = |(from, to): (i64, Option<i64>)| Window { from: micros(from), to: to.map(micros) };
            let found = within(window((from, to)), &limits);
            assert_eq!(found.ok(), expected.map(window), "{preview:?} {from} {to:?}");
        }
        check(None, (3, Some(9)), Some((3, Some(9))));
        check(Some(30), (0, None), Some((0, Some(30))));
        check(Some(30), (3, Some(9)), Some((3, Some(9))));
        check(Some(30), (3, Some(90)), Some((3, Some(30))));
        check(Some(30), (30, None), None);
        check(Some(0), (0, None), None);
    }
}
