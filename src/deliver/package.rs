//! From a piece of playback work to its artifact: indexes in, documents and segments out.

use super::artifact::{Artifact, Body};
use super::kit::Kit;
use crate::error::{Error, Kind, Result};
use crate::packager::layout::Layout;
use crate::packager::timeline::Window;
use crate::plan::Work;

/// The artifact of `work`.
pub(super) async fn artifact(_kit: &Kit, work: Work) -> Result<Artifact> {
    match work {
        Work::Written { body, media_type } => Ok(Artifact::new(Body::Bytes(body.into()), media_type)),
        Work::Stored { source, window } if window == Window::default() => {
            let mut layout = Layout::default();
            layout.source(0..source.size);
            Ok(Artifact::new(Body::Slices { source, layout }, "video/mp4"))
        }
        _ => Err(Error::new(Kind::Internal, "not yet")),
    }
}
