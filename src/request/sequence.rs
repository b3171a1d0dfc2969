//! `sequence`: the entries that play before the one asked for.

use super::given::Given;
use crate::entry::EntryId;
use crate::error::{Code, Error, Result};

/// Most entries before the one asked for.
pub const ENTRIES_MAX: usize = 32;

/// The entries named, in order.
pub(super) fn sequence(given: &Given<'_>) -> Result<Vec<EntryId>> {
    let names = given.list(&["sequence"]);
    if names.len() > ENTRIES_MAX {
        return Err(Error::too_large(format!("the sequence has more than {ENTRIES_MAX} entries")));
    }
    let unknown = |name: &str| Error::coded(Code::EntryNotFound, format!("sequence {name:?} names no entry"));
    names.into_iter().map(|name| EntryId::new(name).ok_or_else(|| unknown(name))).collect()
}
