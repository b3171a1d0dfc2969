//! What a session allows its holder, beyond what everybody may.

use std::fmt;

/// The name that stands for every privilege, where its value is `*`.
const ALL: &str = "all";

/// The name whose values are addresses, which hold slashes themselves.
const URI_RESTRICTION: &str = "urirestrict";

/// Privileges in the order given, each a name and a value, which may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Privileges(Vec<(String, String)>);

impl Privileges {
    /// Those of a list such as `sview:0_a/0_b,list:*`; a `*` alone is `all:*`.
    pub fn parse(text: &str) -> Privileges {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let parts = parts.map(|part| if part == "*" { "all:*" } else { part });
        parts.map(|part| part.split_once(':').unwrap_or((part, ""))).collect()
    }

    /// Whether they hold `name` for `value`, or for everything. Whole values are compared.
    pub fn allow(&self, name: &str, value: &str) -> bool {
        let has_all = self.values(ALL).any(|all| all == "*");
        has_all || self.values(name).any(|given| given == "*" || given == value)
    }

    /// Whether they hold `name`, whatever its value.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(given, _)| given == name)
    }

    /// The values of `name`: what stands between slashes, and between bars where the values are addresses.
    pub fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let divider = if name == URI_RESTRICTION { '|' } else { '/' };
        let named = self.0.iter().filter(move |(given, _)| given == name);
        named.flat_map(move |(_, value)| value.split(divider)).filter(|value| !value.is_empty())
    }

    /// Names and values in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Privileges {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(pairs: I) -> Privileges {
        Privileges(pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

impl fmt::Display for Privileges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.iter().eq([(ALL, "*")]) {
            return f.write_str("*");
        }
        for (at, (name, value)) in self.iter().enumerate() {
            let (comma, colon) = (if at == 0 { "" } else { "," }, if value.is_empty() { "" } else { ":" });
            write!(f, "{comma}{name}{colon}{value}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_written() {
        #[track_caller]
        fn check(text: &str, expected: &str) {
            assert_eq!(Privileges::parse(text).to_string(), expected, "{text:?}");
        }
        check("", "");
        check("sview:0_a/0_b,list:*", "sview:0_a/0_b,list:*");
        check(" a , ,b: ,c:d:e,", "a,b,c:d:e");
        check("*", "*");
        check("all:*", "*");
        check("disableentitlement,*", "disableentitlement,all:*");
        check("a:1,a:2", "a:1,a:2");
    }

    #[test]
    fn matching_is_exact() {
        #[track_caller]
        fn check(text: &str, name: &str, value: &str, expected: bool) {
            assert_eq!(Privileges::parse(text).allow(name, value), expected, "{text:?} {name}:{value}");
        }
        check("sview:0_abc", "sview", "0_abc", true);
        check("sview:0_a/0_b", "sview", "0_b", true);
        check("sview:0_a,sview:0_b", "sview", "0_a", true);
        check("sview:*", "sview", "0_abc", true);
        check("sview:0_a/*", "sview", "0_abc", true);
        check("*", "sview", "0_abc", true);
        check("disableentitlement,*", "sview", "0_abc", true);
        check("list:x,all:*,edit", "sview", "0_abc", true);
        // Neither the beginning nor a part of a name or a value is enough.
        check("sview:0_abc", "sview", "0_ab", false);
        check("sview:0_abc", "sview", "0_abcd", false);
        check("sview:0_*", "sview", "0_abc", false);
        check("xsview:0_abc", "sview", "0_abc", false);
        check("sview", "sview", "0_abc", false);
        check("sview", "sview", "", false);
        check("all:sview", "sview", "0_abc", false);
        check("list:sview:*", "sview", "0_abc", false);
        check("sview:0_ABC", "sview", "0_abc", false);
        check("", "sview", "0_abc", false);
    }

    #[test]
    fn addresses_keep_their_slashes() {
        let privileges = Privileges::parse("urirestrict:/p/1/*|/p/2,iprestrict:10.0.0.1/10.0.0.2,empty");
        assert_eq!(privileges.values("urirestrict").collect::<Vec<_>>(), ["/p/1/*", "/p/2"]);
        assert_eq!(privileges.values("iprestrict").collect::<Vec<_>>(), ["10.0.0.1", "10.0.0.2"]);
        assert_eq!(
            (privileges.has("empty"), privileges.values("empty").count(), privileges.has("emp")),
            (true, 0, false)
        );
    }
}
