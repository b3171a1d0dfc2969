//! What the catalog knows of a piece of content: entries, their flavors, and the other files that belong to them.

use std::fmt;
use std::sync::Arc;

use crate::rules::Profile;

/// The account that owns an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct PartnerId(pub i64);

/// The name of an entry: 1 to 128 of `A-Z a-z 0-9 _ - .`, not starting with a dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntryId(Arc<str>);

/// The name of a flavor, of the same alphabet as an [`EntryId`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FlavorId(Arc<str>);

/// The longest id, in bytes.
const ID_MAX: usize = 128;

fn checked_id(text: &str) -> Option<Arc<str>> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let fits = (1..=ID_MAX).contains(&text.len()) && !text.starts_with('.');
    (fits && text.bytes().all(allowed)).then(|| text.into())
}

impl EntryId {
    /// The id, or `None` where `text` is not one.
    pub fn new(text: &str) -> Option<EntryId> {
        checked_id(text).map(EntryId)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FlavorId {
    /// The id, or `None` where `text` is not one.
    pub fn new(text: &str) -> Option<FlavorId> {
        checked_id(text).map(FlavorId)
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for FlavorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What kind of content an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// Moving pictures.
    Video,
    /// Sound alone.
    Audio,
    /// One picture.
    Image,
    /// A PDF or office file.
    Document,
    /// Any other file.
    Data,
}

/// Where an entry stands in its life. The numbers are the dialect's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Its import failed (-2).
    ErrorImporting,
    /// Its conversion failed (-1).
    ErrorConverting,
    /// Being fetched (0).
    Import,
    /// Being converted (1).
    Preconvert,
    /// Complete (2).
    Ready,
    /// Deleted (3).
    Deleted,
    /// Waiting for something (4).
    Pending,
    /// Waiting for a moderator (5).
    Moderate,
    /// Blocked (6).
    Blocked,
    /// A draft: no content yet (7).
    NoContent,
}

/// What a moderator said of an entry. The numbers are the dialect's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Moderation {
    /// Not looked at yet (1).
    Pending,
    /// Allowed (2).
    Approved,
    /// Refused (3).
    Rejected,
    /// Reported by a viewer (5).
    Flagged,
    /// Needs nobody's look (6).
    #[default]
    AutoApproved,
}

/// A stored file at one version.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    /// The file's name at its origin: relative, `/` between parts.
    pub location: Arc<str>,
    /// Its length in bytes.
    pub size: u64,
    /// When it last changed, in seconds since 1970.
    pub modified: u64,
    /// What changes when its bytes may have: size and modification time for a file, the ETag of an object.
    pub version: Arc<str>,
}

impl Source {
    /// The version of a file of `size` bytes, changed last `mtime_nanos` nanoseconds after 1970.
    pub fn file_version(size: u64, mtime_nanos: u128) -> Arc<str> {
        format!("{size:x}-{mtime_nanos:x}").into()
    }

    /// Whether a file of `size` bytes, changed last then, is of this version.
    pub fn is_of_file(&self, size: u64, mtime_nanos: u128) -> bool {
        let number = |digits: &str| u128::from_str_radix(digits, 16).ok();
        let told = self.version.split_once('-').map(|(size, nanos)| (number(size), number(nanos)));
        told == Some((Some(size.into()), Some(mtime_nanos)))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.location, self.version)
    }
}

/// One stored encoding of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flavor {
    /// Its name.
    pub id: FlavorId,
    /// The conversion profile it was made by, if it is known.
    pub params_id: Option<i64>,
    /// Free words; `thumbsource` marks the flavor that pictures are to be taken from.
    pub tags: Vec<String>,
    /// Bitrate in kbit/s as the library states it; `None` leaves it to the media.
    pub bitrate: Option<u32>,
    /// Language of its sound, as stated.
    pub language: Option<String>,
    /// A name for people.
    pub label: Option<String>,
    /// Whether a player should begin with it.
    pub is_default: bool,
    /// Whether it is the file that was uploaded. Where no flavor says so, the highest bitrate is.
    pub is_original: bool,
    /// Its bytes.
    pub source: Source,
}

/// A picture that stands for the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Thumb {
    /// Its name.
    pub id: String,
    /// The conversion profile it was made by, if it is known.
    pub params_id: Option<i64>,
    /// Whether it is shown when no moment is asked for.
    pub is_default: bool,
    /// Its bytes.
    pub source: Source,
}

/// Timed text in one language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caption {
    /// Its name.
    pub id: String,
    /// The conversion profile it was made by, if it is known.
    pub params_id: Option<i64>,
    /// Language tag, as stated or taken from the file name.
    pub language: String,
    /// A name for people.
    pub label: Option<String>,
    /// Whether a player should show it unasked.
    pub is_default: bool,
    /// Its bytes.
    pub source: Source,
}

/// A file handed out with the entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its name.
    pub id: String,
    /// A name for people.
    pub title: Option<String>,
    /// Its bytes.
    pub source: Source,
}

/// The profile of rules that guards an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessControl {
    /// What the entry calls it.
    pub name: String,
    /// What the library defines under that name, if it does. The settings go before it.
    pub profile: Option<Arc<Profile>>,
}

/// One piece of content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub id: EntryId,
    /// Whose it is.
    pub partner: PartnerId,
    /// The user of the partner whose own it is, where that is known.
    pub owner: Option<String>,
    /// Its title.
    pub name: String,
    /// What kind of content it is.
    pub kind: EntryKind,
    /// Where it stands in its life.
    pub status: Status,
    /// What a moderator said.
    pub moderation: Moderation,
    /// Whether it lies in the recycle bin.
    pub recycled: bool,
    /// Free words.
    pub tags: Vec<String>,
    /// Version of its default thumbnail as stated.
    pub version: u32,
    /// When it was made, seconds since 1970.
    pub created: u64,
    /// When it or one of its files last changed, seconds since 1970.
    pub updated: u64,
    /// Not to be played before, seconds since 1970.
    pub start_date: Option<u64>,
    /// Not to be played after, seconds since 1970.
    pub end_date: Option<u64>,
    /// The profile of rules that guards it.
    pub access_control: Option<AccessControl>,
    /// The moment of its default picture in milliseconds, as stated.
    pub thumb_offset_ms: Option<u64>,
    /// Its encodings, in the order of the library. One for an image, a document or a data entry; none for a draft.
    pub flavors: Vec<Flavor>,
    /// Pictures that stand for it.
    pub thumbs: Vec<Thumb>,
    /// Timed text.
    pub captions: Vec<Caption>,
    /// Files handed out with it.
    pub attachments: Vec<Attachment>,
}

impl AccessControl {
    /// A profile that the library does not define.
    pub fn named(name: &str) -> AccessControl {
        AccessControl { name: name.to_owned(), profile: None }
    }
}

impl Entry {
    /// A ready entry of nobody, called by its id, of which nothing more is said and nothing is stored.
    pub fn new(id: EntryId, kind: EntryKind) -> Entry {
        Entry {
            partner: PartnerId::default(),
            owner: None,
            name: id.to_string(),
            id,
            kind,
            status: Status::Ready,
            moderation: Moderation::default(),
            recycled: false,
            tags: Vec::new(),
            version: 0,
            created: 0,
            updated: 0,
            start_date: None,
            end_date: None,
            access_control: None,
            thumb_offset_ms: None,
            flavors: Vec::new(),
            thumbs: Vec::new(),
            captions: Vec::new(),
            attachments: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: bool) {
        assert_eq!(EntryId::new(text).is_some(), expected, "{text:?}");
    }

    #[test]
    fn a_files_version_is_its_size_and_its_time() {
        assert_eq!(&*Source::file_version(255, 16), "ff-10");
        assert_ne!(Source::file_version(1, 2), Source::file_version(2, 1));
        let of = |version: &str| Source { location: "a".into(), size: 255, modified: 0, version: version.into() };
        assert!(of("ff-10").is_of_file(255, 16));
        for other in ["ff-11", "fe-10", "ff", "", "x-10", "ff-10-1"] {
            assert!(!of(other).is_of_file(255, 16), "{other}");
        }
    }

    #[test]
    fn ids_are_plain_names() {
        check("0_abc12345", true);
        check("talk-2024.final", true);
        check("", false);
        check("..", false);
        check(".hidden", false);
        check("a/b", false);
        check("a\0b", false);
        check(&"x".repeat(128), true);
        check(&"x".repeat(129), false);
    }
}
