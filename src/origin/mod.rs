//! Bytes at rest: ranges of stored files, unchanged since the catalog saw them.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use crate::entry::Source;
use crate::error::Result;

/// A place where stored files rest.
#[derive(Clone, Debug)]
pub struct Origin {
    root: Arc<std::path::Path>,
}

impl Origin {
    /// The bytes of `range` of `source`, exactly that many. Fails where the file is gone, shorter, or not at the version
    /// that `source` names any more.
    pub async fn read(&self, _source: &Source, _range: Range<u64>) -> Result<Bytes> {
        let _ = &self.root;
        todo!()
    }
}
