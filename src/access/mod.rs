//! May this client have this entry, now?

pub mod secret;
pub mod session;
pub mod states;
pub mod viewer;

use self::states::Endpoint;
use self::viewer::Viewer;
use crate::entry::Entry;
use crate::error::{Code, Error, Result};

/// How much of an entry a client may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// All of it.
    Full,
}

/// What the client may see of `entry`. An entry under a profile of rules is refused: it is guarded until its profile is
/// known to allow the request.
pub fn check(entry: &Entry) -> Result<Grant> {
    states::check(Endpoint::Thumbnail, entry, Viewer::ANONYMOUS, 0)?;
    check_rules(entry)
}

/// What the client may play of `entry` at a time in seconds since 1970.
pub fn check_play(entry: &Entry, now: u64) -> Result<Grant> {
    states::check(Endpoint::PlayManifest, entry, Viewer::ANONYMOUS, now)?;
    check_rules(entry)
}

/// What the client may keep of the files of `entry` at a time in seconds since 1970.
pub fn check_download(entry: &Entry, now: u64) -> Result<Grant> {
    states::check(Endpoint::Raw, entry, Viewer::ANONYMOUS, now)?;
    check_rules(entry)
}

/// What the client may fetch of the pictures that stand for `entry`.
pub fn check_thumb_asset(entry: &Entry) -> Result<Grant> {
    states::check(Endpoint::ThumbAsset, entry, Viewer::ANONYMOUS, 0)?;
    check_rules(entry)
}

/// What the client may fetch of the files of `entry`, once it was told to play them.
pub fn check_serve(entry: &Entry) -> Result<Grant> {
    states::check(Endpoint::Packager, entry, Viewer::ANONYMOUS, 0)?;
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
    use crate::entry::{EntryId, EntryKind, Moderation, Status};

    /// What showing a picture and a stored one, playing and keeping at second 100, and fetching files come to.
    #[track_caller]
    fn check_entry(change: impl FnOnce(&mut Entry), expected: [Option<Code>; 5]) {
        let mut entry = Entry::new(EntryId::new("0_x").unwrap(), EntryKind::Video);
        change(&mut entry);
        let [shown, stored, fetched] = [check(&entry), check_thumb_asset(&entry), check_serve(&entry)];
        let found = [shown, stored, check_play(&entry, 100), check_download(&entry, 100), fetched];
        assert_eq!(found.map(|grant| grant.err().and_then(|error| error.code())), expected, "{entry:?}");
    }

    #[test]
    fn what_is_refused() {
        let (none, deleted) = (Some(Code::EntryNotFound), Some(Code::EntryDeletedModerated));
        let (early, hidden) = (Some(Code::OutsideSchedule), Some(Code::ModerationForbids));
        check_entry(|_| {}, [None; 5]);
        check_entry(|entry| entry.status = Status::Deleted, [deleted, none, none, none, none]);
        check_entry(|entry| entry.start_date = Some(101), [None, None, early, early, None]);
        check_entry(|entry| entry.moderation = Moderation::Rejected, [None, None, hidden, hidden, None]);
        check_entry(|entry| entry.access_control = Some("members".into()), [Some(Code::AccessControlRestricted); 5]);
    }

    #[test]
    fn urls_expire() {
        let is_expired =
            |expiry| check_expiry(expiry, 100).is_err_and(|error| error.code() == Some(Code::TokenExpired));
        let found = [None, Some(101), Some(100), Some(0), Some(-1), Some(i64::MAX)].map(is_expired);
        assert_eq!(found, [false, false, true, true, true, false]);
    }
}
