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
    /// The entry asked for; what was given instead where that names none. The URL may have expired before that matters.
    pub entry: std::result::Result<EntryId, String>,
    /// Who asks.
    pub credentials: Credentials,
    /// How it wants to play.
    pub format: Format,
    /// The scheme of the URLs that it is given, where it names one: `http`, `https`.
    pub scheme: Option<String>,
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
    /// What sound goes along with what is chosen.
    pub company: Company,
}

/// What sound goes along with the flavors that a client chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Company {
    /// All that is there to go along.
    #[default]
    All,
    /// None: the client wants what it chose and nothing else (`type=media`).
    None,
}

/// The longest name of a JSONP function.
const CALLBACK_MAX: usize = 128;

/// The playback that `route` and `query` ask for.
pub(super) fn parse(route: &Route<'_>, query: &str) -> Result<PlayManifest> {
    let given = Given::read(route.pairs, query)?;
    let choice = choice(&given)?;
    let entry = given.get(&["entryId", "e"]).unwrap_or_default();
    let format = format(given.get(&["format", "f"]).unwrap_or("http"));
    let plays_several = matches!(format, Format::Hls | Format::Dash);
    Ok(PlayManifest {
        entry: EntryId::new(entry).ok_or_else(|| entry.to_owned()),
        credentials: Credentials {
            expiry: given.filled(&["expiry", "ex"]).map(|text| number::decimal(text) as i64),
            ..credentials(&given, route)
        },
        format,
        sequence: if plays_several { sequence(&given)? } else { Vec::new() },
        scheme: scheme(given.filled(&["protocol", "pt"])),
        choice,
        window: window(&given, &["seekFrom", "sf"], &["clipTo", "ct"]),
        response: response(&given),
        // Sound goes into no rendition of pictures: what is to be muxed is what to begin with.
        default_audio: given.filled(&["defaultAudioLang", "muxedAudioLang"]).map(str::to_owned),
        captions: !given.is_set(&["disableCaptions"]),
        // What names no tracks asks for all.
        tracks: given.filled(&["tracks"]).and_then(|text| tracks(text).ok()).unwrap_or_default(),
        container: given.get(&["container"]).and_then(container),
    })
}

pub(super) fn credentials(given: &Given<'_>, route: &Route<'_>) -> Credentials {
    Credentials {
        partner: route.partner,
        session: given.filled(&["ks"]).map(str::to_owned),
        referrer: given.filled(&["referrer", "r"]).and_then(wish::referrer),
        token: given.filled(&["kt"]).map(str::to_owned),
        expiry: None,
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

fn scheme(text: Option<&str>) -> Option<String> {
    let is_scheme = |text: &&str| text.len() <= 16 && text.bytes().all(|b| b.is_ascii_alphanumeric());
    text.filter(|text| *text != "null").filter(is_scheme).map(str::to_owned)
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
        company: if given.get(&["type"]) == Some("media") { Company::None } else { Company::All },
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::packager::name::Pick;
    use crate::request::{Request, parse as parse_target};

    #[track_caller]
    fn parsed(rest: &str) -> PlayManifest {
        let target = format!("/p/1/sp/100/playManifest/entryId/0_x/{rest}");
        match parse_target(&target).unwrap().unwrap() {
            Request::PlayManifest(asked) => *asked,
            other => panic!("{target}: {other:?}"),
        }
    }

    /// `rest` changes the playback that is asked for without any parameter as `change` does.
    #[track_caller]
    fn check(rest: &str, change: impl FnOnce(&mut PlayManifest)) {
        let mut expected = parsed("");
        change(&mut expected);
        assert_eq!(parsed(rest), expected, "{rest}");
    }

    #[track_caller]
    fn check_error(target: &str, expected: Code) {
        let error = parse_target(target).unwrap().unwrap_err();
        assert_eq!(error.code(), Some(expected), "{target}: {error}");
    }

    fn ids(ids: &[&str]) -> Vec<FlavorId> {
        ids.iter().map(|id| FlavorId::new(id).unwrap()).collect()
    }

    #[test]
    fn what_is_asked_for_without_a_word() {
        let PlayManifest { entry, format, scheme, choice, window, response, captions, container, credentials, .. } =
            parsed("");
        assert_eq!((entry.unwrap().as_str(), format, scheme), ("0_x", Format::Other("http".into()), None));
        assert_eq!((choice, window, response), (Choice::default(), Window::default(), None));
        assert_eq!((captions, container, credentials.expiry), (true, None, None));
    }

    #[test]
    fn formats_and_schemes() {
        check("format/applehttp", |asked| asked.format = Format::Hls);
        check("f/mpegdash", |asked| asked.format = Format::Dash);
        check("format/url", |asked| asked.format = Format::Url);
        check("format/download", |asked| asked.format = Format::Download);
        check("format/APPLEHTTP", |asked| asked.format = Format::Other("APPLEHTTP".into()));
        check("format/auto", |asked| asked.format = Format::Other("auto".into()));
        check("format/url/f/mpegdash?format=download", |asked| asked.format = Format::Url);
        check("protocol/https", |asked| asked.scheme = Some("https".into()));
        check("?pt=rtmpte", |asked| asked.scheme = Some("rtmpte".into()));
        for plain in ["protocol/null", "?protocol=", "protocol/a%0d%0ab", "protocol/javascript%3A", "?pt=%22"] {
            check(plain, |_| {});
        }
    }

    #[test]
    fn which_flavors() {
        check("flavorIds/0_a,0_b", |asked| asked.choice.flavors = ids(&["0_a", "0_b"]));
        check("fs/0_a,,%200_b,..", |asked| asked.choice.flavors = ids(&["0_a", "0_b"]));
        check("flavorIds/0_a/flavorId/0_b", |asked| asked.choice.flavors = ids(&["0_b"]));
        check("fi/0_b?fs=0_a", |asked| asked.choice.flavors = ids(&["0_b"]));
        check("flavorParamIds/0,487041,x,-1", |asked| asked.choice.params = vec![0, 487_041, -1]);
        check("fps/1,2/fp/3", |asked| asked.choice.params = vec![3]);
        check("tags/web,mbr", |asked| asked.choice.tags = Some(vec!["web".into(), "mbr".into()]));
        check("?t=,", |_| {});
        check("maxBitrate/1500.9/mib/300", |asked| {
            (asked.choice.max_bitrate, asked.choice.min_bitrate) = (Some(1500), Some(300));
        });
        check("mb/1e3?maxBitrate=", |_| {});
        check("mb/1e3", |asked| asked.choice.max_bitrate = Some(1000));
        check("mb/99999999999999999999", |asked| asked.choice.max_bitrate = Some(u32::MAX));
        check("preferredBitrate/1200", |asked| asked.choice.preferred_bitrate = Some(1200));
        for nothing in ["pb/x", "pb/-1", "pb/99999999999"] {
            check(nothing, |_| {});
        }
    }

    #[test]
    fn which_part() {
        let window = |from, to: Option<i64>| Window { from: Micros(from), to: to.map(Micros) };
        check("seekFrom/1500/clipTo/4000", |asked| asked.window = window(1_500_000, Some(4_000_000)));
        check("?sf=1&ct=2", |asked| asked.window = window(1000, Some(2000)));
        check("clipTo/3000000000", |asked| asked.window = window(0, Some(3_000_000_000_000)));
        check("clipTo/99999999999999999999", |asked| asked.window = window(0, Some(i64::MAX)));
        for nothing in ["seekFrom/0", "sf/-1", "sf/x", "clipTo/0", "ct/1.5", "clipFrom/1000", "ct/--1", "ct/-"] {
            check(nothing, |_| {});
        }
        let picks = |video, audio| Selection::of(Pick { video, audio, ..Pick::default() });
        check("tracks/v1-a1", |asked| asked.tracks = picks(Some(1), Some(1)));
        check("tracks/a2", |asked| asked.tracks = picks(None, Some(2)));
        check("tracks/all", |_| {});
        check("container/ts", |asked| asked.container = Some(Container::Ts));
        check("container/fmp4", |asked| asked.container = Some(Container::Fmp4));
        check("container/webm", |_| {});
    }

    #[test]
    fn forms_of_the_answer() {
        check("responseFormat/m3u8", |asked| asked.response = Some(Response::Playlist));
        check("responseFormat/redirect", |asked| asked.response = Some(Response::Redirect));
        check("responseFormat/json", |asked| asked.response = Some(Response::Json));
        check("responseFormat/mpd", |_| {});
        let long = "x".repeat(CALLBACK_MAX);
        for (query, name) in [
            ("?callback=a.b_1", Some("a.b_1")),
            (&format!("?callback={long}"), Some(&*long)),
            (&format!("?callback={long}x"), None),
            ("?callback=a(b)", None),
            ("?callback=", None),
            ("", None),
            ("/callback/a", None),
        ] {
            let form = Response::Jsonp(name.map(str::to_owned));
            check(&format!("responseFormat/jsonp{query}"), |asked| asked.response = Some(form));
        }
    }

    #[test]
    fn who_asks_and_until_when() {
        check("ks/a%3D", |asked| asked.credentials.session = Some("a=".into()));
        check("?ks=", |_| {});
        for text in ["referrer/aHR0cDovL2EuYg==", "?r=aHR0cDovL2EuYg%3D%3D", "?referrer=aHR0cDovL2EuYg"] {
            check(text, |asked| asked.credentials.referrer = Some("http://a.b".into()));
        }
        check("expiry/1700000000", |asked| asked.credentials.expiry = Some(1_700_000_000));
        check("ex/99999999999999999999", |asked| asked.credentials.expiry = Some(i64::MAX));
        check("ex/soon", |asked| asked.credentials.expiry = Some(0));
        check("defaultAudioLang/de", |asked| asked.default_audio = Some("de".into()));
        check("muxedAudioLang/ger", |asked| asked.default_audio = Some("ger".into()));
        check("muxedAudioLang/ger/defaultAudioLang/fr", |asked| asked.default_audio = Some("fr".into()));
        check("type/media", |asked| asked.choice.company = Company::None);
        // There is one way to deliver each format, and sound is not sped up.
        for nothing in ["type/x", "deliveryProfileIds/1,2", "deliveryProfileId/3", "playbackRate/2"] {
            check(nothing, |_| {});
        }
        check("disableCaptions/1", |asked| asked.captions = false);
        check("disableCaptions/0", |_| {});
    }

    #[test]
    fn what_players_send() {
        let tail = "protocol/https/format/applehttp/flavorIds/0_a,0_b,0_c/ks/djJ8/a.m3u8?uiConfId=12&playSessionId=\
                    0a-1b:2c-3d&referrer=aHR0cDovL2EuYg==&clientTag=html5:v3.17.1";
        check(tail, |asked| {
            (asked.scheme, asked.format) = (Some("https".into()), Format::Hls);
            asked.choice.flavors = ids(&["0_a", "0_b", "0_c"]);
            asked.credentials.session = Some("djJ8".into());
            asked.credentials.referrer = Some("http://a.b".into());
        });
        check("format/url/video.mp4", |asked| asked.format = Format::Url);
    }

    #[test]
    fn what_is_refused() {
        for (target, given) in [("/p/1/playManifest/format/url", ""), ("/p/1/playManifest/entryId/..", "..")] {
            let request = parse_target(target).unwrap().unwrap();
            let error = request.subject().unwrap_err();
            assert_eq!(error.code(), Some(Code::EntryNotFound), "{target}");
            assert!(error.message().contains(&format!("{given:?}")), "{target}: {error}");
        }
        for text in ["0", "-1", "x", "1x", "inf", "NaN"] {
            check_error(&format!("/p/1/playManifest/entryId/0_x/maxBitrate/{text}"), Code::InvalidMaxBitrate);
            check_error(&format!("/p/1/playManifest/entryId/0_x?mib={text}"), Code::InvalidMinBitrate);
        }
        // Before the entry is looked for.
        check_error("/p/1/playManifest/mb/x", Code::InvalidMaxBitrate);
        check_error("/p/1/playManifest/mib/x/mb/x", Code::InvalidMaxBitrate);
    }

    proptest! {
        #[test]
        fn any_text_is_answered(rest in "(/(entryId|e|f|fs|mb|ct|tracks|kt|ex)?[a-z_%0-9.,:+-]{0,9}){0,12}(\\?[ -~]{0,40})?") {
            let target = format!("/p/1/playManifest/{rest}");
            prop_assert!(parse_target(&target).is_some(), "{}", target);
        }
    }
}
