//! Pictures out of coded media; the only module that knows ffmpeg and still-image decoders.

pub mod frames;
pub mod scan;
pub mod stills;
