//! Fields of an answer that say what a file is, what it is to be called, and what a browser may do with it.

use hyper::header::HeaderValue;

use super::field::text;

/// What a browser may do with a file of a type that can hold scripts: next to nothing (Content Security Policy level 3,
/// section 6.3.2). It was put here by somebody else than who runs this host.
pub(super) fn policy(media_type: &str) -> Option<&'static str> {
    let essence = media_type.split(';').next().unwrap_or_default();
    match essence {
        "image/svg+xml" => Some("default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"),
        "text/html" | "text/xml" | "application/xml" | "application/xhtml+xml" | "application/ttml+xml" => {
            Some("sandbox")
        }
        _ => None,
    }
}

/// The field that has a file kept under a name instead of shown (RFC 6266): the name as it is, and what is left of it for
/// clients that read no other than ASCII.
pub(super) fn attachment(name: &str) -> HeaderValue {
    let is_plain = |c: char| (' '..='~').contains(&c) && !matches!(c, '"' | '\\' | '%');
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    if plain == name {
        return text(format_args!("attachment; filename=\"{plain}\""));
    }
    let mut full = String::with_capacity(3 * name.len());
    for byte in name.bytes() {
        // The attr-char of RFC 8187 section 3.2.1.
        match byte.is_ascii_alphanumeric() || b"!#$&+-.^_`|~".contains(&byte) {
            true => full.push(byte.into()),
            false => full += &format!("%{byte:02X}"),
        }
    }
    text(format_args!("attachment; filename=\"{plain}\"; filename*=UTF-8''{full}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_to_keep_files_under() {
        for (name, expected) in [
            ("talk.mp4", "attachment; filename=\"talk.mp4\""),
            ("a \"b\".mp4", "attachment; filename=\"a _b_.mp4\"; filename*=UTF-8''a%20%22b%22.mp4"),
            ("ü\r\n", "attachment; filename=\"___\"; filename*=UTF-8''%C3%BC%0D%0A"),
        ] {
            assert_eq!(attachment(name), expected, "{name:?}");
        }
    }

    #[test]
    fn what_can_hold_scripts_is_shut_in() {
        assert!(policy("image/svg+xml").is_some_and(|policy| policy.contains("default-src 'none'")));
        for media_type in
            ["text/html", "text/html; charset=utf-8", "application/xhtml+xml", "text/xml", "application/xml"]
        {
            assert_eq!(policy(media_type), Some("sandbox"), "{media_type}");
        }
        for media_type in ["text/plain", "application/pdf", "application/dash+xml", "image/jpeg", ""] {
            assert_eq!(policy(media_type), None, "{media_type}");
        }
    }
}
