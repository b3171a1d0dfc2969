//! What a file's name says: whose entry it is, of what kind, and what part it plays there.
//!
//! Several files may have one stem. The entry is then, first of: the folder of that name; a file whose extension is known
//! and all lower or all upper case, video before image before audio before document, lower case before upper, then in
//! the order of the names; the file without an extension; a file whose known extension is of mixed case, in the same
//! order of kinds; any other file, in the order of the names.

use crate::entry::{EntryId, EntryKind};

/// The extensions of each kind, in the order in which kinds win; each list in the order in which its names win.
const EXTENSIONS: [(EntryKind, &[&str]); 4] = [
    (
        EntryKind::Video,
        &[
            "3g2", "3gp", "asf", "avi", "divx", "dv", "f4v", "flv", "m2t", "m2ts", "m2v", "m4v", "mkv", "mov", "mp4",
            "mpeg", "mpg", "mts", "mxf", "ogv", "qt", "rm", "rmvb", "ts", "vob", "webm", "wmv",
        ],
    ),
    (
        EntryKind::Image,
        &[
            "avif", "bmp", "gif", "heic", "heif", "jfif", "jpe", "jpeg", "jpg", "jxl", "png", "svg", "tif", "tiff",
            "webp",
        ],
    ),
    (
        EntryKind::Audio,
        &[
            "aac", "ac3", "aif", "aiff", "amr", "eac3", "flac", "m4a", "m4b", "mka", "mp2", "mp3", "oga", "ogg",
            "opus", "wav", "weba", "wma",
        ],
    ),
    (
        EntryKind::Document,
        &[
            "doc", "docm", "docx", "odp", "ods", "odt", "pdf", "pps", "ppsx", "ppt", "pptm", "pptx", "rtf", "xls",
            "xlsx",
        ],
    ),
];

/// The extensions of names that are tried where the names that there are cannot be listed.
const TRIED: [&str; 9] = ["mp4", "mov", "webm", "mkv", "jpg", "png", "m4a", "mp3", "pdf"];

/// Endings of names that programs give to files they have not finished.
const UNFINISHED: [&str; 6] = ["~", ".part", ".partial", ".filepart", ".crdownload", ".tmp"];

/// The sidecar inside a folder.
pub(super) const FOLDER_SIDECAR: &str = "entry.toml";

/// The file at the front of the library that defines profiles of rules. It is no entry's, and nobody is sent it.
pub(in crate::catalog) const ACCESS_CONTROL: &str = "access_control.toml";

/// The folder of attachments inside a folder.
pub(super) const ATTACHMENTS: &str = "attachments";

/// The extension of a sidecar beside a file.
pub(super) const SIDECAR: &str = "toml";

/// What a child of the library is. Children that are neither are nobody's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Child<'a> {
    /// An entry, or one of the files that claim to be it.
    Entry(&'a str),
    /// The sidecar of an entry.
    Sidecar(&'a str),
}

/// What a file inside an entry's folder is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// What the entry's maker says of it.
    Sidecar,
    /// A picture that stands for the entry; the default one is `thumb` without more.
    Thumb { is_default: bool },
    /// Timed text in a language.
    Caption { language: &'a str },
    /// Timed text that does not say its language: no part of the entry unless the sidecar says so.
    Text,
    /// Content of a kind.
    Content(EntryKind),
}

/// The place of a name among the names of one stem; the least wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank<'a> {
    group: u8,
    kind: u8,
    upper: bool,
    name: &'a str,
}

/// True for hidden files and for those that some program has not finished writing.
pub(super) fn is_ignored(name: &str) -> bool {
    name.starts_with('.') || UNFINISHED.iter().any(|end| name.ends_with(end))
}

/// A name before and after its last dot. The dot that a name begins with is none.
pub(super) fn split(name: &str) -> (&str, Option<&str>) {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (stem, Some(extension)),
        _ => (name, None),
    }
}

/// The kind of content that a name promises; data where it promises nothing.
pub(super) fn kind(name: &str) -> EntryKind {
    place(name).map_or(EntryKind::Data, |(kind, _)| kind)
}

fn place(name: &str) -> Option<(EntryKind, u8)> {
    let (_, extension) = split(name);
    let lower = extension?.to_ascii_lowercase();
    let holds = |row: &(EntryKind, &[&str])| row.1.contains(&lower.as_str());
    let at = EXTENSIONS.iter().position(holds)?;
    Some((EXTENSIONS[at].0, at as u8))
}

/// The place of a file's name among its rivals for one entry.
pub(super) fn rank(name: &str) -> Rank<'_> {
    let (_, extension) = split(name);
    let Some(extension) = extension else { return Rank { group: 1, kind: 0, upper: false, name } };
    let Some((_, kind)) = place(name) else { return Rank { group: 3, kind: 0, upper: false, name } };
    let has_lower = extension.bytes().any(|b| b.is_ascii_lowercase());
    let has_upper = extension.bytes().any(|b| b.is_ascii_uppercase());
    let group = if has_lower && has_upper { 2 } else { 0 };
    Rank { group, kind, upper: has_upper, name }
}

impl Rank<'_> {
    /// True for names that [`candidates`] gives, and for the bare one: they are found without a listing.
    pub(super) fn is_guessed(self) -> bool {
        self.group < 2
    }
}

/// The names that the entry's file may have, best first, as far as they can be guessed.
pub(super) fn candidates(id: &EntryId) -> impl Iterator<Item = String> {
    EXTENSIONS.iter().flat_map(move |(_, extensions)| {
        let lower = extensions.iter().map(move |extension| format!("{id}.{extension}"));
        let upper = extensions.iter().map(move |extension| format!("{id}.{}", extension.to_ascii_uppercase()));
        lower.chain(upper)
    })
}

/// True for the names of an entry's file, and of its sidecar, that are tried where names cannot be listed.
pub(super) fn is_tried(name: &str) -> bool {
    split(name).1.is_some_and(|extension| extension == SIDECAR || TRIED.contains(&extension))
}

/// The name of the sidecar beside the entry's file; `None` for the one entry whose sidecar would have a name that is taken.
pub(super) fn sidecar(id: &EntryId) -> Option<String> {
    Some(format!("{id}.{SIDECAR}")).filter(|name| name != ACCESS_CONTROL)
}

/// What a child of the library is, by its name; `None` for those that are left alone.
pub(super) fn child(name: &str, is_folder: bool) -> Option<Child<'_>> {
    if is_ignored(name) {
        return None;
    }
    if is_folder {
        return Some(Child::Entry(name));
    }
    match split(name) {
        _ if name == ACCESS_CONTROL => None,
        (stem, Some(SIDECAR)) => Some(Child::Sidecar(stem)),
        (stem, _) => Some(Child::Entry(stem)),
    }
}

/// What a file inside an entry's folder is, by its name; `None` for those that are left alone.
pub(super) fn part(name: &str) -> Option<Part<'_>> {
    if is_ignored(name) {
        return None;
    }
    if name == FOLDER_SIDECAR {
        return Some(Part::Sidecar);
    }
    let (stem, extension) = split(name);
    if matches!(extension, Some("vtt" | "srt" | "VTT" | "SRT")) {
        let language = stem.rsplit_once('.').map(|(_, language)| language).filter(|text| is_language(text));
        return Some(language.map_or(Part::Text, |language| Part::Caption { language }));
    }
    let kind = kind(name);
    if kind == EntryKind::Image && (stem == "thumb" || stem.starts_with("thumb-")) {
        return Some(Part::Thumb { is_default: stem == "thumb" });
    }
    Some(Part::Content(kind))
}

/// True for what looks like a BCP 47 language tag: two or three letters, then short pieces after `-` or `_`.
pub(super) fn is_language(text: &str) -> bool {
    let mut pieces = text.split(['-', '_']);
    let primary = pieces.next().unwrap_or_default();
    let is_primary = matches!(primary.len(), 2 | 3) && primary.bytes().all(|b| b.is_ascii_alphabetic());
    let is_piece = |piece: &str| (1..=8).contains(&piece.len()) && piece.bytes().all(|b| b.is_ascii_alphanumeric());
    is_primary && text.len() <= 35 && pieces.all(is_piece)
}

/// True for a relative path that cannot lead out of where it begins.
pub(super) fn is_inside(path: &str) -> bool {
    !path.contains('\0') && path.split('/').all(|piece| !matches!(piece, "" | "." | ".."))
}

/// True for an absolute URL. No path is one: it has no empty parts.
pub(super) fn is_url(name: &str) -> bool {
    name.contains("://")
}

/// A URL without what follows its path, which may be secret; any other name as it is.
pub(super) fn without_query(name: &str) -> &str {
    if is_url(name) { name.split(['?', '#']).next().unwrap_or_default() } else { name }
}

/// What says what a file is: the last part of a URL's path, any other name as it is.
pub(super) fn plain(name: &str) -> &str {
    let name = without_query(name);
    if is_url(name) { name.rsplit('/').next().unwrap_or_default() } else { name }
}

/// Where the file of a name is that a sidecar may give: a URL is where it says, all else is behind `base`.
pub(super) fn location(base: &str, name: &str) -> String {
    if is_url(name) { name.to_owned() } else { format!("{base}{name}") }
}

/// The id of a part of an entry that is named after its file: what the alphabet of ids lacks becomes `-`.
pub(super) fn part_id(id: &EntryId, stem: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.') { c } else { '-' };
    format!("{id}_{}", stem.chars().map(allowed).collect::<String>())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(name: &str, expected: Option<Part<'_>>) {
        assert_eq!(part(name), expected, "{name:?}");
    }

    #[test]
    fn files_of_a_folder() {
        let content = |kind| Some(Part::Content(kind));
        check("entry.toml", Some(Part::Sidecar));
        check("720p.mp4", content(EntryKind::Video));
        check("source.MOV", content(EntryKind::Video));
        check("sound.m4a", content(EntryKind::Audio));
        check("poster.jpg", content(EntryKind::Image));
        check("slides.pdf", content(EntryKind::Document));
        check("README", content(EntryKind::Data));
        check("thumb.jpg", Some(Part::Thumb { is_default: true }));
        check("thumb-2.webp", Some(Part::Thumb { is_default: false }));
        check("thumbs.jpg", content(EntryKind::Image));
        check("thumb.mp4", content(EntryKind::Video));
        check("talk.en.vtt", Some(Part::Caption { language: "en" }));
        check("talk.final.pt-BR.srt", Some(Part::Caption { language: "pt-BR" }));
        check("talk.vtt", Some(Part::Text));
        check("talk.1080p.vtt", Some(Part::Text));
        check(".hidden.mp4", None);
        check("video.mp4.part", None);
        check("video.mp4~", None);
    }

    #[test]
    fn children_of_the_library() {
        assert_eq!(child("0_bunny.mp4", false), Some(Child::Entry("0_bunny")));
        assert_eq!(child("talk.2024.mp4", false), Some(Child::Entry("talk.2024")));
        assert_eq!(child("0_bunny.toml", false), Some(Child::Sidecar("0_bunny")));
        assert_eq!(child("0_ladder", true), Some(Child::Entry("0_ladder")));
        assert_eq!(child("a.b", true), Some(Child::Entry("a.b")));
        assert_eq!(child("a.toml", true), Some(Child::Entry("a.toml")));
        assert_eq!(child("README", false), Some(Child::Entry("README")));
        assert_eq!(child(".git", true), None);
        assert_eq!(child("access_control.toml", false), None);
        assert_eq!(child("access_control.toml", true), Some(Child::Entry("access_control.toml")));
        assert_eq!(child("access_control", true), Some(Child::Entry("access_control")));
        assert_eq!(child("access_control.mp4", false), Some(Child::Entry("access_control")));
        let sidecar = |id| sidecar(&EntryId::new(id).unwrap());
        assert_eq!((sidecar("access_control"), sidecar("0_a")), (None, Some("0_a.toml".to_owned())));
    }

    #[test]
    fn rivals_have_an_order() {
        let mut names = ["x.zip", "x.Mp4", "x", "x.pdf", "x.mp3", "x.JPG", "x.jpg", "x.png", "x.MOV", "x.mp4", "x.bin"];
        names.sort_by_key(|name| rank(name));
        let expected = ["x.mp4", "x.MOV", "x.jpg", "x.png", "x.JPG", "x.mp3", "x.pdf", "x", "x.Mp4", "x.bin", "x.zip"];
        assert_eq!(names, expected);
    }

    #[test]
    fn candidates_come_in_rank_order_and_are_all_that_is_guessed() {
        let id = EntryId::new("0_x").unwrap();
        let names: Vec<String> = candidates(&id).collect();
        assert!(names.is_sorted_by_key(|name| rank(name)));
        assert!(names.iter().all(|name| rank(name).is_guessed() && split(name).0 == "0_x"));
        assert!(!rank("0_x.Mp4").is_guessed() && !rank("0_x.zip").is_guessed() && rank("0_x").is_guessed());
    }

    #[test]
    fn paths_stay_inside() {
        #[track_caller]
        fn check(path: &str, expected: bool) {
            assert_eq!(is_inside(path), expected, "{path:?}");
        }
        check("a.mp4", true);
        check("sub/..a/b.mp4", true);
        check("", false);
        check("/a", false);
        check("a/", false);
        check("a//b", false);
        check("../a", false);
        check("a/../b", false);
        check("./a", false);
        check("a\0", false);
    }

    #[test]
    fn urls_end_in_a_name() {
        let url = "https://host/a%20b/talk.en.vtt?key=a/b.mp4#x";
        assert_eq!((plain(url), without_query(url)), ("talk.en.vtt", "https://host/a%20b/talk.en.vtt"));
        assert_eq!((plain("https://host"), plain("a?b/c#d.mp4")), ("host", "a?b/c#d.mp4"));
        assert_eq!((location("0_a/", "b.mp4"), location("0_a/", "s3://b/c")), ("0_a/b.mp4".into(), "s3://b/c".into()));
    }

    proptest! {
        #[test]
        fn any_name_has_a_place(name in "\\PC*") {
            let (stem, extension) = split(&name);
            prop_assert_eq!(stem.len() + extension.map_or(0, |e| e.len() + 1), name.len());
            let _ = (part(&name), child(&name, true), child(&name, false), rank(&name));
        }

        #[test]
        fn part_ids_keep_to_the_alphabet(stem in "\\PC{0,20}") {
            let id = EntryId::new("0_x").unwrap();
            prop_assert!(EntryId::new(&part_id(&id, &stem)).is_some());
        }
    }
}
