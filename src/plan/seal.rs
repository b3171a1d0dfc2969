//! Tokens in URLs of playback: what each covers is written and checked by one rule.

use super::playback::caption_pick;
use crate::access::Grant;
use crate::access::secret::Secret;
use crate::access::token::Scope;
use crate::entry::{EntryId, Flavor, FlavorId};
use crate::error::{Code, Error, Result};
use crate::media::time::Micros;
use crate::packager::name::{File, Form};
use crate::packager::timeline::Window;
use crate::request::served::Served;

/// The part of an entry that a URL is about, and the entries before it that the URL tells of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch<'a> {
    pub(super) entry: &'a EntryId,
    pub(super) window: Window,
    pub(super) sequence: &'a [EntryId],
}

impl<'a> Stretch<'a> {
    /// The token of a URL to flavors; `None` where it needs none.
    pub(super) fn of_flavors(self, grant: Grant<'_>, flavors: &[&Flavor]) -> Option<String> {
        let flavors: Vec<FlavorId> = flavors.iter().map(|flavor| flavor.id.clone()).collect();
        Some(grant.seal?.token(&self.scope(&flavors, None)))
    }

    /// The token of a URL to captions; `None` where it needs none.
    pub(super) fn of_caption(self, grant: Grant<'_>, caption: &str) -> Option<String> {
        Some(grant.seal?.token(&self.scope(&[], Some(caption))))
    }

    fn scope(self, flavors: &'a [FlavorId], caption: Option<&'a str>) -> Scope<'a> {
        let Stretch { entry, window, sequence } = self;
        let millis = |micros: Micros| u64::try_from(micros.0 / 1000).unwrap_or_default();
        let window_ms =
            (window != Window::default()).then(|| (millis(window.from), window.to.map_or(u64::MAX, millis)));
        Scope { entry, window_ms, flavors, caption, sequence }
    }
}

/// The second since 1970 in which the token of a URL ends. Fails unless one of `secrets` made it for what the URL names, and
/// `file` is of that; without a file beneath it, the URL is that of a stored one.
pub fn check(of: &Served, file: Option<&File>, token: &str, secrets: &[Secret], now: u64) -> Result<u64> {
    // A URL that names no flavor is about whatever there is, but for captions that it names.
    let is_named = !of.flavors.is_empty() || (of.caption.is_some() && file.is_some_and(is_of_captions));
    if !is_named {
        return Err(Error::coded(Code::TokenInvalid, "the URL names nothing that could be signed"));
    }
    let flavors: Vec<FlavorId> = of.flavors.iter().map(|named| named.id.clone()).collect();
    let stretch = Stretch { entry: &of.entry, window: of.window, sequence: &of.sequence };
    stretch.scope(&flavors, of.caption.as_ref().map(|named| named.id.as_str())).check(token, secrets, now)
}

fn is_of_captions(file: &File) -> bool {
    match file {
        File::Playlist(of) | File::Subtitles(of) | File::Segment { of, form: Form::Vtt, .. } => {
            caption_pick(of).is_some()
        }
        File::Blank => true,
        File::Multivariant
        | File::Manifest
        | File::IframePlaylist(_)
        | File::Init(_)
        | File::Segment { .. }
        | File::Iframe { .. } => false,
    }
}
