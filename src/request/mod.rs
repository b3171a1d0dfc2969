//! The URL grammar: what a request asks for, in types. Text does not travel past this module.

pub mod path;
pub mod thumbnail;

use self::thumbnail::Thumbnail;
use crate::entry::PartnerId;
use crate::error::Result;

/// What a URL asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// A picture.
    Thumbnail(Box<Thumbnail>),
}

/// Where in a URL the partner stood, and who asks.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Credentials {
    /// The partner in the path. Decorative: the entry decides.
    pub partner: Option<PartnerId>,
    /// A Kaltura session, as given.
    pub session: Option<String>,
    /// The referrer parameter, decoded.
    pub referrer: Option<String>,
}

/// The formats beyond JPEG that a client says it takes; decides what `format/auto` is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Accepts {
    /// `image/avif`.
    pub avif: bool,
    /// `image/webp`.
    pub webp: bool,
}

/// The request that a target (path and query as they stand on the request line) asks for; `None` where no grammar of
/// this service begins like it.
pub fn parse(_target: &str) -> Option<Result<Request>> {
    todo!()
}
