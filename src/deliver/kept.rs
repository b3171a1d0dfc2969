//! Finished artifacts: in memory, and what was dear to make on disk as well, each under the generation of its entry.

use std::sync::Arc;
use std::time::Instant;

use super::Config;
use super::artifact::{Artifact, Timings};
use super::generation::{End, Generations};
use super::journal::Journal;
use crate::cache::disk::{Disk, Id, Room};
use crate::cache::{Cache, Limits, Outcome};
use crate::error::Result;
use crate::plan::Plan;
use crate::plan::key::Key;

/// What names of artifacts on disk are made with. What is in them follows the version that is in each key.
const FORM: &str = "vedette finished artifact, form 1";

/// What metrics and the log call those on disk.
const LABEL: &str = "artifacts_disk";

/// What was made. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Kept(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    memory: Cache<Key, Arc<Artifact>>,
    /// `None` also where it is wanted and cannot be had.
    shelf: Option<Shelf>,
    wants_shelf: bool,
    generations: Generations,
}

/// Artifacts on disk.
#[derive(Clone, Debug)]
struct Shelf {
    disk: Disk,
    /// Where their library rests: its files have names and versions within it.
    library: Arc<str>,
}

impl Kept {
    /// Nothing in memory, and on disk what is there of `library` where that is wanted and can be had.
    pub(super) fn new(config: &Config, library: &Arc<str>) -> Result<Kept> {
        let limits = Limits {
            bytes_max: config.artifacts_bytes_max,
            age_max: config.work_timeout,
            failures_kept: config.failures_kept,
        };
        let memory = Cache::new(limits, |_, artifact: &Arc<Artifact>| artifact.weight());
        let (shelf, generations) = match &config.disk {
            None => (None, Generations::default()),
            Some(folder) => {
                let folder = folder.join("pictures");
                let bytes_max = config.disk_bytes_max;
                let room = Room { folder: folder.clone(), bytes_max, label: LABEL };
                let disk = Disk::open_or_do_without(room);
                let (journal, counts) = Journal::open(&folder, disk.is_some())?;
                let shelf = disk.filter(|_| counts.is_some()).map(|disk| Shelf { disk, library: Arc::clone(library) });
                (shelf, Generations::continued(counts.unwrap_or_default(), Some(journal)))
            }
        };
        Ok(Kept(Arc::new(Inner { memory, shelf, wants_shelf: config.disk.is_some(), generations })))
    }

    /// Tells the metrics how the disk fares.
    pub(super) fn measure(&self) {
        if self.0.wants_shelf {
            Disk::measure(self.0.shelf.as_ref().map(|shelf| &shelf.disk), LABEL);
        }
    }

    /// The artifact of a plan, where it is in memory.
    pub(super) fn glance(&self, plan: &Plan) -> Option<Arc<Artifact>> {
        self.0.memory.get(&self.0.generations.kept_as(plan))
    }

    /// Keeps the artifact of a plan that was made at once.
    pub(super) fn keep(&self, plan: &Plan, artifact: Arc<Artifact>) {
        self.0.memory.keep(self.0.generations.kept_as(plan), artifact);
    }

    /// The artifact of a plan, from `make` where it is neither kept nor being made.
    pub(super) async fn get_or_make(
        &self,
        plan: &Plan,
        make: impl Future<Output = Result<Artifact>> + Send + 'static,
    ) -> Result<(Arc<Artifact>, Outcome)> {
        let name = self.0.generations.kept_as(plan);
        let shelf = self.0.shelf.clone().filter(|_| plan.work.is_drawn());
        let found_or_made = || async move {
            match shelf {
                Some(shelf) => shelf.get_or_make(name, make).await.map(Arc::new),
                None => make.await.map(Arc::new),
            }
        };
        self.0.memory.get_or_make(name, found_or_made).await
    }

    /// The artifact of a plan, where it is in memory or on disk.
    pub(super) async fn find(&self, plan: &Plan) -> Option<Arc<Artifact>> {
        if let Some(artifact) = self.glance(plan) {
            return Some(artifact);
        }
        let shelf = self.0.shelf.as_ref().filter(|_| plan.work.is_drawn())?;
        let artifact = Arc::new(shelf.get(self.0.generations.kept_as(plan)).await?);
        self.keep(plan, Arc::clone(&artifact));
        Some(artifact)
    }

    /// Declares stale what is kept. Fails where it may come back after a restart.
    pub(super) async fn end(&self, end: End) -> Result<()> {
        self.0.generations.end(end).await
    }
}

impl Shelf {
    fn id(&self, name: Key) -> Id {
        Id::of(FORM, &[self.library.as_bytes(), &name.0])
    }

    async fn get(&self, name: Key) -> Option<Artifact> {
        let begun = Instant::now();
        let artifact = self.disk.get(self.id(name)).await.and_then(Artifact::of_file)?;
        Some(Artifact { timings: Timings { disk: begun.elapsed(), ..Timings::default() }, ..artifact })
    }

    async fn get_or_make(&self, name: Key, make: impl Future<Output = Result<Artifact>>) -> Result<Artifact> {
        if let Some(artifact) = self.get(name).await {
            return Ok(artifact);
        }
        let artifact = make.await?;
        if let Some(file) = artifact.file() {
            self.disk.keep(self.id(name), file);
        }
        Ok(artifact)
    }
}
