//! The parameters of a playback URL as given: a path's before a query's, the first of a name before the others.

use std::borrow::Cow;

use super::path;
use crate::error::Result;

/// Names and values, decoded, the ones that win first.
#[derive(Debug, Default)]
pub(super) struct Given<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    /// How many of them stood in the path.
    of_path: usize,
}

impl<'a> Given<'a> {
    /// Those of the pairs of a path and of a query.
    pub(super) fn read(of_path: &'a str, query: &'a str) -> Result<Given<'a>> {
        let mut given = Given::default();
        path::pairs(of_path, "", |name, value| {
            given.pairs.push((path::decode(name)?, path::decode(value)?));
            Ok(())
        })?;
        given.of_path = given.pairs.len();
        path::pairs("", query, |name, value| {
            given.pairs.push((of_query(name)?, of_query(value)?));
            Ok(())
        })?;
        Ok(given)
    }

    /// The value of the first of these names that was given at all.
    pub(super) fn get(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| find(&self.pairs, name))
    }

    /// The value, where it is neither missing nor empty.
    pub(super) fn filled(&self, names: &[&str]) -> Option<&str> {
        self.get(names).filter(|value| !value.is_empty())
    }

    /// The value that the query gives.
    pub(super) fn in_query(&self, name: &str) -> Option<&str> {
        find(&self.pairs[self.of_path..], name)
    }

    /// The parts of a value between commas, but empty ones.
    pub(super) fn list(&self, names: &[&str]) -> Vec<&str> {
        self.get(names).unwrap_or_default().split(',').map(str::trim).filter(|part| !part.is_empty()).collect()
    }

    /// Whether a value is one that PHP takes for true.
    pub(super) fn is_set(&self, names: &[&str]) -> bool {
        self.filled(names).is_some_and(|value| value != "0")
    }
}

fn find<'a>(pairs: &'a [(Cow<'_, str>, Cow<'_, str>)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_ref())
}

/// A plus in a query is a blank (URL standard, `application/x-www-form-urlencoded`).
fn of_query(text: &str) -> Result<Cow<'_, str>> {
    match text.contains('+') {
        true => path::decode(&text.replace('+', " ")).map(|text| Cow::Owned(text.into_owned())),
        false => path::decode(text),
    }
}
