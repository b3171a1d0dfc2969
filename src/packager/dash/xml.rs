//! XML text (Extensible Markup Language 1.0): elements with attributes, and what they hold.

use std::fmt::{self, Display, Write};

/// An element.
#[derive(Debug)]
pub(super) struct Element {
    name: &'static str,
    /// Its attributes as they are written, each with a blank before it.
    attributes: String,
    /// Its text as it is written.
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// One without attributes that holds nothing.
    pub(super) fn new(name: &'static str) -> Element {
        Element { name, attributes: String::new(), text: String::new(), children: Vec::new() }
    }

    /// The same with an attribute more.
    pub(super) fn with(mut self, name: &'static str, value: impl Display) -> Element {
        if self.attributes.is_empty() {
            self.attributes.reserve(ATTRIBUTES_BYTES);
        }
        for part in [" ", name, "=\""] {
            self.attributes.push_str(part);
        }
        // Writing to a string cannot fail.
        let _ = write!(Escaped(&mut self.attributes), "{value}");
        self.attributes.push('"');
        self
    }

    /// The same with an attribute more where there is a value.
    pub(super) fn some(self, name: &'static str, value: Option<impl Display>) -> Element {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// The same that holds a text.
    pub(super) fn holding(mut self, text: &str) -> Element {
        let _ = Escaped(&mut self.text).write_str(text);
        self
    }

    /// The same with an element more inside.
    pub(super) fn child(mut self, child: Element) -> Element {
        self.children.push(child);
        self
    }

    /// The same with elements more inside.
    pub(super) fn children(mut self, children: impl IntoIterator<Item = Element>) -> Element {
        self.children.extend(children);
        self
    }

    /// The whole document.
    pub(super) fn document(&self) -> String {
        let mut text = String::with_capacity(DOCUMENT_BYTES);
        text.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        self.write(&mut text, 0);
        text
    }

    fn write(&self, out: &mut String, depth: usize) {
        let indent = |out: &mut String| (0..depth).for_each(|_| out.push_str("  "));
        indent(out);
        for part in ["<", self.name, &self.attributes] {
            out.push_str(part);
        }
        if self.text.is_empty() && self.children.is_empty() {
            out.push_str("/>\n");
            return;
        }
        for part in [">", &self.text] {
            out.push_str(part);
        }
        if !self.children.is_empty() {
            out.push('\n');
            self.children.iter().for_each(|child| child.write(out, depth + 1));
            indent(out);
        }
        for part in ["</", self.name, ">\n"] {
            out.push_str(part);
        }
    }
}

/// Room for the attributes of most elements.
const ATTRIBUTES_BYTES: usize = 64;

/// Room for the document of a minute or two.
const DOCUMENT_BYTES: usize = 4096;

/// Writes text with its markup escaped, and with spaces for what no document may have (section 2.2).
struct Escaped<'a>(&'a mut String);

impl Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let Escaped(out) = self;
        // Most of it is plain ASCII, and of numbers all.
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'&' | b'<' | b'>' | b'"')) {
            out.push_str(text);
            return Ok(());
        }
        text.chars().for_each(|letter| match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => out.push(' '),
            letter if letter.is_control() => out.push(' '),
            letter => out.push(letter),
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_say_stays_text() {
        let inner = Element::new("Label").holding("a < b & c > \"d\"\0\n\u{ffff}é");
        let outer = Element::new("Set").with("lang", "\"/><x y='").some("none", None::<u8>).child(inner);
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Set lang=\"&quot;/&gt;&lt;x y='\">\n  \
                        <Label>a &lt; b &amp; c &gt; &quot;d&quot;   é</Label>\n</Set>\n";
        assert_eq!(outer.document(), expected);
    }
}
