//! How large a picture may be to be decoded.

use serde::{Deserialize, Serialize};

/// Most pixels of what is decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Of a stored picture.
    pub still_pixels_max: u64,
    /// Of a picture of a video.
    pub video_pixels_max: u64,
}

/// A stored picture with more would take over a gigabyte while it is decoded.
const STILL_PIXELS_MAX: u64 = 100_000_000;

/// 8192 x 4352, as HEVC level 6 and AV1 level 6.0 have it. A decoder may hold 16 pictures, each of 200 MB at this size in the
/// widest format.
const VIDEO_PIXELS_MAX: u64 = 8192 * 4352;

impl Default for Limits {
    fn default() -> Limits {
        Limits { still_pixels_max: STILL_PIXELS_MAX, video_pixels_max: VIDEO_PIXELS_MAX }
    }
}
