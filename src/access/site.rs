//! The site that a page belongs to.

/// The host that an absolute address names, without user, port and the dot at its end; `None` where it names none.
pub(super) fn host(address: &str) -> Option<&str> {
    let (_, rest) = address.trim().split_once("://")?;
    // Browsers read a backslash as a slash.
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.rsplit('@').next()?;
    let host = match host.strip_prefix('[') {
        Some(address) => address.split_once(']')?.0,
        None => host.split(':').next()?,
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    (!host.is_empty()).then_some(host)
}

/// Whether `host` is of `site`: the very name, or one below it. A `*.` before it means nothing, as do capitals.
pub(super) fn is_of(host: &str, site: &str) -> bool {
    let site = site.strip_prefix("*.").unwrap_or(site);
    let before = host.len().checked_sub(site.len());
    let Some((below, name)) = before.and_then(|at| host.split_at_checked(at)) else { return false };
    !site.is_empty() && name.eq_ignore_ascii_case(site) && (below.is_empty() || below.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        #[track_caller]
        fn check(address: &str, expected: Option<&str>) {
            assert_eq!(host(address), expected, "{address:?}");
        }
        check("https://www.example.com/a?b#c", Some("www.example.com"));
        check("http://example.com", Some("example.com"));
        check("http://example.com.:8080?x=://y", Some("example.com"));
        check("https://user:pass@example.com/", Some("example.com"));
        check("https://evil.com\\@example.com/", Some("evil.com"));
        check("https://example.com@evil.com/", Some("evil.com"));
        check("https://evil.com#@example.com/", Some("evil.com"));
        check("http://[2001:db8::1]:80/", Some("2001:db8::1"));
        for none in ["", "example.com/x", "about:blank", "http://", "http:///x", "http://:80", "http://[::1", "://"] {
            check(none, None);
        }
    }

    #[test]
    fn sites() {
        #[track_caller]
        fn check(host: &str, site: &str, expected: bool) {
            assert_eq!(is_of(host, site), expected, "{host} {site}");
        }
        check("example.com", "example.com", true);
        check("WWW.Example.COM", "example.com", true);
        check("a.b.example.com", "*.example.com", true);
        check("example.com", "*.example.com", true);
        check("notexample.com", "example.com", false);
        check("example.com.attacker.net", "example.com", false);
        check("evil.example.com.attacker.net", "example.com", false);
        check("example.co", "example.com", false);
        check("com", "example.com", false);
        check("example.com", "", false);
        check("exämple.com", "mple.com", false);
    }
}
