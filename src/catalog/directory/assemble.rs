//! From the files of an entry, and what its sidecar says of them, to the entry.

use std::collections::HashSet;
use std::sync::Arc;

use toml::Spanned;

use super::naming::{self, Part};
use super::place::Stamp;
use super::sidecar::{AttachmentRow, CaptionRow, FlavorRow, Row, Sidecar, ThumbRow};
use crate::entry::{
    AccessControl, Attachment, Caption, Entry, EntryId, EntryKind, Flavor, FlavorId, PartnerId, Source, Status, Thumb,
};
use crate::rules::Profile;

/// A file of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    /// Its name, from the entry's folder on, or from the library's for an entry without one; or an absolute URL.
    pub(super) name: String,
    /// What was seen of it.
    pub(super) stamp: Stamp,
}

/// What an entry is made of, as it was found.
#[derive(Debug)]
pub(super) struct Findings<'a> {
    /// Its id.
    pub(super) id: &'a EntryId,
    /// What goes before the names of files to make locations: empty, or the folder's name with its slash.
    pub(super) base: &'a str,
    /// The files beside the sidecar.
    pub(super) files: Vec<File>,
    /// The files in the folder of attachments.
    pub(super) attachments: Vec<File>,
    /// Files that are not among those, but that the sidecar names.
    pub(super) named: Vec<File>,
    /// Names that it gives and under which no file is looked for, with the reason of each.
    pub(super) refused: Vec<(String, String)>,
    /// What the library defines under the name of the profile that the sidecar names.
    pub(super) profile: Option<Arc<Profile>>,
    /// When its sidecar changed last, or its folder where there is none, in seconds since 1970.
    pub(super) stated: u64,
}

/// Something wrong with what the sidecar says of the files.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contradiction {
    /// Where in the sidecar, in bytes.
    pub(super) offset: usize,
    /// What is wrong, and what is allowed.
    pub(super) message: String,
}

/// A file in one of the entry's four lists, with what is said of it.
#[derive(Debug)]
struct Piece<R> {
    file: File,
    id: String,
    row: R,
    /// Where the row stands, if there is one.
    offset: Option<usize>,
}

/// The entry that `findings` and `sidecar` make.
pub(super) fn assemble(findings: &Findings<'_>, sidecar: Sidecar) -> Result<Entry, Contradiction> {
    let kind = sidecar.kind.unwrap_or_else(|| derived_kind(findings, &sidecar));
    let flavors = flavors(findings, kind, sidecar.flavors)?;
    let thumbs = thumbs(findings, sidecar.thumbs)?;
    let captions = captions(findings, sidecar.captions)?;
    let attachments = attachments(findings, sidecar.attachments)?;
    let used = flavors.iter().map(|flavor| &flavor.source);
    let used = used.chain(thumbs.iter().map(|thumb| &thumb.source));
    let used = used.chain(captions.iter().map(|caption| &caption.source));
    let used = used.chain(attachments.iter().map(|attachment| &attachment.source));
    let latest = used.map(|source| source.modified).max().unwrap_or_default();
    let earliest = flavors.iter().map(|flavor| flavor.source.modified).min();
    let derived_status = if flavors.is_empty() { Status::NoContent } else { Status::Ready };
    Ok(Entry {
        id: findings.id.clone(),
        partner: PartnerId(sidecar.partner_id.unwrap_or_default()),
        owner: sidecar.owner,
        name: sidecar.name.unwrap_or_else(|| findings.id.to_string()),
        kind,
        status: sidecar.status.unwrap_or(derived_status),
        moderation: sidecar.moderation.unwrap_or_default(),
        recycled: sidecar.recycled,
        tags: sidecar.tags.unwrap_or_default(),
        version: sidecar.version.unwrap_or_default(),
        created: sidecar.created.or(earliest).unwrap_or(findings.stated),
        updated: sidecar.updated.unwrap_or(latest.max(findings.stated)),
        start_date: sidecar.start_date,
        end_date: sidecar.end_date,
        access_control: sidecar.access_control.map(|name| AccessControl { name, profile: findings.profile.clone() }),
        thumb_offset_ms: sidecar.thumb_offset,
        flavors,
        thumbs,
        captions,
        attachments,
    })
}

/// Sound goes before pictures: a picture beside it is its cover. Where the entry has no content of its own, that which its
/// sidecar names says its kind.
fn derived_kind(findings: &Findings<'_>, sidecar: &Sidecar) -> EntryKind {
    use EntryKind::{Audio, Data, Document, Image, Video};
    let mut found: Vec<EntryKind> = findings.files.iter().filter_map(|file| content(&file.name)).collect();
    if found.is_empty() {
        found = sidecar.flavors.iter().filter_map(|row| content(row.as_ref().file()?)).collect();
    }
    [Video, Audio, Image, Document, Data].into_iter().find(|kind| found.contains(kind)).unwrap_or(Video)
}

fn content(name: &str) -> Option<EntryKind> {
    match naming::part(naming::plain(name)) {
        Some(Part::Content(kind)) => Some(kind),
        _ => None,
    }
}

/// The files that are flavors of an entry of `kind` by their names alone. An entry without a folder has one file, and
/// that is it, whatever its name promises.
fn is_flavor(findings: &Findings<'_>, kind: EntryKind, file: &File) -> bool {
    let content = content(&file.name);
    match kind {
        _ if findings.base.is_empty() => true,
        EntryKind::Video | EntryKind::Audio => matches!(content, Some(EntryKind::Video | EntryKind::Audio)),
        EntryKind::Image | EntryKind::Document => content == Some(kind),
        EntryKind::Data => content.is_some(),
    }
}

fn flavors(
    findings: &Findings<'_>,
    kind: EntryKind,
    rows: Vec<Spanned<FlavorRow>>,
) -> Result<Vec<Flavor>, Contradiction> {
    let files = findings.files.iter().filter(|file| is_flavor(findings, kind, file));
    let mut pieces = merge(findings, files, rows)?;
    if !matches!(kind, EntryKind::Video | EntryKind::Audio) {
        keep_one(&mut pieces);
    }
    let original = original(&pieces);
    let flavor = |(at, piece): (usize, Piece<FlavorRow>)| {
        let refused = || Contradiction {
            offset: piece.offset.unwrap_or_default(),
            message: format!("{:?} is not an id: 1 to 128 of A-Z a-z 0-9 _ - . are allowed, give it one", piece.id),
        };
        Ok(Flavor {
            id: FlavorId::new(&piece.id).ok_or_else(refused)?,
            params_id: piece.row.params_id,
            tags: piece.row.tags.unwrap_or_default(),
            bitrate: piece.row.bitrate,
            language: piece.row.language,
            label: piece.row.label,
            is_default: piece.row.default.unwrap_or_default(),
            is_original: original == Some(at),
            source: source(findings, &piece.file),
        })
    };
    pieces.into_iter().enumerate().map(flavor).collect()
}

/// Where the original is among `pieces`: the one said to be, else the one named so, else the only one.
fn original(pieces: &[Piece<FlavorRow>]) -> Option<usize> {
    if let Some(stated) = pieces.iter().position(|piece| piece.row.original == Some(true)) {
        return Some(stated);
    }
    let may_be = |piece: &Piece<FlavorRow>| piece.row.original.is_none();
    let is_named_so = |piece: &Piece<FlavorRow>| naming::split(naming::plain(&piece.file.name)).0 == "source";
    let named = pieces.iter().enumerate().filter(|(_, piece)| may_be(piece) && is_named_so(piece));
    let best = named.min_by_key(|(_, piece)| naming::rank(&piece.file.name)).map(|(at, _)| at);
    best.or_else(|| (pieces.len() == 1 && may_be(&pieces[0])).then_some(0))
}

/// Keeps the one file of an entry that has but one: the original, else the default, else the first that the sidecar
/// speaks of, else the first.
fn keep_one(pieces: &mut Vec<Piece<FlavorRow>>) {
    let original = if pieces.len() > 1 { original(pieces) } else { None };
    let default = || pieces.iter().position(|piece| piece.row.default == Some(true));
    let stated = || pieces.iter().position(|piece| piece.offset.is_some());
    let kept = original.or_else(default).or_else(stated).unwrap_or(0);
    pieces.drain(..kept.min(pieces.len()));
    pieces.truncate(1);
}

fn thumbs(findings: &Findings<'_>, rows: Vec<Spanned<ThumbRow>>) -> Result<Vec<Thumb>, Contradiction> {
    let is_thumb = |file: &&File| matches!(naming::part(&file.name), Some(Part::Thumb { .. }));
    let files = findings.files.iter().filter(|file| !findings.base.is_empty() && is_thumb(file));
    let pieces = merge(findings, files, rows)?;
    let is_stated = pieces.iter().any(|piece| piece.row.default == Some(true));
    let is_named_so = |file: &File| matches!(naming::part(&file.name), Some(Part::Thumb { is_default: true }));
    let named = pieces.iter().filter(|piece| piece.row.default.is_none() && is_named_so(&piece.file));
    let named = named.min_by_key(|piece| naming::rank(&piece.file.name)).map(|piece| piece.file.name.clone());
    let thumb = |piece: Piece<ThumbRow>| Thumb {
        is_default: if is_stated { piece.row.default == Some(true) } else { named.as_ref() == Some(&piece.file.name) },
        id: piece.id,
        params_id: piece.row.params_id,
        source: source(findings, &piece.file),
    };
    Ok(pieces.into_iter().map(thumb).collect())
}

fn captions(findings: &Findings<'_>, rows: Vec<Spanned<CaptionRow>>) -> Result<Vec<Caption>, Contradiction> {
    let is_caption = |file: &&File| matches!(naming::part(&file.name), Some(Part::Caption { .. }));
    let files = findings.files.iter().filter(|file| !findings.base.is_empty() && is_caption(file));
    let caption = |piece: Piece<CaptionRow>| {
        let named = match naming::part(naming::plain(&piece.file.name)) {
            Some(Part::Caption { language }) => Some(language.to_owned()),
            _ => None,
        };
        let unknown = || Contradiction {
            offset: piece.offset.unwrap_or_default(),
            message: format!("neither `language` nor the name of {:?} says its language", piece.file.name),
        };
        Ok(Caption {
            language: piece.row.language.or(named).ok_or_else(unknown)?,
            id: piece.id,
            params_id: piece.row.params_id,
            label: piece.row.label,
            is_default: piece.row.default.unwrap_or_default(),
            source: source(findings, &piece.file),
        })
    };
    merge(findings, files, rows)?.into_iter().map(caption).collect()
}

fn attachments(findings: &Findings<'_>, rows: Vec<Spanned<AttachmentRow>>) -> Result<Vec<Attachment>, Contradiction> {
    let attachment = |piece: Piece<AttachmentRow>| Attachment {
        id: piece.id,
        title: piece.row.title,
        source: source(findings, &piece.file),
    };
    Ok(merge(findings, findings.attachments.iter(), rows)?.into_iter().map(attachment).collect())
}

fn source(findings: &Findings<'_>, file: &File) -> Source {
    Source {
        location: Arc::from(naming::location(findings.base, &file.name)),
        size: file.stamp.size,
        modified: file.stamp.modified_secs(),
        version: file.stamp.version(),
    }
}

/// The files of one list, those that were found first, then those that only `rows` name; each with its row. A row is of
/// the file that it names; one that names none is of the file whose id it gives, or of the only file there is.
fn merge<'a, R: Row + Default>(
    findings: &Findings<'_>,
    files: impl Iterator<Item = &'a File>,
    rows: Vec<Spanned<R>>,
) -> Result<Vec<Piece<R>>, Contradiction> {
    let mut taken = HashSet::new();
    let piece = |file: &File| Piece {
        file: file.clone(),
        id: unused_id(findings, &file.name, &mut taken),
        row: R::default(),
        offset: None,
    };
    let mut pieces: Vec<Piece<R>> = files.map(piece).collect();
    for row in rows {
        let offset = row.span().start;
        let wrong = |message: String| Contradiction { offset, message };
        let row = row.into_inner();
        let at = match row.file() {
            Some(name) => match pieces.iter().position(|piece| piece.file.name == name) {
                Some(at) => at,
                None => {
                    let file = findings.named(name).map_err(wrong)?.clone();
                    let id = unused_id(findings, name, &mut taken);
                    pieces.push(Piece { file, id, row: R::default(), offset: None });
                    pieces.len() - 1
                }
            },
            None => unnamed(&pieces, row.id()).map_err(wrong)?,
        };
        let piece = &mut pieces[at];
        if piece.offset.is_some() {
            return Err(wrong(format!("{:?} is spoken of twice", piece.file.name)));
        }
        if let Some(id) = row.id() {
            id.clone_into(&mut piece.id);
        }
        piece.row = row;
        piece.offset = Some(offset);
    }
    unique(&pieces)?;
    Ok(pieces)
}

/// Which of `pieces` a row without a file is of.
fn unnamed<R>(pieces: &[Piece<R>], id: Option<&str>) -> Result<usize, String> {
    if let Some(at) = pieces.iter().position(|piece| Some(piece.id.as_str()) == id) {
        return Ok(at);
    }
    match (pieces.len(), id) {
        (1, _) => Ok(0),
        (_, Some(id)) => Err(format!("no file has the id {id:?}, name its `file`")),
        (_, None) => Err("`file` or `id` must say which file is meant".to_owned()),
    }
}

fn unique<R>(pieces: &[Piece<R>]) -> Result<(), Contradiction> {
    let mut ids = HashSet::new();
    match pieces.iter().find(|piece| !ids.insert(piece.id.as_str())) {
        Some(piece) => Err(Contradiction {
            offset: pieces.iter().filter(|other| other.id == piece.id).filter_map(|p| p.offset).max().unwrap_or(0),
            message: format!("{:?} is the id of two files", piece.id),
        }),
        None => Ok(()),
    }
}

/// An id for a file that was given none: after its stem, else after its whole name, else with a number. The file of an
/// entry without a folder is its source.
fn unused_id(findings: &Findings<'_>, name: &str, taken: &mut HashSet<String>) -> String {
    let is_own = findings.base.is_empty() && findings.files.iter().any(|file| file.name == name);
    let name = naming::plain(name).rsplit('/').next().unwrap_or(name);
    let stem = if is_own { "source" } else { naming::split(name).0 };
    let numbered = (2_u32..).map(|n| naming::part_id(findings.id, &format!("{name}-{n}")));
    let mut ids = [stem, name].into_iter().map(|text| naming::part_id(findings.id, text)).chain(numbered);
    let id = ids.find(|id| !taken.contains(id)).unwrap_or_default();
    taken.insert(id.clone());
    id
}

impl Findings<'_> {
    fn named(&self, name: &str) -> Result<&File, String> {
        if let Some((_, reason)) = self.refused.iter().find(|(url, _)| url == name) {
            return Err(reason.clone());
        }
        if !naming::is_url(name) && !naming::is_inside(name) {
            return Err(format!(
                "{name:?} is not a path that stays in this folder: no `..`, and no `/` at its start or end"
            ));
        }
        let all = self.files.iter().chain(&self.attachments).chain(&self.named);
        let mut same = all.filter(|file| file.name == name);
        let place = if naming::is_url(name) { "" } else { " beside this" };
        same.next().ok_or_else(|| format!("there is no file {:?}{place}", naming::without_query(name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::directory::sidecar;
    use crate::entry::Moderation;

    fn file(name: &str, modified: u64) -> File {
        File { name: name.to_owned(), stamp: Stamp::of_file(10, modified) }
    }

    fn made(id: &str, files: &[&str], text: &str) -> Result<Entry, Contradiction> {
        let id = EntryId::new(id).unwrap();
        let base = format!("{id}/");
        let in_folder = |name: &&&str| name.starts_with("attachments/");
        let findings = Findings {
            id: &id,
            base: &base,
            files: files.iter().filter(|name| !in_folder(name)).map(|name| file(name, 100)).collect(),
            attachments: files.iter().filter(in_folder).map(|name| file(name, 50)).collect(),
            named: vec![file("sub/extra.mp4", 20), file("https://host/far/b.en.vtt?key=secret", 30)],
            refused: vec![("https://evil/a.mp4".to_owned(), "only https://host/ is allowed".to_owned())],
            profile: None,
            stated: 70,
        };
        assemble(&findings, sidecar::parse(text.as_bytes()).unwrap())
    }

    /// Flavors as `id=location`, with `*` after the original and `!` after a default one.
    fn flavors(entry: &Entry) -> Vec<String> {
        let show = |flavor: &Flavor| {
            let original = if flavor.is_original { "*" } else { "" };
            let default = if flavor.is_default { "!" } else { "" };
            format!("{}={}{original}{default}", flavor.id, flavor.source.location)
        };
        entry.flavors.iter().map(show).collect()
    }

    #[track_caller]
    fn check(files: &[&str], text: &str, kind: EntryKind, expected: &[&str]) {
        let entry = made("0_l", files, text).unwrap();
        assert_eq!((entry.kind, flavors(&entry)), (kind, expected.iter().map(|s| (*s).to_owned()).collect()));
    }

    #[test]
    fn a_ladder_of_videos() {
        use EntryKind::Video;
        check(&["360p.mp4", "720p.mp4"], "", Video, &["0_l_360p=0_l/360p.mp4", "0_l_720p=0_l/720p.mp4"]);
        check(&["360p.mp4", "source.mov"], "", Video, &["0_l_360p=0_l/360p.mp4", "0_l_source=0_l/source.mov*"]);
        check(&["a.mp4"], "", Video, &["0_l_a=0_l/a.mp4*"]);
        check(&["a.m4a", "a.mp4", "poster.jpg"], "", Video, &["0_l_a=0_l/a.m4a", "0_l_a.mp4=0_l/a.mp4"]);
        check(&["a b.mp4", "a+b.mp4"], "", Video, &["0_l_a-b=0_l/a b.mp4", "0_l_a-b.mp4=0_l/a+b.mp4"]);
        check(&[], "", Video, &[]);
    }

    #[test]
    fn other_kinds_of_folder() {
        check(&["song.mp3", "cover.jpg"], "", EntryKind::Audio, &["0_l_song=0_l/song.mp3*"]);
        check(&["a.jpg", "b.jpg"], "", EntryKind::Image, &["0_l_a=0_l/a.jpg*"]);
        check(&["a.jpg", "source.png"], "", EntryKind::Image, &["0_l_source=0_l/source.png*"]);
        check(&["a.pdf", "notes.txt"], "", EntryKind::Document, &["0_l_a=0_l/a.pdf*"]);
        check(&["notes.txt"], "", EntryKind::Data, &["0_l_notes=0_l/notes.txt*"]);
        check(&["a.mp4"], "type = \"audio\"", EntryKind::Audio, &["0_l_a=0_l/a.mp4*"]);
        check(&["a.mp4", "b.jpg"], "type = \"image\"", EntryKind::Image, &["0_l_b=0_l/b.jpg*"]);
    }

    #[test]
    fn rows_add_and_override() {
        let files = ["a.mp4", "b.mp4"];
        let rows = "[[flavors]]\nfile = \"b.mp4\"\nid = \"0_b\"\ndefault = true\noriginal = true";
        check(&files, rows, EntryKind::Video, &["0_l_a=0_l/a.mp4", "0_b=0_l/b.mp4*!"]);
        let rows = "[[flavors]]\nid = \"0_l_a\"\nbitrate = 5";
        let entry = made("0_l", &files, rows).unwrap();
        assert_eq!((entry.flavors[0].bitrate, entry.flavors[1].bitrate), (Some(5), None));
        let rows = "[[flavors]]\nfile = \"sub/extra.mp4\"";
        check(&["a.mp4"], rows, EntryKind::Video, &["0_l_a=0_l/a.mp4", "0_l_extra=0_l/sub/extra.mp4"]);
        let rows = "type = \"image\"\n[[flavors]]\nfile = \"b.jpg\"";
        check(&["a.jpg", "b.jpg"], rows, EntryKind::Image, &["0_l_b=0_l/b.jpg*"]);
        check(&["a.mp4"], "[[flavors]]\nid = \"x\"", EntryKind::Video, &["x=0_l/a.mp4*"]);
    }

    #[test]
    fn contradictions_name_their_place() {
        #[track_caller]
        fn check(text: &str, offset: usize, words: &str) {
            let wrong = made("0_l", &["a.mp4", "b.mp4", "c.vtt"], text).unwrap_err();
            assert_eq!(wrong.offset, offset, "{text:?}: {wrong:?}");
            assert!(wrong.message.contains(words), "{text:?}: {wrong:?}");
        }
        check("name = \"\"\n[[flavors]]\nfile = \"x.mp4\"", 10, "there is no file \"x.mp4\"");
        check("[[flavors]]\nbitrate = 1", 0, "`file` or `id`");
        check("[[flavors]]\nid = \"z\"", 0, "no file has the id \"z\"");
        check("[[flavors]]\nid = \"z z\"\nfile = \"a.mp4\"", 0, "\"z z\" is not an id");
        check("[[flavors]]\nid = \"0_l_b\"\nfile = \"a.mp4\"", 0, "is the id of two files");
        check("[[flavors]]\nfile = \"a.mp4\"\n[[flavors]]\nid = \"0_l_a\"", 27, "spoken of twice");
        check("[[captions]]\nfile = \"c.vtt\"", 0, "says its language");
        check("[[flavors]]\nfile = \"../a.mp4\"", 0, "no `..`");
        check("[[flavors]]\nfile = \"/etc/passwd\"", 0, "no `..`");
        check("name = ''\n[[thumbs]]\nfile = \"https://evil/a.mp4\"", 10, "only https://host/ is allowed");
        check("[[flavors]]\nfile = \"https://host/a?key=secret\"", 0, "there is no file \"https://host/a\"");
    }

    #[test]
    fn thumbs_captions_and_attachments() {
        let files =
            ["a.mp4", "thumb.jpg", "thumb.png", "thumb-1.webp", "a.en.vtt", "a.en.srt", "b.vtt", "attachments/x.pdf"];
        let entry =
            made("0_l", &files, "[[captions]]\nfile = \"b.vtt\"\nlanguage = \"de\"\ndefault = true\nparams_id = 7")
                .unwrap();
        let thumbs: Vec<_> = entry.thumbs.iter().map(|t| (t.id.as_str(), t.is_default)).collect();
        assert_eq!(thumbs, [("0_l_thumb", true), ("0_l_thumb.png", false), ("0_l_thumb-1", false)]);
        let captions: Vec<_> =
            entry.captions.iter().map(|c| (c.id.as_str(), c.language.as_str(), c.is_default)).collect();
        assert_eq!(captions, [("0_l_a.en", "en", false), ("0_l_a.en.srt", "en", false), ("0_l_b", "de", true)]);
        assert_eq!(entry.captions.iter().map(|c| c.params_id).collect::<Vec<_>>(), [None, None, Some(7)]);
        let attachments: Vec<_> = entry.attachments.iter().map(|a| (a.id.as_str(), &*a.source.location)).collect();
        assert_eq!(attachments, [("0_l_x", "0_l/attachments/x.pdf")]);
    }

    #[test]
    fn a_file_elsewhere_is_like_one_here() {
        let url = "https://host/far/b.en.vtt?key=secret";
        let entry = made("0_l", &["a.mp4"], &format!("[[captions]]\nfile = \"{url}\"")).unwrap();
        let caption = &entry.captions[0];
        assert_eq!(
            (caption.id.as_str(), caption.language.as_str(), &*caption.source.location),
            ("0_l_b.en", "en", url)
        );
        let rows = format!("[[flavors]]\nfile = \"{url}\"");
        assert_eq!(made("0_l", &[], &rows).unwrap().kind, EntryKind::Video);
        let song = "[[flavors]]\nfile = \"sub/extra.mp4\"\n[[thumbs]]\nfile = \"cover.jpg\"";
        assert_eq!(made("0_l", &["cover.jpg"], song).unwrap().kind, EntryKind::Image);
    }

    #[test]
    fn one_default_thumb_at_most_is_derived() {
        let entry =
            made("0_l", &["thumb.jpg", "thumb-2.jpg"], "[[thumbs]]\nfile = \"thumb-2.jpg\"\ndefault = true").unwrap();
        assert_eq!(entry.thumbs.iter().map(|thumb| thumb.is_default).collect::<Vec<_>>(), [false, true]);
        let entry = made("0_l", &["thumb.jpg"], "[[thumbs]]\nfile = \"thumb.jpg\"\ndefault = false").unwrap();
        assert!(!entry.thumbs[0].is_default);
    }

    #[test]
    fn times_and_status_follow_the_files() {
        let entry = made("0_l", &["a.mp4"], "").unwrap();
        assert_eq!((entry.created, entry.updated, entry.status), (100, 100, Status::Ready));
        let draft = made("0_l", &[], "name = \"soon\"").unwrap();
        assert_eq!((draft.created, draft.updated, draft.status), (70, 70, Status::NoContent));
        let stated = made("0_l", &["a.mp4"], "created = 1\nupdated = 2\nstatus = 4").unwrap();
        assert_eq!((stated.created, stated.updated, stated.status), (1, 2, Status::Pending));
        assert_eq!(entry.moderation, Moderation::AutoApproved);
    }
}
