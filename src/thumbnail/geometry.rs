//! sizes to crop, scale and pad; arithmetic only.
