//! May this client have this entry, now?

pub mod partner;
pub mod rules;
pub mod secret;
pub mod session;
mod site;
pub mod states;
pub mod token;
pub mod viewer;

use self::rules::Limits;
use self::token::Seal;
use crate::entry::Entry;
use crate::error::{Code, Error, Result};

/// How much of an entry a client may have, and how URLs to it are sealed.
#[derive(Clone, Copy, Debug)]
pub struct Grant<'a> {
    /// What is left of it.
    pub limits: &'a Limits,
    /// What tokens in URLs are made with; `None` where URLs need none.
    pub seal: Option<Seal<'a>>,
}

impl Grant<'_> {
    /// All of an entry, which anybody may have.
    pub const FULL: Grant<'static> = Grant { limits: &Limits::NONE, seal: None };
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_expire() {
        let is_expired =
            |expiry| check_expiry(expiry, 100).is_err_and(|error| error.code() == Some(Code::TokenExpired));
        let found = [None, Some(101), Some(100), Some(0), Some(-1), Some(i64::MAX)].map(is_expired);
        assert_eq!(found, [false, false, true, true, true, false]);
    }
}
