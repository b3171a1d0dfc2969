//! The settings file: TOML, whose tables are the first words of names.

use std::collections::HashSet;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::guards;
use super::row::Row;
use super::table::ROWS;
use crate::access::partner::Config as AccessConfig;
use crate::tables::{self, Faults};

/// A setting with its value, or what is wrong.
type Given = Result<(&'static Row, String), String>;

/// What `text` gives, each with its place, in the order of the file; and whom its tables name.
pub(super) fn read(file: &str, text: &str) -> (Vec<(String, Given)>, AccessConfig) {
    let faults = Faults::default();
    let table = tables::parse(text, &faults);
    let access = guards::read(table.get_ref(), &faults);
    let mut given: Vec<(usize, Given)> =
        faults.into_inner().into_iter().map(|(at, message)| (at, Err(message))).collect();
    let mut leaves = Vec::new();
    flatten("", table.get_ref(), &mut leaves);
    leaves.sort_unstable_by_key(|leaf| leaf.0);
    let mut names = HashSet::new();
    for (offset, name, value) in leaves {
        let found =
            if names.insert(name.clone()) { found(&name, value) } else { Err(format!("{name} is given twice")) };
        given.push((offset, found));
    }
    given.sort_by_key(|(offset, _)| *offset);
    let place = |offset| format!("{file}:{}", tables::line(text.as_bytes(), offset));
    (given.into_iter().map(|(offset, given)| (place(offset), given)).collect(), access)
}

/// The values of a table and of those within it, each with where its key stands and its full name.
fn flatten<'a, 'i>(before: &str, table: &'a DeTable<'i>, leaves: &mut Vec<(usize, String, &'a DeValue<'i>)>) {
    for (key, value) in table {
        let name = match before {
            "" => key.get_ref().to_string(),
            _ => format!("{before}_{}", key.get_ref()),
        };
        match value.get_ref() {
            _ if before.is_empty() && guards::NAMES.contains(&name.as_str()) => {}
            // Where a value is missing, that is said already.
            _ if value.span().is_empty() => {}
            // A table that is the whole of a setting's name is a value of the wrong kind.
            DeValue::Table(inner) if !ROWS.iter().any(|row| row.name == name) => flatten(&name, inner, leaves),
            other => leaves.push((Spanned::span(key).start, name, other)),
        }
    }
}

fn found(name: &str, value: &DeValue<'_>) -> Given {
    let row = ROWS.iter().find(|row| row.name == name).ok_or_else(|| unknown(name))?;
    let text = match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        DeValue::Boolean(switch) => switch.to_string(),
        other => return Err(format!("{name} cannot be a {}, expected {}", other.type_str(), row.allowed)),
    };
    Ok((row, text))
}

fn unknown(name: &str) -> String {
    let nearest = ROWS.iter().map(|row| (distance(name, row.name), row.name)).min();
    match nearest {
        Some((steps, meant)) if steps <= 1 + name.len() / 6 => {
            format!("there is no setting {name}; did you mean {meant}?")
        }
        _ => format!("there is no setting {name}; --help lists them all"),
    }
}

/// How many letters to change, add or take away to make `b` of `a` (Levenshtein).
fn distance(a: &str, b: &str) -> usize {
    let mut costs: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut corner = i;
        costs[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let change = corner + usize::from(x != y);
            corner = costs[j + 1];
            costs[j + 1] = change.min(costs[j] + 1).min(costs[j + 1] + 1);
        }
    }
    costs[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, given: &[&str], wrong: &[&str]) {
        let (mut rows, mut faults) = (Vec::new(), Vec::new());
        for (place, given) in read("v", text).0 {
            match given {
                Ok((row, value)) => rows.push(format!("{place} {} {value}", row.name)),
                Err(message) => faults.push(format!("{place}: {message}")),
            }
        }
        assert_eq!(rows, given, "{text}");
        assert_eq!(faults.len(), wrong.len(), "{text}: {faults:?}");
        for (fault, words) in faults.iter().zip(wrong) {
            assert!(fault.starts_with(words), "{text}: {fault}");
        }
    }

    #[test]
    fn files() {
        check("", &[], &[]);
        check("# x\nworkers = 3\nlisten = '[::]:1'", &["v:2 workers 3", "v:3 listen [::]:1"], &[]);
        check(
            "[queue]\nlength = 1_000\n[cache]\nmemory_size = '1K'",
            &["v:2 queue_length 1000", "v:4 cache_memory_size 1K"],
            &[],
        );
        check("workers = true", &["v:1 workers true"], &[]);
        check("workers = [3]", &[], &["v:1: workers cannot be a array, expected a whole number"]);
        check("workers = 1.5", &[], &["v:1: workers cannot be a float"]);
        check("[workers]\nx = 1", &[], &["v:1: workers cannot be a table"]);
        check("colour = 'red'", &[], &["v:1: there is no setting colour; --help lists them all"]);
        check("worker = 3", &[], &["v:1: there is no setting worker; did you mean workers?"]);
        check(
            "cache.memory_size = '1K'\ncache_memory_size = '2K'",
            &["v:1 cache_memory_size 1K"],
            &["v:2: cache_memory_size is given twice"],
        );
    }

    #[test]
    fn a_broken_line_does_not_hide_the_others() {
        check("workers = \nlisten = 'x'\ncolour = 1", &["v:2 listen x"], &["v:1: ", "v:3: there is no setting colour"]);
    }

    #[test]
    fn distances() {
        assert_eq!((distance("", "abc"), distance("abc", "abc"), distance("kitten", "sitting")), (3, 0, 3));
    }
}
