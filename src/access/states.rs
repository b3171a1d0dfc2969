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
    fn follows_another(self) -> bool {
        matches!(self, Endpoint::ServeFlavor | Endpoint::Packager)
    }

    /// Whether pictures are asked for: neither moderators nor the schedule hide them.
    fn is_picture(self) -> bool {
        matches!(self, Endpoint::Thumbnail | Endpoint::ThumbAsset)
    }

    /// Whether a session that may download has everything.
    fn is_download(self) -> bool {
        matches!(self, Endpoint::Raw | Endpoint::Caption)
    }

    /// The privileges that neither moderators nor the schedule hold up.
    fn seeing(self) -> &'static [&'static str] {
        match self {
            Endpoint::Caption => &["sview", "caption"],
            _ => &["sview"],
        }
    }
}

/// Fails where the state of `entry` forbids what is asked of it at a time in seconds since 1970: the table is `states.md`.
pub fn check(endpoint: Endpoint, entry: &Entry, viewer: Viewer<'_>, now: u64) -> Result<()> {
    check_is_there(endpoint, entry)?;
    let has_all = viewer.is_admin() || endpoint.is_download() && viewer.may(&["download"], entry);
    if has_all || endpoint.follows_another() {
        return Ok(());
    }
    if entry.recycled && !viewer.owns(entry) {
        return Err(Error::coded(Code::RecycledEntryUnavailable, "the entry is in the recycle bin"));
    }
    if endpoint.is_picture() || viewer.may(endpoint.seeing(), entry) {
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

/// A deleted entry is as good as none, but where a picture of it is asked for; of blocked ones only sound has none.
fn check_is_there(endpoint: Endpoint, entry: &Entry) -> Result<()> {
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
mod tests {
    use super::*;
    use crate::access::session::{Claims, Privileges, Role, Session, SessionId, Version};
    use crate::entry::{EntryId, PartnerId};

    /// Who may have what in which state, for people; the cases are made from it.
    const DESCRIPTION: &str = include_str!("states.md");

    const NOW: u64 = 1000;

    const ENDPOINTS: &[(&str, Endpoint)] = &[
        ("playManifest", Endpoint::PlayManifest),
        ("playManifest download", Endpoint::PlayDownload),
        ("raw, attachment", Endpoint::Raw),
        ("caption", Endpoint::Caption),
        ("serveFlavor", Endpoint::ServeFlavor),
        ("playlist, segment", Endpoint::Packager),
        ("thumbnail", Endpoint::Thumbnail),
        ("thumbAsset", Endpoint::ThumbAsset),
    ];

    type Change = fn(&mut Entry);

    /// What makes a state of a ready one.
    const STATES: &[(&str, Change)] = &[
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

    /// Who holds which session, and what the description calls them.
    #[expect(clippy::type_complexity, reason = "a row is a case")]
    const SESSIONS: &[(Option<(Role, &str, &str)>, &[&str])] = &[
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

    fn entry(change: Change) -> Entry {
        let entry = Entry::new(EntryId::new("0_entry").unwrap(), EntryKind::Video);
        let mut entry = Entry { partner: PartnerId(1), owner: Some("its owner".to_owned()), ..entry };
        change(&mut entry);
        entry
    }

    fn session(partner: PartnerId, (role, user, privileges): (Role, &str, &str)) -> Session {
        let (user, privileges) = (user.to_owned(), Privileges::parse(privileges));
        let claims = Claims { partner, expiry: 1, role, user, privileges, master_partner: None, data: String::new() };
        Session { id: SessionId([0; 20]), claims, rand: String::new(), version: Version::V2 }
    }

    /// The cells of the description's rows, by state and column.
    fn rows() -> Vec<(&'static str, Vec<&'static str>)> {
        let lines = DESCRIPTION.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
        let mut rows =
            lines.map(|line| line.split(" | ").collect::<Vec<_>>()).map(|cells| (cells[0], cells[1..].to_vec()));
        let (_, head) = rows.next().unwrap();
        assert_eq!(head, ENDPOINTS.iter().map(|(name, _)| *name).collect::<Vec<_>>());
        rows.skip(1).collect()
    }

    /// The number of the refusal that a cell such as `13 but for sview, owner` has for those whom the description calls so.
    fn expected(cell: &str, called: &[&str]) -> Option<u8> {
        let (number, exempt) = cell.split_once(" but for ").unwrap_or((cell, ""));
        let is_let_in = number == "yes" || exempt.split(", ").any(|name| called.contains(&name));
        (!is_let_in).then(|| number.parse().unwrap())
    }

    #[test]
    fn states_are_as_described() {
        let mut cases = 0;
        let rows = rows();
        assert_eq!(
            rows.iter().map(|row| row.0).collect::<Vec<_>>(),
            STATES.iter().map(|row| row.0).collect::<Vec<_>>()
        );
        for ((state, cells), (_, change)) in rows.iter().zip(STATES) {
            let entry = entry(*change);
            for (cell, (name, endpoint)) in cells.iter().zip(ENDPOINTS) {
                for (held, called) in SESSIONS {
                    let session = held.map(|held| session(PartnerId(1), held));
                    let viewer = Viewer::of(session.as_ref(), &entry).unwrap();
                    let found = check(*endpoint, &entry, viewer, NOW).err().and_then(|error| error.code());
                    let expected = expected(cell, called);
                    assert_eq!(found.map(|code| code as u8), expected, "{name} of one {state} for {held:?}");
                    cases += 1;
                }
            }
        }
        assert_eq!(cases, 19 * 8 * 13);
    }

    #[test]
    fn sessions_of_other_partners_count_for_nothing() {
        let admin = session(PartnerId(2), (Role::Admin, "its owner", "*"));
        let open = entry(|entry| entry.moderation = Moderation::Pending);
        let viewer = Viewer::of(Some(&admin), &open).unwrap();
        let found = check(Endpoint::PlayManifest, &open, viewer, NOW).unwrap_err().code();
        assert_eq!(found, Some(Code::ModerationForbids));
        let guarded = entry(|entry| entry.access_control = Some("members".to_owned()));
        assert_eq!(Viewer::of(Some(&admin), &guarded).unwrap_err().code(), Some(Code::SessionOfAnotherPartner));
    }

    #[test]
    fn nobody_owns_what_has_no_owner() {
        let nobody = session(PartnerId(1), (Role::User, "", ""));
        for owner in [None, Some(String::new())] {
            let entry = Entry { owner, ..entry(|entry| entry.recycled = true) };
            assert!(!Viewer::of(Some(&nobody), &entry).unwrap().owns(&entry));
        }
    }
}
