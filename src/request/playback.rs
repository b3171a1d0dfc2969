//! `playManifest` URLs: where a player begins.

use super::given::Given;
use super::path::Route;
use super::sequence::sequence;
use super::served::tracks;
use super::{Credentials, number, wish};
use crate::entry::{EntryId, FlavorId};
use crate::error::{Code, Error, Result};
use crate::media::time::Micros;
use crate::packager::Container;
use crate::packager::name::Selection;
use crate::packager::timeline::Window;

/// What a player asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayManifest {
    /// The entry asked for.
    pub entry: EntryId,
    /// Who asks.
    pub credentials: Credentials,
    /// How it wants to play.
    pub format: Format,
    /// The scheme of the URLs that it is given: `http`, `https`.
    pub scheme: String,
    /// Which flavors it wants.
    pub choice: Choice,
    /// Which part of the entry.
    pub window: Window,
    /// The form of the answer; `None` for that of the format.
    pub response: Option<Response>,
    /// The language to begin with.
    pub default_audio: Option<String>,
    /// Whether captions are offered.
    pub captions: bool,
    /// The tracks wanted; empty for all.
    pub tracks: Selection,
    /// How segments are wrapped; `None` for the default.
    pub container: Option<Container>,
    /// The entries that play before it.
    pub sequence: Vec<EntryId>,
    /// When the URL expires, seconds since 1970.
    pub expiry: Option<i64>,
}

/// How a player wants to play.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Format {
    /// HTTP Live Streaming (`applehttp`).
    Hls,
    /// MPEG-DASH (`mpegdash`).
    Dash,
    /// One file (`url`).
    Url,
    /// One file to keep (`download`).
    Download,
    /// Anything else, as given: nothing plays it any more.
    Other(String),
}

/// The form of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// The multivariant playlist (`m3u8`).
    Playlist,
    /// A redirect to the first flavor, or to the packager.
    Redirect,
    /// A description in JSON.
    Json,
    /// A description in JSON, as a call of a function; `None` where its name is missing or not allowed.
    Jsonp(Option<String>),
}

/// Which flavors a client wants.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Choice {
    /// By id.
    pub flavors: Vec<FlavorId>,
    /// By the conversion profile they were made by; 0 is the original.
    pub params: Vec<i64>,
    /// By tag, each a level of preference; `None` for those of the format.
    pub tags: Option<Vec<String>>,
    /// Most kbit/s.
    pub max_bitrate: Option<u32>,
    /// Least kbit/s.
    pub min_bitrate: Option<u32>,
    /// The kbit/s to begin with.
    pub preferred_bitrate: Option<u32>,
}

/// The longest name of a JSONP function.
const CALLBACK_MAX: usize = 128;

/// The playback that `route` and `query` ask for.
pub(super) fn parse(route: &Route<'_>, query: &str) -> Result<PlayManifest> {
    let given = Given::read(route.pairs, query)?;
    let choice = choice(&given)?;
    let entry = given.get(&["entryId", "e"]).unwrap_or_default();
    let unknown = || Error::coded(Code::EntryNotFound, format!("entryId {entry:?} names no entry"));
    let format = format(given.get(&["format", "f"]).unwrap_or("http"));
    let plays_several = matches!(format, Format::Hls | Format::Dash);
    Ok(PlayManifest {
        entry: EntryId::new(entry).ok_or_else(unknown)?,
        credentials: credentials(&given, route),
        format,
        sequence: if plays_several { sequence(&given)? } else { Vec::new() },
        scheme: scheme(given.filled(&["protocol", "pt"])),
        choice,
        window: window(&given, &["seekFrom", "sf"], &["clipTo", "ct"]),
        response: response(&given),
        default_audio: given.filled(&["defaultAudioLang"]).map(str::to_owned),
        captions: !given.is_set(&["disableCaptions"]),
        // What names no tracks asks for all.
        tracks: given.filled(&["tracks"]).and_then(|text| tracks(text).ok()).unwrap_or_default(),
        container: given.get(&["container"]).and_then(container),
        expiry: given.filled(&["expiry", "ex"]).map(|text| number::decimal(text) as i64),
    })
}

pub(super) fn credentials(given: &Given<'_>, route: &Route<'_>) -> Credentials {
    Credentials {
        partner: route.partner,
        session: given.filled(&["ks"]).map(str::to_owned),
        referrer: given.filled(&["referrer", "r"]).and_then(wish::referrer),
    }
}

pub(super) fn container(name: &str) -> Option<Container> {
    match name {
        "ts" | "mpegts" => Some(Container::Ts),
        "fmp4" => Some(Container::Fmp4),
        _ => None,
    }
}

/// A stretch by the names of its ends in milliseconds. What is no number, or not above zero, says nothing.
pub(super) fn window(given: &Given<'_>, from: &[&str], to: &[&str]) -> Window {
    let micros = |names: &[&str]| {
        let millis = given.filled(names).and_then(whole)?;
        Some(Micros(millis.saturating_mul(1000))).filter(|micros| micros.0 > 0)
    };
    Window { from: micros(from).unwrap_or_default(), to: micros(to) }
}

/// A whole number, saturated; `None` for anything else.
pub(super) fn whole(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let is_whole = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let sign = if text.len() == digits.len() { 1 } else { -1 };
    is_whole
        .then(|| sign * digits.bytes().fold(0i64, |sum, b| sum.saturating_mul(10).saturating_add((b - b'0').into())))
}

fn format(name: &str) -> Format {
    match name {
        "applehttp" => Format::Hls,
        "mpegdash" => Format::Dash,
        "url" => Format::Url,
        "download" => Format::Download,
        other => Format::Other(other.to_owned()),
    }
}

fn scheme(text: Option<&str>) -> String {
    let text = text.filter(|text| *text != "null").unwrap_or("http");
    let is_scheme = text.len() <= 16 && text.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_scheme { text.to_owned() } else { "http".to_owned() }
}

fn choice(given: &Given<'_>) -> Result<Choice> {
    let ids = |one: &[&str], several: &[&str]| match given.filled(one) {
        Some(id) => vec![id.to_owned()],
        None => given.list(several).into_iter().map(str::to_owned).collect(),
    };
    let flavors = ids(&["flavorId", "fi"], &["flavorIds", "fs"]);
    let params = ids(&["flavorParamId", "fp"], &["flavorParamIds", "fps"]);
    let tags = given.list(&["tags", "t"]).into_iter().map(str::to_owned).collect::<Vec<_>>();
    Ok(Choice {
        flavors: flavors.iter().filter_map(|id| FlavorId::new(id)).collect(),
        params: params.iter().filter_map(|id| whole(id)).collect(),
        tags: Some(tags).filter(|tags| !tags.is_empty()),
        max_bitrate: bitrate(given, &["maxBitrate", "mb"], Code::InvalidMaxBitrate)?,
        min_bitrate: bitrate(given, &["minBitrate", "mib"], Code::InvalidMinBitrate)?,
        preferred_bitrate: given
            .filled(&["preferredBitrate", "pb"])
            .and_then(whole)
            .and_then(|rate| rate.try_into().ok()),
    })
}

/// kbit/s above zero; a fraction is cut off.
fn bitrate(given: &Given<'_>, names: &[&str], code: Code) -> Result<Option<u32>> {
    let Some(text) = given.filled(names) else { return Ok(None) };
    let value = number::decimal(text);
    let is_number = text.parse::<f64>().is_ok_and(f64::is_finite);
    if !is_number || value <= 0.0 {
        let message = format!("{} {text:?} is not allowed: a number of kbit/s above zero is", names[0]);
        return Err(Error::coded(code, message));
    }
    Ok(Some(value as u32))
}

fn response(given: &Given<'_>) -> Option<Response> {
    match given.get(&["responseFormat"])? {
        "m3u8" => Some(Response::Playlist),
        "redirect" => Some(Response::Redirect),
        "json" => Some(Response::Json),
        "jsonp" => {
            let is_name = |name: &&str| {
                let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'.';
                (1..=CALLBACK_MAX).contains(&name.len()) && name.bytes().all(allowed)
            };
            Some(Response::Jsonp(given.in_query("callback").filter(is_name).map(str::to_owned)))
        }
        _ => None,
    }
}
