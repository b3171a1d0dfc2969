//! What a setting is: its name, what it means, what it may be, and where it goes.

use super::Settings;

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name, words joined by `_`: the environment's with `VEDETTE_` before it and in capitals, the flag's with `-`
    /// for `_`, the file's with tables for its first words or without.
    pub name: &'static str,
    /// What it means, for people.
    pub help: &'static str,
    /// What it may be.
    pub allowed: &'static str,
    pub(super) set: fn(&mut Settings, &str) -> Option<()>,
    pub(super) show: fn(&Settings) -> String,
}

pub(super) const SIZE: &str = "a size such as 512MiB";
pub(super) const DURATION: &str = "a duration such as 10s or 250ms";
pub(super) const ADDRESS: &str = "an address such as 127.0.0.1:8080";
pub(super) const COUNT: &str = "a whole number from 1 on";

/// A row whose value is kept in one field, with the reader and the writer of its kind.
macro_rules! row {
    ($name:literal, $($field:tt).+, $allowed:expr, $read:expr, $show:expr, $help:literal) => {
        $crate::config::row::Row {
            name: $name,
            help: $help,
            allowed: $allowed,
            set: |settings, text| {
                settings.$($field).+ = $read(text)?;
                Some(())
            },
            show: |settings| $show(&settings.$($field).+),
        }
    };
}
pub(super) use row;
