//! Where files may rest: URLs that the settings allow, and what lies beneath them.

use object_store::path::Path;
use url::Url;

use super::guard::Reach;
use crate::error::{Code, Error, Result};

/// The schemes of locations elsewhere than in a folder.
const SCHEMES: [&str; 5] = ["http", "https", "s3", "gs", "az"];

/// Whether `location` is a URL of an origin and not a path.
pub(super) fn is_url(location: &str) -> bool {
    location.split_once("://").is_some_and(|(scheme, _)| SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)))
}

/// A URL beneath which everything may be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// It, with a path that ends in a slash, and no user, query or fragment.
    pub(super) url: Url,
    /// How far connections for it may go.
    pub(super) reach: Reach,
}

/// A file somewhere beneath a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The whole path at its origin.
    pub(super) path: Path,
    /// What follows the path's `?`.
    pub(super) query: Option<String>,
}

impl Place {
    /// The place that the settings call `text`; what is wrong with it otherwise.
    pub(super) fn new(text: &str, reach: Reach) -> std::result::Result<Place, &'static str> {
        if !is_url(text) {
            return Err("expected a URL that begins with https://, http://, s3://, gs:// or az://");
        }
        let mut url = Url::parse(text).map_err(|_| "expected a URL")?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err("expected a host, or the name of a bucket");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("expected no user and no password");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("expected no ? and no #");
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Path::from_url_path(url.path()).map_err(|_| "expected a path without empty parts")?;
        Ok(Place { url, reach })
    }

    /// Whether its files are read by plain HTTP, and not from an object store.
    pub(super) fn is_web(&self) -> bool {
        matches!(self.url.scheme(), "http" | "https")
    }

    /// Whether `url` lies beneath it.
    pub(super) fn holds(&self, url: &Url) -> bool {
        let ours = (self.url.scheme(), self.url.host_str(), self.url.port_or_known_default());
        ours == (url.scheme(), url.host_str(), url.port_or_known_default())
            && url.username().is_empty()
            && url.password().is_none()
            // An encoded slash is a slash to some servers: what follows must not lead out.
            && Path::from_url_path(url.path()).is_ok_and(|path| path.prefix_matches(&self.root()))
    }

    /// The file at `url`, which lies beneath it. `None` where an object store has no such name.
    pub(super) fn target(&self, url: &Url) -> Option<Target> {
        let path = Path::from_url_path(url.path()).ok()?;
        let query = url.query().map(str::to_owned);
        (self.is_web() || query.is_none()).then_some(Target { path, query })
    }

    /// Its own path.
    pub(super) fn root(&self) -> Path {
        Path::from_url_path(self.url.path()).unwrap_or_default()
    }

    /// What the whole paths at its origin begin with of the files whose paths beneath it begin with `prefix`. `None` where
    /// that leads out.
    pub(super) fn within(&self, prefix: &str) -> Option<String> {
        let folder = prefix.rsplit_once('/').map_or("", |(folder, _)| folder);
        if !folder.is_empty() {
            self.beneath(folder)?;
        }
        let own = self.root();
        Some(if own.is_root() { prefix.to_owned() } else { format!("{own}/{prefix}") })
    }

    /// The file at `path`, of plain names between slashes, beneath it. `None` where that leads out, or names nothing.
    pub(super) fn beneath(&self, path: &str) -> Option<Target> {
        let is_name = |part: &str| !part.is_empty() && part != "." && part != "..";
        if !path.split('/').all(is_name) {
            return None;
        }
        let own = self.root();
        let whole = if own.is_root() { path.to_owned() } else { format!("{own}/{path}") };
        Some(Target { path: Path::parse(whole).ok()?, query: None })
    }
}

/// `location` without what may be secret in it.
pub(super) fn shown(location: &str) -> &str {
    if is_url(location) { location.split(['?', '#']).next().unwrap_or_default() } else { location }
}

/// Why no file is looked for at `url`, which lies beneath none of the URLs that are `allowed`.
pub(super) fn refusal(url: &str, allowed: &[&str]) -> String {
    let allowed =
        if allowed.is_empty() { "nothing is".to_owned() } else { format!("allowed are {}", allowed.join(", ")) };
    format!("{:?} is not beneath an allowed origin: {allowed}", shown(url))
}

/// A location that names nothing that may be read.
pub(super) fn not_there(location: &str) -> Error {
    Error::coded(Code::FileNotFound, format!("the file {} is not there", shown(location)))
}

/// The URL that `location` is; fails where it is none.
pub(super) fn parse(location: &str) -> Result<Url> {
    Url::parse(location).map_err(|cause| not_there(location).caused_by(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Place {
        Place::new(text, Reach::Public).unwrap()
    }

    #[track_caller]
    fn check_refused(text: &str, reason: &str) {
        let refused = Place::new(text, Reach::Public).unwrap_err();
        assert!(refused.contains(reason), "{text}: {refused}");
    }

    #[test]
    fn a_place_is_a_plain_url() {
        assert_eq!(place("https://Media.Example.com:443/Films").url.as_str(), "https://media.example.com/Films/");
        assert_eq!(place("s3://bucket").url.as_str(), "s3://bucket/");
        check_refused("/srv/media", "https://");
        check_refused("file:///etc", "https://");
        check_refused("ftp://host/", "https://");
        check_refused("https://user:word@host/", "user");
        check_refused("https://host/?a=b", "?");
        check_refused("https://host/a//b", "empty");
        check_refused("s3:///key", "host");
    }

    #[test]
    fn what_lies_beneath_a_place() {
        #[track_caller]
        fn check(place: &Place, url: &str, expected: bool) {
            assert_eq!(place.holds(&Url::parse(url).unwrap()), expected, "{url}");
        }
        let films = place("https://cdn.example.com/films");
        check(&films, "https://cdn.example.com/films/a.mp4", true);
        check(&films, "https://CDN.example.com:443/films/a.mp4?token=x", true);
        check(&films, "https://cdn.example.com/films-of-others/a.mp4", false);
        check(&films, "https://cdn.example.com/films/../a.mp4", false);
        check(&films, "https://cdn.example.com/films/%2e%2e/a.mp4", false);
        check(&films, "https://cdn.example.com/films/..%2fa.mp4", false);
        check(&films, "https://cdn.example.com/films/%00", false);
        check(&films, "http://cdn.example.com/films/a.mp4", false);
        check(&films, "https://cdn.example.com:8443/films/a.mp4", false);
        check(&films, "https://cdn.example.com.evil.com/films/a.mp4", false);
        check(&films, "https://cdn.example.com@evil.com/films/a.mp4", false);
        check(&films, "https://evil.com@cdn.example.com/films/a.mp4", false);
        let bucket = place("s3://bucket/media");
        check(&bucket, "s3://bucket/media/a b.mp4", true);
        check(&bucket, "s3://other/media/a.mp4", false);
    }

    #[test]
    fn a_path_stays_beneath() {
        #[track_caller]
        fn check(place: &str, path: &str, expected: Option<&str>) {
            let target = self::place(place).beneath(path);
            assert_eq!(target.as_ref().map(|target| target.path.as_ref()), expected, "{path}");
        }
        check("s3://bucket/media", "a/b c.mp4", Some("media/a/b c.mp4"));
        check("s3://bucket", "100%.mp4", Some("100%.mp4"));
        check("https://host/my%20films", "a?b#c.mp4", Some("my films/a?b#c.mp4"));
        for path in ["", "..", "a/../b", "./a", "a//b", "/a", "a/", "a\0b"] {
            check("s3://bucket/media", path, None);
        }
    }

    #[test]
    fn a_prefix_is_any_text() {
        #[track_caller]
        fn check(place: &str, prefix: &str, expected: Option<&str>) {
            assert_eq!(self::place(place).within(prefix).as_deref(), expected, "{prefix}");
        }
        check("s3://bucket/media", "0_a.", Some("media/0_a."));
        check("s3://bucket/media", "0_a/", Some("media/0_a/"));
        check("s3://bucket/media", "", Some("media/"));
        check("s3://bucket", "", Some(""));
        check("s3://bucket", "0_a/att", Some("0_a/att"));
        check("s3://bucket/media", "../", None);
        check("s3://bucket/media", "a//b", None);
    }

    #[test]
    fn secrets_are_not_shown() {
        assert_eq!(shown("https://host/a?sig=secret"), "https://host/a");
        assert_eq!(shown("a?b.mp4"), "a?b.mp4");
    }
}
