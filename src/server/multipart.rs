//! Several parts of an answer as one body: multipart/byteranges (RFC 9110 section 14.6).

use std::ops::Range;

use crate::packager::layout::Layout;

/// The body that has `parts` of a content of `length` bytes, laid out over that content. `boundary` must not occur in it.
pub(super) fn layout(parts: &[Range<u64>], length: u64, media_type: &str, boundary: &str) -> Layout {
    let mut layout = Layout::default();
    for part in parts {
        // What ends a part belongs to the line that follows it (RFC 2046 section 5.1.1).
        let end = if layout.is_empty() { "" } else { "\r\n" };
        let (first, last) = (part.start, part.end.saturating_sub(1));
        layout.made(format!(
            "{end}--{boundary}\r\nContent-Type: {media_type}\r\nContent-Range: bytes {first}-{last}/{length}\r\n\r\n"
        ));
        layout.source(part.clone());
    }
    layout.made(format!("\r\n--{boundary}--\r\n"));
    layout
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::deliver::artifact::Body;

    fn bytes(body: Body) -> Bytes {
        match body {
            Body::Bytes(bytes) => bytes,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn parts_as_the_standard_writes_them() {
        let body = Body::Bytes("0123456789".into());
        let bytes: Vec<u8> =
            body.arranged(&layout(&[7..9, 0..1], 10, "text/plain", "line")).into_iter().flat_map(bytes).collect();
        let expected = "--line\r\nContent-Type: text/plain\r\nContent-Range: bytes 7-8/10\r\n\r\n78\r\n\
                        --line\r\nContent-Type: text/plain\r\nContent-Range: bytes 0-0/10\r\n\r\n0\r\n--line--\r\n";
        assert_eq!(bytes, expected.as_bytes());
    }
}
