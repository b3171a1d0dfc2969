//! A strip that workers fill side by side.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Kind, Result};
use crate::plan::cost::{self, Cost};
use crate::thumbnail::sheet::Sheet;
use crate::thumbnail::transform::{layout_for, render};
use crate::thumbnail::{Encoding, Geometry, Picture, Raster};

/// Tiles of one size in a row. Holds the tiles, never the pictures that they are made of.
#[derive(Debug)]
pub(super) struct Strip {
    count: u32,
    geometry: Geometry,
    encoding: Encoding,
    /// Begun with the first picture, which says whether there is alpha.
    sheet: Mutex<Option<Sheet>>,
}

impl Strip {
    /// A strip of `count` empty places.
    pub(super) fn new(count: usize, geometry: Geometry, encoding: Encoding) -> Result<Strip> {
        let count = u32::try_from(count).map_err(|_| Error::too_large("a strip of that many tiles"))?;
        Ok(Strip { count, geometry, encoding, sheet: Mutex::new(None) })
    }

    /// How it is written.
    pub(super) fn encoding(&self) -> Encoding {
        self.encoding
    }

    /// What it takes to scale a picture to a tile.
    pub(super) fn tile_cost(&self) -> Cost {
        cost::scaling(&self.geometry, self.encoding.format)
    }

    /// What it takes to write it.
    pub(super) fn writing_cost(&self) -> Cost {
        cost::writing(self.pixels(), self.encoding.format)
    }

    /// Bytes of memory that it takes until it is written.
    pub(super) fn memory(&self) -> u64 {
        cost::raster_memory(self.pixels(), self.encoding.format)
    }

    fn pixels(&self) -> u64 {
        self.geometry.canvas.area().saturating_mul(self.count.into())
    }

    /// Scales `picture` and puts it at `places`. Blocks.
    pub(super) fn place(&self, places: &[u32], picture: &Picture) -> Result<()> {
        let layout = match &mut *self.sheet() {
            Some(sheet) => sheet.tile_layout(),
            empty => empty.insert(self.begin(picture)?).tile_layout(),
        };
        let tile = render(picture, &self.geometry, self.encoding.background, layout)?;
        let mut sheet = self.sheet();
        let sheet = sheet.as_mut().ok_or_else(finished)?;
        places.iter().try_for_each(|&place| sheet.place(place, &tile))
    }

    /// The row. Nothing can be placed any more.
    pub(super) fn finish(&self) -> Result<Raster> {
        let sheet = self.sheet().take().ok_or_else(finished)?;
        Ok(sheet.finish())
    }

    fn begin(&self, picture: &Picture) -> Result<Sheet> {
        let layout = layout_for(&self.encoding, picture);
        Sheet::new(self.geometry.canvas, self.count, self.count, layout, self.encoding.background)
    }

    fn sheet(&self) -> MutexGuard<'_, Option<Sheet>> {
        // A panic leaves at worst a tile half placed, and the strip is dropped with it.
        self.sheet.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn finished() -> Error {
    Error::new(Kind::Internal, "a strip without tiles, or one that was finished before")
}
