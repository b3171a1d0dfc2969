//! geometry and picture to a raster.
