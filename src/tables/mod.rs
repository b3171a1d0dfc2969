//! Tables of TOML that people write: their values taken one by one, every fault kept with its place.

pub mod values;

use std::borrow::Cow;
use std::cell::RefCell;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong, each with where it stands in the text, in bytes.
pub type Faults = RefCell<Vec<(usize, String)>>;

/// The tables of `text` as far as they can be read. What cannot is among the faults.
pub fn parse<'i>(text: &'i str, faults: &Faults) -> Spanned<DeTable<'i>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let wrong = |error: &toml::de::Error| {
        let at = error.span().map_or(0, |span| span.start);
        (at, error.message().trim().replace('\n', "; "))
    };
    faults.borrow_mut().extend(errors.iter().map(wrong));
    table
}

/// The line of the byte at `offset` of a text, from 1 on.
pub fn line(text: &[u8], offset: usize) -> u32 {
    let before = text.get(..offset).unwrap_or(text);
    let breaks = before.iter().filter(|&&b| b == b'\n').count();
    u32::try_from(breaks).unwrap_or(u32::MAX).saturating_add(1)
}

/// One table, and which of its values were taken.
pub struct Table<'a, 'i> {
    values: &'a DeTable<'i>,
    at: usize,
    faults: &'a Faults,
    known: Vec<&'static str>,
}

impl<'a, 'i> Table<'a, 'i> {
    /// The whole of a text, of which nothing was taken yet.
    pub fn root(values: &'a DeTable<'i>, faults: &'a Faults) -> Table<'a, 'i> {
        Table { values, at: 0, faults, known: Vec::new() }
    }

    /// The one table that `name` may be given within this one.
    pub fn table(&mut self, name: &'static str) -> Option<Table<'a, 'i>> {
        match self.take(name)? {
            (at, DeValue::Table(values)) => Some(Table { values, at, faults: self.faults, known: Vec::new() }),
            (at, other) => {
                self.fault(at, format!("{name} cannot be a {}, expected a table, [{name}]", other.type_str()));
                None
            }
        }
    }

    /// The tables that `name` is given within this one.
    pub fn tables(&mut self, name: &'static str) -> Vec<Table<'a, 'i>> {
        let Some((at, value)) = self.take(name) else { return Vec::new() };
        let items = match value {
            DeValue::Array(items) => items,
            other => {
                self.fault(at, format!("{name} cannot be a {}, expected tables such as [[{name}]]", other.type_str()));
                return Vec::new();
            }
        };
        let table = |item: &'a Spanned<DeValue<'i>>| match item.get_ref() {
            DeValue::Table(values) => {
                Some(Table { values, at: item.span().start, faults: self.faults, known: Vec::new() })
            }
            other => {
                self.fault(item.span().start, format!("{name} cannot hold a {}, expected tables", other.type_str()));
                None
            }
        };
        items.iter().filter_map(table).collect()
    }

    /// The value of `name` as `read` makes it of its text; `read` says what is wrong with a text.
    pub fn value<T>(&mut self, name: &'static str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let (at, value) = self.take(name)?;
        self.read(name, at, value, &read)
    }

    /// The values of `name`, which is one or a list of them; `None` where it is not given.
    pub fn values<T>(&mut self, name: &'static str, read: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
        let (at, value) = self.take(name)?;
        match value {
            DeValue::Array(items) => {
                let read = |item: &Spanned<DeValue<'i>>| self.read(name, item.span().start, item.get_ref(), &read);
                Some(items.iter().filter_map(read).collect())
            }
            value => Some(self.read(name, at, value, &read).into_iter().collect()),
        }
    }

    /// Whether the value of `name` is given.
    pub fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Says that something is wrong with the table as a whole.
    pub fn refuse(&self, message: String) {
        self.fault(self.at, message);
    }

    /// Says what nobody has taken.
    pub fn end(self) {
        for (key, _) in self.values {
            if !self.known.contains(&key.get_ref().as_ref()) {
                let known = self.known.join(", ");
                self.fault(key.span().start, format!("there is no {} here, expected {known}", key.get_ref()));
            }
        }
    }

    fn take(&mut self, name: &'static str) -> Option<(usize, &'a DeValue<'i>)> {
        self.known.push(name);
        let (key, value) = self.values.get_key_value(name)?;
        // Where a value is missing, that is said already.
        (!value.span().is_empty()).then(|| (key.span().start, value.get_ref()))
    }

    fn read<T>(
        &self,
        name: &str,
        at: usize,
        value: &DeValue<'i>,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text: Cow<'_, str> = match value {
            DeValue::String(text) => text.as_ref().into(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().into(),
            DeValue::Boolean(switch) => switch.to_string().into(),
            other => {
                self.fault(at, format!("{name} cannot be a {}", other.type_str()));
                return None;
            }
        };
        read(&text).map_err(|message| self.fault(at, format!("{name} {message}"))).ok()
    }

    fn fault(&self, at: usize, message: String) {
        self.faults.borrow_mut().push((at, message));
    }
}

/// A reader that says what it expects of a text that it does not take.
pub fn expect<T>(allowed: &str, read: impl Fn(&str) -> Option<T>) -> impl Fn(&str) -> Result<T, String> {
    move |text| read(text).ok_or_else(|| format!("{text:?} is not allowed, expected {allowed}"))
}

/// A reader of any text.
pub fn words(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}
