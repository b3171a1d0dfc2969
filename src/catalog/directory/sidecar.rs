//! What the maker of an entry says of it in TOML: `entry.toml` in its folder, or a file of the entry's name beside it.

use serde::{Deserialize, Deserializer, de};
use toml::value::{Datetime, Offset};
use toml::{Spanned, Value};

use crate::entry::{EntryKind, Moderation, Status};
use crate::tables::line;

/// The most bytes of a sidecar: room for thousands of rows.
pub(in crate::catalog) const BYTES_MAX: usize = 256 * 1024;

/// All that may be said. What is not said is `None`, or empty.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sidecar {
    pub(super) name: Option<String>,
    pub(super) partner_id: Option<i64>,
    pub(super) owner: Option<String>,
    #[serde(rename = "type", default, deserialize_with = "kind")]
    pub(super) kind: Option<EntryKind>,
    #[serde(default, deserialize_with = "status")]
    pub(super) status: Option<Status>,
    #[serde(default, deserialize_with = "tags")]
    pub(super) tags: Option<Vec<String>>,
    pub(super) version: Option<u32>,
    #[serde(default, alias = "created_at", deserialize_with = "date")]
    pub(super) created: Option<u64>,
    #[serde(default, alias = "updated_at", deserialize_with = "date")]
    pub(super) updated: Option<u64>,
    #[serde(default, deserialize_with = "date")]
    pub(super) start_date: Option<u64>,
    #[serde(default, deserialize_with = "date")]
    pub(super) end_date: Option<u64>,
    #[serde(default, deserialize_with = "moderation")]
    pub(super) moderation: Option<Moderation>,
    #[serde(default)]
    pub(super) recycled: bool,
    pub(super) access_control: Option<String>,
    #[serde(default, deserialize_with = "seconds")]
    pub(super) thumb_offset: Option<u64>,
    #[serde(default)]
    pub(super) flavors: Vec<Spanned<FlavorRow>>,
    #[serde(default)]
    pub(super) captions: Vec<Spanned<CaptionRow>>,
    #[serde(default)]
    pub(super) thumbs: Vec<Spanned<ThumbRow>>,
    #[serde(default)]
    pub(super) attachments: Vec<Spanned<AttachmentRow>>,
}

/// What is said of one flavor.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FlavorRow {
    pub(super) id: Option<String>,
    pub(super) file: Option<String>,
    pub(super) params_id: Option<i64>,
    #[serde(default, deserialize_with = "tags")]
    pub(super) tags: Option<Vec<String>>,
    pub(super) bitrate: Option<u32>,
    pub(super) language: Option<String>,
    pub(super) label: Option<String>,
    pub(super) default: Option<bool>,
    pub(super) original: Option<bool>,
}

/// What is said of one caption file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CaptionRow {
    pub(super) id: Option<String>,
    pub(super) file: Option<String>,
    pub(super) params_id: Option<i64>,
    pub(super) language: Option<String>,
    pub(super) label: Option<String>,
    pub(super) default: Option<bool>,
}

/// What is said of one picture that stands for the entry.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ThumbRow {
    pub(super) id: Option<String>,
    pub(super) file: Option<String>,
    pub(super) params_id: Option<i64>,
    pub(super) default: Option<bool>,
}

/// What is said of one attachment.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct AttachmentRow {
    pub(super) id: Option<String>,
    pub(super) file: Option<String>,
    pub(super) title: Option<String>,
}

/// A row of any of the four tables.
pub(super) trait Row {
    /// The id that it gives, or asks for.
    fn id(&self) -> Option<&str>;
    /// The file that it is about.
    fn file(&self) -> Option<&str>;
}

macro_rules! row {
    ($($row:ty),*) => {$(
        impl Row for $row {
            fn id(&self) -> Option<&str> {
                self.id.as_deref()
            }

            fn file(&self) -> Option<&str> {
                self.file.as_deref()
            }
        }
    )*};
}

row!(FlavorRow, CaptionRow, ThumbRow, AttachmentRow);

impl Sidecar {
    /// The files that its rows name.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        let flavors = self.flavors.iter().filter_map(|row| row.as_ref().file());
        let captions = self.captions.iter().filter_map(|row| row.as_ref().file());
        let thumbs = self.thumbs.iter().filter_map(|row| row.as_ref().file());
        let attachments = self.attachments.iter().filter_map(|row| row.as_ref().file());
        flavors.chain(captions).chain(thumbs).chain(attachments)
    }
}

/// What is wrong with a sidecar.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Mistake {
    /// The line, from 1 on.
    pub(super) line: u32,
    /// What is wrong, and what is allowed.
    pub(super) message: String,
}

/// What `text` says, with the text's bytes as they were read.
pub(super) fn parse(bytes: &[u8]) -> Result<Sidecar, Mistake> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| Mistake { line: line(bytes, error.valid_up_to()), message: "not UTF-8".to_owned() })?;
    toml::from_str(text).map_err(|error| Mistake {
        line: line(bytes, error.span().map_or(0, |span| span.start)),
        message: error.message().trim().replace('\n', "; ").replace("unknown field", "unknown key"),
    })
}

fn read<'de, D: Deserializer<'de>, T>(
    from: D,
    expected: &'static str,
    convert: impl Fn(&Value) -> Option<T>,
) -> Result<Option<T>, D::Error> {
    let value = Value::deserialize(from)?;
    let wrong = || de::Error::custom(format!("{value} is not allowed here, expected {expected}"));
    convert(&value).map(Some).ok_or_else(wrong)
}

fn kind<'de, D: Deserializer<'de>>(from: D) -> Result<Option<EntryKind>, D::Error> {
    read(from, "video, audio, image, document or data", |value| match value.as_str()? {
        "video" => Some(EntryKind::Video),
        "audio" => Some(EntryKind::Audio),
        "image" => Some(EntryKind::Image),
        "document" => Some(EntryKind::Document),
        "data" => Some(EntryKind::Data),
        _ => None,
    })
}

/// The statuses with their names and numbers.
const STATUSES: [(&str, i64, Status); 10] = [
    ("no_content", 7, Status::NoContent),
    ("import", 0, Status::Import),
    ("preconvert", 1, Status::Preconvert),
    ("pending", 4, Status::Pending),
    ("ready", 2, Status::Ready),
    ("moderate", 5, Status::Moderate),
    ("blocked", 6, Status::Blocked),
    ("error_importing", -2, Status::ErrorImporting),
    ("error_converting", -1, Status::ErrorConverting),
    ("deleted", 3, Status::Deleted),
];

/// The words of moderators with their names and numbers.
const MODERATIONS: [(&str, i64, Moderation); 5] = [
    ("pending", 1, Moderation::Pending),
    ("approved", 2, Moderation::Approved),
    ("rejected", 3, Moderation::Rejected),
    ("flagged", 5, Moderation::Flagged),
    ("auto_approved", 6, Moderation::AutoApproved),
];

fn chosen<T: Copy>(value: &Value, table: &[(&str, i64, T)]) -> Option<T> {
    let is_meant = |row: &&(&str, i64, T)| value.as_str() == Some(row.0) || value.as_integer() == Some(row.1);
    table.iter().find(is_meant).map(|row| row.2)
}

fn status<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Status>, D::Error> {
    let expected = "no_content, import, preconvert, pending, ready, moderate, blocked, error_importing, \
                    error_converting, deleted, or the number";
    read(from, expected, |value| chosen(value, &STATUSES))
}

fn moderation<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Moderation>, D::Error> {
    let expected = "pending, approved, rejected, flagged, auto_approved, or the number";
    read(from, expected, |value| chosen(value, &MODERATIONS))
}

fn tags<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Vec<String>>, D::Error> {
    read(from, "a list of words, or words divided by commas", |value| {
        let words: Vec<&str> = match value {
            Value::String(text) => text.split(',').collect(),
            Value::Array(items) => items.iter().map(Value::as_str).collect::<Option<_>>()?,
            _ => return None,
        };
        Some(words.iter().map(|word| word.trim()).filter(|word| !word.is_empty()).map(str::to_owned).collect())
    })
}

fn seconds<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    read(from, "a number of seconds, 0 or more", |value| match value {
        Value::Integer(seconds) => u64::try_from(*seconds).ok()?.checked_mul(1000),
        // A moment in milliseconds is far below 2^53, where an f64 is exact.
        Value::Float(seconds) if (0.0..1e9).contains(seconds) => Some((seconds * 1000.0).round() as u64),
        _ => None,
    })
}

fn date<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    let expected = "a date from 1970 on such as 2024-05-01T12:00:00Z, or seconds since 1970";
    read(from, expected, |value| match value {
        Value::Integer(seconds) => u64::try_from(*seconds).ok(),
        Value::Datetime(date) => unix_seconds(date),
        Value::String(text) => unix_seconds(&text.parse().ok()?),
        _ => None,
    })
}

/// Seconds since 1970 of a date; UTC where it states no offset, midnight where it states no time. Leap seconds count as
/// the second before.
fn unix_seconds(at: &Datetime) -> Option<u64> {
    let date = at.date?;
    let clock = at.time.map_or(0, |time| {
        let second = time.second.unwrap_or_default().min(59);
        i64::from(time.hour) * 3600 + i64::from(time.minute) * 60 + i64::from(second)
    });
    let offset = match at.offset {
        Some(Offset::Custom { minutes }) => i64::from(minutes) * 60,
        Some(Offset::Z) | None => 0,
    };
    let days = days(i64::from(date.year), i64::from(date.month), i64::from(date.day));
    u64::try_from(days * 86_400 + clock - offset).ok()
}

/// Days since 1970 in the Gregorian calendar. A year that begins in March has its leap day last, and 400 of them have
/// 146,097 days.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(text: &str, line: u32, words: &str) {
        let mistake = parse(text.as_bytes()).unwrap_err();
        assert_eq!(mistake.line, line, "{text:?}: {mistake:?}");
        assert!(mistake.message.contains(words), "{text:?}: {mistake:?}");
        assert!(!mistake.message.contains('\n'));
    }

    #[test]
    fn mistakes_name_their_line() {
        check("name = \"x\"\nbitrat = 3\n", 2, "unknown key `bitrat`, expected one of `name`");
        check("name = 3", 1, "invalid type: integer `3`, expected a string");
        check("name = \"x\"\nstatus = \"redy\"", 2, "\"redy\" is not allowed here, expected no_content, import");
        check("status = 99", 1, "99 is not allowed here");
        check("type = \"film\"", 1, "expected video, audio, image, document or data");
        check("\n\n[[flavors]]\nid = \"a\"\nbitrate = -1", 5, "-1");
        check("[[flavors]]\nfile = \"a.mp4\"\nfoo = 1", 3, "unknown key `foo`");
        check("[[thumbs]]\nlanguage = \"en\"", 2, "unknown key `language`");
        check("moderation = \"good\"", 1, "expected pending, approved");
        check("name = \"x\"\nname = \"y\"", 2, "duplicate");
        check("name = ", 1, "");
        check("created = 1969-12-31", 1, "expected a date from 1970 on");
        check("created = 12:00:00", 1, "expected a date");
        check("thumb_offset = -1", 1, "seconds");
        check("thumb_offset = nan", 1, "seconds");
        check("tags = [1]", 1, "words");
        let not_text = parse(b"name = \"x\"\n\n# \xff").unwrap_err();
        assert_eq!((not_text.line, not_text.message.as_str()), (3, "not UTF-8"));
    }

    #[test]
    fn everything_may_be_said() {
        let text = r#"
            name = "Bunny"
            partner_id = 102
            owner = "jane"
            type = "audio"
            status = "error_importing"
            tags = "a, b,,c"
            version = 100003
            created = 2001-09-09T01:46:40Z
            updated = "2001-09-09T03:46:40+02:00"
            start_date = 1000000000
            end_date = 2001-09-09
            moderation = 3
            recycled = true
            access_control = "members"
            thumb_offset = 2.5
            [[flavors]]
            id = "0_a"
            file = "a.mp4"
            params_id = 7
            tags = ["web", "mbr"]
            bitrate = 900
            language = "en"
            label = "HD"
            default = true
            original = false
            [[captions]]
            file = "x.vtt"
            language = "de"
            label = "Deutsch"
            default = true
            [[thumbs]]
            file = "x.jpg"
            default = true
            [[attachments]]
            file = "x.pdf"
            title = "Slides"
        "#;
        let sidecar = parse(text.as_bytes()).unwrap();
        assert_eq!((sidecar.kind, sidecar.status), (Some(EntryKind::Audio), Some(Status::ErrorImporting)));
        assert_eq!(sidecar.tags.unwrap(), ["a", "b", "c"]);
        assert_eq!((sidecar.created, sidecar.updated, sidecar.start_date), {
            let billion = Some(1_000_000_000);
            (billion, billion, billion)
        });
        assert_eq!(sidecar.end_date, Some(999_993_600));
        assert_eq!((sidecar.moderation, sidecar.thumb_offset), (Some(Moderation::Rejected), Some(2500)));
        let flavor = sidecar.flavors[0].as_ref();
        assert_eq!((flavor.params_id, flavor.bitrate, flavor.default), (Some(7), Some(900), Some(true)));
    }

    #[test]
    fn a_status_has_a_name_and_a_number() {
        for (name, number, status) in STATUSES {
            assert_eq!(parse(format!("status = \"{name}\"").as_bytes()).unwrap().status, Some(status));
            assert_eq!(parse(format!("status = {number}").as_bytes()).unwrap().status, Some(status));
        }
    }

    #[test]
    fn dates_count_from_1970() {
        #[track_caller]
        fn check(date: &str, expected: Option<u64>) {
            assert_eq!(unix_seconds(&date.parse().unwrap()), expected, "{date}");
        }
        check("1970-01-01T00:00:00Z", Some(0));
        check("1970-01-01T00:00:00+01:00", None);
        check("2000-02-29", Some(951_782_400));
        check("2024-12-31T23:59:60Z", Some(1_735_689_599));
        check("2038-01-19T03:14:08Z", Some(1 << 31));
        check("9999-12-31T23:59:59-12:00", Some(253_402_343_999));
        check("12:00:00", None);
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "\\PC*", bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (parse(text.as_bytes()), parse(&bytes));
        }

        #[test]
        fn likely_text_is_read_or_refused(rows in proptest::collection::vec(
            "(name|status|type|created|tags|thumb_offset|flavors|\\[\\[flavors\\]\\]|file|id) ?=? ?[-0-9a-z\"\\[\\]{}.:TZ+]{0,25}", 0..6)) {
            let _ = parse(rows.join("\n").as_bytes());
        }
    }
}
