//! May this client have this entry, now?

use crate::entry::{Entry, EntryKind, Moderation, Status};
use crate::error::{Code, Error, Result};

/// How much of an entry a client may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// All of it.
    Full,
}

/// What the client may have of `entry`. An entry under a profile of rules is refused: it is guarded until its profile is
/// known to allow the request. Moderation and schedule do not matter here; of blocked entries only sound is refused.
pub fn check(entry: &Entry) -> Result<Grant> {
    if entry.recycled {
        return Err(Error::coded(Code::RecycledEntryUnavailable, "the entry is in the recycle bin"));
    }
    match entry.status {
        Status::Deleted => return Err(Error::coded(Code::EntryDeletedModerated, "the entry is deleted")),
        Status::Blocked if entry.kind == EntryKind::Audio => {
            return Err(Error::coded(Code::EntryDeletedModerated, "the entry is blocked"));
        }
        _ => {}
    }
    check_rules(entry)
}

/// What the client may play of `entry` at a time in seconds since 1970, as [`check`] has it. A deleted entry is as good as
/// none; moderation and schedule matter.
pub fn check_play(entry: &Entry, now: u64) -> Result<Grant> {
    check_now(entry, now)?;
    check_rules(entry)
}

/// What the client may keep of the files of `entry`: as [`check_play`] has it, but rules may tell one from the other.
pub fn check_download(entry: &Entry, now: u64) -> Result<Grant> {
    check_now(entry, now)?;
    check_rules(entry)
}

/// What the client may fetch of the pictures that stand for `entry`, whatever moderators and schedule say.
pub fn check_thumb_asset(entry: &Entry) -> Result<Grant> {
    check_is_there(entry)?;
    check_rules(entry)
}

fn check_now(entry: &Entry, now: u64) -> Result<()> {
    check_is_there(entry)?;
    if entry.recycled {
        return Err(Error::coded(Code::RecycledEntryUnavailable, "the entry is in the recycle bin"));
    }
    if matches!(entry.moderation, Moderation::Pending | Moderation::Rejected) {
        return Err(Error::coded(Code::ModerationForbids, "a moderator has not allowed the entry"));
    }
    let has_begun = entry.start_date.is_none_or(|start| start <= now);
    let has_ended = entry.end_date.is_some_and(|end| end < now);
    if !has_begun || has_ended {
        return Err(Error::coded(Code::OutsideSchedule, "the entry is not to be played now"));
    }
    Ok(())
}

/// What the client may fetch of the files of `entry`, once it was told to play them: neither moderation nor schedule matters.
pub fn check_serve(entry: &Entry) -> Result<Grant> {
    check_is_there(entry)?;
    check_rules(entry)
}

/// Fails for an entry that may not play before another one: only those that say so do.
pub fn check_sequence(entry: &Entry) -> Result<()> {
    match entry.tags.iter().any(|tag| tag == SEQUENCE_TAG) {
        true => Ok(()),
        false => {
            let message = format!("entry {} of the sequence is not tagged {SEQUENCE_TAG}", entry.id);
            Err(Error::coded(Code::NotForSequences, message))
        }
    }
}

/// Marks an entry that may play before another one.
const SEQUENCE_TAG: &str = "sequence_entry";

/// Fails for a URL that expired before, or in the second `now`.
pub fn check_expiry(expiry: Option<i64>, now: u64) -> Result<()> {
    match expiry {
        Some(expiry) if expiry <= i64::try_from(now).unwrap_or(i64::MAX) => {
            Err(Error::coded(Code::TokenExpired, "the URL has expired"))
        }
        _ => Ok(()),
    }
}

fn check_is_there(entry: &Entry) -> Result<()> {
    match entry.status {
        Status::Deleted => Err(Error::coded(Code::EntryNotFound, format!("there is no entry {}", entry.id))),
        _ => Ok(()),
    }
}

fn check_rules(entry: &Entry) -> Result<Grant> {
    match &entry.access_control {
        Some(_) => {
            Err(Error::coded(Code::AccessControlRestricted, "the entry is guarded by an access-control profile"))
        }
        None => Ok(Grant::Full),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::{EntryId, Moderation, PartnerId};

    fn entry(change: impl FnOnce(&mut Entry)) -> Entry {
        let mut entry = Entry { partner: PartnerId(1), ..Entry::new(EntryId::new("0_x").unwrap(), EntryKind::Video) };
        change(&mut entry);
        entry
    }

    #[track_caller]
    fn check_entry(change: impl FnOnce(&mut Entry), expected: Option<Code>) {
        let entry = entry(change);
        assert_eq!(check(&entry).err().and_then(|error| error.code()), expected, "{entry:?}");
    }

    #[test]
    fn what_is_refused() {
        check_entry(|_| {}, None);
        check_entry(|entry| entry.recycled = true, Some(Code::RecycledEntryUnavailable));
        check_entry(|entry| entry.status = Status::Deleted, Some(Code::EntryDeletedModerated));
        check_entry(|entry| entry.access_control = Some("members".into()), Some(Code::AccessControlRestricted));
        check_entry(|entry| entry.status = Status::Blocked, None);
        check_entry(
            |entry| (entry.status, entry.kind) = (Status::Blocked, EntryKind::Audio),
            Some(Code::EntryDeletedModerated),
        );
    }

    /// What playing at second 100, and fetching files, come to.
    #[track_caller]
    fn check_playing(change: impl FnOnce(&mut Entry), played: Option<Code>, served: Option<Code>) {
        let entry = entry(change);
        assert_eq!(check_play(&entry, 100).err().and_then(|error| error.code()), played, "{entry:?}");
        assert_eq!(check_download(&entry, 100).err().and_then(|error| error.code()), played, "{entry:?}");
        assert_eq!(check_serve(&entry).err().and_then(|error| error.code()), served, "{entry:?}");
        assert_eq!(check_thumb_asset(&entry).err().and_then(|error| error.code()), served, "{entry:?}");
    }

    #[test]
    fn what_may_not_be_played() {
        let (deleted, guarded) = (Some(Code::EntryNotFound), Some(Code::AccessControlRestricted));
        check_playing(|_| {}, None, None);
        check_playing(|entry| entry.status = Status::Deleted, deleted, deleted);
        check_playing(|entry| entry.recycled = true, Some(Code::RecycledEntryUnavailable), None);
        check_playing(|entry| entry.access_control = Some("members".into()), guarded, guarded);
        for (moderation, expected) in [
            (Moderation::Pending, Some(Code::ModerationForbids)),
            (Moderation::Rejected, Some(Code::ModerationForbids)),
            (Moderation::Approved, None),
            (Moderation::Flagged, None),
        ] {
            check_playing(|entry| entry.moderation = moderation, expected, None);
        }
        // Both ends of a schedule belong to it.
        for (start, end, is_open) in [(100, 100, true), (101, 200, false), (0, 99, false)] {
            let expected = (!is_open).then_some(Code::OutsideSchedule);
            check_playing(|entry| (entry.start_date, entry.end_date) = (Some(start), Some(end)), expected, None);
        }
        check_playing(|entry| entry.status = Status::NoContent, None, None);
        // The first fault counts.
        check_playing(
            |entry| (entry.recycled, entry.moderation) = (true, Moderation::Rejected),
            Some(Code::RecycledEntryUnavailable),
            None,
        );
    }

    #[test]
    fn urls_expire() {
        let is_expired =
            |expiry| check_expiry(expiry, 100).is_err_and(|error| error.code() == Some(Code::TokenExpired));
        let found = [None, Some(101), Some(100), Some(0), Some(-1), Some(i64::MAX)].map(is_expired);
        assert_eq!(found, [false, false, true, true, true, false]);
    }

    #[test]
    fn what_does_not_matter() {
        check_entry(|entry| entry.moderation = Moderation::Rejected, None);
        check_entry(|entry| (entry.start_date, entry.end_date) = (Some(u64::MAX), Some(1)), None);
        check_entry(|entry| entry.status = Status::ErrorConverting, None);
    }
}
