//! HLS playlists as text (RFC 8216, and its second edition in draft-pantos-hls-rfc8216bis).

mod attributes;
mod dialect;
mod media;
mod multivariant;

pub use self::dialect::dialect_captions;
pub use self::media::{Link, Pieces, captions, playlist};
pub use self::multivariant::multivariant;
