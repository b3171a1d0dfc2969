//! What answers `raw` and `download`: the file of an entry, or a redirect to a URL that ends in its name.

use super::key::is_current;
use super::playback::{all, decided, extension};
use super::{Decision, Freshness, Known, Plan, Policy, Work, bounds, choice, filename};
use crate::access::Grant;
use crate::access::token::with_kt;
use crate::entry::{Entry, EntryKind, Flavor, FlavorId, Source};
use crate::error::{Code, Error, Result};
use crate::packager::timeline::Window;
use crate::request::Credentials;
use crate::request::raw::{Download, Raw};

/// Seconds that a file under a URL that names its version may be kept: a hundred days, as the dialect has it.
const MAX_AGE_VERSIONED: u32 = 8_640_000;

/// Marks a flavor that browsers play.
const WEB: &str = "web";

/// The sources whose facts tell which flavor answers `asked`.
pub(super) fn sources<'a>(asked: &Raw, entry: &'a Entry) -> Vec<&'a Source> {
    if asked.extension.is_some() { Vec::new() } else { rivals(entry, |flavor| flavor.is_original) }
}

/// The same of a download.
pub(super) fn sources_of_download<'a>(asked: &Download, entry: &'a Entry) -> Vec<&'a Source> {
    let is_web = |flavor: &Flavor| flavor.tags.iter().any(|tag| tag == WEB);
    match &asked.flavor {
        Some(_) => Vec::new(),
        None if entry.flavors.iter().any(is_web) => rivals(entry, |_| false),
        None => rivals(entry, |flavor| flavor.is_original),
    }
}

/// All flavors of an entry, unless it has but one, or one that needs no comparing.
fn rivals(entry: &Entry, is_chosen: impl Fn(&Flavor) -> bool) -> Vec<&Source> {
    let is_clear = !has_streams(entry) || entry.flavors.len() < 2 || entry.flavors.iter().any(is_chosen);
    if is_clear { Vec::new() } else { all(entry) }
}

/// What answers `asked`.
pub(super) fn plan(
    asked: &Raw,
    entry: &Entry,
    known: &[Known<'_>],
    grant: Grant<'_>,
    policy: &Policy,
) -> Result<Decision> {
    check_version(asked.version.as_deref(), entry)?;
    let flavor = match &asked.extension {
        Some(wanted) => by_extension(entry, wanted)?,
        None => original(entry, known)?,
    };
    let name = name(asked, entry, flavor);
    let is_direct = asked.is_proxied || asked.relocated.is_some() || asked.extension.is_some();
    if has_streams(entry) && !is_direct {
        let extension = extension(&flavor.source).unwrap_or("mp4");
        let tail = filename::extended(filename::safe(&name), Some(extension));
        let unsigned = Raw { credentials: unsigned(&asked.credentials), ..asked.clone() };
        let location = format!("{unsigned}/{tail}?relocate=f.{extension}");
        return Ok(redirect(location, &asked.credentials, grant, policy));
    }
    let freshness = freshness(asked.version.as_deref(), &flavor.source, policy)?;
    let window = bounds::of_whole(entry, grant.limits)?;
    Ok(part(entry, (&flavor.source, window), freshness, (!asked.is_shown).then_some(name)))
}

/// What answers `asked`.
pub(super) fn download(
    asked: &Download,
    entry: &Entry,
    known: &[Known<'_>],
    grant: Grant<'_>,
    policy: &Policy,
) -> Result<Decision> {
    let missing = |id: &FlavorId| Error::coded(Code::FlavorNotFound, format!("the entry has no flavor {id}"));
    let flavor = match &asked.flavor {
        Some(id) => entry.flavors.iter().find(|flavor| flavor.id == *id).ok_or_else(|| missing(id))?,
        None => best_for_web(entry, known).map_or_else(|| original(entry, known), Ok)?,
    };
    let name = match &asked.file_name {
        Some(given) => filename::extended(filename::of_entry(entry, Some(given)), extension(&flavor.source)),
        None => filename::of_flavor(entry, flavor),
    };
    if asked.relocated.is_none() {
        let relocated = Some(filename::safe(&name));
        let relocated = Download { relocated, credentials: unsigned(&asked.credentials), ..asked.clone() };
        return Ok(redirect(relocated.to_string(), &asked.credentials, grant, policy));
    }
    let window = bounds::of_whole(entry, grant.limits)?;
    Ok(part(entry, (&flavor.source, window), freshness(None, &flavor.source, policy)?, Some(name)))
}

fn unsigned(credentials: &Credentials) -> Credentials {
    Credentials { token: None, ..credentials.clone() }
}

/// Elsewhere; where the URL was signed, so is the one that it leads to.
fn redirect(location: String, credentials: &Credentials, grant: Grant<'_>, policy: &Policy) -> Decision {
    let location = match (&credentials.token, grant.seal) {
        (Some(_), Some(seal)) => with_kt(&location, seal.secret),
        _ => location,
    };
    Decision::Redirect { location, freshness: Freshness::Private(policy.max_age_file) }
}

/// A stored file as it is, to be shown or to be kept under a name.
pub(super) fn file(entry: &Entry, source: &Source, freshness: Freshness, attachment: Option<String>) -> Decision {
    part(entry, (source, Window::default()), freshness, attachment)
}

/// The same of a part of the file.
fn part(
    entry: &Entry,
    (source, window): (&Source, Window),
    freshness: Freshness,
    attachment: Option<String>,
) -> Decision {
    let work = Work::Stored { source: source.clone(), window, moov_first: false };
    let plan = decided(work, entry, &[], freshness);
    Decision::Make(Plan { attachment, failure: Some(Code::FileNotFound), ..plan })
}

/// How long a file may be kept under a URL that names a version, or none. Fails for one that is gone.
pub(super) fn freshness(version: Option<&str>, source: &Source, policy: &Policy) -> Result<Freshness> {
    is_current(version, source, &policy.playback.pace)?;
    Ok(Freshness::Public(if version.is_some() { MAX_AGE_VERSIONED } else { policy.max_age_file }))
}

/// A library that says which version an entry has, has no other one of its data.
pub(super) fn check_version(version: Option<&str>, entry: &Entry) -> Result<()> {
    match version.and_then(|version| version.parse::<u32>().ok()) {
        Some(number) if entry.kind == EntryKind::Data && entry.version != 0 && number != entry.version => Err(
            Error::coded(Code::FileNotFound, format!("no data was found available for download in version {number}")),
        ),
        _ => Ok(()),
    }
}

/// Whether an entry may have several files, of which one has to be chosen.
fn has_streams(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::Video | EntryKind::Audio)
}

/// The flavor whose file has this extension.
fn by_extension<'a>(entry: &'a Entry, wanted: &str) -> Result<&'a Flavor> {
    let is_meant = |flavor: &&Flavor| extension(&flavor.source).is_some_and(|own| own.eq_ignore_ascii_case(wanted));
    let missing = || Error::coded(Code::FlavorNotFound, format!("no flavor asset for extension {wanted:?}"));
    entry.flavors.iter().find(is_meant).ok_or_else(missing)
}

/// The file that was uploaded: the flavor that says so, else that of the highest bitrate, else the largest.
pub(super) fn original<'a>(entry: &'a Entry, known: &[Known<'_>]) -> Result<&'a Flavor> {
    let missing = || match entry.kind {
        EntryKind::Data | EntryKind::Image => {
            Error::coded(Code::FileNotFound, "no data was found available for download")
        }
        EntryKind::Video | EntryKind::Audio | EntryKind::Document => {
            Error::coded(Code::FlavorNotFound, "no original flavor asset for the entry")
        }
    };
    if let [only] = &entry.flavors[..] {
        return Ok(only);
    }
    let candidates = choice::candidates(entry, known).unwrap_or_default();
    let found = choice::original(&candidates, entry);
    let named = entry.flavors.iter().find(|flavor| Some(&flavor.id) == found);
    named.or_else(|| entry.flavors.iter().max_by_key(|flavor| flavor.source.size)).ok_or_else(missing)
}

/// The flavor of the highest bitrate that browsers play; `None` where none says that it is.
fn best_for_web<'a>(entry: &'a Entry, known: &[Known<'_>]) -> Option<&'a Flavor> {
    let candidates = choice::candidates(entry, known).ok()?;
    let best = candidates.iter().rev().find(|candidate| candidate.is_tagged(WEB))?.flavor.id.clone();
    entry.flavors.iter().find(|flavor| flavor.id == best)
}

/// The name that a file is kept under, as the dialect has it for each kind of entry.
fn name(asked: &Raw, entry: &Entry, flavor: &Flavor) -> String {
    let base = filename::of_entry(entry, asked.file_name.as_deref());
    let own = extension(&flavor.source);
    let relocated = asked.relocated.as_deref().and_then(|name| name.rsplit_once('.')).map(|(_, extension)| extension);
    match entry.kind {
        EntryKind::Document => {
            let base = relocated.map_or(base.as_str(), |extension| filename::without(&base, extension));
            filename::extended(base.to_owned(), own)
        }
        EntryKind::Data => base,
        EntryKind::Image if base.contains('.') => base,
        EntryKind::Image => filename::extended(base, own),
        EntryKind::Video | EntryKind::Audio => filename::extended(base, asked.extension.as_deref().or(relocated)),
    }
}

/// The name that the file of an entry has without a word of the URL.
pub(super) fn own_name(entry: &Entry, flavor: &Flavor) -> String {
    let name = filename::of_entry(entry, None);
    match entry.kind {
        EntryKind::Data => name,
        _ => filename::extended(name, extension(&flavor.source)),
    }
}
