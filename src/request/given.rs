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

/// As many as most have.
const PAIRS_FEW: usize = 12;

impl<'a> Given<'a> {
    /// Those of the pairs of a path and of a query.
    pub(super) fn read(of_path: &'a str, query: &'a str) -> Result<Given<'a>> {
        let mut given = Given { pairs: Vec::with_capacity(PAIRS_FEW), of_path: 0 };
        path::pairs(of_path, "", |name, value| {
            given.pairs.push((path::decode(name)?, path::decode(value)?));
            Ok(())
        })?;
        given.of_path = given.pairs.len();
        path::pairs("", query, |name, value| {
            given.pairs.push((of_query(name), of_query(value)));
            Ok(())
        })?;
        Ok(given)
    }

    /// Those of a path whose pairs are read like a query's: a plus is a blank, and of a name the last counts.
    pub(super) fn read_alike(of_path: &'a str, query: &'a str) -> Result<Given<'a>> {
        let mut pairs = Vec::new();
        path::pairs("", query, |name, value| {
            pairs.push((of_query(name), of_query(value)));
            Ok(())
        })?;
        path::pairs(of_path, "", |name, value| {
            pairs.push((path::decode(name)?, plus_is_blank(value)?));
            Ok(())
        })?;
        pairs.reverse();
        Ok(Given { pairs, of_path: 0 })
    }

    /// The value of the first of these names that was given at all.
    pub(super) fn get(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| find(&self.pairs, name))
    }

    /// The value, where it is neither missing nor empty.
    pub(super) fn filled(&self, names: &[&str]) -> Option<&str> {
        self.get(names).filter(|value| !value.is_empty())
    }

    /// The value of a field of an object: `object[field]`, or `object:field`.
    pub(super) fn field(&self, object: &str, field: &str) -> Option<&str> {
        let is_meant = |name: &str| {
            let rest = name.strip_prefix(object).unwrap_or_default();
            let bracketed = rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            bracketed.or_else(|| rest.strip_prefix(':')) == Some(field)
        };
        self.pairs.iter().find(|(name, _)| is_meant(name)).map(|(_, value)| value.as_ref())
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

/// A value whose pluses are blanks, but those that are encoded.
fn plus_is_blank(text: &str) -> Result<Cow<'_, str>> {
    match text.contains('+') {
        true => Ok(Cow::Owned(path::decode(&text.replace('+', " "))?.into_owned())),
        false => path::decode(text),
    }
}

/// A plus in a query is a blank (URL standard, `application/x-www-form-urlencoded`). What is not encoded well is taken as it
/// stands: players put words of their own there, which do not matter here.
fn of_query(text: &str) -> Cow<'_, str> {
    match text.contains('+') {
        true => {
            let blank = text.replace('+', " ");
            let decoded = path::decode(&blank).map(Cow::into_owned);
            Cow::Owned(decoded.unwrap_or(blank))
        }
        false => path::decode(text).unwrap_or(Cow::Borrowed(text)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, query: &str, expected: Option<&str>) {
        assert_eq!(Given::read(path, query).unwrap().get(&["name", "n"]), expected, "{path}?{query}");
    }

    #[test]
    fn which_of_a_name_wins() {
        check("/name/a/name/b", "name=c", Some("a"));
        check("/x/y", "name=c&name=d", Some("c"));
        check("/n/short", "name=long", Some("long"));
        check("/n/short/odd.m3u8", "", Some("short"));
        check("/name//n/a", "", Some("n"));
        check("", "name=", Some(""));
        check("/Name/a", "NAME=b", None);
        check("/name/a%2Fb+c", "", Some("a/b+c"));
        check("", "n%61me=a+b%2Bc", Some("a b+c"));
        check("", "clientTag=100%&name=1+%zz", Some("1 %zz"));
        assert!(Given::read("/name/%zz", "").is_err());
    }

    #[test]
    fn paths_that_are_read_like_queries() {
        #[track_caller]
        fn check(path: &str, query: &str, expected: Option<&str>) {
            assert_eq!(Given::read_alike(path, query).unwrap().get(&["name"]), expected, "{path}?{query}");
        }
        check("/name/a/name/b", "name=c", Some("b"));
        check("/x/y", "name=c&name=d", Some("d"));
        check("/name/a+b%2Bc%20d", "", Some("a b+c d"));
        check("/name", "", None);
        assert!(Given::read_alike("/name/a+%zz", "").is_err());
    }

    #[test]
    fn fields_of_objects() {
        let given = Given::read("/a:b/1/a%5Bc%5D/2", "a[d]=3&a[e]=&ab:b=4&a[b=5&a=6").unwrap();
        let fields = ["b", "c", "d", "e", "f", ""].map(|field| given.field("a", field));
        assert_eq!(fields, [Some("1"), Some("2"), Some("3"), Some(""), None, None]);
    }

    #[test]
    fn values_in_parts() {
        let given = Given::read("/list/a,%20b,,c%2Cd/no/0/yes/x", "empty=&callback=q").unwrap();
        assert_eq!(given.list(&["list"]), ["a", "b", "c", "d"]);
        assert_eq!((given.is_set(&["no"]), given.is_set(&["yes"]), given.is_set(&["empty"])), (false, true, false));
        assert_eq!((given.filled(&["empty"]), given.get(&["empty"])), (None, Some("")));
        assert_eq!((given.in_query("callback"), given.in_query("yes")), (Some("q"), None));
    }
}
