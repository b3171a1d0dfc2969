//! The word to work in progress that nobody waits for it any more.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Kind, Result};

/// Asked by work in progress: does anyone still wait for it? Clones are one.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// True where the work should be given up.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// Fails with [`Kind::TimedOut`] where the work should be given up.
    pub fn check(&self) -> Result<()> {
        match self.is_set() {
            true => Err(Error::new(Kind::TimedOut, "the work was given up: nobody waits for it")),
            false => Ok(()),
        }
    }

    /// What gives the word when it is dropped.
    pub(super) fn on_drop(&self) -> StopOnDrop {
        StopOnDrop(self.clone())
    }
}

/// Gives the word when it is dropped.
#[derive(Debug)]
pub(super) struct StopOnDrop(Stop);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}
