//! Files that a library names by their URLs, as they were seen lately.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::place::Stamp;
use crate::catalog::recent::{Age, Recent};
use crate::error::Result;
use crate::origin::Origin;

/// Most URLs whose files are remembered.
const URLS_MAX: usize = 65_536;

/// What was seen at absolute URLs.
#[derive(Debug)]
pub(in crate::catalog) struct Far {
    origin: Origin,
    seen: Recent<String, (Option<Stamp>, Instant)>,
    stale_max: Duration,
}

impl Far {
    /// Files at the origins that `origin` allows, each looked at again after `ttl`, and taken to be as it was for `stale_max`
    /// where that fails.
    pub(in crate::catalog) fn new(origin: Origin, ttl: Duration, stale_max: Duration) -> Far {
        Far { origin, seen: Recent::new(ttl, URLS_MAX), stale_max }
    }

    /// Why no file is looked for at `url`; `None` where one is.
    pub(super) fn refusal(&self, url: &str) -> Option<String> {
        self.origin.refusal(url)
    }

    /// What was seen at `url`; `None` where nobody has looked for too long. What was seen some time ago is looked at again
    /// meanwhile.
    /// To be called within a runtime.
    pub(super) fn seen(self: &Arc<Far>, url: &str) -> Option<Option<Stamp>> {
        let now = Instant::now();
        let ((stamp, seen), age) = self.seen.get(&url.to_owned(), now)?;
        if now.saturating_duration_since(seen) > self.seen.keep() + self.stale_max {
            return None;
        }
        if age == Age::Due {
            let (far, url) = (Arc::clone(self), url.to_owned());
            tokio::spawn(async move {
                if let Err(error) = far.find(&url).await {
                    tracing::warn!(?error, "a file elsewhere is taken to be as it was");
                }
            });
        }
        Some(stamp)
    }

    /// Looks at `url`.
    pub(in crate::catalog) async fn find(&self, url: &str) -> Result<()> {
        let begun = Instant::now();
        let found = self.origin.find(url).await?;
        self.seen.put(&url.to_owned(), (found.as_ref().map(Stamp::of_object), begun), 1, begun);
        Ok(())
    }

    /// Forgets what was seen everywhere.
    pub(in crate::catalog) fn forget_all(&self) {
        self.seen.clear();
    }

    /// Forgets what was seen at `url`.
    pub(in crate::catalog) fn forget(&self, url: &str) {
        self.seen.remove(&url.to_owned());
    }
}
