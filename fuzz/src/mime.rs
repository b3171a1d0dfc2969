//! The beginning of any file: its type is one that may stand in a header.

use vedette::media::mime;

/// Throws `bytes` at it.
pub fn check(bytes: &[u8]) {
    let (name, sample) = bytes.split_at(bytes.len().min(12));
    let name = String::from_utf8_lossy(name);
    let kind = mime::media_type(sample, true, &name);
    assert!(kind.contains('/') && kind.bytes().all(|byte| (b' '..0x7f).contains(&byte)), "{kind}");
    let _ = mime::is_text(sample);
}
