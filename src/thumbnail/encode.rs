//! a raster to bytes of a picture format.
