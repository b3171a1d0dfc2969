//! The one error that crosses modules: what the caller can do about it, words safe to show, and the cause for the log.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a caller can do about a failure. `server` maps it to a status; nothing else does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// The request is malformed or asks for something outside the allowed ranges. Change it.
    Invalid,
    /// Credentials are missing or do not verify. Authenticate.
    Unauthorized,
    /// Credentials are fine, the answer is still no.
    Forbidden,
    /// What was asked for does not exist.
    NotFound,
    /// It exists, but its content cannot be read or carried.
    Unsupported,
    /// It would cost more than a limit allows. Ask for less.
    TooLarge,
    /// No room now. Try again later.
    Busy,
    /// Something this service depends on failed. Try again later.
    Unavailable,
    /// A file was replaced while it was being read. Look again what there is, then try again.
    Changed,
    /// It took longer than allowed.
    TimedOut,
    /// A fault of the service itself.
    Internal,
}

/// The errors of the Kaltura dialect: those of its players by number, those of its API by name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Code {
    /// The entry is unknown.
    EntryNotFound = 1,
    /// The entry is not to be played now.
    OutsideSchedule = 2,
    /// A rule of the entry's access-control profile says no.
    AccessControlRestricted = 3,
    /// The session cannot be read.
    SessionUnreadable = 4,
    /// A file that should be there is not.
    FileNotFound = 5,
    /// The entry has no flavor to take a picture from.
    FlavorNotFound = 6,
    /// The session is not good.
    SessionInvalid = 7,
    /// Neither `entry_id` nor `widget_id` named an entry.
    EntryAndWidgetNotFound = 8,
    /// The entry was deleted or blocked by moderation.
    EntryDeletedModerated = 9,
    /// The entry has no picture.
    MissingThumbnail = 10,
    /// The entry is of a kind that this cannot be asked of.
    WrongEntryType = 12,
    /// A moderator has not allowed the entry.
    ModerationForbids = 13,
    /// The partner is blocked.
    PartnerNotActive = 15,
    /// The picture could not be read, resized or encoded.
    ImageResizeFailed = 17,
    /// The highest bitrate is no number above zero.
    InvalidMaxBitrate = 19,
    /// A parameter that this kind of entry needs is missing.
    MissingParameter = 20,
    /// A parameter has a value that is not allowed.
    BadQuery = 25,
    /// The URL is not signed as it says.
    TokenInvalid = 27,
    /// The URL has expired.
    TokenExpired = 28,
    /// The session has expired.
    SessionExpired = 31,
    /// The session is of another partner than the entry, which has rules.
    SessionOfAnotherPartner = 32,
    /// The session is for other addresses.
    SessionElsewhere = 34,
    /// A picture of a moment may not be had.
    ParameterNotAllowed = 38,
    /// The server is over its concurrency limit.
    TooManyProcesses = 46,
    /// An entry of a sequence is not for sequences.
    NotForSequences = 48,
    /// The lowest bitrate is no number above zero.
    InvalidMinBitrate = 49,
    /// The entry is in the recycle bin.
    RecycledEntryUnavailable = 58,
    /// The API: the entry is unknown, or of another kind.
    EntryIdNotFound = API,
    /// The API: the entry has no such flavor.
    FlavorAssetIdNotFound,
    /// The API: the picture is unknown.
    ThumbAssetIdNotFound,
    /// The API: the captions are unknown.
    CaptionAssetIdNotFound,
    /// The API: the captions are not there to be read.
    CaptionAssetFileNotFound,
    /// The API: the captions cannot be understood.
    CaptionAssetParsingFailed,
    /// The API: the attachment is unknown.
    AttachmentAssetIdNotFound,
    /// The API: a parameter is missing.
    MissingMandatoryParameter,
    /// The API: the service is unknown.
    NoSuchService,
    /// The API: the service has no such action.
    NoSuchAction,
}

/// From here on an error has no number of the dialect.
const API: u8 = 128;

impl Code {
    /// The number on the wire; `None` where the name is all there is.
    pub fn number(self) -> Option<u8> {
        Some(self as u8).filter(|number| *number < API)
    }

    /// The upper-case name that the dialect gives the number.
    pub fn name(self) -> &'static str {
        match self {
            Code::EntryNotFound => "ENTRY_NOT_FOUND",
            Code::AccessControlRestricted => "ACCESS_CONTROL_RESTRICTED",
            Code::FileNotFound => "FILE_NOT_FOUND",
            Code::FlavorNotFound => "FLAVOR_NOT_FOUND",
            Code::EntryAndWidgetNotFound => "ENTRY_AND_WIDGET_NOT_FOUND",
            Code::EntryDeletedModerated => "ENTRY_DELETED_MODERATED",
            Code::MissingThumbnail => "MISSING_THUMBNAIL_FILESYNC",
            Code::PartnerNotActive => "PARTNER_NOT_ACTIVE",
            Code::ImageResizeFailed => "IMAGE_RESIZE_FAILED",
            Code::MissingParameter => "MISSING_PARAMETER",
            Code::BadQuery => "BAD_QUERY",
            Code::SessionUnreadable => "INVALID_KS_SRT",
            Code::SessionInvalid => "INVALID_KS",
            Code::SessionExpired => "KS_EXPIRED",
            Code::SessionOfAnotherPartner => "INVALID_PARTNER",
            Code::SessionElsewhere => "EXCEEDED_RESTRICTED_IP",
            Code::ParameterNotAllowed => "NOT_ALLOWED_PARAMETER",
            Code::TooManyProcesses => "TOO_MANY_PROCESSES",
            Code::RecycledEntryUnavailable => "RECYCLED_ENTRY_UNAVAILABLE",
            Code::OutsideSchedule => "OUTSIDE_SCHEDULE",
            Code::WrongEntryType => "WRONG_ENTRY_TYPE",
            Code::ModerationForbids => "MODERATION_STATUS_FORBIDS",
            Code::InvalidMaxBitrate => "INVALID_MAX_BITRATE",
            Code::TokenInvalid => "INVALID_TOKEN",
            Code::TokenExpired => "URL_TOKEN_EXPIRED",
            Code::InvalidMinBitrate => "INVALID_MIN_BITRATE",
            Code::NotForSequences => "INVALID_SEQUENCE_ENTRY",
            Code::EntryIdNotFound => "ENTRY_ID_NOT_FOUND",
            Code::FlavorAssetIdNotFound => "FLAVOR_ASSET_ID_NOT_FOUND",
            Code::ThumbAssetIdNotFound => "THUMB_ASSET_ID_NOT_FOUND",
            Code::CaptionAssetIdNotFound => "CAPTION_ASSET_ID_NOT_FOUND",
            Code::CaptionAssetFileNotFound => "CAPTION_ASSET_FILE_NOT_FOUND",
            Code::CaptionAssetParsingFailed => "CAPTION_ASSET_PARSING_FAILED",
            Code::AttachmentAssetIdNotFound => "ATTACHMENT_ASSET_ID_NOT_FOUND",
            Code::MissingMandatoryParameter => "MISSING_MANDATORY_PARAMETER",
            Code::NoSuchService => "SERVICE_DOES_NOT_EXISTS",
            Code::NoSuchAction => "ACTION_DOES_NOT_EXISTS",
        }
    }

    /// The kind that every error with this code has.
    fn kind(self) -> Kind {
        match self {
            Code::EntryNotFound
            | Code::FileNotFound
            | Code::FlavorNotFound
            | Code::EntryAndWidgetNotFound
            | Code::EntryDeletedModerated
            | Code::MissingThumbnail
            | Code::WrongEntryType
            | Code::PartnerNotActive
            | Code::RecycledEntryUnavailable
            | Code::EntryIdNotFound
            | Code::FlavorAssetIdNotFound
            | Code::ThumbAssetIdNotFound
            | Code::CaptionAssetIdNotFound
            | Code::CaptionAssetFileNotFound
            | Code::AttachmentAssetIdNotFound
            | Code::NoSuchService
            | Code::NoSuchAction => Kind::NotFound,
            Code::AccessControlRestricted
            | Code::OutsideSchedule
            | Code::ModerationForbids
            | Code::TokenInvalid
            | Code::TokenExpired
            | Code::SessionUnreadable
            | Code::SessionInvalid
            | Code::SessionExpired
            | Code::SessionOfAnotherPartner
            | Code::SessionElsewhere
            | Code::ParameterNotAllowed => Kind::Forbidden,
            Code::ImageResizeFailed | Code::CaptionAssetParsingFailed => Kind::Unsupported,
            Code::MissingParameter
            | Code::MissingMandatoryParameter
            | Code::BadQuery
            | Code::InvalidMaxBitrate
            | Code::InvalidMinBitrate
            | Code::NotForSequences => Kind::Invalid,
            Code::TooManyProcesses => Kind::Busy,
        }
    }
}

/// A failure as every module hands it on. Clones share the cause, so that one maker's failure can go to every waiter.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

struct Inner {
    kind: Kind,
    code: Option<Code>,
    message: String,
    retry_after: Option<Duration>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What fallible functions between modules give.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// A failure of `kind` whose `message` may be shown to a stranger: what was given, and what is allowed.
    pub fn new(kind: Kind, message: impl Into<String>) -> Error {
        Error(Arc::new(Inner { kind, code: None, message: message.into(), retry_after: None, source: None }))
    }

    /// A failure with a number of the dialect; the kind follows from it.
    pub fn coded(code: Code, message: impl Into<String>) -> Error {
        Error(Arc::new(Inner {
            kind: code.kind(),
            code: Some(code),
            message: message.into(),
            retry_after: None,
            source: None,
        }))
    }

    /// The same failure with its cause, which only the log sees. The first cause given stays.
    pub fn caused_by(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
        match Arc::try_unwrap(self.0) {
            Ok(inner) if inner.source.is_none() => Error(Arc::new(Inner { source: Some(source.into()), ..inner })),
            Ok(inner) => Error(Arc::new(inner)),
            Err(shared) => Error(shared),
        }
    }

    /// The same failure under a number of the dialect; one that has a number already, or that may heal by itself
    /// (busy, unavailable, changed, timed out, internal), keeps what it has.
    pub fn or_code(self, code: Code) -> Error {
        let heals =
            matches!(self.0.kind, Kind::Busy | Kind::Unavailable | Kind::Changed | Kind::TimedOut | Kind::Internal);
        if self.0.code.is_some() || heals {
            return self;
        }
        let message = self.0.message.clone();
        let kind = self.0.kind;
        Error(Arc::new(Inner { kind, code: Some(code), message, retry_after: None, source: Some(Box::new(self)) }))
    }

    /// The same failure, which will have passed after so long, as far as that can be told. What others share already stays as
    /// it is.
    pub fn retried_after(self, wait: Duration) -> Error {
        match Arc::try_unwrap(self.0) {
            Ok(inner) => Error(Arc::new(Inner { retry_after: Some(wait), ..inner })),
            Err(shared) => Error(shared),
        }
    }

    /// When to try again, where that can be told.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// What the caller can do about it.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// The dialect's number, if one was given.
    pub fn code(&self) -> Option<Code> {
        self.0.code
    }

    /// The words that may be shown.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// True for failures that stay the same until the content changes, and so may be remembered for a while.
    pub fn is_lasting(&self) -> bool {
        matches!(self.0.kind, Kind::NotFound | Kind::Unsupported | Kind::TooLarge)
    }

    /// Shorthand for [`Kind::Invalid`].
    pub fn invalid(message: impl Into<String>) -> Error {
        Error::new(Kind::Invalid, message)
    }

    /// Shorthand for [`Kind::Unsupported`].
    pub fn unsupported(message: impl Into<String>) -> Error {
        Error::new(Kind::Unsupported, message)
    }

    /// Shorthand for [`Kind::TooLarge`].
    pub fn too_large(message: impl Into<String>) -> Error {
        Error::new(Kind::TooLarge, message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.0.kind, self.0.message)?;
        let mut cause = std::error::Error::source(self);
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_decides_the_kind() {
        let error = Error::coded(Code::BadQuery, "width 0 is not allowed");
        assert_eq!((error.kind(), error.code().and_then(Code::number)), (Kind::Invalid, Some(25)));
    }

    #[test]
    fn errors_of_the_api_have_names_alone() {
        assert_eq!(Code::RecycledEntryUnavailable.number(), Some(58));
        assert_eq!(Code::NoSuchAction.number(), None);
        assert_eq!(Code::EntryIdNotFound.name(), "ENTRY_ID_NOT_FOUND");
    }

    #[test]
    fn what_may_heal_takes_no_code() {
        assert_eq!(Error::new(Kind::Busy, "full").or_code(Code::ImageResizeFailed).code(), None);
        assert_eq!(Error::unsupported("text").or_code(Code::ImageResizeFailed).code(), Some(Code::ImageResizeFailed));
    }

    #[test]
    fn the_chain_is_in_debug_and_not_in_display() {
        let error = Error::unsupported("not a picture").caused_by("bad magic");
        assert_eq!(error.to_string(), "not a picture");
        assert_eq!(format!("{error:?}"), "Unsupported: not a picture: bad magic");
    }
}
