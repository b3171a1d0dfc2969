//! From tracks to what a player fetches: pure functions of the media index and what was asked.

pub mod captions;
pub mod dash;
pub mod fmp4;
pub mod hls;
pub mod keyframes;
pub mod language;
pub mod layout;
pub mod mpegts;
pub mod name;
pub mod offer;
pub mod rendition;
pub mod segments;
pub mod silence;
#[cfg(test)]
mod tests;
pub mod timeline;
pub mod view;

/// How a player is told what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// HTTP Live Streaming, RFC 8216.
    Hls,
    /// MPEG-DASH, ISO/IEC 23009-1.
    Dash,
}

/// How segments wrap samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Container {
    /// Fragmented MP4, a track each (CMAF, ISO/IEC 23000-19).
    #[default]
    Fmp4,
    /// MPEG transport stream, ISO/IEC 13818-1.
    Ts,
}
