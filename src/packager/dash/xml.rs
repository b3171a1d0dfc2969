//! XML text (Extensible Markup Language 1.0): elements with attributes, and what they hold.

use std::fmt::{self, Display, Write};

/// An element.
#[derive(Debug)]
pub(super) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// One without attributes that holds nothing.
    pub(super) fn new(name: &'static str) -> Element {
        Element { name, attributes: Vec::new(), text: String::new(), children: Vec::new() }
    }

    /// The same with an attribute more.
    pub(super) fn with(mut self, name: &'static str, value: impl Display) -> Element {
        self.attributes.push((name, value.to_string()));
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
        self.text = text.to_owned();
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

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        write!(f, "{:1$}<{2}", "", 2 * depth, self.name)?;
        for (name, value) in &self.attributes {
            write!(f, " {name}=\"{}\"", Escaped(value))?;
        }
        if self.text.is_empty() && self.children.is_empty() {
            return f.write_str("/>\n");
        }
        write!(f, ">{}", Escaped(&self.text))?;
        if !self.children.is_empty() {
            f.write_char('\n')?;
            self.children.iter().try_for_each(|child| child.write(f, depth + 1))?;
            write!(f, "{:1$}", "", 2 * depth)?;
        }
        writeln!(f, "</{}>", self.name)
    }
}

/// The whole document.
impl Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n")?;
        self.write(f, 0)
    }
}

/// Text with its markup escaped, and with spaces for what no document may have (section 2.2).
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => f.write_char(' '),
            letter if letter.is_control() => f.write_char(' '),
            letter => f.write_char(letter),
        })
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
        assert_eq!(outer.to_string(), expected);
    }
}
