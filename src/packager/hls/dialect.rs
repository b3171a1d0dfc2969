//! The playlist of captions as the API of the dialect writes it.

use std::fmt::{Display, Write};

/// The segments of captions as the dialect's API lists them: whole seconds, lines that end in CR LF.
pub fn dialect_captions<U: Display>(seconds: u32, total: u64, uri: impl Fn(u32) -> U) -> String {
    let mut text = format!(
        "#EXTM3U\r\n#EXT-X-TARGETDURATION:{seconds}\r\n#EXT-X-VERSION:3\r\n#EXT-X-MEDIA-SEQUENCE:1\r\n\
         #EXT-X-PLAYLIST-TYPE:VOD\r\n"
    );
    let (mut left, mut number) = (total, 0u32);
    while left > 0 {
        let length = left.min(seconds.max(1).into());
        (left, number) = (left - length, number.saturating_add(1));
        // Writing to a string cannot fail.
        let _ = write!(text, "#EXTINF:{length}.0,\r\n{}\r\n", uri(number));
    }
    text + "#EXT-X-ENDLIST\r\n"
}
