//! Bytes at rest: ranges of stored files, unchanged since the catalog saw them.

mod folder;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;

use self::folder::Folder;
pub use self::folder::Opened;
use crate::entry::Source;
use crate::error::{Error, Kind, Result};

/// Most bytes of one read.
pub const READ_BYTES_MAX: u64 = 1 << 30;

/// A place where stored files rest.
#[derive(Clone, Debug)]
pub struct Origin {
    folder: Arc<Folder>,
}

impl Origin {
    /// The files beneath the folder `root`. What a location names is looked for strictly beneath it: a `..`, an absolute
    /// path or a symbolic link that leaves it finds nothing. Links inside it are followed. Needs Linux 5.6 (openat2).
    /// Fails where `root` is no folder that can be opened.
    pub fn folder(root: &Path) -> Result<Origin> {
        Ok(Origin { folder: Arc::new(Folder::open(root)?) })
    }

    /// The bytes of `range` of `source`, exactly that many. Fails with `FILE_NOT_FOUND` where the file is gone, and with
    /// [`Kind::Unavailable`] where it is not at the version that `source` names any more.
    pub async fn read(&self, source: &Source, range: Range<u64>) -> Result<Bytes> {
        check_range(source, &range)?;
        let opened = self.open(source).await?;
        let read = tokio::task::spawn_blocking(move || opened.read(range));
        read.await.map_err(gave_up)?
    }

    /// The file of `source` for reading it on a thread that may block.
    pub async fn open(&self, source: &Source) -> Result<Opened> {
        if let Some(opened) = self.folder.opened(source) {
            return Ok(opened);
        }
        let (folder, source) = (Arc::clone(&self.folder), source.clone());
        tokio::task::spawn_blocking(move || folder.find(&source)).await.map_err(gave_up)?
    }
}

fn check_range(source: &Source, range: &Range<u64>) -> Result<()> {
    let length = range.end.checked_sub(range.start);
    if range.end > source.size || length.is_none() {
        let Range { start, end } = range;
        return Err(Error::unsupported(format!("bytes {start} to {end} lie outside a file of {} bytes", source.size)));
    }
    if length > Some(READ_BYTES_MAX) {
        return Err(Error::too_large(format!("a read of more than {READ_BYTES_MAX} bytes")));
    }
    Ok(())
}

fn gave_up(error: tokio::task::JoinError) -> Error {
    Error::new(Kind::Internal, "reading the file was given up").caused_by(error)
}
