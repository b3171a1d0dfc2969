//! tiles to one picture.
