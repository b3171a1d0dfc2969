//! The names that files are kept under.

use super::playback::extension;
use crate::entry::{Entry, Flavor, Source};

/// What the dialect calls the flavor that was uploaded.
const ORIGINAL: &str = "Source";

/// The name of an entry with that of one of its flavors.
pub(super) fn of_flavor(entry: &Entry, flavor: &Flavor) -> String {
    let original = flavor.is_original.then_some(ORIGINAL);
    let name = match flavor.label.as_deref().or(original) {
        Some(label) => format!("{} ({label})", entry.name),
        None => entry.name.clone(),
    };
    extended(plain(&name), extension(&flavor.source))
}

/// The name of an entry, or the one `given` instead.
pub(super) fn of_entry(entry: &Entry, given: Option<&str>) -> String {
    let name = plain(given.unwrap_or(&entry.name));
    if name.trim().is_empty() { entry.id.to_string() } else { name }
}

/// `name` with an extension behind it, unless it has that already.
pub(super) fn extended(name: String, extension: Option<&str>) -> String {
    match extension {
        Some(extension) if !ends_in(&name, extension) => format!("{name}.{extension}"),
        _ => name,
    }
}

/// `name` without an extension, if that is what it ends in.
pub(super) fn without<'a>(name: &'a str, extension: &str) -> &'a str {
    if ends_in(name, extension) { &name[..name.len() - extension.len() - 1] } else { name }
}

fn ends_in(name: &str, extension: &str) -> bool {
    let behind = name.rsplit_once('.').filter(|(before, _)| !before.is_empty());
    behind.is_some_and(|(_, behind)| behind.eq_ignore_ascii_case(extension))
}

/// The name of a stored file itself.
pub(super) fn of_file(source: &Source) -> String {
    let name = source.location.rsplit('/').next().unwrap_or_default();
    plain(name)
}

/// `name` as the dialect has names in URLs: every byte outside of a plain set as `_`.
pub(super) fn safe(name: &str) -> String {
    let is_kept = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~!$()*+,;=:@".contains(byte);
    name.bytes().map(|byte| if is_kept(&byte) { byte.into() } else { '_' }).collect()
}

/// A name in one line.
fn plain(name: &str) -> String {
    name.chars().filter(|char| *char != '\r').map(|char| if char.is_control() { ' ' } else { char }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{EntryId, EntryKind, FlavorId};

    fn entry(name: &str) -> Entry {
        Entry { name: name.to_owned(), ..Entry::new(EntryId::new("0_x").unwrap(), EntryKind::Video) }
    }

    fn source(location: &str) -> Source {
        Source { location: location.into(), size: 1, modified: 2, version: "v".into() }
    }

    #[track_caller]
    fn check_flavor(name: &str, label: Option<&str>, is_original: bool, expected: &str) {
        let flavor = Flavor {
            id: FlavorId::new("0_a").unwrap(),
            params_id: None,
            tags: Vec::new(),
            bitrate: None,
            language: None,
            label: label.map(str::to_owned),
            is_default: false,
            is_original,
            source: source("0_x/a.mp4"),
        };
        assert_eq!(of_flavor(&entry(name), &flavor), expected);
    }

    #[test]
    fn flavors_say_what_they_are() {
        check_flavor("Talk", None, true, "Talk (Source).mp4");
        check_flavor("Talk", Some("HD"), true, "Talk (HD).mp4");
        check_flavor("Talk", None, false, "Talk.mp4");
        check_flavor("Ein\nTalk\r", None, false, "Ein Talk.mp4");
    }

    #[test]
    fn names_and_extensions() {
        assert_eq!(of_entry(&entry("Talk"), Some("a\tb")), "a b");
        assert_eq!((of_entry(&entry(""), None), of_entry(&entry("Talk"), None)), ("0_x".into(), "Talk".into()));
        for (name, extension, expected) in [
            ("a", Some("pdf"), "a.pdf"),
            ("a.PDF", Some("pdf"), "a.PDF"),
            ("a.b", None, "a.b"),
            (".pdf", Some("pdf"), ".pdf.pdf"),
        ] {
            assert_eq!(extended(name.to_owned(), extension), expected);
        }
        for (name, extension, expected) in [("a.doc", "doc", "a"), ("a.doc", "pdf", "a.doc"), (".doc", "doc", ".doc")] {
            assert_eq!(without(name, extension), expected);
        }
        assert_eq!(of_file(&source("0_x/attachments/Über uns.pdf")), "Über uns.pdf");
    }

    #[test]
    fn names_in_urls() {
        assert_eq!(safe("Über \"uns\" (HD).mp4"), "__ber__uns__(HD).mp4");
        assert_eq!(safe("a/../b"), "a_.._b");
    }
}
