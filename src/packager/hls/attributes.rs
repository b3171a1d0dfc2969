//! Tags with a list of attributes (RFC 8216 section 4.2).

use std::fmt::{Display, Write};

/// A tag in the making.
pub(super) struct Attributes {
    text: String,
    behind: char,
}

impl Attributes {
    /// A tag without attributes.
    pub(super) fn new(tag: &str) -> Attributes {
        Attributes { text: tag.to_owned(), behind: ':' }
    }

    /// Adds an attribute whose value stands bare: numbers, sizes, words of the standard.
    pub(super) fn word(&mut self, name: &str, value: impl Display) -> &mut Attributes {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{}{name}={value}", self.behind);
        self.behind = ',';
        self
    }

    /// Adds an attribute whose value stands in quotes.
    pub(super) fn quoted(&mut self, name: &str, value: &str) -> &mut Attributes {
        self.word(name, format_args!("\"{}\"", Attributes::clean(value)))
    }

    /// Adds an attribute in quotes where there is a value.
    pub(super) fn some(&mut self, name: &str, value: Option<&str>) -> &mut Attributes {
        match value {
            Some(value) => self.quoted(name, value),
            None => self,
        }
    }

    /// The line.
    pub(super) fn finish(self) -> String {
        self.text
    }

    /// Text as it may stand in quotes, which know no escapes: without quotes, line breaks and other controls.
    pub(super) fn clean(text: &str) -> String {
        let clean = text.chars().map(|letter| match letter {
            '"' => '\'',
            '\u{2028}' | '\u{2029}' => ' ',
            letter if letter.is_control() => ' ',
            letter => letter,
        });
        clean.collect::<String>().trim().to_owned()
    }
}
