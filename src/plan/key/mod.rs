//! The name of a piece of work.

mod form;
#[cfg(test)]
mod tests;

use std::fmt;

use self::form::Form;
use super::Work;
use crate::entry::Source;
use crate::error::{Error, Kind, Result};
use crate::packager::segments::Pace;

/// Changes whenever the bytes made for an unchanged [`Work`] change; every key, and so every ETag, follows it.
pub const FORMAT_VERSION: u32 = 2;

/// A digest of the format version and a piece of work. Equal work has equal keys.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Key(pub [u8; 16]);

/// 32 hexadecimal digits.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 32];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text).unwrap_or_default())
    }
}

impl Key {
    /// The key of a piece of work.
    pub fn of(work: &Work) -> Key {
        let mut form = Form::with_capacity(256);
        form.number(FORMAT_VERSION.into());
        form.work(work);
        let mut key = [0; 16];
        key.copy_from_slice(&blake3::hash(form.bytes()).as_bytes()[..16]);
        Key(key)
    }
}

/// The version of what is made of `source`, cut at `pace`, as URLs carry it: 16 hexadecimal digits. Another one of either, or
/// of this service's formats, is another version.
pub fn version(source: &Source, pace: &Pace) -> String {
    let mut form = Form::with_capacity(128);
    form.number(FORMAT_VERSION.into());
    form.source(source);
    form.pace(pace);
    let mut number = [0; 8];
    number.copy_from_slice(&blake3::hash(form.bytes()).as_bytes()[..8]);
    format!("{:016x}", u64::from_be_bytes(number))
}

/// Whether a version is the one of `source`; false for none, and for one that is not of this service's making. Fails for
/// one that is gone.
pub(super) fn is_current(given: Option<&str>, source: &Source, pace: &Pace) -> Result<bool> {
    let Some(given) = given else { return Ok(false) };
    let current = version(source, pace);
    let is_ours = given.len() == current.len() && given.bytes().all(|b| b.is_ascii_hexdigit());
    match given == current {
        false if is_ours => Err(Error::new(Kind::NotFound, format!("version {given} of the file is gone"))),
        is_current => Ok(is_current),
    }
}
