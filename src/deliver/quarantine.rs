//! Files that broke the processes that were to decode them: nothing is tried with them for a while.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::decode::cage;
use crate::entry::Source;
use crate::error::{Error, Kind, Result};

/// Most files that are held at once; beyond it the one goes first that would go next.
const HELD_MAX: usize = 1024;

/// Files with when each is tried again.
#[derive(Debug)]
pub(super) struct Quarantine {
    /// How long one is held.
    term: Duration,
    held: Mutex<HashMap<Source, Instant>>,
}

impl Quarantine {
    /// Holds each for so long.
    pub(super) fn new(term: Duration) -> Quarantine {
        Quarantine { term, held: Mutex::default() }
    }

    /// How many files are held.
    pub(super) fn len(&self) -> usize {
        let now = Instant::now();
        self.held().values().filter(|until| **until > now).count()
    }

    /// What `work` makes of `source`, which is held from then on if it breaks what decodes it. Fails at once while it is.
    pub(super) async fn around<T>(&self, source: &Source, work: impl Future<Output = Result<T>>) -> Result<T> {
        self.check(source)?;
        let outcome = work.await;
        if outcome.as_ref().is_err_and(cage::is_broken) {
            tracing::warn!(source = %source.location, seconds = self.term.as_secs(), "a file is not decoded for a while");
            self.hold(source.clone());
        }
        outcome
    }

    fn check(&self, source: &Source) -> Result<()> {
        let mut held = self.held();
        let Some(left) = held.get(source).map(|until| until.saturating_duration_since(Instant::now())) else {
            return Ok(());
        };
        if left.is_zero() {
            held.remove(source);
            return Ok(());
        }
        let seconds = left.as_secs() + 1;
        let message = format!("the file broke its decoder twice; it is tried again in {seconds} s");
        Err(Error::new(Kind::Unavailable, message))
    }

    fn hold(&self, source: Source) {
        let now = Instant::now();
        let mut held = self.held();
        held.retain(|_, until| *until > now);
        if held.len() >= HELD_MAX
            && let Some(next) = held.iter().min_by_key(|(_, until)| **until).map(|(source, _)| source.clone())
        {
            held.remove(&next);
        }
        held.insert(source, now + self.term);
    }

    fn held(&self) -> MutexGuard<'_, HashMap<Source, Instant>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str) -> Source {
        Source { location: name.into(), size: 1, modified: 0, version: "1".into() }
    }

    #[test]
    fn a_file_is_held_for_a_term_and_then_tried_again() {
        let quarantine = Quarantine::new(Duration::from_millis(50));
        quarantine.hold(source("a"));
        let refusal = quarantine.check(&source("a")).unwrap_err();
        assert_eq!((refusal.kind(), quarantine.len()), (Kind::Unavailable, 1));
        assert!(quarantine.check(&source("b")).is_ok());
        std::thread::sleep(Duration::from_millis(60));
        assert!(quarantine.check(&source("a")).is_ok() && quarantine.len() == 0);
    }

    #[test]
    fn another_version_of_a_file_is_another_file() {
        let quarantine = Quarantine::new(Duration::from_secs(60));
        quarantine.hold(source("a"));
        assert!(quarantine.check(&Source { version: "2".into(), ..source("a") }).is_ok());
    }

    #[test]
    fn no_more_are_held_than_fit() {
        let quarantine = Quarantine::new(Duration::from_secs(60));
        (0..HELD_MAX + 10).for_each(|number| quarantine.hold(source(&number.to_string())));
        assert_eq!(quarantine.len(), HELD_MAX);
        assert!(quarantine.check(&source("0")).is_ok() && quarantine.check(&source("1033")).is_err());
    }

    #[tokio::test]
    async fn a_failure_of_another_kind_holds_nothing() {
        let quarantine = Quarantine::new(Duration::from_secs(60));
        let failed = quarantine.around(&source("a"), async { Err::<(), _>(Error::unsupported("damaged")) }).await;
        assert!(failed.is_err() && quarantine.len() == 0);
    }
}
