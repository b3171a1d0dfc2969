//! What only a partner and this service know.

use std::fmt;

use subtle::ConstantTimeEq;

/// A secret: no text shows it, and comparing takes the same time wherever two of one length differ.
#[derive(Clone)]
pub struct Secret(Box<str>);

impl Secret {
    /// The secret, or `None` for an empty one: what anybody can guess guards nothing.
    pub fn new(text: &str) -> Option<Secret> {
        (!text.is_empty()).then(|| Secret(text.into()))
    }

    /// The secrets of a list with commas between them: the newest first, older ones that stay valid after it.
    pub fn list(text: &str) -> Vec<Secret> {
        text.split(',').map(str::trim).filter_map(Secret::new).collect()
    }

    /// What signatures are made with.
    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Secret) -> bool {
        self.bytes().ct_eq(other.bytes()).into()
    }
}

impl Eq for Secret {}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_secrets() {
        let found = Secret::list(" new, old,,");
        assert_eq!(found, ["new", "old"].map(|text| Secret::new(text).unwrap()));
        assert_ne!(found[0], found[1]);
        assert_eq!((Secret::list(""), Secret::new("")), (Vec::new(), None));
    }

    #[test]
    fn no_text_shows_a_secret() {
        assert_eq!(format!("{:?}", Secret::list("a1b2")), "[Secret(hidden)]");
    }
}
