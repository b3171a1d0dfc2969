//! Tables of the settings file that there may be many of: their values taken one by one, every fault kept with its place.

use std::borrow::Cow;
use std::cell::RefCell;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong, each with where it stands in the file.
pub(super) type Faults = RefCell<Vec<(usize, String)>>;

/// One table, and which of its values were taken.
pub(super) struct Table<'a, 'i> {
    values: &'a DeTable<'i>,
    at: usize,
    faults: &'a Faults,
    known: Vec<&'static str>,
}

impl<'a, 'i> Table<'a, 'i> {
    /// The tables that `name` is given in `values`.
    pub(super) fn all(values: &'a DeTable<'i>, name: &'static str, faults: &'a Faults) -> Vec<Table<'a, 'i>> {
        Table { values, at: 0, faults, known: Vec::new() }.tables(name)
    }

    /// The one table that `name` may be given in `values`.
    pub(super) fn one(values: &'a DeTable<'i>, name: &'static str, faults: &'a Faults) -> Option<Table<'a, 'i>> {
        let root = Table { values, at: 0, faults, known: Vec::new() };
        let (key, value) = values.get_key_value(name)?;
        match value.get_ref() {
            _ if value.span().is_empty() => None,
            DeValue::Table(inner) => Some(Table { values: inner, at: key.span().start, faults, known: Vec::new() }),
            other => {
                root.fault(
                    key.span().start,
                    format!("{name} cannot be a {}, expected a table, [{name}]", other.type_str()),
                );
                None
            }
        }
    }

    /// The tables that `name` is given within this one.
    pub(super) fn tables(&mut self, name: &'static str) -> Vec<Table<'a, 'i>> {
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
    pub(super) fn value<T>(&mut self, name: &'static str, read: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let (at, value) = self.take(name)?;
        self.read(name, at, value, &read)
    }

    /// The values of `name`, which is one or a list of them; `None` where it is not given.
    pub(super) fn values<T>(&mut self, name: &'static str, read: impl Fn(&str) -> Result<T, String>) -> Option<Vec<T>> {
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
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// Says that something is wrong with the table as a whole.
    pub(super) fn refuse(&self, message: String) {
        self.fault(self.at, message);
    }

    /// Says what nobody has taken.
    pub(super) fn end(self) {
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
pub(super) fn expect<T>(allowed: &str, read: impl Fn(&str) -> Option<T>) -> impl Fn(&str) -> Result<T, String> {
    move |text| read(text).ok_or_else(|| format!("{text:?} is not allowed, expected {allowed}"))
}
