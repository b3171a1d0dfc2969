//! The library's own access-control profiles: `access_control.toml` at its front, as it was read last.

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::Fault;
use super::naming::ACCESS_CONTROL;
use super::place::{Place, Stamp, Text};
use super::sidecar::BYTES_MAX;
use crate::rules::{self, Profile};

/// The profiles by what entries call them, or all that is wrong with the file: then it defines none.
pub(in crate::catalog) type Rules = Result<HashMap<String, Arc<Profile>>, Vec<Fault>>;

/// What the file said when it was read last: its profiles are made once for all entries, and its faults are told once.
#[derive(Debug, Default)]
pub(in crate::catalog) struct Rulebook(Mutex<Option<(Seen, Arc<Rules>)>>);

/// What there was to read.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    Text(Text),
    Denied,
}

/// Most faults of the file that the log tells of.
const TOLD_MAX: usize = 20;

/// What is seen of the file at `place`, and what it says; nothing where there is none. One that this service may not read is a
/// fault of the file: it must not keep entries back that do without it.
pub(super) fn read(place: &dyn Place) -> io::Result<(Option<Stamp>, Option<Arc<Rules>>)> {
    let (stamp, seen) = match place.read(ACCESS_CONTROL) {
        Ok(None) => return Ok((None, None)),
        Ok(Some((stamp, text))) => (Some(stamp), Seen::Text(text)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => (place.look(ACCESS_CONTROL)?, Seen::Denied),
        Err(error) => return Err(error),
    };
    Ok((stamp, Some(place.rulebook().take(seen))))
}

impl Rulebook {
    /// What the file says whose text this is.
    pub(in crate::catalog) fn rules(&self, text: Text) -> Arc<Rules> {
        self.take(Seen::Text(text))
    }

    fn take(&self, seen: Seen) -> Arc<Rules> {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, rules)) = last.as_ref().filter(|(before, _)| *before == seen) {
            return Arc::clone(rules);
        }
        let rules = Arc::new(rules_of(&seen));
        if let Err(faults) = &*rules {
            tell(faults);
        }
        *last = Some((seen, Arc::clone(&rules)));
        rules
    }
}

/// Everything that is wrong with the file.
pub(in crate::catalog) fn faults(rules: Option<&Rules>) -> Vec<Fault> {
    rules.and_then(|rules| rules.as_ref().err()).cloned().unwrap_or_default()
}

fn rules_of(seen: &Seen) -> Rules {
    let fault = |line, message| Fault { file: ACCESS_CONTROL.to_owned(), line, message };
    match seen {
        Seen::Text(Text::Whole(text)) => match rules::parse(text) {
            Ok(profiles) => Ok(profiles.into_iter().map(|(name, profile)| (name, Arc::new(profile))).collect()),
            Err(mistakes) => {
                Err(mistakes.into_iter().map(|mistake| fault(Some(mistake.line), mistake.message)).collect())
            }
        },
        Seen::Text(Text::TooLong) => {
            Err(vec![fault(Some(1), format!("longer than the {BYTES_MAX} bytes that are allowed"))])
        }
        Seen::Denied => Err(vec![fault(None, "this service may not read it".to_owned())]),
    }
}

fn tell(faults: &[Fault]) {
    for fault in &faults[..faults.len().min(TOLD_MAX)] {
        tracing::warn!("none of the library's profiles is used: {fault}");
    }
    if faults.len() > TOLD_MAX {
        tracing::warn!(more = faults.len() - TOLD_MAX, "{ACCESS_CONTROL} has more faults, which check-config tells");
    }
}
