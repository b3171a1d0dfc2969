//! What operators declare stale: by URL, entry, partner, or the tags that answers carry.

use super::path::{TARGET_MAX, decode, pairs};
use super::{Request, parse as parse_target};
use crate::entry::{EntryId, PartnerId};
use crate::error::{Error, Result};

/// What is not to be answered with any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stale {
    /// What is kept of what a request is about.
    Subject(Box<Request>),
    /// What is kept of an entry.
    Entry(EntryId),
    /// What is kept of the entries of a partner.
    Partner(PartnerId),
    /// All that is kept.
    Everything,
}

/// What the tag of an entry begins with, and that of a partner.
const ENTRY: &str = "entry_";
const PARTNER: &str = "p_";

/// The tags of answers about an entry of a partner with this number, with `between` between them, in pieces.
pub fn tags<'a>(entry: &'a EntryId, partner: &'a str, between: &'a str) -> [&'a str; 5] {
    [ENTRY, entry.as_str(), between, PARTNER, partner]
}

/// What a query names, such as `entry=0_abc&partner=12345`; nothing where it is empty. Fails where anything in it names nothing.
pub fn of_query(query: &str) -> Result<Vec<Stale>> {
    let mut found = Vec::new();
    pairs("", query, |name, value| {
        let value = decode(value)?;
        match name {
            "url" => found.push(of_url(&value)?),
            "entry" => found.push(entry(&value)?),
            "partner" => found.push(partner(&value)?),
            "tag" => found.extend(of_tags(&value)?),
            "all" => found.push(Stale::Everything),
            _ => return Err(Error::invalid(format!("{name:?} is none of url, entry, partner, tag and all"))),
        }
        Ok(())
    })?;
    Ok(found)
}

/// What a list of tags names, with blanks or commas between them.
pub fn of_tags(text: &str) -> Result<Vec<Stale>> {
    let tags = text.split([' ', ',']).filter(|tag| !tag.is_empty());
    let known = |tag: &str| match (tag.strip_prefix(ENTRY), tag.strip_prefix(PARTNER)) {
        (Some(id), _) => entry(id),
        (_, Some(number)) => partner(number),
        _ => Err(Error::invalid(format!("{tag:?} is no tag: expected {ENTRY}… or {PARTNER}…"))),
    };
    tags.map(known).collect()
}

/// What a URL, or a target, is about.
pub fn of_url(url: &str) -> Result<Stale> {
    let target = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |start| &rest[start..]),
        None => url,
    };
    let unknown = || {
        let shown: String = target.chars().take(TARGET_MAX.min(100)).collect();
        Error::invalid(format!("{shown:?}: no URL of this service begins like that"))
    };
    let request = parse_target(target).ok_or_else(unknown)??;
    Ok(Stale::Subject(Box::new(request)))
}

fn entry(text: &str) -> Result<Stale> {
    let id = EntryId::new(text).ok_or_else(|| Error::invalid(format!("{text:?} names no entry")))?;
    Ok(Stale::Entry(id))
}

fn partner(text: &str) -> Result<Stale> {
    let number = text.parse().map_err(|_| Error::invalid(format!("{text:?} is no partner: expected a number")))?;
    Ok(Stale::Partner(PartnerId(number)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> EntryId {
        EntryId::new(text).unwrap()
    }

    #[track_caller]
    fn check(query: &str, expected: &[Stale]) {
        assert_eq!(of_query(query).unwrap(), expected, "{query}");
    }

    #[test]
    fn what_is_named() {
        check("", &[]);
        check("entry=0_a", &[Stale::Entry(id("0_a"))]);
        check("entry=0_a&partner=-7", &[Stale::Entry(id("0_a")), Stale::Partner(PartnerId(-7))]);
        check(
            "tag=entry_0_a%20p_1,p_2",
            &[Stale::Entry(id("0_a")), Stale::Partner(PartnerId(1)), Stale::Partner(PartnerId(2))],
        );
        check("all=true", &[Stale::Everything]);
        let url = "https://cdn.example.com/p/1/thumbnail/entry_id/0_a/width/100";
        let request = crate::request::parse("/p/1/thumbnail/entry_id/0_a/width/100").unwrap().unwrap();
        check(&format!("url={url}"), &[Stale::Subject(Box::new(request))]);
    }

    #[test]
    fn what_names_nothing() {
        for query in ["entry=", "entry=a/b", "partner=x", "tag=flavor_1", "url=/etc/passwd", "url=https://x", "id=0_a"]
        {
            assert!(of_query(query).is_err(), "{query}");
        }
    }

    #[test]
    fn tags_lead_back_to_what_they_are_of() {
        let written = |between| tags(&id("1_x-y.z"), "12345", between).concat();
        assert_eq!([written(" "), written(",")], ["entry_1_x-y.z p_12345", "entry_1_x-y.z,p_12345"]);
        let found = of_tags(&written(" ")).unwrap();
        assert_eq!(found, [Stale::Entry(id("1_x-y.z")), Stale::Partner(PartnerId(12345))]);
    }
}
