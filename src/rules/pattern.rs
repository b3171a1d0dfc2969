//! Regular expressions for names of browsers.

use std::fmt;

use regex_lite::{Regex, RegexBuilder};

/// A regular expression for names of browsers. Letters match whether they are capital or not.
#[derive(Clone)]
pub struct Pattern(Regex);

/// The longest expression, and the longest name that is looked at, in bytes.
const PATTERN_MAX: usize = 1024;

/// The most bytes that an expression may take once it is read: its repetitions count.
const PATTERN_SIZE_MAX: usize = 64 * 1024;

impl Pattern {
    /// The expression, or what is wrong with it.
    pub fn new(text: &str) -> std::result::Result<Pattern, String> {
        if text.len() > PATTERN_MAX {
            return Err(format!(
                "an expression of {} bytes is not allowed, expected {PATTERN_MAX} at most",
                text.len()
            ));
        }
        let mut builder = RegexBuilder::new(text);
        let built = builder.case_insensitive(true).size_limit(PATTERN_SIZE_MAX).build();
        built.map(Pattern).map_err(|error| format!("{text:?} is no regular expression: {error}"))
    }

    /// Whether a part of `name` is as the expression says. What of it is beyond 1024 bytes is not looked at.
    pub fn matches(&self, name: &str) -> bool {
        self.0.is_match(&name[..name.floor_char_boundary(PATTERN_MAX)])
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

impl Eq for Pattern {}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        #[track_caller]
        fn check(expression: &str, name: &str, expected: bool) {
            assert_eq!(Pattern::new(expression).unwrap().matches(name), expected, "{expression:?} {name:?}");
        }
        check("iphone|ipad", "Mozilla/5.0 (iPhone; CPU)", true);
        check("^Mozilla/5\\.0$", "mozilla/5.0", true);
        check("^Chrome", "Mozilla/5.0 Chrome/120", false);
        check("", "", true);
        check("x", &format!("{}x", "ä".repeat(600)), false);
        check("(a+)+$", &"a".repeat(100_000), true);
        check("(a|aa)+$", &format!("{}!", "a".repeat(1000)), false);
    }

    #[test]
    fn what_is_no_expression() {
        let wrong = |text: &str| Pattern::new(text).unwrap_err();
        assert!(wrong("(").starts_with("\"(\" is no regular expression: "), "{}", wrong("("));
        assert!(wrong("((a{100}){100}){100}").contains("is no regular expression"));
        assert!(wrong(&"a".repeat(1025)).contains("1025 bytes"));
    }
}
