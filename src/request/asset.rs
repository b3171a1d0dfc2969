//! URLs of the API's actions that hand out files: attachments, captions, thumb assets, data and documents.

use std::fmt::{self, Display};

use percent_encoding::utf8_percent_encode;

use super::given::Given;
use super::path::Route;
use super::playback::whole;
use super::served::KEPT;
use super::thumbnail::{Region, part};
use super::wish::{Side, Wish};
use super::{Credentials, number};
use crate::entry::{EntryId, FlavorId, PartnerId};
use crate::error::{Code, Error, Result};
use crate::thumbnail::{Fit, Format, Rgb};

/// What an action of the API hands out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asset {
    /// What it is named by.
    pub named: Named,
    /// Who asks.
    pub credentials: Credentials,
    /// The version that the URL is about, if it names one.
    pub version: Option<String>,
    /// What is wanted.
    pub wanted: Wanted,
}

/// What names a file of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Named {
    /// The entry, whose only or default one is meant, or the one that a conversion profile made.
    Entry(EntryId, Option<i64>),
    /// Its own name.
    Asset(String),
}

/// Which file is wanted, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A file handed out with an entry.
    Attachment {
        /// Whether it is to be shown instead of kept (`serveOptions[download]` of false).
        is_shown: bool,
    },
    /// Timed text.
    Captions(Form),
    /// A picture that stands for an entry.
    Thumb {
        /// What is made of it; `None` for the file as it is.
        look: Option<Look>,
        /// Whether it is to be kept instead of shown.
        is_kept: bool,
    },
    /// The content of a data entry.
    Data,
    /// The file of a document.
    Document {
        /// Which one; `None` for the one there is.
        flavor: Option<FlavorId>,
    },
}

/// As what captions are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// The stored file.
    File,
    /// JSON of all cues.
    Json,
    /// WebVTT, all of it.
    Whole,
    /// A playlist of segments of WebVTT.
    List {
        /// How long each is.
        seconds: u32,
        /// Where such a playlist is found, if the names that it writes lead nowhere from the URL asked.
        place: Option<String>,
    },
    /// A segment of WebVTT.
    Segment {
        /// Its number, from one.
        number: u32,
        /// How long each is.
        seconds: u32,
        /// The time in milliseconds that the clock of a transport stream at ten seconds stands for.
        local_ms: u32,
    },
}

/// A stored picture as it is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Look {
    /// Pixels across; zero to derive it.
    pub width: u32,
    /// Pixels down; zero to derive it.
    pub height: u32,
    /// How to fit.
    pub fit: Fit,
    /// The part of it.
    pub region: Region,
    /// The format; `None` for that of the file.
    pub format: Option<Format>,
    /// 1 to 100; `None` for the default.
    pub quality: Option<u8>,
    /// Background.
    pub background: Rgb,
    /// Dots per inch; zero for none.
    pub density: u16,
}

/// What an action takes and gives.
struct Action {
    /// Read without regard to case, as its name is.
    service: &'static str,
    name: &'static str,
    /// What names the file.
    by: By,
    read: fn(&Given<'_>, &Route<'_>) -> Result<Wanted>,
}

/// The parameter that names a file, and what the API answers where it names none.
#[derive(Clone, Copy)]
enum By {
    Entry,
    Asset(&'static str, Code),
}

const ATTACHMENT: By = By::Asset("attachmentAssetId", Code::AttachmentAssetIdNotFound);
const CAPTION: By = By::Asset("captionAssetId", Code::CaptionAssetIdNotFound);
const THUMB: By = By::Asset("thumbAssetId", Code::ThumbAssetIdNotFound);

/// What HLS players are told to come back to for captions.
const CAPTIONS: &str = "caption_captionasset";
const SEGMENTS: &str = "serveWebVTT";

const fn action(
    service: &'static str,
    name: &'static str,
    by: By,
    read: fn(&Given<'_>, &Route<'_>) -> Result<Wanted>,
) -> Action {
    Action { service, name, by, read }
}

/// Every action that is answered.
const ACTIONS: &[Action] = &[
    action("attachment_attachmentAsset", "serve", ATTACHMENT, |given, _| {
        Ok(Wanted::Attachment { is_shown: given.field("serveOptions", "download").is_some_and(|text| !is_true(text)) })
    }),
    action(CAPTIONS, "serve", CAPTION, |_, _| Ok(Wanted::Captions(Form::File))),
    action(CAPTIONS, "serveByEntryId", By::Entry, |_, _| Ok(Wanted::Captions(Form::File))),
    action(CAPTIONS, "serveAsJson", CAPTION, |_, _| Ok(Wanted::Captions(Form::Json))),
    action(CAPTIONS, SEGMENTS, CAPTION, |given, route| Ok(Wanted::Captions(segments(given, route)))),
    action("thumbAsset", "serve", THUMB, thumb),
    action("thumbAsset", "serveByEntryId", By::Entry, thumb),
    action("data", "serve", By::Entry, |_, _| Ok(Wanted::Data)),
    action("document_documents", "serve", By::Entry, document),
    // Other names by which documentation calls the same service.
    action("documents_documents", "serve", By::Entry, document),
    action("documents", "serve", By::Entry, document),
    action("document", "serve", By::Entry, document),
];

/// What a route of the API and a query ask for.
pub(super) fn parse(route: &Route<'_>, query: &str) -> Result<Asset> {
    let given = Given::read(route.pairs, query)?;
    let action = find(&given)?;
    let partner = given.filled(&["partnerId", "p"]).and_then(|text| text.parse().ok()).map(PartnerId);
    Ok(Asset {
        named: named(&given, action.by)?,
        credentials: Credentials {
            partner,
            session: given.filled(&["ks"]).map(str::to_owned),
            ..Credentials::default()
        },
        version: given.filled(&["version", "v"]).map(str::to_owned),
        wanted: (action.read)(&given, route)?,
    })
}

fn find(given: &Given<'_>) -> Result<&'static Action> {
    let (service, name) = (given.get(&["service"]).unwrap_or_default(), given.get(&["action"]).unwrap_or_default());
    let mut of_service = ACTIONS.iter().filter(|action| action.service.eq_ignore_ascii_case(service)).peekable();
    if of_service.peek().is_none() {
        return Err(Error::coded(Code::NoSuchService, format!("Service {service:?} does not exist here")));
    }
    let missing = || {
        let message = format!("Action {name:?} does not exist here for service {service:?}");
        Error::coded(Code::NoSuchAction, message)
    };
    of_service.find(|action| action.name.eq_ignore_ascii_case(name)).ok_or_else(missing)
}

fn named(given: &Given<'_>, by: By) -> Result<Named> {
    let parameter = match by {
        By::Entry => "entryId",
        By::Asset(parameter, _) => parameter,
    };
    let missing = || Error::coded(Code::MissingMandatoryParameter, format!("Missing parameter {parameter:?}"));
    let text = given.filled(&[parameter]).ok_or_else(missing)?;
    // Assets have names of the same alphabet as entries.
    let id = EntryId::new(text);
    // Profile 0 is none.
    let profile = given.filled(&["thumbParamId", "captionParamId"]).and_then(whole).filter(|profile| *profile != 0);
    match (by, id) {
        (By::Entry, Some(id)) => Ok(Named::Entry(id, profile)),
        (By::Entry, None) => Err(unseen_entry(text)),
        (By::Asset(..), Some(_)) => Ok(Named::Asset(text.to_owned())),
        (By::Asset(_, code), None) => Err(unseen_asset(code, text)),
    }
}

fn unseen_entry(id: &str) -> Error {
    Error::coded(Code::EntryIdNotFound, format!("Entry id {id:?} not found"))
}

fn unseen_asset(code: Code, id: &str) -> Error {
    Error::coded(code, format!("The asset id {id:?} was not found"))
}

impl Asset {
    /// What is answered where it is not there, or nobody may know that it is.
    pub fn unseen(&self) -> Error {
        let code = match self.wanted {
            Wanted::Attachment { .. } => Code::AttachmentAssetIdNotFound,
            Wanted::Captions(_) => Code::CaptionAssetIdNotFound,
            Wanted::Thumb { .. } => Code::ThumbAssetIdNotFound,
            Wanted::Data | Wanted::Document { .. } => Code::EntryIdNotFound,
        };
        match &self.named {
            Named::Entry(id, _) => unseen_entry(id.as_str()),
            Named::Asset(id) => unseen_asset(code, id),
        }
    }
}

fn is_true(text: &str) -> bool {
    !matches!(text, "" | "0") && !text.eq_ignore_ascii_case("false")
}

fn document(given: &Given<'_>, _: &Route<'_>) -> Result<Wanted> {
    let unknown = |id: &str| unseen_asset(Code::FlavorAssetIdNotFound, id);
    let flavor = given.filled(&["flavorAssetId"]).map(|id| FlavorId::new(id).ok_or_else(|| unknown(id)));
    Ok(Wanted::Document { flavor: flavor.transpose()? })
}

/// How long segments of captions are where the URL does not say.
const SECONDS: u32 = 30;
/// A segment that is longer is as good as the whole.
const SECONDS_MAX: i32 = 86_400;
/// The time of captions that ten seconds of a transport stream stand for where the URL does not say.
const LOCAL_MS: i32 = 10_000;

fn segments(given: &Given<'_>, route: &Route<'_>) -> Form {
    let whole = |name: &str, low: i32, high: i32| number::whole(given.get(&[name]).unwrap_or_default(), low, high);
    let seconds = match whole("segmentDuration", 0, SECONDS_MAX) {
        0 => SECONDS,
        seconds => seconds.unsigned_abs(),
    };
    let local_ms = given.filled(&["localTimestamp"]).map_or(LOCAL_MS, |text| number::whole(text, 0, i32::MAX));
    match whole("segmentIndex", -1, i32::MAX) {
        -1 => Form::Whole,
        0 => Form::List { seconds, place: place(given, route, seconds) },
        number => Form::Segment { number: number.unsigned_abs(), seconds, local_ms: local_ms.unsigned_abs() },
    }
}

/// Parameters that every segment's URL needs.
const OF_SEGMENTS: [&str; 7] =
    ["service", "action", "captionAssetId", "segmentDuration", "localTimestamp", "ks", "version"];

/// A path from which the names in a playlist lead to its segments; `None` where that of the URL does: it says all in its
/// pairs, and a name that is no pair follows them.
fn place(given: &Given<'_>, route: &Route<'_>, seconds: u32) -> Option<String> {
    let has_tail = route.pairs.split('/').filter(|part| !part.is_empty()).count() % 2 == 1;
    if has_tail && !route.pairs.ends_with('/') && OF_SEGMENTS.iter().all(|name| given.in_query(name).is_none()) {
        return None;
    }
    let pairs = OF_SEGMENTS.iter().filter(|name| !matches!(**name, "service" | "action" | "segmentDuration"));
    let pairs = pairs.filter_map(|name| Some(Pair(name, given.filled(&[name])?)));
    let pairs: String = pairs.map(|pair| pair.to_string()).collect();
    Some(format!("/api_v3/index.php/service/{CAPTIONS}/action/{SEGMENTS}{pairs}/segmentDuration/{seconds}/a.m3u8"))
}

/// A parameter as a path carries it.
struct Pair<'a>(&'a str, &'a str);

impl Display for Pair<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "/{}/{}", self.0, utf8_percent_encode(self.1, KEPT))
    }
}

/// The name of a segment in a playlist.
pub fn segment_name(number: u32) -> impl Display {
    format!("segmentIndex/{number}.vtt")
}

fn thumb(given: &Given<'_>, _: &Route<'_>) -> Result<Wanted> {
    Ok(Wanted::Thumb { look: look(given)?, is_kept: given.field("options", "download").is_some_and(is_true) })
}

/// The fields of `thumbParams` that change a stored picture.
const LOOK: [&str; 11] = [
    "width",
    "height",
    "cropType",
    "cropX",
    "cropY",
    "cropWidth",
    "cropHeight",
    "quality",
    "format",
    "density",
    "backgroundColor",
];

/// What is to be made of a stored picture; `None` for nothing.
fn look(given: &Given<'_>) -> Result<Option<Look>> {
    let field = |name: &str| given.field("thumbParams", name).filter(|text| !text.is_empty());
    if LOOK.iter().all(|name| field(name).is_none()) {
        return Ok(None);
    }
    let text = |name: &str| field(name).unwrap_or_default();
    let wish = Wish {
        width: Side::new(text("width")),
        height: Side::new(text("height")),
        fit: number::whole(text("cropType"), 1, 5),
        region: Region {
            x: part(text("cropX")),
            y: part(text("cropY")),
            width: part(text("cropWidth")),
            height: part(text("cropHeight")),
            ..Region::default()
        },
        format: text("format").into(),
        quality: number::whole(text("quality"), 0, 100),
        background: field("backgroundColor").map(Into::into),
        density: number::whole(text("density"), 0, u16::MAX.into()) as u16,
        ..Wish::default()
    };
    wish.look().map(Some)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::error::Kind;
    use crate::request::{Request, Subject, parse as parse_target};

    #[track_caller]
    fn asset(target: &str) -> Asset {
        match parse_target(target).unwrap().unwrap() {
            Request::Asset(asked) => *asked,
            other => panic!("{target}: {other:?}"),
        }
    }

    #[track_caller]
    fn check(target: &str, named: &str, wanted: Wanted) {
        let asked = asset(target);
        let name = match &asked.named {
            Named::Entry(id, None) => format!("entry {id}"),
            Named::Entry(id, Some(profile)) => format!("entry {id} by {profile}"),
            Named::Asset(id) => id.clone(),
        };
        assert_eq!((name.as_str(), asked.wanted), (named, wanted), "{target}");
    }

    const PLAIN: Look = Look {
        width: 0,
        height: 0,
        fit: Fit::Inside,
        region: Region { x: 0, y: 0, width: 0, height: 0, of_width: 0, of_height: 0 },
        format: None,
        quality: None,
        background: Rgb::WHITE,
        density: 0,
    };

    #[test]
    fn services_and_actions() {
        let file = || Wanted::Captions(Form::File);
        check("/api_v3/service/caption_captionAsset/action/serve/captionAssetId/1_a", "1_a", file());
        check("/api_v3/index.php/service/CAPTION_captionasset/action/SERVE/captionAssetId/1_a", "1_a", file());
        check("/api_v3/?service=caption_captionasset&action=serve&captionAssetId=1_a", "1_a", file());
        check("/api_v3/index.php?action=serve&captionAssetId=1_a&service=caption_captionasset", "1_a", file());
        let default = "/api_v3/service/caption_captionAsset/action/serveByEntryId/entryId/0_x";
        check(default, "entry 0_x", file());
        check(&format!("{default}/captionParamId/0"), "entry 0_x", file());
        check(&format!("{default}/captionParamId/5"), "entry 0_x by 5", file());
        check(
            "/api_v3/service/caption_captionAsset/action/serveAsJson/captionAssetId/1_a",
            "1_a",
            Wanted::Captions(Form::Json),
        );
        check("/api_v3/service/data/action/serve/entryId/0_x/forceProxy/1", "entry 0_x", Wanted::Data);
        let flavor = FlavorId::new("0_f");
        check(
            "/api_v3/service/documents/action/serve/entryId/0_x/flavorAssetId/0_f",
            "entry 0_x",
            Wanted::Document { flavor },
        );
        let attachment = |is_shown| Wanted::Attachment { is_shown };
        let front = "/api_v3/service/attachment_attachmentAsset/action/serve/attachmentAssetId/1_a";
        check(front, "1_a", attachment(false));
        check(&format!("{front}?serveOptions[download]=false"), "1_a", attachment(true));
        check(&format!("{front}?serveOptions%5Bdownload%5D=0"), "1_a", attachment(true));
        check(&format!("{front}/serveOptions:download/true"), "1_a", attachment(false));
    }

    #[test]
    fn who_asks_and_for_which_version() {
        let asked = asset("/api_v3/service/thumbAsset/action/serve/partnerId/7/thumbAssetId/1_a/v/3/ks/s");
        assert_eq!((asked.version.as_deref(), asked.credentials.session.as_deref()), (Some("3"), Some("s")));
        assert_eq!(asked.credentials.partner, Some(PartnerId(7)));
        let request = parse_target("/api_v3/service/thumbAsset/action/serve/thumbAssetId/1_a").unwrap().unwrap();
        assert_eq!(request.subject().unwrap(), Subject::Asset("1_a"));
    }

    #[test]
    fn pictures() {
        let front = "/api_v3/service/thumbAsset/action/serve/thumbAssetId/1_a";
        let thumb = |look| Wanted::Thumb { look, is_kept: false };
        check(front, "1_a", thumb(None));
        check(&format!("{front}?thumbParams[videoOffset]=3&thumbParams[width]="), "1_a", thumb(None));
        check(&format!("{front}?options[download]=1"), "1_a", Wanted::Thumb { look: None, is_kept: true });
        check(
            &format!(
                "{front}/thumbParams:width/640/thumbParams:cropType/3?thumbParams[quality]=50&thumbParams[density]=72"
            ),
            "1_a",
            thumb(Some(Look { width: 640, fit: Fit::Crop, quality: Some(50), density: 72, ..PLAIN })),
        );
        let region = Region { x: 1500, y: 2000, width: 30_000, height: 40_000, ..Region::default() };
        check(
            &format!(
                "{front}?thumbParams[cropX]=1.5&thumbParams[cropY]=2&thumbParams[cropWidth]=30&thumbParams[cropHeight]=40"
            ),
            "1_a",
            thumb(Some(Look { region, ..PLAIN })),
        );
        check(
            &format!(
                "{front}?thumbParams[height]=99999999999&thumbParams[format]=PNG&thumbParams[backgroundColor]=102030"
            ),
            "1_a",
            thumb(Some(Look { height: 10_000, format: Some(Format::Png), background: Rgb(16, 32, 48), ..PLAIN })),
        );
    }

    #[test]
    fn segments_of_captions() {
        let front = "/api_v3/service/caption_captionAsset/action/serveWebVTT/captionAssetId/1_a";
        let form = |rest: &str, form| check(&format!("{front}{rest}"), "1_a", Wanted::Captions(form));
        let list = |seconds| Form::List { seconds, place: None };
        let segment = |number, seconds, local_ms| Form::Segment { number, seconds, local_ms };
        form("/a.m3u8", list(30));
        form("/segmentDuration/6/a.m3u8", list(6));
        form("/segmentDuration/0/a.m3u8", list(30));
        form("/segmentDuration/-5/segmentIndex/0/a.m3u8", list(30));
        form("/segmentDuration/6/segmentIndex/3.vtt", segment(3, 6, 10_000));
        form("?segmentIndex=3&segmentDuration=99999999999&localTimestamp=5", segment(3, 86_400, 5));
        form("/segmentIndex/99999999999", segment(2_147_483_647, 30, 10_000));
        form("/segmentIndex/-1", Form::Whole);
        let place = "/api_v3/index.php/service/caption_captionasset/action/serveWebVTT/captionAssetId/1_a";
        let away =
            |rest: &str| Form::List { seconds: 30, place: Some(format!("{place}{rest}/segmentDuration/30/a.m3u8")) };
        form("", away(""));
        form("/segmentIndex/", away(""));
        form("/a.m3u8?ks=a/b", away("/ks/a%2Fb"));
        form("/localTimestamp/7/version/2", away("/localTimestamp/7/version/2"));
    }

    #[track_caller]
    fn check_error(rest: &str, expected: (Kind, Code)) {
        let error = parse_target(&format!("/api_v3{rest}")).unwrap().unwrap_err();
        assert_eq!((error.kind(), error.code()), (expected.0, Some(expected.1)), "{rest}: {error}");
    }

    #[test]
    fn what_is_refused() {
        let missing = |code| (Kind::NotFound, code);
        check_error("", missing(Code::NoSuchService));
        check_error("/service/media/action/list", missing(Code::NoSuchService));
        check_error("/service/data", missing(Code::NoSuchAction));
        check_error("/service/data/action/add", missing(Code::NoSuchAction));
        check_error("/service/data/action/serve", (Kind::Invalid, Code::MissingMandatoryParameter));
        check_error("/service/data/action/serve/entryId/..%2f", missing(Code::EntryIdNotFound));
        let front = "/service/thumbAsset/action/serve/thumbAssetId";
        check_error(&format!("{front}/a%2fb"), missing(Code::ThumbAssetIdNotFound));
        check_error(&format!("{front}/{}", "x".repeat(129)), missing(Code::ThumbAssetIdNotFound));
        check_error(&format!("{front}/1_a?thumbParams[backgroundColor]=red"), (Kind::Invalid, Code::BadQuery));
        check_error(
            "/service/document/action/serve/entryId/0_x/flavorAssetId/..",
            missing(Code::FlavorAssetIdNotFound),
        );
    }

    proptest! {
        #[test]
        fn where_segments_are_is_read_again(
            id in "[a-z0-9_][a-z0-9_.-]{0,9}",
            session in proptest::option::of("[a-zé /?&%+]{1,9}"),
            seconds in 1..90_000_u32,
        ) {
            let query = format!("captionAssetId={id}&segmentDuration={seconds}&localTimestamp=5");
            let ks = session.as_ref().map(|session| format!("&ks={}", utf8_percent_encode(session, KEPT)));
            let asked = asset(&format!("/api_v3?service={CAPTIONS}&action={SEGMENTS}&{query}{}", ks.unwrap_or_default()));
            let Wanted::Captions(Form::List { seconds, place: Some(place) }) = &asked.wanted else {
                return Err(TestCaseError::fail(format!("{asked:?}")));
            };
            let wanted = Wanted::Captions(Form::List { seconds: *seconds, place: None });
            prop_assert_eq!(asset(place), Asset { wanted, ..asked.clone() });
            let (folder, _) = place.rsplit_once('/').unwrap();
            let wanted = Wanted::Captions(Form::Segment { number: 2, seconds: *seconds, local_ms: 5 });
            prop_assert_eq!(asset(&format!("{folder}/{}", segment_name(2))), Asset { wanted, ..asked.clone() });
        }

        #[test]
        fn any_text_is_answered(rest in "(/(service|action|serve|thumbAsset|thumbAssetId|thumbParams:width)?[a-z_%0-9.:,+-]{0,9}){0,9}(\\?[ -~]{0,30})?") {
            for front in ["/api_v3", "/api_v3/index.php", "/api_v3/service/thumbAsset/action/serve"] {
                let target = format!("{front}{rest}");
                prop_assert!(parse_target(&target).is_some() || !rest.starts_with(['/', '?']), "{}", target);
            }
        }
    }
}
