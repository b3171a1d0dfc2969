//! Pictures as URLs ask for them: which frame, in which size, shape, colours and format.

mod colors;
mod entries;
mod formats;
mod sizes;
mod strips;
mod times;
