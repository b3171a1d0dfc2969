//! From what was asked to what will be done: source chosen, times clamped, geometry resolved, everything decided.

mod asset;
mod bounds;
mod choice;
mod content;
pub mod cost;
mod explain;
mod filename;
pub mod key;
mod ladder;
mod limits;
mod manifest;
mod moments;
mod package;
mod picture;
pub mod playback;
mod raw;
mod region;
pub mod seal;
pub mod sequence;
#[cfg(test)]
mod tests;
mod work;

use std::sync::Arc;

use self::cost::Cost;
use self::key::Key;
use self::playback::Rules;
pub use self::sequence::preceded;
pub use self::work::{Placeholder, Precision, Style, Subject, Tiles, Work};
use crate::access::Grant;
use crate::entry::{Entry, EntryId, PartnerId, Source};
use crate::error::{Code, Error, Kind, Result};
use crate::media::Facts;
use crate::media::time::Micros;
use crate::request::{Accepts, Request};

/// What a request comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Something is made.
    Make(Plan),
    /// The answer is elsewhere.
    Redirect {
        /// A URL, or a path of this service.
        location: String,
        /// How long this may be kept.
        freshness: Freshness,
    },
}

/// How long an answer may be kept, and by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// So many seconds, by everyone.
    Public(u32),
    /// So many seconds, by everyone, and longer where there is a reason to.
    Lenient(u32, Grace),
    /// So many seconds, by the client alone.
    Private(u32),
    /// For good: the URL names the version.
    Immutable,
    /// Not at all: it is for this client, now.
    Unkept,
}

/// How long an answer may be sent beyond its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Grace {
    /// Seconds, while a new one is fetched.
    pub while_revalidate: u32,
    /// Seconds, where none can be had.
    pub if_error: u32,
}

/// Seconds that an answer may be kept of which nobody could tell whether it is still right.
const STALE_MAX_AGE: u32 = 60;

/// What HTTP caches take for ever: a year.
const FOR_EVER_S: u64 = 31_536_000;

impl Freshness {
    /// The same, for `left_s` seconds at most.
    #[must_use]
    pub fn at_most(self, left_s: u64) -> Freshness {
        let left = u32::try_from(left_s).unwrap_or(u32::MAX);
        match self {
            Freshness::Public(seconds) => Freshness::Public(seconds.min(left)),
            Freshness::Lenient(seconds, grace) if seconds < left => {
                Freshness::Lenient(seconds, grace.at_most(left - seconds))
            }
            Freshness::Lenient(..) => Freshness::Public(left),
            Freshness::Private(seconds) => Freshness::Private(seconds.min(left)),
            Freshness::Immutable if left_s < FOR_EVER_S => Freshness::Public(left),
            Freshness::Immutable | Freshness::Unkept => self,
        }
    }

    /// The same of an answer that was right `age_s` seconds ago, and may not be any more: good for a moment from now.
    #[must_use]
    pub fn stale(self, age_s: u32) -> Freshness {
        let aged = |seconds: u32| age_s.saturating_add(seconds.min(STALE_MAX_AGE));
        match self {
            Freshness::Public(seconds) | Freshness::Lenient(seconds, _) => Freshness::Public(aged(seconds)),
            Freshness::Private(seconds) => Freshness::Private(aged(seconds)),
            Freshness::Immutable | Freshness::Unkept => self,
        }
    }
}

impl Grace {
    fn at_most(self, seconds: u32) -> Grace {
        Grace { while_revalidate: self.while_revalidate.min(seconds), if_error: self.if_error.min(seconds) }
    }
}

/// A decided request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The name of the result, and its ETag.
    pub key: Key,
    /// What to do.
    pub work: Work,
    /// The entry it is of.
    pub entry: EntryId,
    /// Whose entry it is.
    pub partner: PartnerId,
    /// How long the answer may be kept.
    pub freshness: Freshness,
    /// When what it is made of last changed, in seconds since 1970.
    pub modified: u64,
    /// Whether the client's `Accept` had a say.
    pub negotiated: bool,
    /// The name to keep it under, where it is to be kept instead of shown.
    pub attachment: Option<String>,
    /// The number that the dialect gives to failures that have none of their own.
    pub failure: Option<Code>,
}

/// What a site decides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What it decides about playback.
    pub playback: Rules,
    /// Most pixels of a finished picture.
    pub output_pixels_max: u64,
    /// Most slices of a strip.
    pub slices_max: u32,
    /// Quality where none is asked for.
    pub quality: u8,
    /// The moment shown where none is asked for.
    pub thumb_offset: Micros,
    /// Seconds that an answer about a ready entry may be kept.
    pub max_age: u32,
    /// How long it may be sent beyond that.
    pub grace: Grace,
    /// Seconds that a placeholder or an answer about an entry that is not ready may be kept.
    pub max_age_unready: u32,
    /// Seconds that a stored file under a URL without a version may be kept.
    pub max_age_file: u32,
    /// Whether a draft is an error instead of a placeholder.
    pub draft_is_error: bool,
}

/// What is known of a source: its facts, or why there are none.
pub type Known<'a> = (&'a Source, Result<Arc<Facts>>);

/// The sources of `entry` whose facts [`plan`] needs, without repeats.
pub fn sources<'a>(request: &Request, entry: &'a Entry) -> Vec<&'a Source> {
    match request {
        Request::Thumbnail(thumbnail) => content::sources(thumbnail, entry),
        Request::PlayManifest(_) => playback::all(entry),
        Request::Package(package) => playback::sources_of_package(package, entry),
        Request::Served(_) => Vec::new(),
        Request::Raw(asked) => raw::sources(asked, entry),
        Request::Download(asked) => raw::sources_of_download(asked, entry),
        Request::Asset(asked) => asset::sources(asked, entry),
    }
}

/// The sources whose facts [`preceded`] needs of every entry, the last one included.
pub fn sources_of_sequence(entry: &Entry) -> Vec<&Source> {
    playback::all(entry)
}

/// The number that the dialect gives to failures of a request that have none of their own; packagers have no numbers.
pub fn failure(request: &Request) -> Option<Code> {
    match request {
        Request::Thumbnail(_) => Some(Code::ImageResizeFailed),
        Request::PlayManifest(_) => Some(Code::FlavorNotFound),
        Request::Served(_) | Request::Raw(_) | Request::Download(_) | Request::Asset(_) => Some(Code::FileNotFound),
        Request::Package(_) => None,
    }
}

/// A failure to find what `request` is about, as a client may know of it.
pub fn unseen(request: &Request, error: Error) -> Error {
    match request {
        Request::Asset(asked) if error.code() == Some(Code::EntryNotFound) => asked.unseen(),
        _ => error,
    }
}

/// What the client says of itself that answers depend on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Client<'a> {
    /// The formats that it takes.
    pub accepts: Accepts,
    /// The scheme and host that URLs in its answer begin with; empty for none.
    pub base: &'a str,
}

/// What will be done for `request`. `known` holds the facts of [`sources`].
#[expect(clippy::too_many_arguments, reason = "each is a fact of its own that only meets the others here")]
pub fn plan(
    request: &Request,
    entry: &Entry,
    known: &[Known<'_>],
    grant: Grant<'_>,
    client: Client<'_>,
    policy: &Policy,
) -> Result<Decision> {
    let request = &*bounds::limited(request, entry, grant.limits)?;
    let part = &*grant.limits.part_of(entry);
    match request {
        // What a picture is taken from is no matter of who may have which flavor.
        Request::Thumbnail(asked) => picture::plan(asked, entry, known, client.accepts, policy).map(Decision::Make),
        Request::PlayManifest(asked) => manifest::plan(asked, part, known, (client.base, grant), policy),
        Request::Package(asked) => package::plan(asked, part, known, grant, policy),
        Request::Served(asked) => package::stored(asked, part, policy),
        Request::Raw(asked) => raw::plan(asked, part, known, grant, policy),
        Request::Download(asked) => raw::download(asked, part, known, grant, policy),
        Request::Asset(asked) => asset::plan(asked, part, known, policy),
    }
}

/// What a plan comes to, for people: a few lines of a name and a value each.
pub fn explain(decision: &Decision) -> String {
    explain::text(decision)
}

/// What making it takes by an estimate, for people: a line, or none where it takes next to nothing.
pub fn explain_cost(cost: &Cost) -> String {
    explain::cost(cost)
}

/// The facts of a source among the known ones.
fn facts<'a>(known: &'a [Known<'_>], source: &Source) -> Result<&'a Facts> {
    match known.iter().find(|(of, _)| *of == source) {
        Some((_, Ok(facts))) => Ok(facts),
        Some((_, Err(error))) => Err(error.clone()),
        None => Err(Error::new(Kind::Internal, "a source was planned with before it was looked at")),
    }
}
