//! May this client have this entry, now?

use crate::entry::{Entry, Status};
use crate::error::{Code, Error, Result};

/// How much of an entry a client may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grant {
    /// All of it.
    Full,
}

/// What the client may have of `entry`. An entry under a profile of rules is refused: it is guarded until its profile is
/// known to allow the request.
pub fn check(entry: &Entry) -> Result<Grant> {
    if entry.recycled {
        return Err(Error::coded(Code::RecycledEntryUnavailable, "the entry is in the recycle bin"));
    }
    if matches!(entry.status, Status::Deleted) {
        return Err(Error::coded(Code::EntryDeletedModerated, "the entry is deleted"));
    }
    match &entry.access_control {
        Some(_) => {
            Err(Error::coded(Code::AccessControlRestricted, "the entry is guarded by an access-control profile"))
        }
        None => Ok(Grant::Full),
    }
}
