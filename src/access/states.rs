//! What may be had of an entry in each state of its life.

use super::viewer::Viewer;
use crate::entry::{Entry, EntryKind, Moderation, Status};
use crate::error::{Code, Error, Result};

/// What a client asks of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Endpoint {
    /// To play it: playManifest.
    PlayManifest,
    /// To be sent to a file of it for keeping: playManifest with `format/download`.
    PlayDownload,
    /// A stored file to keep: raw and download, an attachment, data or a document.
    Raw,
    /// Timed text.
    Caption,
    /// A stored file of what is played.
    ServeFlavor,
    /// A playlist, a manifest, or a segment of what is played.
    Packager,
    /// A picture of it.
    Thumbnail,
    /// A stored picture that stands for it.
    ThumbAsset,
}

impl Endpoint {
    /// Whether only who was let in before comes to it: what was allowed then is allowed now.
    pub fn follows_another(self) -> bool {
        matches!(self, Endpoint::ServeFlavor | Endpoint::Packager)
    }

    /// Whether pictures are asked for: neither moderators nor the schedule hide them.
    pub(super) fn is_picture(self) -> bool {
        matches!(self, Endpoint::Thumbnail | Endpoint::ThumbAsset)
    }

    /// Whether `viewer` holds a session for this very thing, which needs no more.
    pub(super) fn is_freed(self, viewer: Viewer<'_>, entry: &Entry) -> bool {
        match self {
            Endpoint::Raw => viewer.may(&["download"], entry),
            Endpoint::Caption => viewer.may(&["download", "caption"], entry),
            _ => false,
        }
    }
}

/// Fails where the state of `entry` forbids what is asked of it at a time in seconds since 1970: the table is `states.md`.
pub fn check(endpoint: Endpoint, entry: &Entry, viewer: Viewer<'_>, now: u64) -> Result<()> {
    check_is_there(endpoint, entry)?;
    if viewer.is_admin() || endpoint.is_freed(viewer, entry) || endpoint.follows_another() {
        return Ok(());
    }
    if entry.recycled && !viewer.owns(entry) {
        return Err(Error::coded(Code::RecycledEntryUnavailable, "the entry is in the recycle bin"));
    }
    if endpoint.is_picture() || viewer.may(&["sview"], entry) {
        return Ok(());
    }
    if matches!(entry.moderation, Moderation::Pending | Moderation::Rejected) && !viewer.owns(entry) {
        return Err(Error::coded(Code::ModerationForbids, "a moderator has not allowed the entry"));
    }
    let has_begun = entry.start_date.is_none_or(|start| start <= now);
    let has_ended = entry.end_date.is_some_and(|end| end < now);
    match has_begun && !has_ended {
        true => Ok(()),
        false => Err(Error::coded(Code::OutsideSchedule, "the entry is not to be played now")),
    }
}

/// Fails where there is nothing to be had, whoever asks: a deleted entry is as good as none, but where a picture of it is
/// asked for; of blocked ones only sound has none.
pub(super) fn check_is_there(endpoint: Endpoint, entry: &Entry) -> Result<()> {
    let is_silenced = entry.status == Status::Blocked && entry.kind == EntryKind::Audio;
    match (entry.status, endpoint) {
        (Status::Deleted, Endpoint::Thumbnail) => {
            Err(Error::coded(Code::EntryDeletedModerated, "the entry is deleted"))
        }
        (Status::Deleted, _) => Err(Error::coded(Code::EntryNotFound, format!("there is no entry {}", entry.id))),
        (_, Endpoint::Thumbnail) if is_silenced => {
            Err(Error::coded(Code::EntryDeletedModerated, "the entry is blocked"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::access::session::{Claims, Privileges, Role, Session, SessionId, Version};
    use crate::entry::{EntryId, PartnerId};

    /// Who may have what in which state, for people; the cases are made from it.
    pub(in crate::access) const DESCRIPTION: &str = include_str!("states.md");

    pub(in crate::access) const NOW: u64 = 1000;

    pub(in crate::access) const ENDPOINTS: &[(&str, Endpoint)] = &[
        ("playManifest", Endpoint::PlayManifest),
        ("playManifest download", Endpoint::PlayDownload),
        ("raw, attachment", Endpoint::Raw),
        ("caption", Endpoint::Caption),
        ("serveFlavor", Endpoint::ServeFlavor),
        ("playlist, segment", Endpoint::Packager),
        ("thumbnail", Endpoint::Thumbnail),
        ("thumbAsset", Endpoint::ThumbAsset),
    ];

    pub(in crate::access) type Change = fn(&mut Entry);

    /// What makes a ready entry one of a state.
    pub(in crate::access) const STATES: &[(&str, Change)] = &[
        ("ready", |_| {}),
        ("draft", |entry| entry.status = Status::NoContent),
        ("importing", |entry| entry.status = Status::Import),
        ("converting", |entry| entry.status = Status::Preconvert),
        ("pending", |entry| entry.status = Status::Pending),
        ("import failed", |entry| entry.status = Status::ErrorImporting),
        ("conversion failed", |entry| entry.status = Status::ErrorConverting),
        ("in moderation", |entry| entry.moderation = Moderation::Pending),
        ("rejected", |entry| entry.moderation = Moderation::Rejected),
        ("flagged", |entry| entry.moderation = Moderation::Flagged),
        ("blocked", |entry| entry.status = Status::Blocked),
        ("blocked sound", |entry| (entry.status, entry.kind) = (Status::Blocked, EntryKind::Audio)),
        ("before its schedule", |entry| entry.start_date = Some(NOW + 1)),
        ("after its schedule", |entry| entry.end_date = Some(NOW - 1)),
        ("in its schedule", |entry| (entry.start_date, entry.end_date) = (Some(NOW), Some(NOW))),
        ("recycled", |entry| entry.recycled = true),
        ("deleted", |entry| entry.status = Status::Deleted),
        ("recycled, rejected", |entry| (entry.recycled, entry.moderation) = (true, Moderation::Rejected)),
        ("deleted, recycled", |entry| (entry.status, entry.recycled) = (Status::Deleted, true)),
    ];

    /// The role, the user and the privileges of a session.
    pub(in crate::access) type Held = (Role, &'static str, &'static str);

    /// Who holds which session, and what descriptions call them.
    pub(in crate::access) const SESSIONS: &[(Option<Held>, &[&str])] = &[
        (None, &[]),
        (Some((Role::User, "", "view:*,widget:1")), &[]),
        (Some((Role::User, "somebody", "")), &[]),
        (Some((Role::User, "", "sview:0_other/0_")), &[]),
        (Some((Role::User, "", "list:*,edit:0_entry,download:0_other")), &[]),
        (Some((Role::User, "somebody", "sview:0_entry")), &["sview"]),
        (Some((Role::User, "", "edit:x,sview:*")), &["sview"]),
        (Some((Role::User, "", "download:0_other/0_entry")), &["download"]),
        (Some((Role::User, "", "caption:0_entry")), &["caption"]),
        (Some((Role::User, "", "disableentitlement,*")), &["sview", "download", "caption"]),
        (Some((Role::User, "its owner", "")), &["owner"]),
        (Some((Role::Widget, "", "")), &["admin"]),
        (Some((Role::Admin, "", "")), &["admin"]),
    ];

    pub(in crate::access) fn entry(change: Change) -> Entry {
        let entry = Entry::new(EntryId::new("0_entry").unwrap(), EntryKind::Video);
        let mut entry = Entry { partner: PartnerId(1), owner: Some("its owner".to_owned()), ..entry };
        change(&mut entry);
        entry
    }

    pub(in crate::access) fn session(partner: PartnerId, (role, user, privileges): Held) -> Session {
        let (user, privileges) = (user.to_owned(), Privileges::parse(privileges));
        let claims = Claims { partner, expiry: 1, role, user, privileges, master_partner: None, data: String::new() };
        Session { id: SessionId([0; 20]), claims, rand: String::new(), version: Version::V2 }
    }

    /// The rows of a description: what each is about, and its cells, one an endpoint.
    pub(in crate::access) fn rows(description: &'static str) -> Vec<(&'static str, Vec<&'static str>)> {
        let lines = description.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
        let mut rows =
            lines.map(|line| line.split(" | ").collect::<Vec<_>>()).map(|cells| (cells[0], cells[1..].to_vec()));
        let (_, head) = rows.next().unwrap();
        assert_eq!(head, ENDPOINTS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        rows.skip(1).collect()
    }

    /// What a cell such as `13 but for sview, owner` says to those whom descriptions call so.
    pub(in crate::access) fn said<'a>(cell: &'a str, called: &[&str]) -> &'a str {
        let (said, exempt) = cell.split_once(" but for ").unwrap_or((cell, ""));
        if exempt.split(", ").any(|name| called.contains(&name)) { "yes" } else { said }
    }

    #[test]
    fn states_are_as_described() {
        let mut cases = 0;
        let rows = rows(DESCRIPTION);
        assert_eq!(
            rows.iter().map(|row| row.0).collect::<Vec<_>>(),
            STATES.iter().map(|row| row.0).collect::<Vec<_>>()
        );
        for ((state, cells), (_, change)) in rows.iter().zip(STATES) {
            let entry = entry(*change);
            for (cell, (name, endpoint)) in cells.iter().zip(ENDPOINTS) {
                for (held, called) in SESSIONS {
                    let session = held.map(|held| session(PartnerId(1), held));
                    let viewer = session.as_ref().map(|session| Viewer::of(session, &entry).unwrap());
                    let viewer = viewer.unwrap_or(Viewer::ANONYMOUS);
                    let code = check(*endpoint, &entry, viewer, NOW).err().and_then(|error| error.code());
                    let found = code.map_or("yes".to_owned(), |code| (code as u8).to_string());
                    assert_eq!(found, said(cell, called), "{name} of one {state} for {held:?}");
                    cases += 1;
                }
            }
        }
        assert_eq!(cases, 19 * 8 * 13);
    }

    #[test]
    fn sessions_count_for_entries_of_their_partner() {
        let admin = session(PartnerId(2), (Role::Admin, "its owner", "*"));
        assert!(Viewer::of(&admin, &entry(|_| {})).is_none());
        assert!(Viewer::of(&admin, &entry(|entry| entry.partner = PartnerId(2))).is_some());
    }

    #[test]
    fn nobody_owns_what_has_no_owner() {
        let nobody = session(PartnerId(1), (Role::User, "", ""));
        for owner in [None, Some(String::new())] {
            let entry = Entry { owner, ..entry(|entry| entry.recycled = true) };
            assert!(!Viewer::of(&nobody, &entry).unwrap().owns(&entry));
        }
    }
}
